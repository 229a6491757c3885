"""The calibration pack: what an interviewer reads about their own scores, and what never stands in it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from reports.calibration import render_pack
from tests.reports import sample

OWN, OTHER, FEW = "a" * 24, "b" * 24, "c" * 24


def _habits() -> dict[str, Any]:
    figures = {
        "estimate": 0.6,
        "se": 0.1,
        "usual": 0.0,
        "shrunken": 0.5,
        "low": 0.3,
        "high": 0.7,
        "q": 0.001,
        "flagged": True,
    }
    calm = figures | {"estimate": -0.1, "flagged": False}
    detail = {
        "habits": {
            "severity": {"unit": "score points", "judged": 2, "flagged": 1, "centre": 0.0, "centre_interval": None},
            "contrast": {"unit": "points", "judged": 2, "flagged": 0, "centre": -0.2, "centre_interval": [-0.3, -0.1]},
        },
        "raters": {
            OWN: {"units": 40, "flags": ["severity"], "habits": {"severity": figures}},
            OTHER: {"units": 30, "flags": [], "habits": {"severity": calm}},
        },
    }
    return sample.estimate("raters", "rater_habits", 0.5, None, detail=detail)


def _told(**changed: Any) -> dict[str, Any]:
    misfit = {"month": "2025-03", "item": "technical", "observed": 1.0, "expected": 4.2, "harsher": True}
    raters = {
        OWN: {"units": 40, "scale": {"1": 0.25, "5": 0.75}, "misfits": [misfit]},
        OTHER: {"units": 30, "scale": {"5": 1.0}, "misfits": []},
    }
    return {"stage": "user", "scale": {"1": 0.1, "5": 0.9}, "raters": raters} | changed


def _report(*entries: dict[str, Any]) -> dict[str, Any]:
    report = sample.report()
    return report | {"estimates": [*report["estimates"], *entries]}


def test_a_page_tells_severity_use_of_the_scale_habits_and_surprising_scores() -> None:
    page = render_pack(_report(_habits()), [_told()])
    assert page.count('class="page"') == 2
    assert "Interviewer aaaaaaaa" in page
    assert "25 % (all: 10 %)" in page.replace("\u202f", " ").replace("\u00a0", " ")
    assert "Harsher than others on the same candidates: 0.60 where 0.00 is usual (score points)" in page
    assert "lower than expected" in page
    assert "2025-03" in page
    assert "none stands apart" in page
    assert "not be used" in page or "may be used to judge" in page


def test_the_agenda_names_usual_effects_and_counts_but_nobody_as_unusual() -> None:
    page = render_pack(_report(_habits()), [_told()])
    agenda = page[page.index("Agenda") : page.index('class="page"')]
    assert "1 of 2 interviewers stand apart" in agenda
    assert "a point more for the candidate before goes with −0.20 score points" in agenda
    assert "aaaaaaaa" not in agenda


def test_the_same_input_gives_the_same_bytes_and_keeps_its_input() -> None:
    report, told = _report(_habits()), [_told()]
    before = copy.deepcopy((report, told))
    assert render_pack(report, told) == render_pack(report, told)
    assert (report, told) == before


def test_whoever_is_under_the_minimum_has_no_page() -> None:
    assert FEW[:8] not in render_pack(_report(_habits()), [_told()])


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "=HYPERLINK(1)", "\u202eabc", "x" * 500, ""])
def test_hostile_words_stay_words(hostile: str) -> None:
    misfit = {"month": None, "item": hostile, "observed": 1.0, "expected": 4.2, "harsher": False}
    rows = {hostile: {"units": 12, "scale": {hostile: 1.0}, "misfits": [misfit]}}
    page = render_pack(_report(), [_told(raters=rows, scale={hostile: 1.0})])
    assert "<script>alert" not in page
    assert page.count("<script") == 0


def test_without_any_estimate_it_still_tells_what_there_is() -> None:
    page = render_pack(sample.report() | {"estimates": []}, [_told()])
    assert "Severity: not estimated" in page
    assert "How often you gave each score" in page


def test_no_stage_gives_a_page_that_says_who_is_left_out() -> None:
    assert "have no page" in render_pack(_report(), [])
