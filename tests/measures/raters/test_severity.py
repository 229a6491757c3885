"""Rater severity: mixed-model equations solved directly, a balanced design, invariances, linkage, thin data."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError
from fairpanel.measures.panel import long_ratings
from tests.measures.reliability.designs import (
    SHROUT_FLEISS,
    STILL_ESTIMABLE,
    THIN,
    incomplete_panels,
    long,
    ratings,
    relabelled,
    rescaled,
    shuffled,
)
from tests.oracles.cases import agree, checks, data


def henderson(
    frame: pl.DataFrame, detail: dict[str, Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Unit effects, rater effects and the raters' prediction variances from Henderson's equations, dense."""
    coded = long_ratings(frame, unit="unit", rater="rater", score="score")
    n, units, raters = coded.score.size, len(coded.units), len(coded.raters)
    w = np.zeros((n, 1 + units + raters))
    w[:, 0] = 1
    w[np.arange(n), 1 + coded.unit] = 1
    w[np.arange(n), 1 + units + coded.rater] = 1
    penalty = np.r_[
        0,
        np.full(units, detail["var_residual"] / detail["var_unit"]),
        np.full(raters, detail["var_residual"] / detail["var_rater"]),
    ]
    inverse = np.linalg.inv(w.T @ w + np.diag(penalty))
    solution = inverse @ w.T @ coded.score
    errors = np.diagonal(inverse)[1 + units :] * detail["var_residual"]
    return solution[0] + solution[1 : 1 + units], solution[1 + units :], errors


@pytest.mark.parametrize(("case", "check"), checks("g_theory_reml_crossed"))
def test_oracle_of_the_spread(case: str, check: dict[str, Any]) -> None:
    found = measure("rater_severity", data(case), interval="none")
    for key in ("var_unit", "var_rater", "var_residual"):
        agree(check, key, found.detail[key])
    assert found.value == pytest.approx(np.sqrt(found.detail["var_rater"]))


