"""What chapter 4 says, to those who see its pictures and to those who do not."""

from __future__ import annotations

import copy
import importlib.resources
import json
import re
from typing import Any

import jsonschema
import pytest

from reports.chapters import prediction
from reports.disclosure import protect
from reports.html import render
from tests.reports import sample, sample_validity
from tests.reports.sample_validity import STEPS
from tests.reports.test_disclosure import of
from tests.reports.test_panels import broken, read
from tests.reports.test_sentences import NEVER

ESTIMATES = [*sample_validity.prediction(), *sample_validity.access()]
KINDS = sorted({(e["family"], e["measure"], e["variant"]) for e in ESTIMATES})
WHY = "There is too little of it here"
HEADINGS = {
    "Whose performance is known, and why not the others'?": (),
    "Is the interview confirmed by others, or by the interviewers themselves?": ("same_source_validity",),
    "Which scores predict, and where?": ("selection_validity",),
    "What if people were selected on something the scores do not hold?": ("validity_chain",),
    "Does each competency predict its own side of performance?": ("convergent_discriminant",),
    "What does each score add?": ("incremental_validity", "relative_weights"),
    "Does what decides also predict?": ("decision_weights",),
    "What is the score worth in use?": (
        "expectancy_table", "taylor_russell", "naylor_shine", "utility", "decision_consistency",
    ),
    "Does preparation move the score, and does that part predict?": ("preparation_effect",),
    "Were groups prepared alike?": ("access_difference",),
    "Do those with higher scores stay longer?": ("retention_hazard",),
    "Does it predict alike in every job family?": ("meta_analysis",),
    "How does it compare with published interviews?": ("published_position",),
    "What are the performance ratings worth?": ("g_coefficient",),
    "Is a straight line good enough?": ("criterion_regression",),
}  # fmt: skip


def is_kind(estimate: dict[str, Any], kind: tuple[str, str, str]) -> bool:
    return (estimate["family"], estimate["measure"], estimate["variant"]) == kind and (
        estimate["measure"] != "g_coefficient" or estimate["subject"]["criterion"] is not None
    )


def without(*kinds: tuple[str, str, str], **changed: Any) -> dict[str, Any]:
    """The sample less these estimates, and what hangs on them."""
    report = sample_validity.report(**changed)
    report["estimates"] = [e for e in report["estimates"] if not any(is_kind(e, kind) for kind in kinds)]
    known = {e["id"] for e in report["estimates"]}
    report["tests_run"] = [test for test in report["tests_run"] if test["estimate"] in known]
    report["findings"] = [f for f in report["findings"] if set(f["evidence"]) <= known]
    return report


def where(measure: str, variant: str | None = None, **values: Any) -> dict[str, Any]:
    """The sample, all estimates of one measure with other values; `detail` is merged into what is there."""
    report = sample_validity.report()
    for estimate in report["estimates"]:
        wanted = estimate["measure"] == measure and variant in (None, estimate["variant"])
        if wanted and not (measure == "g_coefficient" and estimate["family"] != "quality"):
            estimate |= {k: v for k, v in values.items() if k != "detail"}
            estimate["detail"] = estimate["detail"] | values.get("detail", {})
    return report


def ends(low: Any, high: Any) -> dict[str, Any]:
    return {"low": low, "high": high, "level": 0.95, "method": "made by hand"}


def chapter(report: dict[str, Any]) -> str:
    """The words of chapter 4."""
    page = render(report)
    part = re.search(r'<section id="predict".*?(?=<section id="(?:groups|alike|tested|standards))', page, re.DOTALL)
    assert part is not None
    text = re.sub(r"<svg.*?</svg>|<[^>]+>", " ", part[0], flags=re.DOTALL)
    return re.sub(
        r"\s+", " ", text.replace("&#39;", "'").replace("&lt;", "<").replace("\u202f", " ").replace("\u00a0", " ")
    )


def blocks(report: dict[str, Any]) -> list[dict[str, Any]]:
    made = prediction.chapter(report)
    assert made is not None
    return list(made.blocks)


def whole(report: dict[str, Any]) -> str:
    """The page reads well: no broken word, no forbidden one, no heading without something below it."""
    said = read(report)
    assert broken(said) == []
    assert not NEVER.search(said)
    if (made := prediction.chapter(report)) is not None:
        kinds = [block["kind"] for block in made.blocks]
        assert "heading heading" not in " ".join(kinds)
        assert kinds[-1] != "heading"
        for block in made.blocks:
            assert block.get("rows", True), block
            assert block.get("paragraphs", True), block
    return said


# --- what is said ----------------------------------------------------------------------------------------------------


