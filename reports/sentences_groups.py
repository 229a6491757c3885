"""What findings on where a gap arises say: crossed groups, panels, interviewers, single competencies, time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.said import Said, about, undecided, unestimated

Entry = Mapping[str, Any]


def _people(estimate: Entry) -> str:
    n = estimate["n"]
    return f"{view.count(n.get('focal'))} and {view.count(n.get('reference'))} people"


def _tested(finding: Entry) -> str:
    told = [view.p_equals(finding["p"])] if finding["p"] is not None else []
    told += [f"{view.p_equals(finding['q'], 'q')} over all tests"] if finding["q"] is not None else []
    return ", ".join(told)


def crossed(finding: Entry, estimate: Entry, report: Entry) -> Said:
    subject = finding["subject"]
    scores = estimate.get("variant") == "scores"
    what = (
        f"{'scoring above the median' if scores else 'selection'} by {view.label(subject['attribute'])} {at(subject)}"
    )
    if estimate.get("value") is None:
        return unestimated(finding, estimate, f"Whether crossed groups depart, in {what},")
    flagged = [row for row in estimate["detail"].get("rows") or [] if row.get("flagged")]
    spread = (
        f"Crossed groups depart from what their two attributes say by {view.coefficient(estimate['value'])} (SD in log odds, "
        f"{view.interval_in_words(estimate['interval'])}; {_tested(finding) or 'not tested'}), in {what}."
    )
    if finding["state"] == "concern":
        did = "above" if scores else "selected"
        named = [
            f"{view.label(row['group'])} ({view.count(row['n'])} people): {view.rough(100 * row['rate'])} of 100 {did} "
            f"where the two attributes say {view.rough(100 * row['expected'])}"
            for row in flagged
            if row.get("rate") is not None and row.get("expected") is not None
        ]
        hidden = "Which group it is rests on a cell too small to be shown."
        told = f"{spread} It departs in {view.listed(named, 4)}." if named else f"{spread} {hidden}"
        names = view.listed([view.label(row["group"]) for row in flagged], 4) or "crossed groups"
        step = f"Look at the {'forms' if scores else 'decisions'} on {names} one by one."
        return Said(
            told, "", "Neither attribute alone shows this.", step, "The head of hiring with the panels concerned"
        )
    if finding["state"] == "none_seen":
        return Said(spread, "", "A departure of a size that matters could have been seen.")
    return Said(spread, "", undecided(finding, report))


def panels(finding: Entry, estimate: Entry, report: Entry) -> Said:
    subject = finding["subject"]
    focal, reference = view.label(subject["group"]), view.label(subject["reference"])
    detail = estimate.get("detail", {})
    ends = detail.get("between_interval")
    if detail.get("between") is None or not ends:
        return unestimated(
            finding, estimate, f"Whether {focal} and {reference} met panels of like severity {at(subject)}"
        )
    met = "harsher" if detail["between"] < 0 else "milder"
    effect = (
        f"{view.sentence(focal)} met panels that score {view.fixed(abs(detail['between']))} points {met} than those of "
        f"{reference} {at(subject)} (95{view.NARROW}% interval {view.fixed(ends[0])} to {view.fixed(ends[1])}; "
        f"{_people(estimate)}; {_tested(finding) or 'not tested'})."
    )
    visible = (finding["detectable"] or {}).get("difference")
    seen = "" if visible is None else f" A difference of {view.rough(visible)} points would have been seen."
    if finding["state"] == "concern":
        return Said(effect, _share(estimate), "This part of the gap is not about the candidates.",
                    f"Balance which interviewers meet {focal} and {reference} before the form is changed.",
                    "Those who plan interviews")  # fmt: skip
    if finding["state"] == "none_seen":
        worth = view.rough(finding["threshold"])
        return Said(effect, "", f"The whole interval lies inside ±{worth} points.{seen}")
    return Said(effect, "", undecided(finding, report) + seen)


def _share(estimate: Entry) -> str:
    value, interval = estimate["value"], estimate["interval"]
    if value is None or interval is None:
        return "Which share of the gap that is, these data cannot tell."
    low, high = view.number(interval["low"]), view.number(interval["high"])
    return (
        f"That is {view.percent(value)} of the gap between them "
        f"({view.level(interval)} interval {view.percent(low)} to {view.percent(high)})."
    )


def interviewers(finding: Entry, estimate: Entry, report: Entry) -> Said:
    subject = finding["subject"]
    focal, reference = view.label(subject["group"]), view.label(subject["reference"])
    if estimate.get("value") is None:
        return unestimated(finding, estimate, f"Whether interviewers see the same gap between {focal} and {reference}")
    n = estimate["n"]
    effect = (
        f"Interviewers differ in the gap they see between {focal} and {reference} by {view.rough(estimate['value'])} points "
        f"(SD, {view.interval_in_words(estimate['interval'])}; {view.count(n.get('raters_of_both'))} interviewers who met "
        "both; "
        f"{_tested(finding) or 'not tested'}) {at(subject)}."
    )
    if finding["state"] == "concern":
        step = f"Talk through how {focal} and {reference} were scored, interviewer by interviewer, with their forms at hand."
        return Said(effect, "", "Who is right is not known; the same candidates would fare otherwise with others.", step,
                    "Interview training")  # fmt: skip
    visible = (finding["detectable"] or {}).get("sd")
    seen = "" if visible is None else f" A spread of {view.rough(visible)} points would have been seen."
    if finding["state"] == "none_seen":
        return Said(effect, "", f"This is consistent with one gap for all.{seen}")
    return Said(effect, "", undecided(finding, report) + seen)


CLASSES = {"A": "negligible", "B": "moderate", "C": "large"}


def item_bias(finding: Entry, estimate: Entry, report: Entry) -> Said:
    subject = finding["subject"]
    focal, reference = view.label(subject["group"]), view.label(subject["reference"])
    what = view.competency(subject["competency"])
    if estimate.get("value") is None:
        return unestimated(
            finding, estimate, f"Whether the {what} is scored alike for {focal} and {reference} of the same standing"
        )
    value = estimate["value"]
    apart = estimate.get("detail", {}).get("standing_without")
    standing = f"in the competencies other than the {view.competency(apart)}" if apart else "in all competencies"
    effect = (
        f"Among people of the same standing {standing}, {focal} score {'lower' if value < 0 else 'higher'} than "
        f"{reference} in the {what} {at(subject)} (delta {view.fixed(value)}, "
        f"{view.interval_in_words(estimate['interval'])}; {_people(estimate)}; "
        f"{_tested(finding) or 'not tested'})."
    )
    if finding["state"] == "concern":
        size = CLASSES.get(estimate["detail"].get("ets_class") or "", "")
        step = f"Read what the form asks for under {what}, and what {focal} and {reference} were scored on."
        return Said(
            effect, f"By the classes of educational testing this is {size}.", "", step, "Those who wrote the form"
        )
    if finding["state"] == "none_seen":
        return Said(effect, "", "The whole interval lies inside what educational testing calls large.")
    return Said(effect, "", undecided(finding, report))


def movement(finding: Entry, estimate: Entry, report: Entry) -> Said:
    subject, detail = finding["subject"], estimate.get("detail", {})
    selection = estimate.get("variant") == "selection"
    what = "selection" if selection else f"the {about(subject)}" if subject.get("competency") else "scores"
    groups = f"{view.label(subject['group'])} and {view.label(subject['reference'])}"
    named = f"the gap in {what} between {groups} {at(subject) if selection else ''}".strip()
    alarm = detail.get("alarm") or {}
    if finding["reason"] == "not_estimable" or not alarm.get("looks"):
        return unestimated(finding, estimate, f"Whether {named} has moved")
    told = len(detail.get("periods") or [])
    looked = view.plural(alarm["looks"], "look") + (f" at {view.plural(told, 'period')}" if told else "")
    change = detail.get("change") or {}
    watch = (
        f"the watch on it went off in {view.label(alarm['alarm_at'], 20)} ({looked})"
        if alarm.get("alarm_at") is not None
        else f"the watch on it has not gone off ({looked})"
    )
    if finding["state"] == "concern":
        since = view.label(change["period"], 20) if change.get("period") is not None else "some period"
        size = f"{view.fixed(change.get('before'))} before, {view.fixed(change.get('after'))} after"
        scale = "odds ratio" if selection else "standard deviations"
        effect = (
            f"{view.sentence(named)} moved {finding['reason']} from {since} on ({scale}: {size}; {_tested(finding)}; over "
            "all possible points of change)."
        )
        step = f"Find out what changed in interviews around {since}."
        told_apart = "Before and after are those of the best split and exaggerate the jump."
        return Said(effect, f"{view.sentence(watch)}.", told_apart, step, "The people-analytics team")
    effect = f"No lasting change of {named} stands out ({_tested(finding) or 'not tested'}); {watch}."
    if finding["state"] == "none_seen":
        return Said(effect, "", "A lasting change of a size that matters could have been seen.")
    return Said(effect, "", undecided(finding, report))


def at(subject: Entry) -> str:
    """at user interviews in Sales; in the whole process"""
    return about(subject | {"competency": None})
