"""Chapter 4 stands whatever is missing, withheld, endless or hostile in its estimates."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from reports.chapters import prediction
from reports.disclosure import protect
from reports.html import render
from tests.reports import sample_validity
from tests.reports.test_panels import broken, keys, read
from tests.reports.test_validity_chapter import ESTIMATES, HEADINGS, KINDS, ends, is_kind, whole, without

NAMES = ["/".join(kind) for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_without_a_measure_the_chapter_stands_and_its_heading_goes(kind: tuple[str, str, str]) -> None:
    report = without(kind)
    said = whole(protect(report))
    left = {
        e["measure"]
        for e in report["estimates"]
        if e["family"] in ("validity", "fairness") or e["subject"]["criterion"]
    }
    for heading, measures in HEADINGS.items():
        if measures and not left & set(measures):
            assert heading not in said


def test_without_any_of_them_there_is_no_chapter() -> None:
    report = without(*KINDS)
    assert prediction.chapter(protect(report)) is None
    assert "Do candidates with higher interview scores later perform better?" not in whole(protect(report))


@pytest.mark.parametrize("heading", [name for name, measures in HEADINGS.items() if measures])
def test_a_heading_goes_with_all_its_measures(heading: str) -> None:
    gone = [kind for kind in KINDS if kind[1] in HEADINGS[heading]]
    assert heading not in whole(protect(without(*gone)))


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize(
    "values",
    [
        {"value": None, "interval": None, "cautions": [{"code": "NOT_ESTIMABLE", "text": "too thin"}]},
        {"value": None, "interval": None, "cautions": [{"code": "NOT_ESTIMABLE", "text": "too thin"}], "detail": {}},
        {"value": None, "interval": None, "cautions": [], "detail": {}},
        {"interval": None, "cautions": [{"code": "NO_INTERVAL", "text": "none was asked for"}]},
        {"interval": ends("-Infinity", "Infinity")},
        {"interval": ends(0.1, "Infinity")},
        {"interval": ends("-Infinity", 0.1)},
    ],
    ids=[
        "no value",
        "no value, no detail",
        "nothing at all",
        "no interval",
        "endless",
        "endless above",
        "endless below",
    ],
)
def test_a_measure_that_says_little_leaves_a_whole_page(kind: tuple[str, str, str], values: dict[str, Any]) -> None:
    report = sample_validity.report()
    for estimate in report["estimates"]:
        if is_kind(estimate, kind):
            estimate |= copy.deepcopy(values)
    whole(protect(report))


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(ESTIMATES)), ids=[e["id"] for e in ESTIMATES])
def test_each_figure_of_each_detail_may_be_missing(place: int) -> None:
    """One figure after the other: withheld, and without end."""
    wanted = ESTIMATES[place]["id"]
    base = sample_validity.report()
    at = next(i for i, e in enumerate(base["estimates"]) if e["id"] == wanted)
    for path in keys(base["estimates"][at]["detail"]):
        if path[-1] in NAMED:
            continue
        for value in (None, "Infinity"):
            target: Any = base["estimates"][at]["detail"]
            for key in path[:-1]:
                target = target[key]
            kept = target[path[-1]]
            if value == "Infinity" and path[-1] not in ("low", "high"):
                continue
            target[path[-1]] = value
            said = read(protect(base))
            assert broken(said) == [], path
            target[path[-1]] = kept


NAMED = {
    0, "step", "predictor", "criterion", "item", "policy", "study", "part", "half", "predictors", "partial_r", "reading",
    "focal", "reference", "matched", "own", "n_rated", "n", "needs", "shares", "women", "men",
}  # fmt: skip
"""Names and places by which rows are found: a row without them is not a row."""


# --- names from exports ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "=HYPERLINK(1)", "two\nlines", "x" * 5000,
        "\u202eevil\u202c", "نساء", "{{ 7 * 7 }}", "</table></section>",
    ],
)  # fmt: skip
def test_names_of_dimensions_items_families_and_groups_are_only_text(name: str) -> None:
    text = json.dumps(sample_validity.report())
    for old in ("punctuality", "technical", "mock_interview", "Sales", "women"):
        text = text.replace(json.dumps(old), json.dumps(name + old))
    text = text.replace('"performance: punctuality"', json.dumps(f"performance: {name}punctuality"))
    text = text.replace('"technical alone"', json.dumps(f"{name}technical alone"))
    report = protect(json.loads(text))
    page = render(report)
    plain = render(protect(sample_validity.report()))
    assert "<script" not in page
    assert "<img" not in page
    assert "x" * 61 not in page
    assert ">49<" not in page
    assert "\u202e" not in page
    assert page.count("\u2068") == page.count("\u2069")
    assert page.count("<section") == plain.count("<section")
    assert page.count("</table>") == plain.count("</table>")
    assert broken(read(report).replace(" { 7 * 7 } ", "").replace("{{ 7 * 7 }}", "").replace("{ 7 * 7 }", "")) == []
