"""Selection on something that goes with both scores: the bivariate and the multivariate correction."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError


def _run(frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure("corrected_validity", frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _pool(seed: int, n: int = 400) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    a, b, e, f = rng.standard_normal((4, n))
    x, y = 0.5 * a + 0.3 * b + e, 0.4 * a + 0.5 * b + 0.4 * e + f
    taken = a + b > 0
    return pl.DataFrame({"a": a, "b": b, "x": np.where(taken, x, np.nan), "y": np.where(taken, y, np.nan)})


@settings(max_examples=60, deadline=None)
@given(with_x=st.floats(-0.9, 0.9), with_y=st.floats(-0.9, 0.9), r=st.floats(-0.9, 0.9), u=st.floats(0.1, 0.95))
def test_selection_on_one_unseen_variable_is_undone(with_x: float, with_y: float, r: float, u: float) -> None:
    """Pearson's formula for what selection on s leaves, put back exactly when its sign is known."""
    assume(abs(with_x) > 0.01 and abs(with_y) > 0.01)
    assume(1 - with_x**2 - with_y**2 - r**2 + 2 * with_x * with_y * r > 1e-3)
    lost = 1 - u * u
    u_x, u_y = math.sqrt(1 - with_x**2 * lost), math.sqrt(1 - with_y**2 * lost)
    left = (r - with_x * with_y * lost) / (u_x * u_y)
    opposed = with_x * with_y < 0
    estimate = _run(pl.DataFrame(), correction="bivariate_indirect", r=left, n=100, u=u_x, u_y=u_y, opposed=opposed)
    assert estimate.value == pytest.approx(r, abs=1e-9)
    assert estimate.detail["r_true"] == pytest.approx(r, abs=1e-9)


def test_bivariate_by_hand() -> None:
    """r .3, u .8 and .6, reliabilities .8: .3 · .48 + .6 · .8 = .624 over sqrt(1 - .36 · .2), then sqrt(1 - .64 · .2)."""
    options: dict[str, Any] = {"correction": "bivariate_indirect", "u": 0.8, "u_y": 0.6, "ryy": 0.8, "rxx": 0.8}
    estimate = _run(pl.DataFrame(), r=0.3, n=103, **options)
    assert estimate.value == pytest.approx(0.624 / math.sqrt(0.928))
    assert estimate.detail["r_true"] == pytest.approx(0.624 / math.sqrt(0.928 * 0.872))
    assert estimate.interval is not None
    low = math.tanh(math.atanh(0.3) - 1.959963984540054 / 10)
    assert estimate.interval.low == pytest.approx(_run(pl.DataFrame(), r=low, n=103, **options).value)
    # u_y over 1: lambda = (.8 - 1/1.25) / 1.6 = 0
    spread = _run(pl.DataFrame(), correction="bivariate_indirect", r=0.3, n=103, u=0.8, u_y=1.25)
    assert spread.value == pytest.approx(0.3)
    assert _run(pl.DataFrame(), correction="bivariate_indirect", r=0.3, n=9, u=1.0, u_y=1.0).value == 0.3


def test_selection_on_x_alone_is_case_2() -> None:
    people = _pool(1).with_columns(b=pl.col("a"))
    x = people["a"]
    frame = pl.DataFrame({"x": x, "y": people["y"]})
    estimate = _run(frame, correction="multivariate", selectors=["x"], interval="none")
    hired = frame.filter(pl.col("y").is_not_nan())
    u = float(hired["x"].std()) / float(x.std())  # type: ignore[arg-type]
    same = _run(hired, correction="direct", u=u)
    assert estimate.value == pytest.approx(same.value)
    assert estimate.detail["u"] == pytest.approx(u)


def test_lawley_is_maximum_likelihood_of_nested_stages() -> None:
    """But for the divisors n and n - 1."""
    people = _pool(2).with_columns(selected=pl.col("y").is_not_nan())
    estimate = _run(people, correction="multivariate", selectors=["a", "b"], replicates=200)
    likelihood = measure("selection_validity", people, covariates=["a", "b"], interval="none")
    assert estimate.value == pytest.approx(likelihood.value, rel=5e-3)
    assert estimate.interval is not None
    assert estimate.interval.low < estimate.value < estimate.interval.high
    assert estimate == _run(people, correction="multivariate", selectors=["a", "b"], replicates=200)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 50), shift=st.floats(-100, 100))
def test_units_do_not_matter(seed: int, scale: float, shift: float) -> None:
    people = _pool(seed, 150)
    changed = people.sample(fraction=1, shuffle=True, seed=seed).with_columns(
        pl.col("a") * scale + shift, pl.col("x") / scale - shift
    )
    options: dict[str, Any] = {"correction": "multivariate", "selectors": ["a", "b"], "interval": "none"}
    assert _run(changed, **options).value == pytest.approx(_run(people, **options).value, abs=1e-8)


def test_thin_pools() -> None:
    options: dict[str, Any] = {"correction": "multivariate", "selectors": ["a", "b"]}
    people = _pool(3)
    few = people.with_columns(y=pl.when(pl.int_range(pl.len()) < 6).then("y"))
    assert {caution.code for caution in _run(few, **options).cautions} >= {"SMALL_SAMPLE"}
    assert _run(people.head(0), **options).value is None
    assert _run(people.with_columns(b=pl.col("a") * 2), **options).value is None
    assert _run(people.with_columns(y=pl.when(pl.col("y").is_not_nan()).then(1.0)), **options).value is None
    corrected = _run(people, ryy=0.6, rxx=0.8, interval="none", **options)
    assert abs(corrected.detail["r_true"]) > abs(corrected.value or 0) > 0
    with pytest.raises(MeasureInputError, match="beyond 1"):
        _run(people, ryy=0.05, rxx=0.2, interval="none", **options)
