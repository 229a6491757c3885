"""Few rows, few values, huge and tiny units: the criterion measures give a number or a caution, never NaN or a crash."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure

RUNS: list[tuple[str, dict[str, Any]]] = [
    ("same_source_validity", {"unit": "unit"}),
    ("same_source_validity", {"interval": "bootstrap", "replicates": 60}),
    ("criterion_regression", {"x": ["x", "w"]}),
    ("criterion_regression", {"covariance": "classical"}),
    ("criterion_regression", {"covariance": "cluster", "cluster": "group"}),
    ("rating_distribution", {"y": "rating", "scale_min": 1, "scale_max": 5, "unit": "unit"}),
    ("rating_stability", {}),
    ("rating_stability", {"interval": "bootstrap", "replicates": 60}),
    ("logistic_validity", {"x": ["x", "w"], "y": "event"}),
    ("logistic_validity", {"y": "event", "penalty": "none"}),
    ("retention_hazard", {"x": ["x", "w"]}),
    ("retention_hazard", {"cluster": "group"}),
    ("polyserial", {"y": "group"}),
]


def _frame(seed: int, n: int, values: int, size: float, level: float) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame({
        "x": rng.integers(0, values, n) * size + level, "y": rng.integers(0, values, n) * size + level,
        "w": rng.normal(size=n), "event": rng.integers(0, 2, n), "group": rng.integers(0, values, n),
        "rating": rng.integers(1, 6, n), "cycle": rng.integers(0, values, n), "unit": rng.integers(0, 1 + n // 2, n),
        "interviewer": rng.integers(0, 3, n), "criterion_rater": rng.integers(0, 3, n), "time": rng.integers(1, 6, n),
    })  # fmt: skip


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for each in value.values() for number in _numbers(each)]
    if isinstance(value, list):
        return [number for each in value for number in _numbers(each)]
    return [float(value)] if isinstance(value, float | int) else []


@pytest.mark.parametrize(("name", "options"), RUNS, ids=lambda each: each if isinstance(each, str) else "")
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 25),
    values=st.integers(1, 6),
    size=st.sampled_from([1e-6, 1.0, 1e8]),
    level=st.sampled_from([0.0, -3.0, 1e6]),
)
@settings(max_examples=25, deadline=None)
def test_never_nan_never_a_crash(
    name: str, options: dict[str, Any], seed: int, n: int, values: int, size: float, level: float
) -> None:
    estimate = measure(name, _frame(seed, n, values, size, level), **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    assert not any(math.isnan(number) for number in _numbers(dict(estimate.detail)))
    if estimate.interval is not None and "bootstrap" not in options.values():
        slack = 1e-9 * max(1.0, abs(estimate.value))  # type: ignore[arg-type]
        assert estimate.interval.low - slack <= estimate.value <= estimate.interval.high + slack  # type: ignore[operator]


def test_scores_alike_among_those_at_risk_cannot_be_told_apart() -> None:
    """The second score differs from the first in one person alone, censored before anyone leaves."""
    x = np.array([0.0, 3.0, 1.0, 4.0, 2.0, 5.0, 7.0, 6.0])
    frame = pl.DataFrame(
        {"x": x, "w": x + (x == 0), "time": [1, 3, 2, 5, 4, 5, 3, 5], "event": [0, 1, 1, 0, 1, 0, 0, 1]}
    )
    estimate = measure("retention_hazard", frame, x=["x", "w"])
    assert estimate.value is None
    assert [caution.code for caution in estimate.cautions] == ["NOT_CONVERGED"]
    assert measure("retention_hazard", frame).value is not None


def test_two_clusters_give_a_very_wide_interval_without_overflow() -> None:
    """Student's t with one degree of freedom times a large robust error is beyond the exponential's range."""
    frame = _frame(3, 25, 6, 1.0, 0.0).with_columns(group=pl.int_range(25) % 2)
    estimate = measure("retention_hazard", frame, cluster="group")
    assert estimate.interval is not None
    assert 0 <= estimate.interval.low < estimate.value < estimate.interval.high < math.inf  # type: ignore[operator]
