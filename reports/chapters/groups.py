"""Chapter 5: alike for groups?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import marks, view
from reports.blocks import Chapter, heading, table
from reports.chapters.alike.course import course
from reports.chapters.alike.crossed import crossed
from reports.chapters.alike.panels import decided_otherwise, panels, similarity
from reports.chapters.alike.prediction import as_closely, at_the_cut, prediction, unreliable
from reports.chapters.alike.scores import distributions, gaps, item_bias, scoring_rates, shares
from reports.chapters.alike.selection import selection
from reports.chapters.alike.told import CROSS
from reports.chapters.alike.tradeoff import tradeoff
from reports.chapters.alike.why import why
from reports.chapters.alike.why_crossed import why_crossed
from reports.evidence import attributes_of, select

Entry = Mapping[str, Any]


def chapter(report: Entry) -> Chapter | None:
    attributes = attributes_of(report)
    if not attributes:
        return None
    blocks: list[dict[str, Any]] = []
    for attribute in sorted(attributes, key=lambda name: (CROSS in name, name)):
        blocks += [heading(f"By {view.label(attribute)}"), *_of(report, attribute)]
    blocks += _withheld(report)
    return Chapter(
        id="groups",
        title="Alike for groups?",
        question=(
            "Do groups pass each stage at like rates, score alike, and does a score promise the same performance? And where "
            "they do not: where does the gap arise?"
        ),
        blocks=blocks,
        computed=(
            f"Impact ratios with Koopman's score interval, {marks.mark(report)} judged "
            f"{'in whole numbers' if marks.mark(report) == 'four fifths' else 'as set by the policy'}; "
            "Hedges' g for scores; moderated regression with robust errors for prediction; panels by generalized "
            "least squares; "
            "interviewers' own gaps and crossed groups with partial pooling. Selection is compared with "
            f"{_rule(report)}, scores with the largest group."
        ),
        command="fairpanel measure impact_ratio people.csv --group group --selected selected",
        limits=_limits(report, attributes),
    )


def _of(report: Entry, attribute: str) -> list[dict[str, Any]]:
    if CROSS in attribute:
        return [
            *selection(report, attribute),
            *crossed(report, attribute),
            *why_crossed(report, attribute),
            *scoring_rates(report, attribute),
        ]
    return [
        *selection(report, attribute),
        *why(report, attribute),
        *gaps(report, attribute),
        *distributions(report, attribute),
        *scoring_rates(report, attribute),
        *shares(report, attribute),
        *item_bias(report, attribute),
        *panels(report, attribute),
        *decided_otherwise(report, attribute),
        *prediction(report, attribute),
        *at_the_cut(report, attribute),
        *unreliable(report, attribute),
        *as_closely(report, attribute),
        *tradeoff(report, attribute),
        *course(report, attribute),
    ]


def _rule(report: Entry) -> str:
    if report["policy"]["audit"]["reference_rule"] == "largest":
        return "the largest group"
    return "the highest rate among groups of the minimum share"


def _limits(report: Entry, attributes: list[str]) -> list[str]:
    cell = report["policy"]["disclosure"]["minimum_cell"]
    limits = [
        marks.limit(report),
        "A difference between groups says that outcomes differ, not why; an absent difference says no more "
        "than its interval.",
        f"Figures resting on fewer than {cell} people in a cell are not shown, nor what would give them away.",
        marks.minority(report),
    ]
    if any(e["detail"].get("over_all_pairs") for e in select(report, "impact_ratio")):
        limits.append(
            "With more than two groups the data choose which pair is compared; the wider interval "
            "over all pairs (Bonferroni) allows for it."
        )
    if select(report, "differential_prediction"):
        limits.append(
            "Performance is known of those accepted: selection on the score alone leaves lines as they are, "
            "selection on more "
            "than the score does not; correlations by group shrink with the narrower range in either case."
        )
    for attribute in attributes[:1]:
        limits += similarity(report, attribute)
    return [limit for limit in limits if limit]


def _withheld(report: Entry) -> list[dict[str, Any]]:
    """What disclosure control took out, without saying which cell was the small one."""
    lines_ = []
    for entry in report["suppressed"]:
        subject = entry["subject"]
        where = f"{view.stages(subject['stage'])}, {view.family(subject['job_family'])}"
        lines_.append(
            (f"{view.label(subject['group'])} ({view.label(subject['attribute'])})", where, entry["what"], entry["why"])
        )
    if not lines_:
        return []
    columns = ("Group", "Where", "Withheld", "Why")
    return [table("Withheld to protect small groups", columns, lines_, words=(1, 2, 3), folded=True)]
