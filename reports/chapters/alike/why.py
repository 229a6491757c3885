"""Chapter 5, the reason behind a gap: every explanation that this audit can look at, one by one, with what it found.

A gap is an outcome. Chance, where people applied, an earlier stage, the panels met, single interviewers, one competency, a
crossed group, a change over time, an unreliable score: each is pointed to, not seen, or cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reports import sentences, view
from reports.blocks import heading, table, text
from reports.chapters.alike.told import CROSS
from reports.evidence import by_id, first

Entry = Mapping[str, Any]
POINTS, NOT_SEEN, CANNOT = "points to it", "not seen", "cannot tell"
UNLIKELY, POSSIBLE = "unlikely", "possible"
KINDS = {
    "panels": "panels met",
    "interviewers": "interviewers' gaps",
    "item_bias": "a competency",
    "prediction": "prediction lines",
    "movement": "change over time",
}
GAPS = ("selection", "score_gap")
SOURCES = ("panels", "interviewers", "item_bias", "prediction", "movement")
WORD_OF = {"alert": POINTS, "concern": POINTS, "none_seen": NOT_SEEN, "cannot_tell": CANNOT}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What could be behind a gap, whether the data point to it, what they show; what: which one of its kind."""

    name: str
    word: str
    evidence: str
    what: str = ""


def why(report: Entry, attribute: str) -> list[dict[str, Any]]:
    """For each pair of groups with a concern of any rule about a stage as a whole, the explanations."""
    if CROSS in attribute:  # see why_crossed
        return []
    blocks: list[dict[str, Any]] = []
    for stage, group, reference in _pairs(report, attribute):
        subject = {"attribute": attribute, "stage": stage, "group": group, "reference": reference}
        found = [each for each in explanations(report, subject) if each is not None]
        named = f"{view.label(group)} and {view.label(reference)}"
        lines = [(each.name, each.word, each.evidence) for each in found]
        caption = f"What could be behind the gap between {named} at {view.stages(stage)}"
        blocks += [
            text(summary(found, f"{named} at {view.stages(stage)}")),
            table(caption, ("Explanation", "Data", "What they show"), lines, words=(1, 2)),
        ]
    return [heading("What is behind it?"), *blocks] if blocks else []


def _pairs(report: Entry, attribute: str) -> list[tuple[str, str, str]]:
    """Stages and pairs of groups with a concern about a stage as a whole, each once."""
    found = [
        (f["subject"]["stage"], f["subject"]["group"], f["subject"]["reference"])
        for f in report["findings"]
        if f["leading"]
        and f["rule"] in (*GAPS, *SOURCES)
        and f["state"] in ("alert", "concern")
        and f["subject"]["attribute"] == attribute
        and f["subject"]["stage"] is not None
        and f["subject"]["group"] is not None
    ]
    return list(dict.fromkeys(found))


def summary(found: list[Explanation], named: str) -> str:
    points = [each.name.lower() + (f" ({each.what})" if each.what else "") for each in found if each.word == POINTS]
    out = [
        each.name.lower()
        for each in found
        if each.word == NOT_SEEN or (each.word == UNLIKELY and each.name != "Chance")
    ]
    open_ = [each.name.lower() for each in found if each.word == CANNOT]
    chance = next((each.word for each in found if each.name == "Chance"), None)
    told = [
        f"Between {named}, the data point to {view.listed(points, 9) or 'no one explanation'}.",
        "" if chance is None else f"Chance is {'an unlikely' if chance == UNLIKELY else 'a possible'} explanation.",
        f"Looked for and not seen: {view.listed(out, 9)}." if out else "",
        f"Cannot be told here: {view.listed(open_, 9)}." if open_ else "",
    ]
    return " ".join(part for part in told if part)


def explanations(report: Entry, subject: Mapping[str, Any]) -> Iterator[Explanation | None]:
    yield _chance(report, subject)
    yield _requisitions(report, subject)
    yield _earlier_stage(report, subject)
    yield _by_rule(report, subject, "panels", "Panels that groups met")
    yield _within(report, subject)
    yield _by_rule(report, subject, "interviewers", "Single interviewers who see another gap")
    yield _competency(report, subject)
    yield _crossed(report, subject)
    yield _by_rule(report, subject, "prediction", "Scores that promise another performance")
    yield _moved(report, subject)
    yield _reliability(report, subject)


def _findings(report: Entry, subject: Mapping[str, Any], rule: str) -> list[Entry]:
    return [
        f
        for f in report["findings"]
        if f["rule"] == rule and f["leading"] and all(f["subject"].get(key) == value for key, value in subject.items())
    ]


