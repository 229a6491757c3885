"""One simulation setting: how data with a known truth are made, and the measure that should find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from fairpanel.measures.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A design and its truth.

    kind "coverage": does the interval of `estimate(simulate(rng))` hold `truth`? kind "type_1": is `p_value(estimate)`
    below .05 although the null hypothesis is true in the data that `simulate` makes?
    """

    name: str
    kind: Literal["coverage", "type_1"]
    describe: str
    simulate: Callable[[np.random.Generator], pl.DataFrame]
    estimate: Callable[[pl.DataFrame], Estimate]
    truth: float | None = None
    p_value: Callable[[Estimate], float] | None = None
