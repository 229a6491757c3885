"""The first screen: what was audited, three answers, what cannot be told, what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairpanel.measures.validity.power import detectable_correlation
from reports import sentences, view
from reports.chapters.ladder import leading_chain
from reports.evidence import by_id, first, leading_findings
from reports.figures import Axis, Mark, scale, strip

Entry = Mapping[str, Any]
SEVERITY = ("alert", "concern", "cannot_tell", "none_seen")
QUESTIONS = {"reliable": "Reliable?", "predictive": "Predictive?", "alike": "Alike for groups?"}
STAGE = "\ue000"  # stands for a stage while steps that differ in nothing else are put together
RULE_ORDER = ("selection", "score_gap", "prediction", "crossed", "panels", "interviewers", "item_bias", "movement")
WHERE = ("crossed", "panels", "interviewers", "item_bias", "movement")
"""Rules that say where a gap arises, or whether it moves: they stand behind the three that say whether there is one."""
STAGE_ORDER = ("user", "hr", "other", None)


def first_screen(report: Entry) -> dict[str, Any]:
    """Everything the top of the page says."""
    return {
        "title": "Interview scoring audit",
        "scope": scope_line(report),
        "data": data_line(report),
        "supersedes": report["supersedes"],
        "boxes": [_reliable(report), _predictive(report), _alike(report)],
        "cannot_tell": cannot_tell(report),
        "steps": next_steps(report),
    }


def scope_line(report: Entry) -> str:
    period, where = report["period"], report["scope"]["where"]
    dates = [d for d in (period["first"], period["last"]) if d]
    parts = ["Interviews of all dates"]
    if dates:
        first_day, last_day = view.day(dates[0]), view.day(dates[-1])
        parts = [
            f"Interviews on {first_day}" if first_day == last_day else f"Interviews from {first_day} to {last_day}"
        ]
    parts.append("all job families" if "job_family" not in where else view.label(where["job_family"]))
    parts += [
        f"{view.label(key).replace('_', ' ')} {view.label(value)}"
        for key, value in where.items()
        if key != "job_family"
    ]
    return " · ".join(parts)


def data_line(report: Entry) -> str:
    counts = report["inputs"]["counts"]
    told = [
        ("candidates", "candidates"),
        ("interviewers", "interviewers"),
        ("answered", "scores"),
        ("hired", "accepted"),
    ]
    decided = counts["hired"] or counts["undecided"] < counts["user_interviewed"]
    parts = [f"{view.count(counts[key])} {word}" for key, word in told if key != "hired" or decided]
    parts += [] if decided else ["decisions unknown"]
    return " · ".join([*parts, f"performance known for {view.count(counts['performance_known'])}"])


def _leading(report: Entry, question: str) -> Entry | None:
    """The finding that stands for a question: the user interview's where there is one."""
    found = leading_findings(report, question)
    return min(found, key=lambda f: STAGE_ORDER.index(f["subject"]["stage"]), default=None)


def _box(question: str, state: str, word: str, **told: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "figure": None,
        "interval": "",
        "what": "",
        "n": "",
        "drawn": None,
        "foot": None,
        "lines": [],
    }
    return {"question": QUESTIONS[question], "state": state, "word": word} | empty | told


def _figures(estimate: Entry, axis: Axis, references: list[tuple[float, str]], state: str, what: str) -> dict[str, Any]:
    interval = estimate["interval"] or {}
    ends = [view.number(interval.get("low")), view.number(interval.get("high"))]
    kind = "alert" if state in ("alert", "concern") else "estimate"
    mark = Mark(what, view.number(estimate["value"]), ends[0], ends[1], kind)
    said = (
        f"{view.coefficient(estimate['value'])}, {view.level(estimate['interval'])} interval "
        f"{view.from_to(estimate['interval'])}"
    )
    marks = "; ".join(f"{name} is marked" for _, name in references)
    return {
        "figure": view.coefficient(estimate["value"]),
        "interval": f"{view.level(estimate['interval'])} interval {view.interval(estimate['interval'])}",
        "what": what,
        "drawn": strip(mark, axis, references, f"{said}. {marks}.", height=30),
        "foot": scale(axis, references),
    }


