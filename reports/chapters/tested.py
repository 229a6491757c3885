"""Chapter 6: what was tested, and what could have been seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import sentences, view
from reports.blocks import Chapter, table, text
from reports.chapters.self_test import self_test
from reports.evidence import by_id

Entry = Mapping[str, Any]
HOW_SELF_TESTED = (
    " The self-test draws scores from the components estimated in the data, in their very design (parametric draws), with "
    "Clopper–Pearson intervals."
)
LIMIT_OF_SELF_TEST = (
    "The self-test takes the estimated components as true and draws normal scores; interviewers may go wrong in ways that "
    "were not planted."
)
DETECTABLE = {
    "r": "correlation",
    "d": "standardized difference",
    "sd": "spread (SD)",
    "delta": "delta",
    "shift": "shift",
    "log_odds_ratio": "shift in log odds",
}


def chapter(report: Entry) -> Chapter | None:
    tests, planted = report["tests_run"], self_test(report)
    if not tests and not report["findings"] and not planted:
        return None
    level = report["policy"]["policy"]["significance"]
    below, kept = sum(t["p"] < level for t in tests), sum(t["q"] < level for t in tests)
    said = (
        f"{view.plural(len(tests), 'test')} were run: {view.count(below)} have p under "
        f"{view.coefficient(level)}, {view.count(kept)} "
        f"remain after allowing for their number (q under {view.coefficient(level)}). "
        f"With no difference anywhere, about {view.rough(level * len(tests))} would have had p under "
        f"{view.coefficient(level)} by chance."
    )
    blocks = [
        text(said) if tests else text("No significance test was run."),
        _families(report),
        _ledger(report),
        _detectable(report),
        *planted,
        _states(report),
    ]
    return Chapter(
        id="tested",
        title="What was tested, and what could have been seen",
        question="How many questions were put to these data, and which effects would have gone unnoticed?",
        blocks=[block for block in blocks if block is not None],
        computed=(
            "Every significance test of the audit enters one ledger; q is the false-discovery "
            "adjusted p over all of them (Benjamini & Hochberg 1995). "
            "Detectable effects are those a two-sided 5 % test would have found with 80 % power."
            + (HOW_SELF_TESTED if planted else "")
        ),
        command="fairpanel audit --json",
        limits=[
            "Adjustment covers the tests in this report, not those of earlier reports or of other "
            "questions put to the same data.",
            *([LIMIT_OF_SELF_TEST] if planted else []),
        ],
    )


def _about(estimate: Entry | None) -> str:
    if estimate is None:
        return view.MISSING
    subject = estimate["subject"]
    pair = f"{sentences.pair(subject)}, " if subject.get("group") else ""
    return view.sentence(f"{pair}{sentences.about(subject)}")


def _ledger(report: Entry) -> dict[str, Any] | None:
    lines = [
        (
            _about(by_id(report, t["estimate"])),
            view.label(t["family"]),
            view.label(t["name"]),
            view.p_value(t["p"]),
            view.p_value(t["q"]),
        )
        for t in sorted(report["tests_run"], key=lambda t: (t["q"], t["p"], t["estimate"]))
    ]
    return (
        table("All tests, smallest q first", ("About", "Family", "Test", "p", "q"), lines, words=(1, 2), folded=True)
        if lines
        else None
    )


def _families(report: Entry) -> dict[str, Any] | None:
    """How many tests each family of questions holds, and how many speak before and after allowing for their number."""
    level = report["policy"]["policy"]["significance"]
    families: dict[str, list[Entry]] = {}
    for test in report["tests_run"]:
        families.setdefault(test["family"], []).append(test)
    lines = [
        (
            view.sentence(view.label(name)),
            view.count(len(tests)),
            view.count(sum(t["p"] < level for t in tests)),
            view.few(level * len(tests)),
            view.count(sum(t["q"] < level for t in tests)),
        )
        for name, tests in sorted(families.items())
    ]
    names = (
        "Family",
        "Tests",
        f"p under {view.coefficient(level)}",
        "Expected by chance",
        f"q under {view.coefficient(level)}",
    )
    return table("Tests by family of questions", names, lines) if lines else None


def _detectable(report: Entry) -> dict[str, Any] | None:
    lines = []
    for finding in report["findings"]:
        found = finding["detectable"] or {}
        shown = _effect(finding["rule"], found)
        if not finding["leading"] or shown is None:
            continue
        subject = finding["subject"]
        pair = f"{sentences.pair(subject)}, " if subject.get("group") else ""
        lines.append((view.sentence(f"{pair}{sentences.about(subject)}"), *shown, sentences.STATES[finding["state"]]))
    columns = ("About", "Effect", "Smallest that could have been seen", "Finding")
    return table("What could have been seen", columns, lines, words=(1, 3), folded=len(lines) > 10) if lines else None


def _effect(rule: str, found: Entry) -> tuple[str, str] | None:
    for key, name in DETECTABLE.items():
        if found.get(key) is not None:
            return name, view.coefficient(abs(found[key]))
    if found.get("difference") is None:
        return None
    if rule == "prediction":
        return "slope difference", view.coefficient(abs(found["difference"]))
    return "selection rate gap", f"{view.rough(abs(100 * found['difference']))} in 100"


def _states(report: Entry) -> dict[str, Any]:
    names = {"reliable": "Reliable?", "predictive": "Predictive?", "alike": "Alike for groups?"}
    lines = []
    for question, name in names.items():
        found = [f["state"] for f in report["findings"] if f["question"] == question]
        lines.append((name, *(view.count(found.count(state)) for state in sentences.STATES)))
    return table("Findings by state, over all slices", ("Question", *sentences.STATES.values()), lines)
