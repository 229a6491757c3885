"""What a finding says in words: effect, uncertainty, consequence, next step and who can take it.

The words are those of docs/wording.md: indicates, is consistent with, cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reports import marks, sentences_groups, view
from reports.evidence import LEADS, by_id
from reports.said import Said, about, pair, undecided, unestimated

Entry = Mapping[str, Any]
__all__ = ["STATES", "Said", "about", "is_lead", "more_raters", "pair", "rests_on", "say", "title", "verdict"]

STATES = {
    "alert": "Serious concern",
    "concern": "Concern",
    "cannot_tell": "Cannot tell",
    "none_seen": "No concern seen",
}
WORDS = {
    "reliable": {"alert": "No", "concern": "Partly", "cannot_tell": "Cannot tell", "none_seen": "Yes"},
    "predictive": {"alert": "The reverse", "concern": "Hardly", "cannot_tell": "Cannot tell", "none_seen": "Yes"},
    "alike": {"alert": "Serious concern", "concern": "Concern", "cannot_tell": "Cannot tell", "none_seen": "None seen"},
}
STRENGTHS = ((0.2, "weakly"), (0.4, "moderately"), (1.01, "strongly"))
WENT_ON = {
    "user": ("interviewed", "were accepted"),
    "hr": ("interviewed by HR", "went on"),
    None: ("who entered the process", "were accepted in the end"),
}


def verdict(question: str, state: str, value: float | None = None) -> str:
    """A word of the fixed vocabulary; how strongly, where scores predict."""
    word = WORDS[question][state]
    if question == "predictive" and state == "none_seen" and value is not None:
        return f"{word}, " + next(strength for limit, strength in STRENGTHS if value < limit)
    return word


def say(finding: Entry, report: Entry) -> Said:
    """The finding's sentences, from the estimates it rests on."""
    estimate = by_id(report, finding["evidence"][0]) if finding["evidence"] else None
    return _RULES[finding["rule"]](finding, estimate or {}, report)


def title(subject: Entry) -> str:
    """Overall score, user interview, all job families"""
    what = view.sentence(view.competency(subject["competency"]))
    return f"{what}, {view.stage(subject['stage'])}, {view.family(subject['job_family'])}"


def reliability(finding: Entry, estimate: Entry, report: Entry) -> Said:
    subject = finding["subject"]
    if estimate.get("value") is None:
        return unestimated(finding, estimate, f"The reliability of the {about(subject)}")
    value, detail = estimate["value"], estimate["detail"]
    effect = (
        f"Of the differences between candidates' mean {about(subject)}, about {view.rough(100 * value)} parts in 100 go "
        f"with the candidates; the rest goes with who interviewed them and with chance (G(q,k) {view.coefficient(value)})."
    )
    uncertainty = (
        f"The {view.level(estimate['interval'])} interval runs from {view.from_to(estimate['interval'])}, on "
        f"{view.count(estimate['n']['units'])} candidates and {view.count(estimate['n']['raters'])} interviewers."
    )
    mark = view.coefficient(finding["threshold"])
    if finding["state"] == "none_seen":
        return Said(effect, uncertainty, f"This is consistent with the mark of {mark} set for selection decisions.")
    if finding["state"] == "cannot_tell":
        return Said(effect, uncertainty, undecided(finding, report))
    needs = more_raters(estimate)
    consequence = f"This indicates less than the {mark} set for selection decisions. {needs}".strip()
    step = (
        f"Raise the reliability of the {about(subject)}: {_raters_step(detail)}"
        "agree on what each score means before interviews, and compare notes only after scoring."
    )
    return Said(effect, uncertainty, consequence, step, "Interview training and the heads of hiring teams")


def more_raters(estimate: Entry) -> str:
    """ ".70 needs 2 more interviewers a candidate", from the D-study."""
    detail = estimate["detail"]
    needed = (detail.get("raters_needed") or {}).get("0.70")
    have = detail.get("k_harmonic")
    if needed is None or have is None:
        return "" if have is None else ".70 is out of reach with more interviewers alone."
    if needed <= have:
        return ""
    more = max(1, round(needed - have))
    return (
        f".70 needs about {more} more interviewer{'s' if more > 1 else ''} a candidate ({needed} instead "
        f"of {view.few(have)})."
    )


def _raters_step(detail: Entry) -> str:
    needed = (detail.get("raters_needed") or {}).get("0.70")
    return f"plan {needed} interviewers a candidate where possible, " if needed is not None and needed <= 8 else ""