def _reliable(report: Entry) -> dict[str, Any]:
    finding = _leading(report, "reliable")
    if finding is None:
        return _box("reliable", "cannot_tell", "Cannot tell", lines=["No stage has enough scored candidates."])
    estimate, state = by_id(report, finding["evidence"][0]), finding["state"]
    word = sentences.verdict("reliable", state)
    if estimate is None or estimate["value"] is None:
        return _box("reliable", state, word, lines=[sentences.say(finding, report).uncertainty or "Not estimable."])
    what = f"G(q,k), {sentences.about(finding['subject'])}"
    references = [(finding["threshold"], f"{view.coefficient(finding['threshold'])} wanted")]
    n = f"{view.count(estimate['n']['units'])} candidates, {view.count(estimate['n']['raters'])} interviewers"
    needs = sentences.more_raters(estimate) if state != "none_seen" else ""
    lines = [line for line in (needs, _other_stage(report, "reliable", finding)) if line]
    return _box("reliable", state, word, n=n, lines=lines, **_figures(estimate, Axis(0, 1), references, state, what))


def _other_stage(report: Entry, question: str, finding: Entry) -> str:
    """The same figure at the other stage."""
    for other in leading_findings(report, question):
        if other["subject"]["stage"] != finding["subject"]["stage"]:
            estimate = by_id(report, other["evidence"][0])
            if estimate is not None:
                where = view.sentence(view.stages(other["subject"]["stage"]))
                if estimate["value"] is None:
                    return f"{where}: cannot be estimated."
                return f"{where}: {view.coefficient(estimate['value'])} {view.interval(estimate['interval'])}."
    return ""


def _predictive(report: Entry) -> dict[str, Any]:
    finding = _leading(report, "predictive")
    if finding is None:
        return _box("predictive", "cannot_tell", "Cannot tell", lines=[_performance_needed(report)])
    estimate, state = by_id(report, finding["evidence"][0]), finding["state"]
    if estimate is None or estimate["value"] is None:
        lines = [sentences.say(finding, report).uncertainty or "Not estimable."]
        return _box("predictive", state, sentences.verdict("predictive", state), lines=lines)
    word = sentences.verdict("predictive", state, estimate["value"])
    what = f"correlation with performance in the applicant pool, {sentences.about(finding['subject'])}"
    people = estimate["n"]
    n = f"performance known for {view.count(people['hired'])} of {view.count(people['applicants'])}"
    low = view.number((estimate["interval"] or {}).get("low")) or 0.0
    axis = Axis(min(0.0, math_floor(low)), 1)
    stage = finding["subject"]["stage"]
    lines = [sentences.rests_on(report, stage), _operational(report, finding), _same_source(report, finding)]
    return _box(
        "predictive",
        state,
        word,
        n=n,
        lines=[line for line in (*lines, _other_stage(report, "predictive", finding)) if line],
        **_figures(estimate, axis, [(0.0, "none")], state, what),
    )


def math_floor(value: float) -> float:
    """Down to the next half."""
    return (value * 2) // 1 / 2


def _same_source(report: Entry, finding: Entry) -> str:
    """An interviewer who later rates performance carries the first impression along: both correlations, apart."""
    found = first(report, "same_source_validity", "panel", stage=finding["subject"]["stage"])
    if found is None:
        return ""
    told = {side: (found["detail"].get(side) or {}).get("r") for side in ("same", "different")}
    same, other = (view.coefficient(told[side]) for side in ("same", "different"))
    if told["same"] is None:
        return ""
    if told["different"] is None and found["n"].get("people_different"):
        return f"Observed, rated by an own interviewer: {same}; too few people were rated by somebody else to compare."
    if told["different"] is None:
        return f"All performance ratings come from people who had interviewed the candidate (observed {same})."
    return f"Observed, rated by an own interviewer: {same}; by somebody else: {other}."


def _operational(report: Entry, finding: Entry) -> str:
    """What a decision can count on: performance freed of the managers' disagreement."""
    chain = leading_chain(report, finding["subject"]["stage"])
    if chain is None or chain["value"] is None:
        return ""
    figure = f"{view.coefficient(chain['value'])} {view.interval(chain['interval'])}"
    return f"Operational validity, ratings freed of disagreement: {figure}."


def people_needed(correlation: float) -> int:
    """People with performance for that correlation to be seen (80 % power, two-sided 5 %)."""
    return next(n for n in range(4, 100_000) if detectable_correlation((n - 3) ** -0.5)["r"] <= correlation)


