"""What candidates were given before the user interview: who had it, and how far it lifted their scores there."""

from __future__ import annotations

import numpy as np
import polars as pl

from fairpanel.simulation.parameters import Parameters

ITEM = "technical_practice"
OTHER_ITEM = "company_research"
SHARE = 0.5


def prepare(parameters: Parameters, women: np.ndarray) -> np.ndarray:
    """1.0 for everyone who was given technical practice; fewer women by `preparation_gap`."""
    rng = np.random.default_rng([parameters.seed, 2])
    share = SHARE + parameters.preparation_gap * (0.5 - women)
    return (rng.random(len(women)) < share).astype(float)


def preparation(parameters: Parameters, prepared: np.ndarray, met: np.ndarray) -> pl.DataFrame:
    """A row a candidate of the user interview and item: candidate, item, provided. The second item moves nothing."""
    rng = np.random.default_rng([parameters.seed, 3])
    research = rng.random(len(prepared)) < SHARE
    people = np.flatnonzero(met)
    return pl.concat(
        [
            pl.DataFrame({"candidate": people, "item": [item] * len(people), "provided": given[people]})
            for item, given in ((OTHER_ITEM, research), (ITEM, prepared > 0))
        ]
    ).sort("candidate", "item")
