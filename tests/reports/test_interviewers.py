"""Nobody under the minimum passes into a report, and nothing about a single candidate."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from reports.disclosure import protect
from reports.html import render
from tests.reports import sample, sample_panels
from tests.reports.sample_panels import CANDIDATE, FEW, HARSH, MILD, UNKNOWN


def detail(report: dict[str, Any], measure: str) -> dict[str, Any]:
    found: dict[str, Any] = next(e for e in report["estimates"] if e["measure"] == measure)["detail"]
    return found


def protected() -> dict[str, Any]:
    return protect(sample_panels.report())


@pytest.mark.parametrize("name", [FEW, UNKNOWN, CANDIDATE])
def test_no_trace_is_left_of_those_who_may_not_be_shown(name: str) -> None:
    assert name in json.dumps(sample_panels.report())
    assert name not in json.dumps(protected())
    assert name[:8] not in render(protected())


@pytest.mark.parametrize("name", [HARSH, MILD])
def test_those_with_enough_candidates_stay(name: str) -> None:
    report = protected()
    for measure in (
        "rater_severity",
        "rater_linkage",
        "rater_habits",
        "rater_drift",
        "many_facet_rasch",
        "pairwise_agreement",
    ):
        assert name in json.dumps(detail(report, measure)), measure
    assert name[:8] in render(report)


@pytest.mark.parametrize(
    ("measure", "table"),
    [
        ("rater_linkage", "component"), ("rater_linkage", "shared_units"), ("rater_linkage", "partners"),
        ("rater_habits", "raters"), ("rater_habits", "influence"), ("rater_drift", "raters"),
    ],
)  # fmt: skip
def test_tables_by_interviewer_hold_the_others_only(measure: str, table: str) -> None:
    assert set(detail(protected(), measure)[table]) == {HARSH, MILD}


def test_the_rasch_tables_hold_no_candidates_and_the_others_only() -> None:
    rasch = detail(protected(), "many_facet_rasch")
    for table in ("measures", "se", "infit", "fair_average", "count"):
        assert set(rasch[table]) == {"rater", "item"}
        assert set(rasch[table]["rater"]) == {HARSH, MILD}
    assert rasch["extreme"]["rater"] == {}
    assert {"unexpected", "anchors"}.isdisjoint(rasch)
    assert rasch["separation"]["unit"] == {"reliability": 0.7, "true_sd": 0.8}


def test_candidates_on_the_map_come_in_bins_of_the_minimum_cell() -> None:
    rows = detail(protected(), "many_facet_rasch")["wright_map"]
    bins = [row for row in rows if row["facet"] == "unit"]
    assert [row["count"] for row in bins] == [23, 40, 21]
    assert (bins[0]["from"], bins[0]["to"], bins[-1]["to"]) == (-2.0, -0.25, 2.0)
    few = copy.deepcopy(sample_panels.report())
    for row in detail(few, "many_facet_rasch")["wright_map"]:
        row["count"] = 0
    assert not [r for r in detail(protect(few), "many_facet_rasch")["wright_map"] if r["facet"] == "unit"]


def test_a_table_of_the_rasch_model_that_is_not_known_does_not_pass() -> None:
    report = sample_panels.report()
    detail(report, "many_facet_rasch")["persons"] = {CANDIDATE: 1.0}
    detail(report, "many_facet_rasch")["thresholds"] = {FEW: [0.1]}
    rasch = detail(protect(report), "many_facet_rasch")
    assert {"persons", "thresholds", "categories", "disordered"}.isdisjoint(rasch)


def test_pairs_need_both_and_advice_names_only_who_may_be_shown() -> None:
    report = protected()
    assert [(row["rater_a"], row["rater_b"]) for row in detail(report, "pairwise_agreement")["rows"]] == [(HARSH, MILD)]
    rows = detail(report, "pairing_advice")["rows"]
    assert [(row["rater"], row["with_raters"]) for row in rows] == [(HARSH, [MILD]), (MILD, [])]
    assert not any("unit" in row for row in rows)


def test_interviewers_of_whom_no_table_says_how_many_they_scored_are_not_shown() -> None:
    """Without the measures that count, an interviewer of the Rasch model passes nowhere."""
    report = sample.report()
    report["estimates"] = [e for e in report["estimates"] if e["measure"] != "rater_severity"] + [sample_panels.rasch()]
    assert detail(protect(report), "many_facet_rasch")["measures"]["rater"] == {}


def test_what_is_enough_at_one_stage_is_not_enough_at_another() -> None:
    report = sample_panels.report()
    elsewhere = sample_panels.rasch()
    elsewhere["subject"] = sample.subject(stage="hr")
    report["estimates"].append(elsewhere | {"id": "raters/many_facet_rasch//hr"})
    assert protect(report)["estimates"][-1]["detail"]["measures"]["rater"] == {}


def test_an_interviewer_at_the_minimum_is_shown() -> None:
    report = sample_panels.report()
    for measure in ("rater_severity", "rater_linkage"):
        detail(report, measure)["units_scored"][FEW] = 10
    assert FEW in detail(protect(report), "rater_linkage")["component"]
    assert FEW not in detail(protect(report), "rater_habits")["raters"]


@pytest.mark.parametrize("empty", [None, {}, []])
def test_tables_that_are_missing_or_empty_pass_as_they_are(empty: Any) -> None:
    report = sample_panels.report()
    for estimate in report["estimates"]:
        if estimate["measure"] in {e["measure"] for e in sample_panels.panels()}:
            estimate["detail"] = {name: copy.copy(empty) for name in estimate["detail"]}
    assert protect(report)["estimates"]


def test_protecting_panels_twice_changes_nothing_more() -> None:
    assert protect(protected())["estimates"] == protected()["estimates"]


def test_a_period_with_fewer_candidates_than_the_minimum_cell_is_not_shown() -> None:
    report = sample_panels.report()
    rows = detail(report, "rater_drift")["raters"][HARSH]["periods"]
    rows[0]["units"], rows[1]["units"], rows[2]["units"] = 4, 5, None
    kept = detail(protect(report), "rater_drift")["raters"][HARSH]["periods"]
    assert [row["period"] for row in kept] == ["2026-Q2"]
