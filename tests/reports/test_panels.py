"""What chapters 2, 3 and 6 say about pairs, contrasts, the common scale, habits, drift and the self-test."""

from __future__ import annotations

import copy
import html
import json
import re
from typing import Any

import pytest

from reports.disclosure import protect
from reports.html import render
from tests.reports import sample, sample_panels
from tests.reports.sample_panels import FEW, HARSH, MILD
from tests.reports.test_sentences import NEVER

MEASURES = sorted({estimate["measure"] for estimate in sample_panels.panels()})
BROKEN = re.compile(r"\bNone\b|\bnan\b|\{|\}|\[\]|Infinity|\.\s?\.(?!\d)|\(\)|:\s*\.(?!\d)")


def read(report: dict[str, Any]) -> str:
    """The words of the page, one space between them."""
    page = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", render(report), flags=re.DOTALL)
    page = re.sub(r'<section id="standards".*', " ", page, flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]+>", " ", page))
    return re.sub(r"\s+", " ", text.replace("\u202f", " "))


def broken(said: str) -> list[str]:
    """What no sentence may hold, with its surroundings."""
    return [said[max(0, at.start() - 60) : at.end() + 40] for at in BROKEN.finditer(said)]


def changed(measure: str, **values: Any) -> dict[str, Any]:
    """The sample, all estimates of one measure with other values."""
    report = sample_panels.report()
    for estimate in report["estimates"]:
        if estimate["measure"] == measure:
            estimate |= values
    return report


def of(report: dict[str, Any], measure: str) -> dict[str, Any]:
    return next(e for e in report["estimates"] if e["measure"] == measure)


def test_every_block_is_there_and_speaks_in_whole_words() -> None:
    said = read(protect(sample_panels.report()))
    for heading in (
        "Do the competencies of a form measure one thing?", "Do stages and roles see the same candidates alike?",
        "Do single pairs agree?", "Who should sit together?", "Who can be compared, user interviews",
        "Candidates, interviewers and competencies on one scale, user interviews", "Habits of scoring, user interviews",
        "Drift over time, user interviews", "Would this audit have seen it?",
    ):  # fmt: skip
        assert heading in said
    assert broken(said) == []
    assert not NEVER.search(said)


@pytest.mark.parametrize(
    "words",
    [
        # what the competencies have in common, and the plan over both
        "about 67 parts in 100 are what the three competencies have in common (α .67, 95 % interval .63 to .70; 480 forms",
        "interviewers a candidate for G of .70 with 2 (5 with one competency)",
        ".90 with 6 (more than can be planned with one competency)",
        "Gwet's AC2, ordinal weights",
        # contrasts
        "Candidates whom both scored got 0.33 points lower from user interviews than from HR interviews (95 % interval",
        "This is consistent with HR interviews being milder",
        "may be selection: of those whom an earlier stage let pass",
        "The interval holds zero: these data cannot tell which of them is the milder.",
        "correlates 1.08 (95 % interval .89 to 1.27; 240 candidates, 12 interviewers). By chance such an estimate may",
        "correlate .48 (interval .44 to .51): lower, as few interviewers stand behind each mean",
        "How far both would agree with endless interviewers cannot be told. Direct supervisors: every candidate has one",
        # pairs and pairings
        "half agree at Gwet's AC .60 or better; the middle half lies between .50 and .70",
        "by 0.70 %; as many at random by 0.30 %",
        "goes from 0.200 to 0.199 score points",
        "One of them joins parts of the design that share nobody",
        "The gain is small",
        # the common scale
        "within two parts, the largest with 75 % of them (12 interviewers, 240 candidates)",
        "It hangs on 1 interviewer, whose leaving would cut others off (how many, in brackets): aaaaaaaa (2).",
        "(separation reliability .90, 95 % interval .85 to .93; 12 interviewers, 240 candidates, 1,440 scores)",
        "interviewers' spread is 0.62 of candidates'",
        "The steps are out of order at 2: there a score is nowhere the most probable one",
        # habits and drift
        "Of 2 interviewers judged at user interviews, 2 (100 %) score unlike the others in at least one of 4 habits",
        "It says that scores differ, not that they are wrong",
        "After a strong candidate: −0.120 score points (interval −0.200 to −0.040); this indicates that the usual",
        "Flagged of judged 2 of 2 0 of 2",
        "▲ harsher", "▼ milder",
        "Without aaaaaaaa, the mean scores of the candidates they share with others",
        "Over 3 periods (2026-Q1 to 2026-Q3), 1 of 2 interviewers judged at user interviews grows harsher or milder",
        "0.010 points a period (above 0 milder; interval −0.020 to 0.040), an interval that holds zero",
        # the self-test
        "Mostly seen: one interviewer harsher by 1 SD of candidates (98 %)",
        "Mostly missed: one interviewer harsher by .5 SD of candidates (22 %)",
        "Too few draws to tell: one group lower by .2 SD of candidates (50 %)",
        "False alarm: groups are alike",
        "False alarms, seen although not there: nobody is harsher (0 %, 95 % interval 0 % to 10 %)",
    ],
)  # fmt: skip
def test_what_is_said(words: str) -> None:
    assert words in read(protect(sample_panels.report()))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    "values",
    [
        {"value": None, "interval": None, "detail": {}, "n": {}, "cautions": [{"code": "NOT_ESTIMABLE", "text": "too thin"}]},
        {"value": None, "interval": None, "detail": {}, "n": {}, "cautions": []},
        {"detail": {}},
        {"detail": {}, "n": {}, "interval": None},
    ],
    ids=["no value", "no value, no reason", "no detail", "value alone"],
)  # fmt: skip
def test_a_measure_that_says_little_leaves_a_whole_page(measure: str, values: dict[str, Any]) -> None:
    said = read(protect(changed(measure, **copy.deepcopy(values))))
    assert broken(said) == []
    if values["detail"] == {} and values.get("value", 1) is None and values["cautions"] and measure in SPEAKING:
        assert "Too thin." in said