def _performance_needed(report: Entry) -> str:
    known = report["inputs"]["counts"]["performance_known"]
    worth = report["policy"]["policy"]["validity_of_interest"]
    need = people_needed(worth) - (known or 0)
    if need <= 0:
        return "Too few people in each part of the data have performance ratings."
    more = f"{view.count(need)} more" if known else f"{view.count(need)}"
    return (
        f"Performance is known for {view.count(known)} candidates; {more} with performance ratings would let an audit see "
        f"a correlation of {view.coefficient(worth)}."
    )


def _order(finding: Entry) -> tuple[int, int, int]:
    place = RULE_ORDER.index(finding["rule"]), STAGE_ORDER.index(finding["subject"]["stage"])
    return SEVERITY.index(finding["state"]), *place


def _alike(report: Entry) -> dict[str, Any]:
    found = sorted(leading_findings(report, "alike"), key=_order)
    if not found:
        return _box("alike", "cannot_tell", "Cannot tell", lines=["No group attribute with enough people is known."])
    every = found
    found = [f for f in every if f["rule"] not in WHERE] or every
    worst = found[0]
    concerns = [f for f in found if f["state"] in ("alert", "concern")]
    undecided = [f for f in found if f["state"] == "cannot_tell"]
    if concerns:
        serious = sum(f["state"] == "alert" for f in concerns)
        word = sentences.verdict("alike", worst["state"])
        if len(concerns) > 1:
            word = f"{view.sentence(view.number_word(len(concerns)))} concerns"
            word += f", {view.number_word(serious)} serious" if serious else ""
        elif worst["state"] == "concern":
            word = "One concern"
        state = worst["state"]
    else:
        state = (
            "cannot_tell"
            if any(f["rule"] == "selection" for f in undecided) or len(undecided) == len(found)
            else "none_seen"
        )
        worst = next(f for f in found if f["state"] == state)
        word = sentences.verdict("alike", state)
    lines = [sentences.rests_on(report, worst["subject"]["stage"])]
    others = _short(concerns[1:])
    lines += [f"Also: {view.listed(others, 4)}."] if others else []
    where = _short(
        [f for f in every if f["rule"] in WHERE and f["state"] in ("alert", "concern") and f not in concerns]
    )
    lines += [f"The data point to: {view.listed(where, 4)}."] if where else []
    lines += (
        [f"Cannot tell in {view.number_word(len(undecided))} of {view.number_word(len(found))} comparisons."]
        if undecided
        else []
    )
    estimate = by_id(report, worst["evidence"][0]) if worst["evidence"] else None
    if estimate is None or estimate["value"] is None or worst["rule"] in WHERE:
        return _box("alike", state, word, lines=[line for line in lines if line])
    return _box("alike", state, word, lines=[line for line in lines if line], **_comparison(worst, estimate, state))


def _comparison(finding: Entry, estimate: Entry, state: str) -> dict[str, Any]:
    subject, n = finding["subject"], estimate["n"]
    pair = f"{sentences.pair(subject)}"
    interval = estimate["interval"] or {}
    ends = [abs(view.number(interval.get(end)) or 0.0) for end in ("low", "high")]
    people = {"n": f"{view.count(n['focal'])} and {view.count(n['reference'])} people"}
    if finding["rule"] == "selection":
        axis = Axis(0, min(3.0, max(1.25, ends[1] * 1.05)))
        what = f"impact ratio, {pair}, {view.stages(subject['stage'])}"
        return people | _figures(
            estimate, axis, [(finding["threshold"], view.tick(finding["threshold"])), (1.0, "1")], state, what
        )
    reach = max(0.5, *ends) * 1.1
    kind = "Hedges' g" if finding["rule"] == "score_gap" else "slope difference"
    what = f"{kind}, {pair}, {sentences.about(subject)}"
    return people | _figures(estimate, Axis(-reach, reach), [(0.0, "no gap")], state, what)


NAMES = {
    "selection": "selection", "score_gap": "scores", "prediction": "prediction", "crossed": "crossed groups",
    "panels": "panels met", "interviewers": "interviewers' own gaps", "item_bias": "one competency", "movement": "a change",
}  # fmt: skip


def _short(concerns: list[Entry]) -> list[str]:
    """Further concerns, each pair of groups once, in half a line."""
    pairs: dict[str, list[str]] = {}
    for finding in concerns:
        subject = finding["subject"]
        pair = (
            f"{view.label(subject['group'], 24)} : {view.label(subject['reference'], 24)}"
            if subject["group"] is not None
            else view.label(subject["attribute"], 40)
        )
        where = view.stage(subject["stage"]).split()[0]
        pairs.setdefault(f"{NAMES[finding['rule']]}, {pair}", []).append(where)
    return [f"{name} ({' and '.join(dict.fromkeys(where))})" for name, where in pairs.items()]


