"""Chapter 2: do interviewers agree?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import sentences, view
from reports.blocks import Chapter, findings, forest, heading, picture, rows, table, text
from reports.chapters import competencies, contrasts, pairings
from reports.evidence import LEADS, first, leading_findings, select, stages_of, wholes_first
from reports.figures import Axis, Line, lines, stacked

Entry = Mapping[str, Any]
COEFFICIENTS = (
    ("g_coefficient", None, "G(q,k)"),
    ("icc", "A,1", "ICC(A,1)"),
    ("icc", "A,k", "ICC(A,k)"),
    ("krippendorff_alpha", None, "Krippendorff's α"),
    ("gwet_ac", "ordinal", "Gwet's AC2, ordinal weights"),
    ("cronbach_alpha", None, "Cronbach's α of the competencies"),
    ("omega_total", None, "McDonald's ω of the competencies"),
)
PARTS = ("candidates", "interviewers", "residual: chance and what is specific to a pair")


def chapter(report: Entry) -> Chapter | None:
    all_g = wholes_first(select(report, "g_coefficient", family="reliability"))
    if not all_g:
        return None
    acceptable = report["policy"]["policy"]["reliability_acceptable"]
    references = [(acceptable, f"{view.coefficient(acceptable)} wanted")]
    said = [(f["state"], sentences.say(f, report).text) for f in leading_findings(report, "reliable")]
    blocks: list[dict[str, Any]] = []
    for stage in stages_of(report, "g_coefficient"):
        here = [(_name(e), e) for e in all_g if e["subject"]["stage"] == stage]
        caption = f"{view.sentence(view.stages(stage))}: reliability G(q,k) of candidates' mean scores"
        blocks.append(forest(caption, here, Axis(0, 1), references, kinds=_kinds(report)))
    blocks += [findings(said), *_d_study(report), *competencies.planned(report), *_components(report), *_tables(report)]
    blocks += [*competencies.one_thing(report), *contrasts.contrasts(report)]
    blocks += [*pairings.pairs(report), *pairings.advice(report)]
    return Chapter(
        id="agree",
        title="Do interviewers agree?",
        question="If the same candidates had met another panel of the same size, would their scores have come out alike?",
        blocks=blocks,
        computed=(
            "Variance components by restricted maximum likelihood on all scores, candidates and interviewers crossed; G(q,k) "
            "allows for panels that overlap (Putka, Le, McCloy & Diaz 2008). Intervals are profile "
            "likelihood intervals, or as the table says. Competencies: candidates, interviewers and competencies crossed. "
            "Contrasts: paired differences with interviewers and candidates as samples of more; correlations free of "
            "interviewers' error. Pairings: the further scores that lower the mean error variance of severity differences "
            "most."
        ),
        command="fairpanel measure g_coefficient ratings.csv --unit candidate --rater interviewer --score score",
        limits=_limits(all_g),
    )


def _name(estimate: Entry) -> str:
    subject = estimate["subject"]
    what = view.sentence(view.competency(subject["competency"]))
    return what if subject["job_family"] is None else f"{what}, {view.family(subject['job_family'])}"


def _kinds(report: Entry) -> dict[str, str]:
    grave = ("alert", "concern")
    return {f["evidence"][0]: "alert" for f in report["findings"] if f["state"] in grave and f["evidence"]}


def _lead(report: Entry, measure: str, stage: str, variant: str | None = None) -> Entry | None:
    return first(report, measure, variant, stage=stage, competency=LEADS, job_family=None)


def _d_study(report: Entry) -> list[dict[str, Any]]:
    drawn, told = [], []
    for index, stage in enumerate(stages_of(report, "g_coefficient")):
        estimate = _lead(report, "g_coefficient", stage)
        steps = (estimate or {}).get("detail", {}).get("d_study")
        if estimate is None or not steps:
            continue
        drawn.append(Line(view.stages(stage), [(row["raters"], row["g"]) for row in steps], index))
        needs = estimate["detail"].get("raters_needed", {})
        have = view.few(estimate["detail"].get("k_harmonic"))
        wanted = ", ".join(
            f"{view.coefficient(float(goal))} with {view.count(n) if n is not None else 'more than can be planned'}"
            for goal, n in sorted(needs.items())
        )
        told.append(
            f"{view.sentence(view.stages(stage))} have {have} interviewers a candidate (harmonic mean); expected: {wanted}."
        )
    if not drawn:
        return []
    most = max(x for line in drawn for x, _ in line.points)
    title = "Reliability expected with more interviewers a candidate"
    svg = lines(
        title,
        " ".join(told),
        drawn,
        across=Axis(1, most),
        up=Axis(0, 1),
        levels=[(0.7, ".70"), (0.8, ".80")],
        across_ticks=list(range(1, int(most) + 1)),
    )
    legend = [(f"style{line.style}", line.name) for line in drawn]
    caption = f"{title} (across: interviewers a candidate; up: G)"
    return [heading("How many interviewers would it take?"), picture(caption, svg, legend), text(*told)]


def _components(report: Entry) -> list[dict[str, Any]]:
    drawn, cells = [], []
    for estimate in select(report, "g_coefficient", family="reliability", job_family=None):
        detail = estimate["detail"]
        parts = [detail.get(key) for key in ("var_unit", "var_rater", "var_residual")]
        if any(part is None for part in parts) or not sum(parts):
            continue
        shares = [part / sum(parts) for part in parts]
        name = f"{view.sentence(_name(estimate))}, {view.stage(estimate['subject']['stage'])}"
        words = " · ".join(view.percent(share) for share in shares)
        drawn.append(
            (
                name,
                stacked(name, f"Candidates, interviewers, residual: {words}", list(zip(PARTS, shares, strict=True))),
                words,
            )
        )
        cells.append((name, *(view.fixed(part, 3) for part in parts)))
    if not drawn:
        return []
    legend = [(f"part{i}", part) for i, part in enumerate(PARTS)]
    return [
        heading("What do single scores go with?"),
        rows("Shares of the variance of single scores", drawn, legend=legend),
        table("Variance components", ("Score", "Candidates", "Interviewers", "Residual"), cells, folded=True),
    ]


def _tables(report: Entry) -> list[dict[str, Any]]:
    lines_ = []
    for stage in stages_of(report, "g_coefficient"):
        for measure, variant, name in COEFFICIENTS:
            for estimate in select(report, measure, variant, stage=stage):
                subject, n = estimate["subject"], estimate["n"]
                what = sentences.title(subject)
                figures = (view.coefficient(estimate["value"], 3), view.interval(estimate["interval"], 3))
                numbers = (view.count(n.get("units")), view.count(n.get("raters")), view.count(n.get("scores")))
                made = (estimate["interval"] or {}).get("method", view.MISSING)
                lines_.append((what, name, *figures, *numbers, made))
    columns = ("Score", "Coefficient", "Value", "95 % interval", "Candidates", "Interviewers", "Scores", "Interval by")
    return [table("Agreement coefficients", columns, lines_, words=(1, 7), folded=True)]


def _limits(estimates: list[Entry]) -> list[str]:
    found = {c["code"]: view.caution(c["text"]) for e in reversed(estimates) for c in e["cautions"]}
    first_words = "Agreement is not correctness: interviewers may agree on the wrong thing."
    return [first_words, *(words for _, words in sorted(found.items()))]
