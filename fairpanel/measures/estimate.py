"""What every measure returns: a number, how sure it is, on how much data, and what to be careful about."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

CautionCode = Literal[
    "ASSUMED_RELIABILITY",  # a reliability was given or assumed, not estimated from these data
    "BOUNDARY",  # an estimate lies on the edge of its parameter space (a variance of zero)
    "CONSTANT_INPUT",  # no variation where the measure needs some
    "DEPENDENT_SCORES",  # rows that are not independent were treated as if they were
    "HETEROGENEOUS_STRATA",  # the strata disagree: a pooled figure hides that
    "INCOMPLETE_DESIGN",  # not every rater scored every unit; says how that was handled
    "MISSING_DATA",  # rows left out because a needed value is missing
    "NOT_CONVERGED",  # an iteration ended before its tolerance was reached
    "NOT_ESTIMABLE",  # the measure refuses these data: says why
    "NO_INTERVAL",  # why there is no interval
    "ONE_RATER",  # a single rater: their leniency cannot be told from the candidates' merit
    "RANGE_RESTRICTED",  # the sample was selected on a variable of the analysis
    "SINGLE_RATINGS",  # units with one rating say nothing about agreement
    "SMALL_GROUP",  # a group below the number the method or the policy asks for
    "SMALL_SAMPLE",  # too few units for the interval's approximation to be trusted
    "TIES",  # ties made an exact p value or interval approximate
    "UNLINKED_RATERS",  # the design falls into parts that share no rater: levels cannot be compared
    "ZERO_CELL",  # an empty cell in a contingency table
]
CAUTION_CODES: tuple[str, ...] = get_args(CautionCode)


class MeasureInputError(ValueError):
    """The data or an option cannot be used for this measure: says what was expected, what came and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval: its ends (an end may be infinite), level in (0, 1) and how it was made."""

    low: float
    high: float
    level: float
    method: str

    def __post_init__(self) -> None:
        if math.isnan(self.low) or math.isnan(self.high):
            raise ValueError(f"an interval's ends must be numbers, got [{self.low}, {self.high}]")
        if self.low > self.high:
            raise ValueError(f"an interval's low end lies above its high end: [{self.low}, {self.high}]")
        if not 0 < self.level < 1:
            raise ValueError(f"a confidence level lies between 0 and 1, got {self.level}")

    def to_dict(self) -> dict[str, Any]:
        return {"low": to_json(self.low), "high": to_json(self.high), "level": self.level, "method": self.method}


@dataclass(frozen=True, slots=True)
class Caution:
    """Something a reader must know before using the number: a code of a closed set and a sentence."""

    code: CautionCode
    text: str

    def __post_init__(self) -> None:
        if self.code not in CAUTION_CODES:
            raise ValueError(f"unknown caution code {self.code!r}; known: {', '.join(CAUTION_CODES)}")

    def to_dict(self) -> dict[str, str]:
        return {"code": self.code, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The result of a measure.

    value is None where the data do not determine it; a caution then says why. n counts what the number rests on
    (units, raters, scores, people per group). detail holds the figures behind it, as plain numbers, strings, lists
    and dictionaries. references names the sources of the method.
    """

    measure: str
    method: str
    value: float | None
    interval: Interval | None = None
    n: Mapping[str, Any] = field(default_factory=dict)
    cautions: Sequence[Caution] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    references: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.value is None:
            if not self.cautions:
                raise ValueError(f"{self.measure}: a value of None needs a caution that says why")
            if self.interval is not None:
                raise ValueError(f"{self.measure}: an interval without a value")
        else:
            object.__setattr__(self, "value", float(self.value))
            if math.isnan(float(self.value)):
                raise ValueError(f"{self.measure}: NaN is not a value; use None and a caution")
            if self.interval is None and not any(c.code == "NO_INTERVAL" for c in self.cautions):
                raise ValueError(f"{self.measure}: a value without an interval needs a NO_INTERVAL caution")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: infinite numbers become the strings "Infinity" and "-Infinity"; NaN becomes null."""
        return {
            "measure": self.measure,
            "method": self.method,
            "value": to_json(self.value),
            "interval": None if self.interval is None else self.interval.to_dict(),
            "n": to_json(self.n),
            "cautions": [caution.to_dict() for caution in self.cautions],
            "detail": to_json(self.detail),
            "reference": list(self.references),
        }


_AS_IT_IS = frozenset({str, int, bool, type(None)})


def to_json(value: Any) -> Any:
    """Numpy scalars and arrays, tuples and mappings as what json.dumps(allow_nan=False) takes."""
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return value
    if isinstance(value, dict | Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value