def _by_rule(report: Entry, subject: Mapping[str, Any], rule: str, name: str) -> Explanation | None:
    found = _findings(report, subject, rule)
    if not found:
        return Explanation(
            name, CANNOT, "It could not be looked at in these data, or is withheld to protect a small group."
        )
    say = sentences.say(found[0], report)
    return Explanation(name, WORD_OF[found[0]["state"]], f"{say.effect} {say.uncertainty}".strip())


def _within(report: Entry, subject: Mapping[str, Any]) -> Explanation | None:
    """What is left of the gap between people whom the same panels met."""
    found = first(report, "panel_assignment", **subject)
    ends = (found or {"detail": {}})["detail"].get("within_interval")
    if found is None or not ends:
        return None
    told = (
        f"Among people met by like panels the gap is {view.fixed(found['detail']['within'])} points "
        f"({view.fixed(ends[0])} to {view.fixed(ends[1])})."
    )
    word = NOT_SEEN if ends[0] <= 0 <= ends[1] else POINTS
    note = "" if word == NOT_SEEN else " Whether it is merit or how they were scored, scores alone cannot tell."
    return Explanation("Something within panels", word, told + note)


def _chance(report: Entry, subject: Mapping[str, Any]) -> Explanation | None:
    level = report["policy"]["policy"]["significance"]
    told, unlikely = [], False
    for finding in [*_findings(report, subject, "selection"), *_findings(report, subject, "score_gap")]:
        # The law asks for one test of selection rates; of scores there are many.
        name, what = ("p", "selection") if finding["rule"] == "selection" else ("q", "scores")
        p = finding[name]
        if p is None:
            continue
        unlikely = unlikely or p < level
        told.append(f"{what}: {view.p_equals(p, name)}")
    for rule in SOURCES:
        stands = [
            f["q"] for f in _findings(report, subject, rule) if WORD_OF[f["state"]] == POINTS and f["q"] is not None
        ]
        unlikely = unlikely or bool(stands)
        told += [f"{KINDS[rule]}: {view.p_equals(min(stands), 'q')}"] if stands else []
    if not told:
        return None
    word = UNLIKELY if unlikely else POSSIBLE
    says = "Chance alone is an unlikely explanation" if unlikely else "Chance alone is a possible explanation"
    return Explanation("Chance", word, f"{says} ({view.listed(told)}).")


def _requisitions(report: Entry, subject: Mapping[str, Any]) -> Explanation | None:
    found = first(report, "mantel_haenszel", **subject)
    name = "Where people applied"
    if found is None or found["value"] is None or found["detail"].get("marginal_or") is None:
        return None
    detail = found["detail"]
    low, high = (view.number((found["interval"] or {}).get(end)) for end in ("low", "high"))
    marginal = view.coefficient(detail["marginal_or"])
    within = f"{view.coefficient(found['value'])} {view.interval(found['interval'])}"
    told = f"Odds ratio {marginal} over everyone, {within} within requisitions."
    if detail.get("reversed"):
        return Explanation(name, POINTS, f"{told} The direction turns round within requisitions.")
    if low is not None and high is not None and low <= 1 <= high:
        return Explanation(name, CANNOT, f"{told} Within requisitions a gap is no longer beyond chance.")
    return Explanation(name, NOT_SEEN, f"{told} The gap stands within requisitions.")


def _earlier_stage(report: Entry, subject: Mapping[str, Any]) -> Explanation | None:
    if subject["stage"] != "user":
        return None
    before = first(report, "impact_ratio", attribute=subject["attribute"], stage="hr", job_family=None)
    row = next(
        (r for r in (before or {"detail": {}})["detail"].get("rows") or [] if r["group"] == subject["group"]), None
    )
    if (
        before is None
        or row is None
        or row.get("ratio") is None
        or before["detail"].get("reference") != subject["reference"]
    ):
        return None
    low, high = (view.number(row.get(end)) for end in ("low", "high"))
    told = f"At HR interviews the ratio is {view.coefficient(row['ratio'])} {view.interval(row)}."
    if high is not None and high < 1:
        return Explanation("An earlier stage", POINTS, f"{told} Groups were sifted unlike before they met this panel.")
    if low is not None and low > report["policy"]["policy"]["impact_ratio"]:
        return Explanation("An earlier stage", NOT_SEEN, told)
    return Explanation("An earlier stage", CANNOT, told)


