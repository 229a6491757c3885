"""What findings say, and which words they never use."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from fairpanel.profile import BUNDLED, bundled
from reports import sentences
from reports.disclosure import protect
from reports.first_screen import first_screen, people_needed
from reports.html import render
from tests.reports import sample

NEVER = re.compile(
    r"\b(prov(e|es|ed|en|ing)|(un)?fair(ly|ness)?|(un)?biased|bias-free|discriminat\w+|guarantees?)\b", re.IGNORECASE
)
TAGS = re.compile(r"<style>.*?</style>|<[^>]+>", re.DOTALL)


def words(page: str) -> str:
    """The text of a page, without the titles of works it cites."""
    text = re.sub(r"<details><summary>Sources of the methods used.*?</details>", "", page, flags=re.DOTALL)
    return html.unescape(TAGS.sub(" ", text))


def test_no_report_uses_a_word_that_claims_too_much(sample_reports: dict[str, dict[str, Any]]) -> None:
    for name, report in sample_reports.items():
        for finding in report["findings"]:
            said = sentences.say(finding, report)
            assert not NEVER.search(f"{said.text} {said.step}"), (name, said)
        assert not NEVER.search(words(render(report))), name


def test_the_wording_rule_would_catch_such_words() -> None:
    for word in ("proves", "fair", "Unfair", "unbiased", "bias-free", "discriminates", "fairness"):
        assert NEVER.search(f"This {word} it.")
    assert not NEVER.search("Fairpanel indicates an unfairly".replace("unfairly", "effect"))


def test_every_finding_of_every_report_is_whole_sentences(sample_reports: dict[str, dict[str, Any]]) -> None:
    for report in sample_reports.values():
        for finding in report["findings"]:
            said = sentences.say(finding, report)
            assert re.fullmatch(r"[^a-z].*[.]", said.text, re.DOTALL), said
            assert not re.search(r"\bNone\b|\bnan\b|\{|\}|  |\.\.|–\s", said.text + said.step), said
            assert bool(said.step) == (finding["state"] in ("alert", "concern")), said
            assert bool(said.who) == bool(said.step)


def test_selection_is_told_in_natural_frequencies() -> None:
    report = protect(sample.report())
    finding = next(f for f in report["findings"] if f["rule"] == "selection")
    said = sentences.say(finding, report)
    assert said.effect.startswith("Of 100 women and 100 men interviewed, 25 and 35 were accepted (impact ratio .71, 95")
    assert said.consequence.startswith(
        "A ratio below the mark of .80 is where this audit's policy asks for a closer look"
    )


def test_a_profile_words_the_same_finding() -> None:
    for name, words in (
        (
            "us",
            "below four fifths is prima facie evidence of adverse impact in United States practice, not a definition",
        ),
        ("nyc", "Local Law 144 asks for the ratio to be published and sets no limit"),
        (
            "uk",
            "section 19 asks whether a practice puts people who share a characteristic at a particular disadvantage",
        ),
        ("id", "Law 13 of 2003 gives everyone the same chance of employment and names no ratio"),
    ):
        report = protect(sample.report(policy=sample.POLICY | {"profile": bundled(name).model_dump(mode="json")}))
        said = sentences.say(next(f for f in report["findings"] if f["rule"] == "selection"), report)
        assert words in said.consequence
        assert said.who == report["policy"]["profile"]["wording"]["adviser"]


@pytest.mark.parametrize("name", [name for name in BUNDLED if name not in ("us", "nyc")])
def test_only_two_profiles_speak_of_four_fifths(name: str) -> None:
    report = protect(sample.report(policy=sample.POLICY | {"profile": bundled(name).model_dump(mode="json")}))
    page = words(render(report))
    assert not re.search(r"four[- ]fifths|80 % rule|29 CFR", page, re.IGNORECASE)
    assert not NEVER.search(page)


@pytest.mark.parametrize("name", ["us", "nyc"])
def test_two_profiles_name_four_fifths(name: str) -> None:
    report = protect(sample.report(policy=sample.POLICY | {"profile": bundled(name).model_dump(mode="json")}))
    page = words(render(report))
    assert "four fifths" in page
    assert not NEVER.search(page)


def test_another_mark_is_told_by_its_number() -> None:
    policy = sample.POLICY | {"profile": bundled("us").model_dump(mode="json")}
    policy |= {"policy": sample.POLICY["policy"] | {"impact_ratio": 0.75}}
    report = protect(sample.report(policy=policy))
    assert "the mark of .75" in words(render(report))
    told = [sentences.say(finding, report).text for finding in report["findings"]]
    assert not any("four fifths" in text for text in told)


def test_the_interval_over_all_pairs_is_told_where_the_data_chose_the_pair() -> None:
    report = sample.report()
    ratio = next(e for e in report["estimates"] if e["measure"] == "impact_ratio")
    ratio["detail"]["over_all_pairs"] = {"pairs": 10, "low": 0.41, "high": 1.32, "level": 0.95}
    finding = next(f for f in report["findings"] if f["rule"] == "selection")
    assert (
        "allowing for all 10 pairs of groups, the interval widens to .41 to 1.32 (Bonferroni)"
        in sentences.say(finding, report).text
    )


def test_more_raters_comes_from_the_d_study() -> None:
    assert (
        sentences.more_raters(sample.reliability())
        == ".70 needs about 2 more interviewers a candidate (4 instead of 2)."
    )


@pytest.mark.parametrize(
    ("question", "state", "value", "word"),
    [
        ("reliable", "concern", 0.6, "Partly"),
        ("predictive", "none_seen", 0.1, "Yes, weakly"),
        ("predictive", "none_seen", 0.36, "Yes, moderately"),
        ("predictive", "none_seen", 0.4, "Yes, strongly"),
        ("alike", "cannot_tell", None, "Cannot tell"),
    ],
)
def test_verdict_words_are_a_fixed_vocabulary(question: str, state: str, value: float | None, word: str) -> None:
    assert sentences.verdict(question, state, value) == word


def test_an_unreliable_score_is_named_in_the_box_that_rests_on_it() -> None:
    report = protect(sample.report())
    alike = first_screen(report)["boxes"][2]
    assert alike["word"] == "One concern"
    assert "Rests on a partly reliable score (G .62)." in alike["lines"]


def test_what_cannot_be_told_says_what_would_tell_it() -> None:
    report = protect(sample.report())
    first = first_screen(report)
    assert first["boxes"][1]["word"] == "Cannot tell"
    assert first["boxes"][1]["lines"] == [
        "Performance is known for 0 candidates; 85 with performance ratings would let an audit see a correlation of .30."
    ]
    assert people_needed(0.3) == 85


def test_a_suppressed_finding_says_so() -> None:
    report = protect(sample.report({"women": (100, 25), "men": (120, 42), "nonbinary": (30, 3)}, units=300))
    finding = next(f for f in report["findings"] if f["rule"] == "selection")
    said = sentences.say(finding, report)
    assert "cannot be estimated" in said.effect
    assert "withheld" in said.uncertainty
    assert any("not shown" in line for line in first_screen(report)["cannot_tell"])


def test_next_steps_name_who_can_act_and_come_once() -> None:
    steps = first_screen(protect(sample.report()))["steps"]
    assert [step["who"] for step in steps] == [
        "Interview training and the heads of hiring teams",
        "The head of hiring with the people-analytics team",
    ]
