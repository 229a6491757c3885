"""The chain on thin and on impossible data: a caution or a sentence that says how to mend it, never a crash nor NaN."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from tests.measures.validity.test_chain import ratings, steps


def _run(frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure("validity_chain", frame, **{"replicates": 100} | options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    for row in estimate.detail.get("steps", []):
        assert (row["value"] is None) == (row["plain"] is None)
        assert row["low"] is not None or row["why"] is not None or not estimate.detail["replicates"]
    return estimate


def _codes(estimate: Estimate) -> set[str]:
    return {caution.code for caution in estimate.cautions}


def _one_rater_each(frame: pl.DataFrame, variable: str) -> pl.DataFrame:
    return frame.filter((pl.col("variable") != variable) | pl.struct("unit", "variable").is_first_distinct())


def test_twenty_hired() -> None:
    estimate = _run(ratings(1, 200, 20))
    assert "SMALL_SAMPLE" in _codes(estimate)
    assert estimate.n == {"applicants": 200, "with_predictor": 200, "hired": 20, "known": 20}
    assert estimate.value is not None
    assert estimate.interval is not None


def test_one_interviewer_each() -> None:
    estimate = _run(_one_rater_each(ratings(2), "interview"))
    assert "SINGLE_RATINGS" in _codes(estimate)
    rows = steps(estimate)
    for step in ("indirect", "true_score"):
        assert rows[step]["value"] is None
        assert "two raters of the predictor" in rows[step]["why"]
    assert estimate.value is not None
    assert estimate.detail["predictor"]["reliability"] is None


def test_criterion_by_one_rater_each() -> None:
    frame = _one_rater_each(ratings(3), "performance")
    unknown = _run(frame)
    assert unknown.value is None
    assert "criterion_reliability" in next(each.text for each in unknown.cautions if each.code == "NOT_ESTIMABLE")
    assert steps(unknown)["applicant_pool"]["value"] is not None
    assumed = _run(frame, criterion_reliability=0.6)
    assert "ASSUMED_RELIABILITY" in _codes(assumed)
    assert assumed.value is not None
    assert steps(assumed)["criterion_corrected"]["plain"] == pytest.approx(
        steps(assumed)["observed"]["plain"] / 0.6**0.5
    )


def test_everybody_hired() -> None:
    estimate = _run(ratings(4, 120, 120))
    assert estimate.detail["selection_ratio"] == 1
    assert estimate.detail["u"] == pytest.approx(1)
    assert estimate.detail["sensitivity"] == []
    rows = steps(estimate)
    assert rows["direct"]["plain"] == pytest.approx(rows["criterion_corrected"]["plain"])


def test_tied_scores() -> None:
    frame = ratings(5)
    tied = frame.with_columns(score=pl.when(variable="performance").then(4.0).otherwise(pl.col("score")))
    estimate = _run(tied)
    assert estimate.value is None
    assert "CONSTANT_INPUT" in _codes(estimate)
    same = frame.with_columns(score=pl.when(variable="interview").then(4.0).otherwise(pl.col("score")))
    with pytest.raises(MeasureInputError, match=r"same mean 'interview' \(4\).*does not vary"):
        _run(same)
    flat = frame.with_columns(score=pl.when(variable="hr").then(4.0).otherwise(pl.col("score")))
    without = _run(flat, covariates=["hr"])
    assert "CONSTANT_INPUT" in _codes(without)
    assert without.value == pytest.approx(_run(frame).value)


def test_covariate_missing_for_some_and_hired_without_criterion() -> None:
    """The covariate is then the later stage: the hired without it are left out, the others still tell of the predictor."""
    frame = ratings(6)
    gone = frame.filter(~((pl.col("variable") == "hr") & (pl.col("unit") < 30)))
    hired = gone.filter(variable="performance")["unit"].unique().sort().to_list()
    gone = gone.filter(~((pl.col("variable") == "performance") & pl.col("unit").is_in(hired[-7:])))
    estimate = _run(gone, covariates=["hr"])
    texts = [caution.text for caution in estimate.cautions if caution.code == "MISSING_DATA"]
    without = sum(unit < 30 for unit in hired)
    assert any(text.startswith(f"{without} of 300 applicants have a later score") for text in texts)
    assert any(text.startswith("7 hired people have no criterion") for text in texts)
    assert estimate.n["applicants"] == 300 - without
    assert estimate.n["hired"] - estimate.n["known"] == 7


def test_criterion_of_those_not_hired_is_not_used() -> None:
    frame = ratings(7)
    other = frame.filter(~pl.col("selected") & (pl.col("variable") == "interview"))
    extra = other.with_columns(variable=pl.lit("performance"))
    estimate = _run(pl.concat([frame, extra]))
    assert estimate.value == pytest.approx(_run(frame).value)
    assert any("200 people not hired have a criterion" in caution.text for caution in estimate.cautions)


def test_gates_where_later_scores_exist_for_fewer() -> None:
    frame = ratings(8, 400, 60)
    best = frame.filter(variable="hr").sort("score")["unit"].tail(250).to_list()
    gated = frame.filter((pl.col("variable") == "hr") | pl.col("unit").is_in(best))
    estimate = _run(gated, covariates=["hr"])
    assert estimate.detail["stages"] == ["hr", "interview", "performance"]
    assert estimate.n["applicants"] == 400
    assert estimate.n["with_predictor"] == 250
    assert estimate.value is not None


def test_a_validity_beyond_one_names_figure_and_cause() -> None:
    frame = ratings(9, 300, 150)
    x = frame.filter(variable="interview").group_by("unit").agg(pl.col("score").mean().alias("x"))
    close = frame.join(x, on="unit").with_columns(score=pl.when(variable="performance").then("x").otherwise("score"))
    estimate = _run(_one_rater_each(close.drop("x"), "performance"), criterion_reliability=0.4)
    assert estimate.value is None
    text = next(each.text for each in estimate.cautions if each.code == "BOUNDARY" and "No operational" in each.text)
    assert "beyond 1" in text or "does not go with" in text
    assert steps(estimate)["observed"]["value"] == pytest.approx(1)


def test_no_interval_when_none_is_asked_for() -> None:
    estimate = _run(ratings(10), interval="none")
    assert estimate.interval is None
    assert "NO_INTERVAL" in _codes(estimate)
    row = steps(estimate)["operational"]
    assert row["value"] == row["plain"]


def test_three_hired() -> None:
    estimate = _run(ratings(11, 100, 3))
    assert estimate.value is None
    assert "SMALL_SAMPLE" in _codes(estimate)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_whatever_comes_is_answered_or_refused_with_a_sentence(seed: int) -> None:
    """A handful of people, few points on the scale, holes everywhere: plain JSON or a MeasureInputError, no warning."""
    rng = np.random.default_rng(seed)
    people = int(rng.integers(2, 40))
    hired, holes, points = rng.random(people) < rng.choice([0.1, 0.5, 1]), rng.choice([0, 0.3]), rng.choice([2, 3, 6])
    rows = [
        {"unit": unit, "variable": name, "rater": f"r{rater}", "score": rng.integers(1, points), "selected": taken}
        for unit, taken in enumerate(hired.tolist())
        for name, most in (("interview", 3), ("hr", 1), ("performance", 3))
        if (taken or name != "performance") and rng.random() >= holes
        for rater in rng.choice(4, rng.integers(1, most + 1), replace=False)
    ]
    reliability = rng.choice([None, 0.5])
    try:
        estimate = _run(pl.DataFrame(rows), covariates=["hr"], replicates=50, criterion_reliability=reliability)
    except MeasureInputError as refusal:
        assert len(str(refusal)) > 30  # noqa: PT017 - either outcome is right
        return
    assert estimate.value is None or abs(estimate.value) <= 1


@pytest.mark.parametrize("value", [0, 1.2, -0.5, "high", True, float("nan")])
def test_impossible_reliability(value: object) -> None:
    with pytest.raises(MeasureInputError, match="criterion_reliability is a reliability, over 0 and at most 1"):
        _run(ratings(1, 60, 20), criterion_reliability=value)


def test_a_unit_both_selected_and_not() -> None:
    frame = ratings(1, 60, 20)
    both = frame.with_columns(
        selected=pl.when((pl.col("unit") == 7) & (pl.col("variable") == "hr"))
        .then(True)
        .otherwise(pl.col("selected") & (pl.col("unit") != 7))
    )
    with pytest.raises(MeasureInputError, match="unit 7 is both selected and not: give each application one decision"):
        _run(both, covariates=["hr"])


def test_unknown_variables_name_the_nearest() -> None:
    frame = ratings(1, 60, 20)
    with pytest.raises(MeasureInputError, match=r"predictor='intervew'.*did you mean 'interview'"):
        _run(frame, predictor="intervew")
    with pytest.raises(MeasureInputError, match=r"covariates='h_r'.*Found"):
        _run(frame, covariates=["h_r"])
    with pytest.raises(MeasureInputError, match="must be different variables"):
        _run(frame, covariates=["interview"])


def test_nobody_selected_and_nobody_with_criterion() -> None:
    frame = ratings(1, 60, 20)
    with pytest.raises(MeasureInputError, match="nobody with scores is selected"):
        _run(frame.with_columns(selected=pl.lit(False)))
    first = frame.filter(variable="performance").head(1).with_columns(unit=pl.lit(999, dtype=pl.Int64))
    with pytest.raises(MeasureInputError, match="no selected unit has both 'interview' and 'performance'"):
        _run(pl.concat([frame.filter(pl.col("variable") != "performance"), first]))


def test_the_same_person_selected_twice() -> None:
    frame = ratings(1, 60, 20)
    taken = frame.filter("selected")["unit"].unique().sort().to_list()
    named = frame.with_columns(who=pl.when(pl.col("unit") == taken[1]).then(taken[0]).otherwise("unit"))
    with pytest.raises(
        MeasureInputError, match=f"selected 2 times \\(who={taken[0]}\\): keep one selected application"
    ):
        _run(named, person="who")
    rejected = frame.filter(~pl.col("selected"))["unit"].min()
    fine = frame.with_columns(who=pl.when(pl.col("unit") == rejected).then(taken[0]).otherwise("unit"))
    assert _run(fine, person="who").value == pytest.approx(_run(frame).value)


def test_a_criterion_before_the_interview() -> None:
    frame = ratings(1, 60, 20)
    day = pl.when(variable="performance").then(pl.date(2024, 6, 1)).otherwise(pl.date(2024, 1, 1))
    dated = frame.with_columns(day=day)
    assert _run(dated, when="day").value == pytest.approx(_run(frame).value)
    assert _run(dated.with_columns(pl.col("day").cast(pl.String)), when="day").value is not None
    early = dated.with_columns(
        day=pl.when(pl.col("variable") == "performance").then(dt.date(2023, 6, 1)).otherwise("day")
    )
    with pytest.raises(MeasureInputError, match="2023-06-01 before its 'interview' rating of 2024-01-01, and 19 more"):
        _run(early, when="day")
    with pytest.raises(MeasureInputError, match="must hold dates such as"):
        _run(dated.with_columns(day=pl.lit("June")), when="day")