def test_every_block_is_there_and_speaks_in_whole_words() -> None:
    said = whole(protect(sample_validity.report()))
    for heading in HEADINGS:
        assert heading in said


@pytest.mark.parametrize(
    "words",
    [
        # the ladder
        "User interviews: from the observed to the corrected correlation with performance (performance as rated by people "
        "who had not interviewed the person)",
        "Operational validity: the same, ratings freed of disagreement .45 [.35, .55]",
        "Among the 60 people with ratings the correlation is .20 (95 % interval .10 to .30). They were chosen out of 240",
        "their scores spread .64 times as much",
        "The managers' own agreement gives their mean rating a reliability of .57 [.42, .68].",
        "User interview Observed, among those with ratings .200 [.100, .300] .200 60 Managers err independently",
        "user interviews from .30 to .60",
        # who has a rating
        "… left before a first rating 7 … hired too lately for one 8",
        "Performance is known for 60 of 75 people accepted. 7 people left before a first rating",
        # sources
        "Performance rated by somebody else .21 [.05, .36]",
        "Whether interviewers confirm themselves more than others do, these data cannot tell: the difference is .14, 95 %",
        "The same person's less another's is .05 (95 % interval −.10 to .20)".replace("The", "the"),
        "This report leads with ratings by others",
        # competencies
        "Technical assessment .10 [−.16, .34] .30 [.05, .51] (the same on both sides) .10 [−.16, .34]",
        "Competencies go with their own side of performance more closely than with the other sides: .30 against .10",
        "In 1 of 1 cases",
        "it explains 2.0 more parts in 100 of the differences in performance (R² from .03 to .05, p = .030, q = .036 ",
        "HR interview .010 [.001, .050] .010 [.001, .050] 20 %",
        # decisions
        "HR interview: decides .50 [.40, .60] HR interview: predicts .40 [.10, .70]",
        ".96, 95 % interval .80 to .99 (240 candidates, 75 accepted, performance known for 60)",
        "The weights that the decisions imply, kept to strictly 0.28 [.10, .50] 90 %",
        "31 % (as now) 0.40 [.20, .60]",
        "Lowest fifth 1.00 to 1.90 48 6 3.00 [2.80, 3.20]",
        "of 100 people accepted by their scores, 68 would perform above the middle of all candidates (60 to 77)",
        "that is 120,000 a year for those accepted, costs taken off (60,000 to 180,000)",
        "would put 76 of 100 candidates on the same side of the cut",
        "29 in 100 candidates lie within one standard error of it (.46 points); of those, 48 in 100 would change sides",
        # preparation
        "Preparation goes with 6.0 parts in 100 of the differences between candidates' scores",
        "A point of score from preparation goes with .10 standard deviations of performance (−.20 to .40)",
        "Access differs beyond chance between women : men (mock interview: −.20, q = .004, 100 and 120 people)",
        # staying
        "The data cannot tell whether scores go with staying: per standard deviation of score the rate of leaving is .88",
        "12 of 75 people have left",
        "90 % stayed that long",
        "Upper half of the score 12 90 % 80 % to 97 % 30",
        # comparisons
        "Sales, shrunken .25 [.05, .45]",
        "with chance explaining 80 % of the differences between families and a standard deviation of .05 left",
        "As observed, about 42 in 100 published interviews have a lower validity than this one (22 to 64); 160 studies",
        "Corrected alike, by this audit's own restriction of range (u .64) and reliability of ratings (.57)",
        # the ratings
        "Overall performance: about 70 parts in 100 of the differences between people's mean ratings go with the people",
        "Ratings lie at 68 % of the way up their scale, 59 % of them on its two highest points, and spread .70 times",
        "The longer after hiring, the higher the rating (standardized slope .05",
        "correlate .90 (95 % interval .80 to .95, 40 people); from one cycle to the next they rise (on average .10 points",
        "Punctuality Reliability of the mean rating, G(q,k) .700 [.600, .780] 60",
        "no bend in the relation is seen (quadratic term p = .40; slope .31 below and .28 above the middle score, p = .50",
        "Standardized slope, single ratings, errors by manager .210 [.060, .360] 60 –",
    ],
)  # fmt: skip
def test_what_is_said(words: str) -> None:
    assert words in chapter(protect(sample_validity.report()))


STRONGER = {"value": 0.3, "interval": ends(0.1, 0.5)}
WEAKER = {"value": -0.3, "interval": ends(-0.5, -0.1)}
UNSURE = {"value": 0.1, "interval": ends(-0.1, 0.3)}
NO_VALUE = {"value": None, "interval": None, "cautions": [{"code": "NOT_ESTIMABLE", "text": WHY}]}


