"""The last gate: what a report may not show is taken out here, and nowhere else.

Small cells go, and with them whatever would give them back (reports.suppression): over groups, job families, periods, stages
and crossed attributes, and beside what an earlier report on the same people shows (reports.releases). Where a whole attribute
cannot be protected that way, because nearly everybody is in a group that is shown, its figures stay as rough as the minimum
demands. Interviewers below their minimum and everything about single candidates never pass (reports.interviewers).

The public edition has a larger minimum, is rough throughout, and names no interviewer and no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from reports.group_gate import WITHHELD, rough, rough_p, roughly, without
from reports.group_tables import (
    ACCESS,
    COVERAGE,
    CROSSED,
    OUTCOMES,
    PERIOD,
    SCORING,
    access_tables,
    slice_of,
)
from reports.hiding import Hidden, withheld
from reports.interviewers import known_interviewers, nobody_named, people_only
from reports.performance import rated_enough
from reports.suppression import Slice, hide, merged

Entry = dict[str, Any]
Edition = Literal["internal", "public"]
ATTRIBUTE_OUTCOMES = (*OUTCOMES, CROSSED)
NESTED = {dict, list, tuple}


def _copied(value: Any) -> Any:
    """A copy of parsed JSON that shares nothing with it."""
    if isinstance(value, dict):
        return {key: _copied(each) if type(each) in NESTED else each for key, each in value.items()}
    return [_copied(each) if type(each) in NESTED else each for each in value]


def protect(
    report: Entry, earlier: Sequence[Entry] = (), edition: Edition = "internal", beside: Sequence[Entry] = ()
) -> Entry:
    """A copy of report.json that shows no small cell, lists what was taken out, and judges nothing it does not show.

    earlier: reports that went out before on the same people (as published), whose figures must give nothing back either.
    beside: other editions of this report, as they go out, which some readers of this one have, too.
    """
    report = _copied(report)
    disclosure = report["policy"]["disclosure"]
    minimum = least = disclosure["minimum_cell"]
    if edition == "public":
        minimum = max(least, disclosure["public_minimum_cell"])
        disclosure["minimum_cell"] = minimum  # what the edition says of itself
        report = nobody_named(report) | {"edition": "public"}
    enough = {} if edition == "public" else known_interviewers(report)
    report["estimates"] = [
        rated_enough(people_only(estimate, enough, report["policy"]), minimum) for estimate in report["estimates"]
    ]
    found = withheld(report, minimum, earlier, rough_throughout=edition == "public", beside=beside, least=least)
    people, outcomes, scoring, rough = found.people, found.outcomes, found.scoring, found.rough
    access = _without_access(report, people, rough, minimum)
    short = {key[0] for about in (outcomes, access) for key, groups in about.items() if groups}
    kept, gone = [], set()
    for estimate in report["estimates"]:
        about = _map_of(estimate, people, outcomes, scoring, access)
        attribute, stage, _ = slice_of(estimate)
        periods = {
            str(part): groups
            for (a, s, part), groups in about.items()
            if (a, s) == (attribute, stage) and part is not None
        }
        if estimate["measure"] == COVERAGE and stage in found.coverage:
            gone.add(estimate["id"])
            continue
        protected = without(estimate, about.get(slice_of(estimate), set()), minimum, periods)
        if protected is not None and _of_groups(estimate) and (edition == "public" or attribute in rough):
            protected = roughly(protected)
        if protected is None:
            gone.add(estimate["id"])
        else:
            kept.append(protected)
    report["estimates"] = kept
    report["suppressed"] = [*report["suppressed"], *_listed(people, outcomes, access, minimum)]
    exposed = {e["id"] for e in kept if _of_groups(e) and (edition == "public" or e["subject"]["attribute"] in rough)}
    _follow(report, gone, exposed)
    if short:
        _unpublish(report)
    return report


def _of_groups(estimate: Entry) -> bool:
    return estimate["subject"].get("attribute") is not None


def _map_of(estimate: Entry, people: Hidden, outcomes: Hidden, scoring: Hidden, access: Hidden) -> Hidden:
    """Which groups are hidden for a kind of figure: by people, by outcomes too, by place of the median, by access."""
    measure = estimate["measure"]
    if measure == ACCESS:
        return access
    if measure == SCORING or (measure == CROSSED and estimate["variant"] == "scores"):
        return scoring
    by_outcome = measure in ATTRIBUTE_OUTCOMES or measure == "group_coverage"
    return outcomes if by_outcome or (measure == "group_monitor" and estimate["variant"] == "selection") else people


def _without_access(report: Entry, by_people: Mapping[Slice, set[str]], rough: set[str], minimum: int) -> Hidden:
    """Groups whose access to preparation is hidden; the whole attribute where the groups shown would give them away and
    the figures are not rough anyway."""
    tables = access_tables(report)
    for table in tables:
        table.hidden |= by_people.get(table.slice, set())
    exposed = hide(tables, minimum) - rough
    for table in tables:
        if table.slice[0] in exposed:
            table.hidden |= table.cells.keys()
    return {key: set(groups) for key, groups in merged(tables).items()}


def _listed(
    by_people: Mapping[Slice, set[str]], both: Mapping[Slice, set[str]], access: Mapping[Slice, set[str]], minimum: int
) -> Iterator[Entry]:
    why = f"It, or a figure that could be worked out from it, rests on fewer than {minimum} people."
    places = sorted(
        {place for place in (*both, *access) if not str(place[2]).startswith(PERIOD)},
        key=lambda place: tuple(map(str, place)),
    )
    for attribute, stage, family in places:
        told, only = both.get((attribute, stage, family), set()), access.get((attribute, stage, family), set())
        for group in sorted(told | only):
            subject = {
                "stage": stage,
                "competency": None,
                "job_family": family,
                "attribute": attribute,
                "criterion": None,
            }
            whole = group in by_people.get((attribute, stage, family), set())
            parts = ["selection and prediction"] * (group in told) + ["access to preparation"] * (group in only)
            what = "every figure" if whole else ", ".join(parts)
            yield {"subject": subject | {"group": group, "reference": None}, "what": what, "why": why}


def _follow(report: Entry, gone: set[str], exposed: set[str]) -> None:
    """Tests and findings go with their estimates; a finding whose figure is withheld cannot tell."""
    estimates = {estimate["id"]: estimate for estimate in report["estimates"]}
    report["tests_run"] = [
        test | ({key: rough_p(test[key]) for key in ("p", "q")} if test["estimate"] in exposed else {})
        for test in report["tests_run"]
        if test["estimate"] not in gone
    ]
    findings = []
    for finding in report["findings"]:
        evidence = finding["evidence"]
        if evidence and evidence[0] in gone:
            continue
        finding |= {"evidence": [name for name in evidence if name not in gone]}
        leading = estimates.get(evidence[0]) if evidence else None
        if (
            finding["rule"] == "selection"
            and leading is not None
            and leading["value"] is None
            and WITHHELD in _texts(leading)
        ):
            nothing = dict.fromkeys(("detectable", "p", "q"))
            subject = finding["subject"] | {"group": None, "reference": None}
            finding |= nothing | {"state": "cannot_tell", "reason": "suppressed", "subject": subject}
        elif evidence and evidence[0] in exposed:
            rounded = {key: rough_p(finding[key]) for key in ("p", "q")}
            finding |= rounded | {"detectable": rough(finding["detectable"])}
        findings.append(finding)
    report["findings"] = findings
    states = report["summary"]["findings"]
    report["summary"] = {"findings": {state: sum(f["state"] == state for f in findings) for state in states}}


def _texts(estimate: Entry) -> list[str]:
    return [caution["text"] for caution in estimate["cautions"]]


def _unpublish(report: Entry) -> None:
    """How many stated no group would give hidden groups back, and of another attribute, too: those totals go."""
    report["inputs"]["counts"] |= {"groups_known": None, "declined": None}
    for entry in report["too_small"]:
        if entry.get("attribute") is not None:
            entry["candidates"] = None
