"""The many-facet Rasch model on odd, thin and impossible designs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from tests.measures.raters.rasch_designs import panel
from tests.measures.reliability.designs import STILL_ESTIMABLE, THIN, incomplete_panels

ESTIMATORS = ("cml", "mml", "jmle")
PANEL = panel(2, candidates=60)


def rasch(frame: pl.DataFrame, **options: Any) -> Estimate:
    found = measure("many_facet_rasch", frame, **options)
    json.dumps(found.to_dict(), allow_nan=False)
    return found


def codes(found: Estimate) -> set[str]:
    return {caution.code for caution in found.cautions}


@pytest.mark.parametrize("estimation", ESTIMATORS)
@pytest.mark.parametrize("name", [*THIN, *STILL_ESTIMABLE])
def test_thin_data_say_why_or_give_a_number(name: str, estimation: str) -> None:
    frame = THIN[name][0] if name in THIN else STILL_ESTIMABLE[name]
    found = rasch(frame, estimation=estimation)
    assert found.cautions
    if name in THIN:
        assert found.value is None


def test_nothing_at_all() -> None:
    empty = pl.DataFrame(schema={"unit": pl.String, "rater": pl.String, "score": pl.Float64})
    found = rasch(empty)
    assert found.value is None
    assert codes(found) == {"SMALL_SAMPLE"}


@pytest.mark.parametrize("estimation", ESTIMATORS)
def test_one_rater_a_candidate_compares_nobody(estimation: str) -> None:
    found = rasch(panel(1, candidates=60, each=1), estimation=estimation)
    assert found.value is None
    assert "UNLINKED_RATERS" in codes(found)
    assert set(found.detail["measures"]["rater"].values()) == {None}


@pytest.mark.parametrize("estimation", ESTIMATORS)
def test_a_rater_with_one_score_has_a_wide_error(estimation: str) -> None:
    solo = pl.DataFrame({"unit": ["u001"], "rater": ["solo"], "item": ["i00"], "score": [3]})
    found = rasch(pl.concat([PANEL, solo]), estimation=estimation)
    errors = found.detail["se"]["rater"]
    assert errors["solo"] > 3 * errors["r0"]
    assert found.detail["count"]["rater"]["solo"] == 1


@pytest.mark.parametrize("estimation", ESTIMATORS)
@pytest.mark.parametrize(("score", "word", "sign"), [(5, "highest", -1), (1, "lowest", 1)])
def test_extreme_raters_are_measured_apart(estimation: str, score: int, word: str, sign: int) -> None:
    """The others' severities are those of the data without him; his own is finite and far out."""
    extreme = PANEL.with_columns(pl.when(pl.col("rater") == "r1").then(score).otherwise(pl.col("score")).alias("score"))
    found = rasch(extreme, estimation=estimation)
    assert found.detail["extreme"]["rater"] == {"r1": word}
    assert "BOUNDARY" in codes(found)
    assert sign * found.detail["measures"]["rater"]["r1"] > 3
    without = rasch(extreme.filter(pl.col("rater") != "r1"), estimation=estimation)
    for name, value in without.detail["measures"]["rater"].items():
        assert found.detail["measures"]["rater"][name] == pytest.approx(value, abs=1e-5)
    assert found.value == pytest.approx(without.value, abs=1e-5)


def test_a_rater_always_above_the_others_has_no_finite_conditional_estimate() -> None:
    frame = panel(21, candidates=60, raters=4, items=1, each=2)
    partner = frame.filter(pl.col("rater") == "r0").select("unit").head(2)["unit"].to_list()
    rows = [("u900", "high", 4), ("u900", "r1", 1), ("u901", "high", 5), ("u901", "r2", 1)]
    assert partner
    extra = pl.DataFrame(rows, schema=["unit", "rater", "score"], orient="row").with_columns(item=pl.lit("i00"))
    found = rasch(pl.concat([frame, extra.select(frame.columns)]), estimation="cml")
    assert found.detail["convergence"]["converged"]
    assert all(abs(value) < 20 for value in found.detail["measures"]["rater"].values() if value is not None)


@pytest.mark.parametrize("estimation", ESTIMATORS)
def test_a_category_never_used(estimation: str) -> None:
    frame = PANEL.with_columns(pl.when(pl.col("score") == 3).then(4).otherwise(pl.col("score")).alias("score"))
    found = rasch(frame, estimation=estimation)
    assert found.value is not None
    assert "ZERO_CELL" in codes(found)
    assert found.detail["thresholds"][1] is None
    assert found.detail["thresholds"][2] is None
    assert found.detail["categories"][2]["count"] == 0


def test_disordered_thresholds_are_named() -> None:
    rng = np.random.default_rng(2)
    rare = PANEL.with_columns(
        pl.when((pl.col("score") == 3) & pl.Series(rng.random(PANEL.height) < 0.9))
        .then(4)
        .otherwise("score")
        .alias("score")
    )
    found = rasch(rare)
    assert found.detail["disordered"] == ["3"]
    assert any("disordered" in caution.text for caution in found.cautions)