@pytest.mark.parametrize(
    ("measure", "variant", "values", "words"),
    [
        ("same_source_validity", "panel", STRONGER, "Interviewers' own later ratings confirm their scores more than others'"),
        ("same_source_validity", "panel", WEAKER, "Others' ratings confirm the scores more than the interviewers' own do"),
        ("same_source_validity", "panel", NO_VALUE, f"The two cannot be compared. {WHY}."),
        ("convergent_discriminant", "", WEAKER, "Competencies go with other sides of performance more closely than with"),
        ("convergent_discriminant", "", UNSURE, "Whether competencies tell the sides of performance apart, these data"),
        ("convergent_discriminant", "", NO_VALUE, f"sides of performance apart cannot be told. {WHY}."),
        ("retention_hazard", "", {"value": 0.8, "interval": ends(0.7, 0.9)}, "The data indicate that higher scores stay"),
        ("retention_hazard", "", {"value": 1.4, "interval": ends(1.1, 1.8)}, "indicate that higher scores leave sooner"),
        ("preparation_effect", "", {"detail": {"reading": "predicts"}}, "goes with preparation predicts performance, too."),
        ("preparation_effect", "", {"detail": {"reading": "does_not_predict"}}, "lifts the score without lifting what"),
        ("preparation_effect", "", {"detail": {"slope_prepared": None}}, "performance, these data cannot tell. Were groups"),
        ("g_coefficient", "", NO_VALUE, f"how far managers agree cannot be estimated. {WHY}."),
        ("criterion_regression", "time_since_hire", WEAKER, "The longer after hiring, the lower the rating"),
        ("criterion_regression", "time_since_hire", UNSURE, "Ratings show no trend with time since hiring"),
        ("rating_stability", "", {"detail": {"change": {"mean": 0.1, "low": -0.1, "high": 0.3}}}, "neither rise nor"),
        ("rating_stability", "", {"detail": {"change": {"mean": -0.2, "low": -0.3, "high": -0.1}}}, "they fall (on average"),
        ("meta_analysis", "job_families", {"detail": {"percent_error": 120.0}}, "chance alone explains all of"),
        ("validity_chain", None, NO_VALUE, f"{WHY}."),
        ("criterion_regression", "uneven_spread", {"detail": {"curvature": {"quadratic": {"p": 0.01}}}}, "relation bends"),
    ],
)  # fmt: skip
def test_each_branch_has_its_sentence(measure: str, variant: str | None, values: dict[str, Any], words: str) -> None:
    report = protect(where(measure, variant, **copy.deepcopy(values)))
    whole(report)
    assert words in chapter(report)


def test_when_interviewers_rate_most_of_those_they_met_the_ladder_warns() -> None:
    report = without(("validity", "validity_chain", "other_source"))
    for found in of(report, "same_source_validity"):
        found["detail"] |= {"same_share": 0.9}
    said = whole(protect(report))
    assert "But most of these ratings come from people who had interviewed the person" in said
    assert "Too few people were rated by others: this report leads with all ratings, a reason for caution." in said
    assert "(all performance ratings)" in said
    assert "The managers' own agreement" not in said


def test_when_all_ratings_are_by_interviewers_the_first_screen_says_so() -> None:
    report = without(("validity", "validity_chain", "other_source"))
    for found in of(report, "same_source_validity"):
        found |= copy.deepcopy(NO_VALUE)
        found["n"] = found["n"] | {"people_different": 0}
        found["detail"] |= {
            "different": {"r": None, "low": None, "high": None, "rows": 0, "people": 0},
            "same_share": 1.0,
        }
    said = whole(protect(report))
    assert "All performance ratings come from people who had interviewed the candidate (observed .35)." in said
    assert "Performance rated by somebody else cannot tell" in said


def test_a_few_ratings_by_others_are_not_called_none() -> None:
    report = sample_validity.report()
    for found in of(report, "same_source_validity"):
        found["detail"]["different"]["people"] = found["n"]["people_different"] = 4
    said = whole(protect(report))
    assert "All performance ratings come from" not in said
    assert "rated by an own interviewer: .35; too few people were rated by somebody else to compare." in said


def test_what_leads_is_told_as_it_is_even_where_nothing_can_be_compared() -> None:
    said = whole(protect(where("same_source_validity", **copy.deepcopy(NO_VALUE))))
    assert f"The two cannot be compared. {WHY}. This report leads with ratings by others" in said
    assert "leads with all ratings" not in said
    alone = without(*(kind for kind in KINDS if kind[1] == "validity_chain"))
    assert "This report leads" not in whole(protect(alone))