SPEAKING = (
    "cronbach_alpha", "pairwise_agreement", "pairing_advice", "condition_difference", "condition_correlation",
    "rater_linkage", "many_facet_rasch", "rater_habits", "rater_drift",
)  # fmt: skip


def keys(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place below a detail, two levels deep, and the first row of lists."""
    found = [path] if path else []
    if len(path) < 3 and isinstance(value, dict):
        for key in value:
            found += keys(value[key], (*path, key))
    elif len(path) < 3 and isinstance(value, list) and value:
        found += keys(value[0], (*path, 0))
    return found


@pytest.mark.parametrize("measure", MEASURES)
def test_withheld_figures_leave_a_whole_page(measure: str) -> None:
    """Each figure of each detail withheld in turn, after the gate: nothing breaks, nothing reads None."""
    report = protect(sample_panels.report())
    place = next(i for i, e in enumerate(report["estimates"]) if e["measure"] == measure)
    for path in keys(report["estimates"][place]["detail"]):
        one = copy.deepcopy(report)
        target = one["estimates"][place]["detail"]
        for key in path[:-1]:
            target = target[key]
        if _required(path):
            continue
        target[path[-1]] = None
        assert broken(read(one)) == [], path


def _required(path: tuple[Any, ...]) -> bool:
    """Names and places by which rows are found: a row without them is not a row."""
    return path[-1] == 0 or (
        0 in path and path[-1] in ("rater", "rater_a", "rater_b", "items", "raters", "from", "to", "count")
    )


def test_a_report_without_any_of_them_has_its_chapters_still() -> None:
    said = read(protect(sample.report()))
    assert "Who scores how?" in said
    assert "Would this audit have seen it?" not in said
    assert "Habits of scoring" not in said


def test_without_severity_the_chapter_on_interviewers_stands() -> None:
    report = sample_panels.report()
    report["estimates"] = [e for e in report["estimates"] if e["measure"] != "rater_severity"]
    assert "Habits of scoring, user interviews" in read(protect(report))


def crowd(size: int) -> dict[str, Any]:
    """The sample with so many interviewers, each flagged and drifting."""
    names = [f"{at:024x}" for at in range(size)]
    report = sample_panels.report()
    linkage, rasch, habits, drift = (
        of(report, m) for m in ("rater_linkage", "many_facet_rasch", "rater_habits", "rater_drift")
    )
    linkage["n"]["raters"] = size
    for table in ("component", "shared_units", "partners", "units_scored"):
        linkage["detail"][table] = dict.fromkeys(names, 40)
    rasch["detail"]["measures"]["rater"] = {name: at / size - 0.5 for at, name in enumerate(names)}
    rasch["detail"]["wright_map"] = [row for row in rasch["detail"]["wright_map"] if row["facet"] != "rater"] + [
        {"facet": "rater", "level": name, "measure": at / size - 0.5, "subset": 0} for at, name in enumerate(names)
    ]
    for detail, model in ((habits["detail"], HARSH), (drift["detail"], HARSH)):
        detail["raters"] = dict.fromkeys(names, detail["raters"][model])
    habits["detail"]["influence"] = dict.fromkeys(names, habits["detail"]["influence"][HARSH])
    return report


@pytest.mark.parametrize("size", [1, 2, 500])
def test_any_number_of_interviewers_makes_a_page(size: int) -> None:
    report = protect(crowd(size))
    said = read(report)
    assert broken(said) == []
    page = render(report)
    assert len(page) < 3_000_000
    visible = re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)
    assert visible.count('<th scope="row">') < 60


def test_one_interviewer_alone_is_compared_with_nobody() -> None:
    report = changed("rater_linkage", n={"raters": 1, "units": 30})
    of(report, "rater_linkage")["detail"]["components"] = [{"component": 0, "raters": 1, "units": 30, "ratings": 30}]
    assert "one interviewer gave all scores (30 candidates): nobody can be compared" in read(protect(report))


def test_all_tied_together_says_so() -> None:
    report = changed("rater_linkage", value=1.0)
    of(report, "rater_linkage")["detail"] |= {
        "components": [{"component": 0, "raters": 12, "units": 240, "ratings": 480}],
        "linking_raters": [],
        "unlinked_raters": 0,
    }
    said = read(protect(report))
    assert "tie all interviewers together (12 interviewers, 240 candidates)" in said
    assert "No interviewer above the minimum would cut others off by leaving." in said


def test_a_gain_worth_having_is_not_called_small() -> None:
    report = sample_panels.report()
    of(report, "pairing_advice")["detail"]["se_difference_after"] = 0.15
    said = read(protect(report))
    assert "This is worth planning for" in said
    assert "The gain is small" not in said


@pytest.mark.parametrize(
    ("value", "ends", "words"),
    [
        (0.6, (0.4, 0.8), "one cannot stand in for the other"),
        (0.1, (-0.2, 0.4), "cannot tell whether both see anything in common"),
        (0.9, (0.7, 1.1), "This is consistent with both telling the same candidates apart."),
    ],
)
def test_correlations_are_read_by_their_interval(value: float, ends: tuple[float, float], words: str) -> None:
    interval = {"low": ends[0], "high": ends[1], "level": 0.95, "method": "made by hand"}
    assert words in read(protect(changed("condition_correlation", value=value, interval=interval)))


def test_near_zero_separation_is_not_said_to_matter() -> None:
    interval = {"low": 0.0, "high": 0.6, "level": 0.95, "method": "made by hand"}
    said = read(protect(changed("many_facet_rasch", value=0.2, interval=interval)))
    assert "Near 0, interviewers would be interchangeable" in said
    assert "not interchangeable: what" not in said


def test_parts_of_the_design_are_not_compared_on_the_map() -> None:
    report = sample_panels.report()
    of(report, "many_facet_rasch")["detail"]["subset"]["rater"] |= {MILD: 1}
    said = read(protect(report))
    assert "each part has its own zero" in said
    assert "would expect" not in said


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", '"><img src=x>', "two\nlines", "x" * 5000, "\u202eevil", "نساء", "{{ 7 * 7 }}"],
)
def test_names_of_competencies_periods_habits_and_interviewers_are_only_text(name: str) -> None:
    text = json.dumps(sample_panels.report())
    for old in ("technical", "2026-Q2", "copying", "contrast", "direct_supervisor", HARSH):
        text = text.replace(json.dumps(old), json.dumps(name + old))
    page = render(protect(json.loads(text)))
    assert "<script" not in page
    assert "<img" not in page
    assert "x" * 500 not in page
    assert ">49<" not in page
    assert "\u202e" not in page
    assert page.count("\u2068") == page.count("\u2069")


def test_flags_are_told_without_colour_and_dots_have_words() -> None:
    page = render(protect(sample_panels.report()))
    assert '<span class="flag">▲ harsher</span>' in page
    assert 'role="img" aria-label="not flagged">·</span>' in page
    assert 'role="img" aria-label="not judged">–</span>' in page
    assert FEW[:8] not in page
