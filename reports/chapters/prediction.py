"""Chapter 4: does it predict?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import sentences, view
from reports.blocks import Chapter, findings, forest, heading, table, text
from reports.chapters.competency_validity import added, matrix
from reports.chapters.criterion import known, quality, staying
from reports.chapters.decisions import in_use, weighed
from reports.chapters.ladder import WHOSE, ladder, leading_chain, sensitivity
from reports.chapters.preparation import preparation
from reports.chapters.published import families, published
from reports.chapters.sources import same_source
from reports.evidence import ends, leading_findings, select, stages_of, wholes_first
from reports.figures import spanning

Entry = Mapping[str, Any]
FIGURES = (
    ("pearson", "", "Observed, among those with ratings (Pearson)"),
    ("spearman", "", "Observed, ranks (Spearman)"),
    ("polyserial", "", "Observed, with the quality behind the rating (polyserial)"),
    ("criterion_regression", "uneven_spread", "Standardized slope, errors for uneven spread (HC3)"),
    ("criterion_regression", "by_manager", "Standardized slope, single ratings, errors by manager"),
    ("selection_validity", "em", "Among all candidates of the stage (maximum likelihood)"),
)


def chapter(report: Entry) -> Chapter | None:
    if not select(report, "pearson") and not leading_findings(report, "predictive"):
        return None
    blocks: list[dict[str, Any]] = [
        *ladder(report),
        findings([(f["state"], sentences.say(f, report).text) for f in leading_findings(report, "predictive")]),
        *known(report),
        *same_source(report),
        *_by_slice(report),
        *sensitivity(report),
        *matrix(report),
        *added(report),
        *weighed(report),
        *in_use(report),
        *preparation(report),
        *staying(report),
        *families(report),
        *published(report),
        *quality(report),
        *_bends(report),
        *_table(report),
    ]
    return Chapter(
        id="predict",
        title="Does it predict?",
        question="Do candidates with higher interview scores later perform better?",
        blocks=blocks,
        computed=(
            "Correlations with later performance among those with ratings; then maximum likelihood among all candidates, "
            "given that performance is missing at random once the recorded scores are known; then the managers' own "
            "disagreement taken out of the ratings. Intervals of the ladder: candidates drawn anew, every reliability "
            "re-estimated each time. Each corrected figure stands beside the observed one."
        ),
        command=(
            "fairpanel measure validity_chain ratings.csv --unit candidate --predictor user --criterion performance "
            "--selected hired --covariates hr"
        ),
        limits=_limits(report),
    )


def _limits(report: Entry) -> list[str]:
    limits = [
        "Performance is known for those who were hired and stayed to be rated; the figures among all candidates assume that, "
        "given the recorded scores, it is missing at random. The table on hidden selection shows how far it moves them.",
        "Straight lines are taken to go on below the range of those hired, where there are no data.",
        "Performance ratings are judgements too, with their own errors and their own raters.",
    ]
    chains = [leading_chain(report, stage) for stage in stages_of(report, "validity_chain")]
    whose = {chain["variant"] for chain in chains if chain is not None}
    limits += [f"The ladder takes {view.listed([WHOSE[source] for source in sorted(whose)])}."] if whose else []
    reliability = report["policy"]["audit"]["criterion_reliability"]
    if reliability is not None:
        limits.append(
            "Where too few people have two raters, the reliability of performance ratings is assumed to be "
            f"{view.coefficient(reliability)} (Viswesvaran, Ones & Schmidt 1996)."
        )
    return limits


def _by_slice(report: Entry) -> list[dict[str, Any]]:
    """The correlation among all candidates, by competency and job family."""
    blocks: list[dict[str, Any]] = []
    for stage in stages_of(report, "pearson"):
        parts = [(_name(e), e) for e in wholes_first(select(report, "selection_validity", "em", stage=stage))]
        if len(parts) > 1:
            caption = (
                f"{view.sentence(view.stages(stage))}: correlation among all candidates, by competency and job family"
            )
            axis = spanning(ends(parts), always=(0.0, 0.6), limits=(-1.0, 1.0))
            blocks.append(forest(caption, parts, axis, [(0.0, "none")]))
    return [heading("Which scores predict, and where?"), *blocks] if blocks else []


def _name(estimate: Entry) -> str:
    subject = estimate["subject"]
    what = view.sentence(view.competency(subject["competency"]))
    return what if subject["job_family"] is None else f"{what}, {view.family(subject['job_family'])}"


def _bends(report: Entry) -> list[dict[str, Any]]:
    """Whether the straight line is good enough."""
    said = []
    for estimate in select(report, "criterion_regression", "uneven_spread"):
        curvature = estimate["detail"].get("curvature") or {}
        p = (curvature.get("quadratic") or {}).get("p")
        if p is None:
            continue
        bend = curvature.get("bend") or {}
        below, above = bend.get("below") or {}, bend.get("above") or {}
        where = view.sentence(view.stages(estimate["subject"]["stage"]))
        slopes = (
            f"slope {view.coefficient(below.get('slope'))} below and {view.coefficient(above.get('slope'))} above the middle "
            f"score, {view.p_equals(bend.get('p'))}"
        )
        test = f"quadratic term {view.p_equals(p)}; {slopes}; {view.count(estimate['n']['people'])} people"
        told = "the relation bends" if p < 0.05 else "no bend in the relation is seen"
        said.append(f"{where}: {told} ({test}).")
    return [heading("Is a straight line good enough?"), text(*said)] if said else []


def _table(report: Entry) -> list[dict[str, Any]]:
    rows = []
    for stage in stages_of(report, "pearson"):
        for measure, variant, name in FIGURES:
            for estimate in select(report, measure, variant, stage=stage):
                n = estimate["n"]
                people, pool = n.get("hired", n.get("people")), n.get("applicants")
                figures = (view.coefficient(estimate["value"], 3), view.interval(estimate["interval"], 3))
                rows.append(
                    (sentences.title(estimate["subject"]), name, *figures, view.count(people), view.count(pool))
                )
    columns = ("Score", "Figure", "Value", "Interval", "With performance", "Candidates")
    return [table("Relations with later performance", columns, rows, words=(1,), folded=True)] if rows else []