def test_an_assumed_reliability_is_told_as_such() -> None:
    report = sample_validity.report()
    for found in of(report, "validity_chain"):
        found["cautions"] = [{"code": "ASSUMED_RELIABILITY", "text": "assumed"}]
        found["detail"]["criterion"] = {"reliability": None, "assumed_reliability": 0.52, "low": None, "high": None}
    said = whole(protect(report))
    assert "reliability is assumed to be .52: too few people were rated by two managers to estimate it." in said


def test_without_a_matched_pair_nothing_is_compared() -> None:
    report = where("convergent_discriminant", **copy.deepcopy(NO_VALUE))
    for row in next(of(report, "convergent_discriminant"))["detail"]["matrix"]:
        row["matched"] = False
    said = whole(protect(report))
    assert "No dimension of performance has the name of a competency: which pairs belong together is not known." in said
    assert "(the same on both sides)" not in said


@pytest.mark.parametrize(
    ("structured", "words"),
    [
        (None, "about 42 in 100 published interviews have a lower validity than this one (22 to 64)"),
        (True, "about 42 in 100 published structured interviews have a lower"),
        (False, "about 42 in 100 published unstructured interviews have a lower"),
    ],
)
def test_the_published_set_follows_the_configuration(structured: bool | None, words: str) -> None:
    report = sample_validity.report()
    policy = copy.deepcopy(sample.POLICY)
    policy["audit"]["interview_structured"] = structured
    report["policy"] = policy
    said = chapter(protect(report))
    assert words in said
    assert ("is not configured" in said) == (structured is None)


def test_exports_without_decisions_say_what_is_unknown() -> None:
    report = sample_validity.report()
    report["inputs"]["counts"] |= {"hired": 0, "undecided": 240, "hired_performance_known": 0}
    said = chapter(protect(report))
    assert "those with a rating count as selected, and why the others have none is unknown" in said
    assert "Accepted" not in said.split("From interview to performance rating")[1].split("Is the interview")[0]


@pytest.mark.parametrize("q", [0.2, 0.05])
def test_what_is_added_must_hold_after_allowing_for_the_number_of_tests(q: float) -> None:
    report = sample_validity.report()
    for test in report["tests_run"]:
        test["q"] = q
    said = chapter(protect(report))
    assert "Whether the user interview tells more than the HR interview already did, these data cannot tell" in said
    assert "The user interview tells something" not in said


def test_access_alike_says_how_sure() -> None:
    report = sample_validity.report()
    for test in report["tests_run"]:
        test["q"] = 0.4
    said = chapter(protect(report))
    assert "No difference in access beyond chance was seen; the intervals show how large one could be." in said
    assert "Access differs" not in said


# --- the file, and those who do not see the picture ------------------------------------------------------------------


def test_the_report_meets_its_schema_before_and_after_the_gate() -> None:
    schema = json.loads((importlib.resources.files("schemas") / "report.schema.json").read_text("utf-8"))
    report = sample_validity.report()
    jsonschema.validate(report, schema)
    jsonschema.validate(protect(report), schema)


def test_the_heat_map_is_told_without_colour() -> None:
    page = render(protect(sample_validity.report()))
    table = re.search(r'<table class="heat">.*?</table>', page, re.DOTALL)
    assert table is not None
    cells = re.findall(r'<td class="heat(\d)( apart)?">(.*?)</td>', table[0], re.DOTALL)
    assert len(cells) == 6
    for level, apart, told in cells:
        assert re.match(r"−?\.\d\d \[", told)
        assert bool(apart) == ("(the same on both sides)" in told)
        assert 0 <= int(level) <= 5
    assert sum(bool(apart) for _, apart, _ in cells) == 1
    assert "<caption>" in table[0]
    assert table[0].count('scope="row"') == 2
    assert table[0].count('scope="col"') == 4


def test_a_withheld_cell_of_the_heat_map_has_no_colour_and_still_says_that_it_matches() -> None:
    report = sample_validity.report()
    row = next(r for r in next(of(report, "convergent_discriminant"))["detail"]["matrix"] if r["matched"])
    row["n"] = 4
    page = render(protect(report))
    assert re.search(r'<td class="heat0 apart">–<span class="hidden"> \(the same on both sides\)</span></td>', page)


def test_every_picture_of_the_chapter_is_told() -> None:
    page = render(protect(sample_validity.report()))
    part = page[page.index('<section id="predict"') : page.index('<section id="standards"')]
    for svg in re.findall(r'<svg[^>]*role="img".*?</svg>', part, re.DOTALL):
        assert re.search(r"<title>[^<]+</title><desc>[^<]+</desc>", svg), svg[:200]


def test_steps_are_in_the_order_of_the_ladder() -> None:
    table = next(b for b in blocks(protect(sample_validity.report())) if b["kind"] == "table")
    assert [row[2] for row in table["rows"]] == [f".{20 + 5 * at}0" for at in range(len(STEPS))]