def validity(finding: Entry, estimate: Entry, report: Entry) -> Said:
    subject = finding["subject"]
    if estimate.get("value") is None:
        return unestimated(finding, estimate, f"How the {about(subject)} goes with later performance")
    value, people = estimate["value"], estimate["n"]
    direction = "higher scores go with better performance" if value > 0 else "higher scores go with poorer performance"
    effect = (
        f"Among all applicants, the {about(subject)} is estimated to correlate {view.coefficient(value)} with later "
        f"performance ({direction})."
    )
    observed = estimate["detail"].get("r_observed")
    seen = "" if observed is None else f", and among them the two correlate {view.coefficient(observed)}"
    uncertainty = (
        f"The {view.level(estimate['interval'])} interval runs from "
        f"{view.from_to(estimate['interval'])}; performance is known "
        f"for {view.count(people.get('hired'))} of {view.count(people.get('applicants'))} candidates{seen}."
    )
    if finding["state"] == "none_seen":
        return Said(effect, uncertainty, "This indicates that the score carries information on performance.")
    if finding["state"] == "cannot_tell":
        could = (finding["detectable"] or {}).get("r")
        seeable = (
            "" if could is None else f" Correlations under {view.coefficient(could)} are too small to be seen here."
        )
        return Said(effect, uncertainty, undecided(finding, report) + seeable)
    consequence = (
        f"This indicates less than the {view.coefficient(finding['threshold'])} that would be worth an interview."
    )
    step = f"Review what the {about(subject)} asks for against what the job needs."
    return Said(effect, uncertainty, consequence, step, "Hiring managers with those who wrote the form")


def selection(finding: Entry, estimate: Entry, report: Entry) -> Said:
    subject, detail = finding["subject"], estimate.get("detail", {})
    where = ("In the whole process" if subject["stage"] is None else f"At {view.stages(subject['stage'])}") + (
        f" in {view.family(subject['job_family'])}" if subject["job_family"] else ""
    )
    if estimate.get("value") is None or subject.get("group") is None:
        return unestimated(finding, estimate, f"{where}, the impact ratio by {view.label(subject['attribute'])}")
    focal, reference = subject["group"], subject["reference"]
    women, men = view.label(focal), view.label(reference)
    base, of = view.of_hundred(detail["rates"][focal], detail["rates"][reference])
    met, done = WENT_ON.get(subject["stage"], ("interviewed", "went on"))
    effect = (
        f"Of {view.count(base)} {women} and {view.count(base)} {men} {met}{_in(subject)}, {of[0]} and {of[1]} {done} "
        f"(impact ratio {view.coefficient(estimate['value'])}, {view.level(estimate['interval'])} interval "
        f"{view.from_to(estimate['interval'])}; {view.count(detail['n'][focal])} and "
        f"{view.count(detail['n'][reference])} people)."
    )
    uncertainty = f"{_chance(finding, estimate, report)} {over_all_pairs(estimate)}".strip()
    if finding["reason"] == "above_threshold":
        return Said(effect, uncertainty, f"The whole interval lies at or above {marks.mark(report)}.")
    if finding["state"] == "cannot_tell":
        gap = (finding["detectable"] or {}).get("difference")
        seeable = (
            "" if gap is None else f" Gaps under {view.rough(abs(100 * gap))} in 100 are too small to be seen here."
        )
        return Said(effect, uncertainty, undecided(finding, report) + seeable)
    if finding["reason"] == "significant_above_threshold":
        consequence = (
            f"The ratio does not lie below {marks.mark(report)}, but the difference is larger than chance would give."
        )
    else:
        consequence = marks.below(report)
    step = (
        f"Review the {_reviewed(subject)}: which competency the gap between "
        f"{women} and {men} goes with, "
        "whether the job needs it, and which panels they met."
    )
    return Said(effect, uncertainty, consequence, step, marks.adviser(report))


def _reviewed(subject: Entry) -> str:
    return "whole process" if subject["stage"] is None else f"{view.stage(subject['stage'])}{_in(subject)}"


def _in(subject: Entry) -> str:
    return f" in {view.family(subject['job_family'])}" if subject["job_family"] else ""


def _chance(finding: Entry, estimate: Entry, report: Entry) -> str:
    """How far chance explains it, by which test."""
    if finding["p"] is None:
        return ""
    test = by_id(report, finding["evidence"][1]) if len(finding["evidence"]) > 1 else None
    measured = (test or {}).get("measure")
    named = {"mantel_haenszel": "Mantel–Haenszel within requisitions", "lancaster_mid_p": "Lancaster's mid-p"}
    name = f"{named.get(str(measured), 'two-sample test')}, {view.p_equals(finding['p'])}"
    level, q = report["policy"]["policy"]["significance"], finding["q"]
    unlikely = finding["p"] < level and (finding["leading"] or q is None or q < level)
    chosen = (estimate.get("detail", {}).get("over_all_pairs") or {}).get("pairs")
    name += f" over all {chosen} pairs of groups" if chosen else ""
    name += f", {view.p_equals(q, 'q')} over all tests" if q is not None and not finding["leading"] else ""
    said = f"Chance alone is {'an unlikely' if unlikely else 'a possible'} explanation ({name})."
    disagree = test is not None and any(c["code"] == "HETEROGENEOUS_STRATA" for c in test["cautions"])
    return f"{said} Requisitions disagree among themselves: look at them one by one." if disagree else said