def _competency(report: Entry, subject: Mapping[str, Any]) -> Explanation | None:
    found = _findings(report, subject, "item_bias")
    name = "One competency scored apart"
    if not found:
        return Explanation(name, CANNOT, "Fewer than two competencies are scored for enough people.")
    apart = [f for f in found if WORD_OF[f["state"]] == POINTS]
    if apart:
        lowest = _against(report, apart, subject)
        what = view.listed([view.competency(f["subject"]["competency"]) for f in lowest])
        return Explanation(name, POINTS, " ".join(sentences.say(f, report).effect for f in lowest), what)
    word = NOT_SEEN if all(f["state"] == "none_seen" for f in found) else CANNOT
    told = [
        f"{view.competency(f['subject']['competency'])} {view.fixed((by_id(report, f['evidence'][0]) or {}).get('value'))}"
        for f in found
    ]
    return Explanation(
        name, word, f"Delta of people of the same standing: {view.listed(told)}; within ±1.5 is not large."
    )


def _against(report: Entry, apart: list[Entry], subject: Mapping[str, Any]) -> list[Entry]:
    """Where one competency is scored low, the others look high beside it: those that go with the gap are told."""
    gap = first(report, "gap_shares", attribute=subject["attribute"], stage=subject["stage"], group=subject["group"])
    lower = gap is None or gap["value"] is None or gap["value"] < 0

    def delta(finding: Entry) -> float:
        return float((by_id(report, finding["evidence"][0]) or {"value": 0.0})["value"] or 0.0)

    same = [f for f in apart if (delta(f) < 0) == lower]
    return same or apart


def _crossed(report: Entry, subject: Mapping[str, Any]) -> Explanation | None:
    name = "A crossed group"
    found = [
        f
        for f in report["findings"]
        if f["rule"] == "crossed"
        and f["subject"]["stage"] == subject["stage"]
        and subject["attribute"] in str(f["subject"]["attribute"]).split(CROSS)
    ]
    if not found:
        return None
    worst = min(found, key=lambda f: ("alert", "concern", "cannot_tell", "none_seen").index(f["state"]))
    flagged = (by_id(report, worst["evidence"][0]) or {"detail": {}})["detail"].get("flagged") or []
    what = view.listed([view.label(each) for each in flagged], 4)
    return Explanation(name, WORD_OF[worst["state"]], sentences.say(worst, report).effect, what)


def _moved(report: Entry, subject: Mapping[str, Any]) -> Explanation | None:
    found = _findings(report, subject, "movement")
    if not found:
        return None
    worst = min(found, key=lambda f: ("alert", "concern", "cannot_tell", "none_seen").index(f["state"]))
    change = (by_id(report, worst["evidence"][0]) or {"detail": {}})["detail"].get("change") or {}
    what = f"from {view.label(change['period'], 20)} on" if change.get("period") else ""
    return Explanation("A change over time", WORD_OF[worst["state"]], sentences.say(worst, report).effect, what)


def _reliability(report: Entry, subject: Mapping[str, Any]) -> Explanation | None:
    found = [
        f
        for f in report["findings"]
        if f["rule"] == "reliability" and f["leading"] and f["subject"]["stage"] == subject["stage"]
    ]
    if not found:
        return None
    estimate = by_id(report, found[0]["evidence"][0])
    if estimate is None or estimate["value"] is None:
        return Explanation("An unreliable score", CANNOT, "How reliable the score is cannot be told.")
    told = f"G(q,k) {view.coefficient(estimate['value'])} {view.interval(estimate['interval'])}."
    if found[0]["state"] == "none_seen":
        return Explanation("An unreliable score", NOT_SEEN, told)
    freed = _freed(report, subject)
    if freed:
        return Explanation("An unreliable score", UNLIKELY, f"{told} {freed}")
    note = "Unreliability hides gaps in scores; it makes none."
    gap = [f for rule in GAPS for f in _findings(report, subject, rule) if WORD_OF[f["state"]] == POINTS]
    return Explanation("An unreliable score", UNLIKELY if gap else CANNOT, f"{told} {note}")


def _freed(report: Entry, subject: Mapping[str, Any]) -> str:
    """Unreliable scores do make prediction lines differ: whether they still do when freed of that."""
    found = [f for f in _findings(report, subject, "prediction") if WORD_OF[f["state"]] == POINTS]
    estimate = by_id(report, found[0]["evidence"][0]) if found else None
    lines = ((estimate or {}).get("detail") or {}).get("errors_in_variables") or {}
    level = report["policy"]["policy"]["significance"]
    for name, what in (("slope_difference", "slopes"), ("intercept_difference", "intercepts")):
        freed = lines.get(name) or {}
        if freed.get("p") is not None and freed["p"] < level:
            return f"Freed of it, {what} still differ by {view.fixed(freed['estimate'])} ({view.p_equals(freed['p'])})."
    return ""