@pytest.mark.parametrize(("units", "raters"), [(40, 8), (9, 25)], ids=["more units", "more raters"])
def test_predictions_solve_hendersons_equations(units: int, raters: int) -> None:
    rng = np.random.default_rng(3)
    unit = np.repeat(np.arange(units), 3 if units > raters else 12)
    rater = np.concatenate([rng.choice(raters, unit.size // units, replace=False) for _ in range(units)])
    score = rng.normal(0, 1, units)[unit] + rng.normal(0, 0.8, raters)[rater] + rng.normal(0, 0.6, unit.size)
    frame = pl.DataFrame({"unit": unit, "rater": rater, "score": score})
    found = measure("rater_severity", frame)
    fair, effects, errors = henderson(frame, dict(found.detail))
    assert list(found.detail["severity"].values()) == pytest.approx(-effects, abs=1e-9)
    assert list(found.detail["se"].values()) == pytest.approx(np.sqrt(errors), abs=1e-9)
    assert list(found.detail["fair_score"].values()) == pytest.approx(fair, abs=1e-9)


def test_balanced_design_by_hand() -> None:
    """Shrout & Fleiss's judges have means 46/6, 15/6, 26/6, 40/6 about 127/24; shrinkage is
    n var_rater / (n var_rater + var_residual) with n = 6, var_rater 5.2444, var_residual 1.0194."""
    found = measure("rater_severity", long(SHROUT_FLEISS))
    shrinkage = 6 * 5.2444444 / (6 * 5.2444444 + 1.0194444)
    expected = [-(total / 6 - 127 / 24) * shrinkage for total in (46, 15, 26, 40)]
    assert list(found.detail["severity"].values()) == pytest.approx(expected, abs=1e-6)
    assert found.value == pytest.approx(np.sqrt(5.2444444), abs=1e-6)
    assert found.interval is not None
    assert found.interval.low < found.value < found.interval.high


def test_harsher_is_positive_and_lifts_the_candidates_he_met() -> None:
    frame = ratings(
        ("a", "mild", 5), ("a", "mid", 4), ("b", "harsh", 2), ("b", "mid", 4), ("c", "mild", 4), ("c", "harsh", 1),
        ("d", "harsh", 3), ("d", "mid", 5), ("e", "mild", 3), ("e", "mid", 2),
    )  # fmt: skip
    detail = measure("rater_severity", frame).detail
    assert detail["severity"]["harsh"] > detail["severity"]["mid"] > detail["severity"]["mild"]
    # these scores are exactly additive: harsh gives 2 less than mid, mid 1 less than mild
    assert detail["severity"]["harsh"] - detail["severity"]["mid"] == pytest.approx(2, abs=1e-4)
    assert detail["severity"]["mid"] - detail["severity"]["mild"] == pytest.approx(1, abs=1e-4)
    assert detail["adjusted_mean"]["b"] > detail["observed_mean"]["b"]
    assert detail["adjusted_mean"]["a"] < detail["observed_mean"]["a"]
    assert detail["adjusted_mean"]["b"] - detail["observed_mean"]["b"] == pytest.approx(
        (detail["severity"]["harsh"] + detail["severity"]["mid"]) / 2
    )


def test_parts_that_share_nobody_are_never_compared() -> None:
    """The second panel scores three points lower throughout; each part's severities still centre on 0."""
    frame = STILL_ESTIMABLE["two panels that share nobody"]
    lower = frame.with_columns(pl.when(pl.col("rater").is_in(["z", "w"])).then(pl.col("score") - 3).otherwise("score"))
    found = measure("rater_severity", lower)
    assert "UNLINKED_RATERS" in {caution.code for caution in found.cautions}
    assert found.detail["components"] == 2
    for part in (0, 1):
        members = [rater for rater, own in found.detail["component"].items() if own == part]
        assert sum(found.detail["severity"][rater] for rater in members) == pytest.approx(0, abs=1e-12)


def test_raters_under_the_minimum_are_counted_not_shown() -> None:
    frame = STILL_ESTIMABLE["a rater with one score"]
    whole, cut = measure("rater_severity", frame), measure("rater_severity", frame, min_units=2)
    assert set(whole.detail["severity"]) == {"x", "y", "z"}
    for table in ("severity", "se", "severity_interval", "units_scored", "component"):
        assert set(cut.detail[table]) == {"x", "y"}
    assert cut.detail["raters_left_out"] == 1
    assert "SMALL_GROUP" in {caution.code for caution in cut.cautions}
    assert cut.value == whole.value
    assert cut.detail["severity"]["x"] == whole.detail["severity"]["x"]


@settings(deadline=None, max_examples=25)
@given(frame=incomplete_panels())
def test_unchanged_by_order_and_labels(frame: pl.DataFrame) -> None:
    before = measure("rater_severity", frame, interval="none")
    for change in (shuffled, relabelled):
        after = measure("rater_severity", change(frame), interval="none")
        assert after.value == pytest.approx(before.value, abs=5e-5)
        assert sorted(after.detail["severity"].values()) == pytest.approx(
            sorted(before.detail["severity"].values()), abs=5e-4
        )


@settings(deadline=None, max_examples=25)
@given(frame=incomplete_panels())
def test_scales_with_the_scores(frame: pl.DataFrame) -> None:
    before, after = (measure("rater_severity", one, interval="none") for one in (frame, rescaled(frame)))
    assert after.value == pytest.approx(7.5 * (before.value or 0), abs=5e-4)


@pytest.mark.parametrize(("frame", "code"), THIN.values(), ids=THIN)
def test_thin_data_say_why(frame: pl.DataFrame, code: str) -> None:
    found = measure("rater_severity", frame)
    assert found.value is None
    assert code in {caution.code for caution in found.cautions}


@pytest.mark.parametrize(
    "frame", [frame for name, frame in STILL_ESTIMABLE.items() if name != "one candidate per rater"]
)
def test_odd_designs_give_a_number(frame: pl.DataFrame) -> None:
    found = measure("rater_severity", frame)
    assert found.value is not None
    assert all(np.isfinite(list(found.detail["severity"].values())))
    assert all(np.isfinite(list(found.detail["fair_score"].values())))


def test_one_score_per_rater_says_nothing_of_severity() -> None:
    found = measure("rater_severity", STILL_ESTIMABLE["one candidate per rater"])
    assert found.value is None
    assert "INCOMPLETE_DESIGN" in {caution.code for caution in found.cautions}


def test_misuse_is_named() -> None:
    with pytest.raises(MeasureInputError, match="min_units"):
        measure("rater_severity", long(SHROUT_FLEISS), min_units=0)
    with pytest.raises(MeasureInputError, match="no option 'replicates'"):
        measure("rater_severity", long(SHROUT_FLEISS), replicates=10)