def cannot_tell(report: Entry) -> list[str]:
    """What this audit cannot answer, and what would let it."""
    told: list[str] = []
    suppressed = report["suppressed"]
    if suppressed:
        cell = report["policy"]["disclosure"]["minimum_cell"]
        told.append(
            f"Groups with fewer than {view.count(cell)} people in a cell: {view.plural(len(suppressed), 'figure')} "
            f"{'is' if len(suppressed) == 1 else 'are'} not shown. A longer period would hold more people."
        )
    told += _selection_too_small(report)
    told += _slices_too_small(report)
    if _leading(report, "predictive") is None:
        told.append(f"Whether scores predict performance. {_performance_needed(report)}")
    if not leading_findings(report, "alike"):
        told.append("Whether groups are treated alike: no group attribute with enough people came with the exports.")
    elif not any(finding["rule"] == "selection" for finding in report["findings"]):
        told.append(
            "Whether groups are selected at like rates: no decisions on enough people of two groups came with the exports."
        )
    for finding in report["findings"]:
        if finding["question"] == "reliable" and finding["leading"] and finding["reason"] == "not_estimable":
            where = view.stages(finding["subject"]["stage"])
            told.append(
                f"How reliable {where} are: {sentences.say(finding, report).uncertainty} Two or more "
                "interviewers a candidate would tell."
            )
    lines = [f for f in leading_findings(report, "alike") if f["rule"] == "prediction" and f["state"] == "cannot_tell"]
    if lines:
        pairs = sorted(
            {f"{view.label(f['subject']['group'])} and {view.label(f['subject']['reference'])}" for f in lines}
        )
        told.append(
            f"Whether scores predict performance alike for {view.listed(pairs, 4)}: more hires with "
            "performance ratings in each "
            "group would tell."
        )
    return told


def _selection_too_small(report: Entry) -> list[str]:
    told = []
    for finding in leading_findings(report, "alike"):
        gap = (finding["detectable"] or {}).get("difference")
        if finding["rule"] == "selection" and finding["state"] == "cannot_tell" and gap is not None:
            subject = finding["subject"]
            told.append(
                f"Differences in selection under {view.rough(abs(100 * gap))} in 100 between "
                f"{view.label(subject['group'])} and "
                f"{view.label(subject['reference'])} {_at(subject['stage'])}: they are too "
                "small to be seen with so few people."
            )
    return told


def _at(stage: str | None) -> str:
    return "in the whole process" if stage is None else f"at {view.stages(stage)}"


def _slices_too_small(report: Entry) -> list[str]:
    """Parts of the data that were not estimated, by what they lack."""
    audit = report["policy"]["audit"]
    needs = {
        "reliability": ("reliability", f"{audit['minimum_candidates']} candidates"),
        "validity": ("prediction", f"{audit['minimum_hired']} people with performance ratings"),
        "fairness": ("groups", f"{audit['minimum_candidates']} candidates in two groups"),
    }
    told = []
    for family, (what, least) in needs.items():
        names = {entry.get("job_family") for entry in report["too_small"] if entry["family"] == family}
        names.discard(None)
        if names:
            told.append(
                f"{view.sentence(what)} in {view.listed([view.family(n) for n in sorted(names)])}: under {least}."
            )
    return told


def next_steps(report: Entry) -> list[dict[str, str]]:
    """One sentence a concern, the gravest first, with who can act on it."""
    found = [f for f in report["findings"] if f["leading"] and f["state"] in ("alert", "concern")]
    order = {"reliable": 0, "alike": 1, "predictive": 2}
    found.sort(
        key=lambda f: (SEVERITY.index(f["state"]), order[f["question"]], STAGE_ORDER.index(f["subject"]["stage"]))
    )
    steps: dict[tuple[str, str], list[str]] = {}
    for finding in found:
        said, stage = sentences.say(finding, report), view.stage(finding["subject"]["stage"]).removesuffix(" interview")
        if said.step:
            steps.setdefault((said.who, said.step.replace(f"{stage} interview", f"{STAGE} interview")), []).append(
                stage
            )
    return [{"step": step.replace(STAGE, " and ".join(where)), "who": who} for (who, step), where in steps.items()]