def over_all_pairs(estimate: Entry) -> str:
    """Where the data chose the pair of groups, the interval that allows for the choice."""
    wide = estimate.get("detail", {}).get("over_all_pairs")
    if not wide or wide.get("low") is None:
        return ""
    return (
        f"The pair was chosen by the data: allowing for all {wide['pairs']} pairs of groups, the interval widens to "
        f"{view.from_to(wide)} (Bonferroni)."
    )


def score_gap(finding: Entry, estimate: Entry, report: Entry) -> Said:
    subject = finding["subject"]
    focal, reference = view.label(subject["group"]), view.label(subject["reference"])
    if estimate.get("value") is None:
        return unestimated(finding, estimate, f"The difference between {focal} and {reference} in the {about(subject)}")
    value = estimate["value"]
    effect = (
        f"{view.sentence(focal)} scored {view.rough(abs(value))} standard deviations "
        f"{'lower' if value < 0 else 'higher'} than "
        f"{reference} on the {about(subject)} (Hedges' g)."
    )
    uncertainty = (
        f"The {view.level(estimate['interval'])} interval runs from {view.from_to(estimate['interval'])} "
        f"({view.count(estimate['n']['focal'])} and {view.count(estimate['n']['reference'])} people"
        + (f", {view.p_equals(finding['q'], 'q')} over all tests of this audit)." if finding["q"] is not None else ").")
    )
    worth = view.rough(finding["threshold"])
    if finding["state"] == "none_seen":
        return Said(
            effect, uncertainty, f"Any difference is consistent with one smaller than {worth} standard deviations."
        )
    if finding["state"] == "cannot_tell":
        return Said(effect, uncertainty, undecided(finding, report))
    consequence = (
        f"This indicates a gap of a size worth looking into ({worth} or more); it does not say where it arises."
    )
    step = f"Look at the questions and panels behind the {about(subject)}, where {focal} and {reference} differ."
    return Said(effect, uncertainty, consequence, step, "Those who wrote the form, with interview training")


def prediction(finding: Entry, estimate: Entry, report: Entry) -> Said:
    subject = finding["subject"]
    focal, reference = view.label(subject["group"]), view.label(subject["reference"])
    if estimate.get("value") is None:
        return unestimated(
            finding, estimate, f"Whether the {about(subject)} predicts alike for {focal} and {reference}"
        )
    people = estimate["n"]
    lines = {line["group"]: line for line in estimate["detail"].get("lines", [])}
    residual = lines.get(subject["group"], {}).get("mean_residual")
    tested = (
        f"({view.count(people['focal'])} and {view.count(people['reference'])} people with performance, "
        f"{view.p_equals(finding['p'])}"
        + (f", {view.p_equals(finding['q'], 'q')} over all tests)" if finding["q"] is not None else ")")
    )
    if finding["state"] == "concern":
        side = "" if residual is None else (
            f": at the same score, {focal} later performed {'better' if residual > 0 else 'less well'} "
            "than one common line says"
        )  # fmt: skip
        effect = (
            f"The lines from the {about(subject)} to performance differ between {focal} and {reference}{side} {tested}."
        )
        step = (
            f"Do not read the same {about(subject)} as the same promise for {focal} and {reference} before "
            "it is understood why."
        )
        return Said(effect, "", f"The difference lies in the {finding['reason']}.", step, "The people-analytics team")
    effect = (
        f"The lines from the {about(subject)} to performance show no difference between {focal} and "
        f"{reference} beyond chance {tested}."
    )
    if finding["state"] == "none_seen":
        return Said(effect, "", "A differing slope of a size that matters could have been seen.")
    return Said(effect, "", undecided(finding, report))


_RULES: dict[str, Callable[[Entry, Entry, Entry], Said]] = {
    "reliability": reliability,
    "validity": validity,
    "selection": selection,
    "score_gap": score_gap,
    "prediction": prediction,
    "crossed": sentences_groups.crossed,
    "panels": sentences_groups.panels,
    "interviewers": sentences_groups.interviewers,
    "item_bias": sentences_groups.item_bias,
    "movement": sentences_groups.movement,
}


def rests_on(report: Entry, stage: str | None) -> str:
    """What a verdict owes to the reliability of the score it is about."""
    for finding in report["findings"]:
        if finding["question"] == "reliable" and finding["leading"] and finding["subject"]["stage"] == stage:
            estimate = by_id(report, finding["evidence"][0])
            value = None if estimate is None else estimate["value"]
            if finding["state"] in ("alert", "concern"):
                how = "an unreliable" if finding["state"] == "alert" else "a partly reliable"
                return f"Rests on {how} score (G {view.coefficient(value)})."
            if finding["state"] == "cannot_tell":
                return "Rests on a score whose reliability these data cannot tell."
    return ""


def is_lead(subject: Entry) -> bool:
    return subject.get("job_family") is None and subject.get("competency") in (*LEADS, None)
