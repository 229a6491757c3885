"""The chapter on groups: what it says of a report with everything in it, and that nothing missing breaks it."""

from __future__ import annotations

import copy
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from reports.chapters import groups
from reports.chapters.alike.why import explanations
from reports.html import environment

CHANGES = ("removed", "no value", "no interval", "no detail", "no tests")


@pytest.fixture(scope="module")
def report(demo: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((demo / "report.json").read_text("utf-8"))
    return loaded


def words(report: dict[str, Any]) -> str:
    """The text of the chapter as a reader has it."""
    made = groups.chapter(report)
    if made is None:
        return ""
    page = environment().from_string(
        "{% from 'blocks.html.j2' import block with context %}{% for b in chapter.blocks %}{{ block(b) }}{% endfor %}"
    )
    from reports.sentences import STATES

    return html.unescape(re.sub(r"<[^>]+>", " ", page.render(chapter=made, states=STATES)))


def measures(report: dict[str, Any]) -> list[str]:
    return sorted({e["measure"] for e in report["estimates"] if e["family"] == "fairness"})


def changed(report: dict[str, Any], measure: str, change: str) -> dict[str, Any]:
    told = copy.deepcopy(report)
    for estimate in told["estimates"]:
        if estimate["measure"] != measure or estimate["family"] != "fairness":
            continue
        if change in ("no value", "no interval"):
            estimate["interval"] = None
        if change == "no value":
            estimate |= {"value": None, "cautions": [{"code": "NOT_ESTIMABLE", "text": "thin data."}]}
        if change == "no detail":
            kept = ("rates", "n", "focal", "reference", "rows")
            estimate["detail"] = {
                k: v for k, v in estimate["detail"].items() if measure == "impact_ratio" and k in kept
            }
    if change == "removed":
        gone = {e["id"] for e in told["estimates"] if e["measure"] == measure and e["family"] == "fairness"}
        told["estimates"] = [e for e in told["estimates"] if e["id"] not in gone]
        told["findings"] = [f for f in told["findings"] if not f["evidence"] or f["evidence"][0] not in gone]
        told["tests_run"] = [t for t in told["tests_run"] if t["estimate"] not in gone]
    if change == "no tests":
        told["tests_run"] = []
    return told


def test_every_part_is_there(report: dict[str, Any]) -> None:
    page = words(report)
    for heading in (
        "By gender", "By race", "By gender × race", "What is behind it?", "Scores by gender", "Which competency carries",
        "Is a competency scored apart", "Panels that groups met", "What would scores freed of severity have changed?",
        "Prediction lines by gender", "Other ways of deciding", "Has anything moved", "The whole process",
        "Scoring rate by gender", "Selection by gender × race",
    ):  # fmt: skip
        assert heading in page, heading
    assert "chose not to say" in page


def test_no_measure_was_asked_for_with_an_option_it_has_not(report: dict[str, Any]) -> None:
    for estimate in report["estimates"]:
        told = " ".join(caution["text"] for caution in estimate["cautions"])
        assert "has no option" not in told, estimate["id"]
        assert "there is no measure" not in told, estimate["id"]
        assert "there is no column" not in told, estimate["id"]


def test_the_planted_panels_of_the_sample_are_named_and_the_rest_ruled_out(report: dict[str, Any]) -> None:
    """The sample's women meet harsher panels (and are scored a little lower by everybody); nothing else was planted."""
    about = {"attribute": "gender", "stage": "user", "group": "women", "reference": "men"}
    found = {each.name: each for each in explanations(report, about) if each is not None}
    assert found["Panels that groups met"].word == "points to it"
    assert re.search(r"That is \d\d.% of the gap", found["Panels that groups met"].evidence)
    assert found["Something within panels"].word == "points to it"
    assert found["Chance"].word == "unlikely"
    for name in ("Where people applied", "Single interviewers who see another gap", "A change over time"):
        assert found[name].word == "not seen", name


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_missing_the_chapter_stands(report: dict[str, Any], change: str) -> None:
    for measure in measures(report):
        page = words(changed(report, measure, change))
        assert page
        assert not re.search(r"\bNone\b|\bnan\b|\{\}", page), (measure, change)


def test_without_groups_there_is_no_chapter(report: dict[str, Any]) -> None:
    told = copy.deepcopy(report)
    told["estimates"] = [e for e in told["estimates"] if not e["subject"]["attribute"]]
    assert groups.chapter(told) is None


def test_the_public_edition_names_nobody(demo: Path) -> None:
    public = (demo / "public.json").read_text("utf-8")
    internal = json.loads((demo / "report.json").read_text("utf-8"))
    raters = {
        name
        for estimate in internal["estimates"]
        for name in (estimate["detail"].get("severity") or {})
        if isinstance(estimate["detail"].get("severity"), dict)
    }
    assert raters
    assert not [name for name in raters if name in public]
    assert not [batch["file"] for batch in internal["inputs"]["batches"] if batch["file"] in public]
    page = (demo / "public.html").read_text("utf-8")
    assert "Fairpanel · public edition" in page
    assert not [name for name in raters if name[:8] in page]
