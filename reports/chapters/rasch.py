"""Chapter 3, the many-facet Rasch model: candidates, interviewers and competencies on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports import view
from reports.blocks import heading, picture, rows, table, text
from reports.figures import bar
from reports.wright_map import Scale, wright_map

Entry = Mapping[str, Any]
MOST_COMPETENCIES = 12
MOST_SCORES = 15


def rasch(estimate: Entry | None, stage: str) -> list[dict[str, Any]]:
    """The map, what it says, the averages that allow for whom candidates met, and the use of the scale."""
    if estimate is None:
        return []
    where, detail = view.stages(stage), estimate["detail"]
    title = heading(f"Candidates, interviewers and competencies on one scale, {where}")
    scale = _scale(detail)
    if estimate["value"] is None:
        return [title, text(f"One scale for all cannot be estimated at {where}. {view.why_not(estimate)}".strip())]
    said = _said(estimate, where)
    blocks = [title]
    if scale.bins or scale.interviewers:
        svg = wright_map(f"Wright map, {where}", f"{_described(scale)} {said[0]}", scale)
        blocks.append(picture(_caption(scale, where), svg))
    blocks.append(text(*said))
    adjusted = _adjusted(detail)
    if adjusted:
        columns = (
            "Interviewer (pseudonym)", "Severity, logits", "Standard error", "Adjusted average", "Average as given",
            "Infit", "Outfit", "Scores", "Part",
        )  # fmt: skip
        blocks.append(table(f"Interviewers on the common scale, {where}", columns, adjusted, folded=True))
    return blocks + _categories(detail, where)


def _scale(detail: Entry) -> Scale:
    found = detail.get("wright_map") or []
    bins = [(row["from"], row["to"], row["count"]) for row in found if row.get("facet") == "unit"]
    placed = {
        facet: [(row["level"], row["measure"]) for row in found if row.get("facet") == facet and _known(row)]
        for facet in ("rater", "item")
    }
    steps = []
    for row in detail.get("categories") or []:
        at = view.number(row.get("threshold"))
        if at is not None:
            steps.append((_score(row["score"]), at))
    interviewers = [(view.pseudonym(name), at) for name, at in placed["rater"]]
    competencies = sorted(placed["item"], key=lambda one: (one[1], str(one[0])))[:MOST_COMPETENCIES]
    return Scale(
        bins=bins,
        interviewers=interviewers,
        competencies=[(view.label(view.competency(name), 28), at) for name, at in competencies],
        steps=steps,
    )


def _known(row: Entry) -> bool:
    return view.number(row.get("measure")) is not None and row.get("level") is not None


def _score(value: Any) -> str:
    found = view.number(value)
    return view.MISSING if found is None else view.tick(found)


def _caption(scale: Scale, where: str) -> str:
    steps = "; a step is where a score becomes as likely as the one below" if scale.steps else ""
    return f"Wright map, {where} (across: logits, 0 the average interviewer and competency{steps})"


def _described(scale: Scale) -> str:
    people = view.plural(sum(count for _, _, count in scale.bins), "candidate")
    raters = view.plural(len(scale.interviewers), "interviewer")
    names = view.listed([f"{name} at {view.fixed(at)}" for name, at in scale.competencies], MOST_COMPETENCIES)
    parts = [f"{people} and {raters} on one scale", *([f"competencies: {names}"] if names else [])]
    if scale.interviewers:
        places = [at for _, at in scale.interviewers]
        parts.append(f"interviewers from {view.fixed(min(places))} to {view.fixed(max(places))}")
    return "; ".join(parts) + "."


def _said(estimate: Entry, where: str) -> list[str]:
    detail, value = estimate["detail"], estimate["value"]
    separation = detail.get("separation") or {}
    first = (
        f"Of the spread of interviewers' measured severities at {where}, about {view.rough(100 * value)} parts in 100 are "
        f"true differences between them, the rest is chance (separation reliability {view.coefficient(value)}, "
        f"{view.interval_in_words(estimate['interval'])}; {view.count(estimate['n'].get('raters'))} interviewers, "
        f"{view.count(estimate['n'].get('units'))} candidates, {view.count(estimate['n'].get('scores'))} scores). "
    )
    low = view.number((estimate["interval"] or {}).get("low"))
    first += (
        "Near 0, interviewers would be interchangeable; near 1, their order is certain."
        if low is None or low < 0.5
        else "Interviewers are not interchangeable: what candidates score depends on whom they meet."
    )
    spread = [view.number((separation.get(facet) or {}).get("true_sd")) for facet in ("rater", "unit")]
    second = ""
    if spread[0] is not None and spread[1]:
        second = (
            f"Freed from chance, interviewers spread by {view.rough(spread[0])} logits (SD), candidates by "
            f"{view.rough(spread[1])}: interviewers' spread is {view.rough(spread[0] / spread[1])} of candidates'. "
        )
    parts = {part for part in ((detail.get("subset") or {}).get("rater") or {}).values() if part is not None}
    if len(parts) > 1:
        second += (
            f"The interviewers fall into {view.number_word(len(parts))} parts without a candidate in common; each part has "
            "its own zero, so that dots of different parts are not to be compared."
        )
    else:
        second += _ends(detail)
    return [first, second.strip()]


def _ends(detail: Entry) -> str:
    averages = [view.number(one) for one in ((detail.get("fair_average") or {}).get("rater") or {}).values()]
    known = [one for one in averages if one is not None]
    if len(known) < 2:
        return ""
    return (
        f"A candidate of average merit would expect {view.fixed(min(known))} from the harshest interviewer and "
        f"{view.fixed(max(known))} from the mildest (estimates; the ends hold chance, too)."
    )


def _adjusted(detail: Entry) -> list[tuple[str, ...]]:
    """One row an interviewer, harshest first."""

    def of(name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (detail.get(name) or {}).get("rater") or {}
        return found

    measures, subset = of("measures"), of("subset")
    parts = {part: str(number) for number, part in enumerate(_largest_first(subset), start=1)}
    known = [(name, at) for name, value in measures.items() if (at := view.number(value)) is not None]
    return [
        (
            view.pseudonym(name),
            view.fixed(at),
            view.fixed(of("se").get(name)),
            view.fixed(of("fair_average").get(name)),
            view.fixed(of("observed_average").get(name)),
            view.fixed(of("infit").get(name)),
            view.fixed(of("outfit").get(name)),
            view.count(of("count").get(name)),
            parts.get(subset.get(name), view.MISSING),
        )
        for name, at in sorted(known, key=lambda one: (-one[1], one[0]))
    ]


def _largest_first(subset: Mapping[str, Any]) -> list[Any]:
    found = [part for part in subset.values() if part is not None]
    return sorted(set(found), key=lambda part: (-found.count(part), part))


def _categories(detail: Entry, where: str) -> list[dict[str, Any]]:
    """How often each score is given, and which are nowhere the most probable."""
    found = detail.get("categories") or []
    if not found:
        return []
    crossed = {str(score) for score in detail.get("disordered") or []}
    longest = max((view.number(row.get("share")) or 0.0 for row in found), default=0.0)
    drawn: list[tuple[str, Markup, str]] = []
    for row in found:
        share = view.number(row.get("share")) or 0.0
        score = _score(row.get("score"))
        value = f"{view.percent(share)} · {view.count(row.get('count'))}"
        drawn.append((f"Score {score}", bar(f"Score {score}", value, share / longest if longest else 0.0), value))
    columns = ("Score", "Given", "Share", "Step up to it, logits", "Standard error", "Outfit")
    cells = [
        (
            _score(row.get("score")), view.count(row.get("count")), view.percent(row.get("share")),
            view.fixed(row.get("threshold")), view.fixed(row.get("threshold_se")), view.fixed(row.get("outfit")),
        )
        for row in found
    ]  # fmt: skip
    return [
        rows(f"How often each score is given, {where}", drawn, more=MOST_SCORES if len(drawn) > MOST_SCORES else 0),
        text(_scale_said(found, sorted(crossed))),
        table(f"Scores and steps, {where}", columns, cells, folded=True),
    ]


def _scale_said(found: list[Entry], crossed: list[str]) -> str:
    given = [row for row in found if row.get("count")]
    if not given:
        return "No score was given."
    most = max(given, key=lambda row: row["count"])
    said = f"The score given most often is {_score(most.get('score'))} ({view.percent(most.get('share'))}). "
    unused = [_score(row.get("score")) for row in found if not row.get("count")]
    if unused:
        said += f"Never given: {view.listed(unused)}. "
    if crossed:
        said += (
            f"The steps are out of order at {view.listed([view.label(one) for one in crossed])}: there a score is nowhere "
            "the most probable one, so that it adds little. Say more plainly what it means, or do without it."
        )
    elif len(found) > 2:
        said += "The steps are in order: each score is the most probable one somewhere on the scale."
    return said.strip()
