"""Lines on true scores: by hand, by simulation of the artefact, invariances; nothing changes without a reliability."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.recovery.group_gaps import _unreliable
from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError

PAIR = {"focal": "f", "reference": "r"}


def _corrected(frame: pl.DataFrame, reliability: float = 0.6, **options: Any) -> dict[str, Any]:
    estimate = measure("differential_prediction", frame, reliability=reliability, **(PAIR | options))
    json.dumps(estimate.to_dict(), allow_nan=False)
    assert "ASSUMED_RELIABILITY" in [caution.code for caution in estimate.cautions]
    return dict(estimate.detail["errors_in_variables"])


def test_by_hand() -> None:
    """Both lines .5 x at means 2.5 and 3.5: on true scores at reliability .5 the slope is 1, and .5 (1) are artefact."""
    x = np.array([1.0, 2, 3, 4, 2, 3, 4, 5])
    bump = np.array([0.1, -0.1, -0.1, 0.1, -0.1, 0.1, 0.1, -0.1])
    people = pl.DataFrame({"x": x, "y": 0.5 * x + bump, "group": ["f"] * 4 + ["r"] * 4})
    found = _corrected(people, 0.5)
    assert [line["slope"] for line in found["lines"]] == pytest.approx([1, 1])
    assert [line["intercept"] for line in found["lines"]] == pytest.approx([-1.75, -1.25])
    assert found["slope_difference"]["estimate"] == pytest.approx(0, abs=1e-12)
    assert found["observed_intercept_difference"] == pytest.approx(0, abs=1e-12)
    assert found["artefact"] == pytest.approx(-0.5)
    assert found["intercept_difference"]["estimate"] == pytest.approx(0.5)


def test_linn_and_werts_artefact() -> None:
    """One true line, means .8 apart, reliability .6: the plain test finds intercepts, the corrected one does not."""
    rng = np.random.default_rng(4)
    plain = corrected = 0
    artefacts = []
    for _ in range(25):
        people = _unreliable((300, 900), 0.6)(rng)
        detail = measure("differential_prediction", people, reliability=0.6, **PAIR).detail
        plain += detail["intercept_p"] < 0.05
        corrected += detail["errors_in_variables"]["intercept_difference"]["p"] < 0.05
        artefacts.append(detail["errors_in_variables"]["artefact"])
    assert plain >= 12
    assert corrected <= 6
    assert np.mean(artefacts) == pytest.approx(0.5 * 0.4 * -0.8, abs=0.02)


def _without(estimate: Estimate) -> str:
    found = estimate.to_dict()
    found["detail"].pop("errors_in_variables", None)
    found["cautions"] = [each for each in found["cautions"] if each["code"] != "ASSUMED_RELIABILITY"]
    return json.dumps({key: found[key] for key in found if key != "reference"})


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.05, 20), shift=st.floats(-50, 50))
def test_invariances(seed: int, scale: float, shift: float) -> None:
    people = _unreliable((30, 60), 0.6)(np.random.default_rng(seed))
    plain, with_it = (measure("differential_prediction", people, reliability=each, **PAIR) for each in (None, 0.6))
    assert _without(plain) == _without(with_it)
    assert "errors_in_variables" not in plain.detail
    one = _corrected(people)
    moved = people.with_columns(pl.col("x") * scale + shift, pl.col("y") * 2 + 1)
    other = _corrected(moved.sample(fraction=1, shuffle=True, seed=seed))
    turned = _corrected(people, focal="r", reference="f")
    for key in ("estimate", "low", "high"):
        assert other["intercept_difference"][key] == pytest.approx(
            2 * one["intercept_difference"][key], rel=1e-5, abs=1e-6
        )
        assert other["slope_difference"][key] == pytest.approx(2 / scale * one["slope_difference"][key], rel=1e-5)
    assert turned["artefact"] == pytest.approx(-one["artefact"])
    assert turned["intercept_difference"]["p"] == pytest.approx(one["intercept_difference"]["p"])
    difference = one["observed_intercept_difference"] - one["artefact"]
    assert one["intercept_difference"]["estimate"] == pytest.approx(difference)


def test_full_reliability_changes_nothing() -> None:
    people = _unreliable((60, 120), 0.6)(np.random.default_rng(1))
    estimate = measure("differential_prediction", people, reliability=1.0, covariance="hc3", **PAIR)
    found = estimate.detail["errors_in_variables"]
    assert found["artefact"] == 0
    assert found["slope_difference"]["estimate"] == pytest.approx(estimate.value)
    assert found["slope_difference"]["se"] == pytest.approx(estimate.detail["slope_difference_se"])
    assert found["intercept_difference"]["estimate"] == pytest.approx(estimate.detail["common_slope_coef"][2])


def test_small_groups() -> None:
    found = _corrected(_unreliable((3, 4), 0.6)(np.random.default_rng(1)))
    assert found["intercept_difference"]["high"] > found["intercept_difference"]["low"]
    assert (
        measure("differential_prediction", _unreliable((2, 4), 0.6)(np.random.default_rng(1)), reliability=0.6).value
        is None
    )


@pytest.mark.parametrize("reliability", [0.0, -0.2, 1.2, True, "high", float("nan")])
def test_misuse(reliability: Any) -> None:
    with pytest.raises(MeasureInputError, match="reliability must lie"):
        _corrected(_unreliable((20, 20), 0.6)(np.random.default_rng(1)), reliability)