@pytest.mark.parametrize("model", ["rating_scale", "partial_credit"])
def test_forty_competencies(model: str) -> None:
    frame = panel(3, candidates=20, items=40, each=2)
    found = rasch(frame, estimation="mml", model=model)
    assert found.value is not None
    assert len(found.detail["measures"]["item"]) == 40
    conditional = rasch(frame, estimation="cml")
    for name, value in conditional.detail["measures"]["rater"].items():
        assert found.detail["measures"]["rater"][name] == pytest.approx(value, abs=0.1)


def test_a_competency_that_everyone_masters_is_set_aside_in_partial_credit() -> None:
    frame = PANEL.with_columns(pl.when(pl.col("item") == "i01").then(5).otherwise(pl.col("score")).alias("score"))
    for estimation in ESTIMATORS:
        found = rasch(frame, estimation=estimation, model="partial_credit")
        assert found.detail["measures"]["item"]["i01"] is None
        assert found.detail["extreme"]["item"] == {"i01": "no finite estimate"}
        scale = rasch(frame, estimation=estimation)
        assert scale.detail["extreme"]["item"] == {"i01": "highest"}
        assert scale.detail["measures"]["item"]["i01"] < -2


@pytest.mark.parametrize("options", [{}, {"estimation": "mml"}])
def test_a_hundred_point_scale(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    frame = PANEL.with_columns((pl.col("score") * 20 - pl.Series(rng.integers(0, 20, PANEL.height))).alias("score"))
    found = rasch(frame, **options)
    assert found.detail["estimation"] == "mml"
    assert found.value is not None
    five_points = rasch(PANEL, estimation="mml").detail["measures"]["rater"]
    hundred = found.detail["measures"]["rater"]
    assert np.corrcoef(list(five_points.values()), [hundred[name] for name in five_points])[0, 1] > 0.95


def test_scores_that_are_no_categories_are_refused() -> None:
    rng = np.random.default_rng(1)
    for score, words in (
        (pl.col("score") / 3, "quarter points.*got [0-9]+\\.[36]+"),
        (pl.col("score") + pl.Series(rng.random(PANEL.height)), "rater_severity for continuous"),
        (pl.Series(rng.integers(0, 1000, PANEL.height)), "at most 200 categories"),
        (pl.col("rater"), "expected numbers in the score column"),
        (pl.lit(float("inf")), "quarter points.*got inf"),
    ):
        with pytest.raises(MeasureInputError, match=words):
            rasch(PANEL.with_columns(score.alias("score")))


def test_half_points_are_categories_of_their_own_scale() -> None:
    """Scores from 1 to 3 in halves are those from 1 to 5 in another unit: same measures, averages in half points."""
    whole, half = (rasch(PANEL.with_columns(score)) for score in (pl.col("score"), (pl.col("score") + 1) / 2))
    assert half.value == pytest.approx(whole.value)
    assert half.detail["score_step"] == whole.detail["score_step"] / 2
    for name, fair in whole.detail["fair_average"]["rater"].items():
        assert half.detail["measures"]["rater"][name] == pytest.approx(whole.detail["measures"]["rater"][name])
        assert half.detail["fair_average"]["rater"][name] == pytest.approx((fair + 1) / 2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"facets": ["unit", "rater", "mode"]}, "'mode' for the facet mode"),
        ({"facets": ["unit"]}, "at least one further facet"),
        ({"facets": ["unit", "rater", "rater"]}, "column of its own"),
        ({"facets": ["unit", "score"]}, "cannot be a facet"),
        ({"rater": "unit"}, "column of its own"),
        ({"score": "points"}, "'points' for the role score"),
        ({"model": "nominal"}, "rating_scale or partial_credit"),
        ({"steps_by": "item"}, "partial_credit"),
        ({"model": "partial_credit", "steps_by": "unit"}, "one of the facets rater, item"),
        ({"estimation": "pairwise"}, "cml, mml, jmle"),
        ({"bias_correction": True}, "only with estimation jmle"),
        ({"nodes": 2}, "nodes"),
        ({"min_units": 0}, "min_units"),
        ({"unexpected": -1}, "unexpected"),
        ({"confidence": 1.0}, "confidence level"),
        ({"interval": "bootstrap"}, "analytic or none"),
    ],
)
def test_misuse_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(MeasureInputError, match=words):
        rasch(PANEL, **options)


def test_missing_rows_are_counted() -> None:
    holes = PANEL.with_columns(pl.when(pl.int_range(pl.len()) < 5).then(None).otherwise("score").alias("score"))
    found = rasch(holes)
    assert found.n["missing"] == 5
    assert "MISSING_DATA" in codes(found)
    assert rasch(holes.drop_nulls()).value == found.value


@settings(deadline=None, max_examples=40)
@given(
    frame=incomplete_panels(),
    estimation=st.sampled_from(ESTIMATORS),
    model=st.sampled_from(["rating_scale", "partial_credit"]),
)
def test_tiny_panels_never_crash(frame: pl.DataFrame, estimation: str, model: str) -> None:
    found = rasch(frame, estimation=estimation, model=model)
    if found.value is None:
        assert found.cautions
    else:
        assert 0 <= found.value <= 1
