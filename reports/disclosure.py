"""The last gate: what a report may not show is taken out here, and nowhere else.

Small cells go, and with them whatever would give them back (reports.suppression). Where a whole attribute cannot be
protected that way, because nearly everybody is in a group that is shown, its figures stay as rough as the minimum
demands. Interviewers below their minimum and everything about single candidates never pass (reports.interviewers).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from reports.interviewers import known_interviewers, people_only
from reports.performance import rated_enough
from reports.suppression import Cells, Slice, Table, hide, merged

Entry = dict[str, Any]
BY_GROUP = ("rates", "n", "selected", "ratios", "four_fifths", "impact_ratio_to_highest")
OF_THE_PAIR = (
    "focal", "one_person_shift", "shortfall", "z", "p", "minimum_detectable", "katz_ci_lower", "katz_ci_upper",
    "over_all_pairs",
)  # fmt: skip
SELECTION = ("impact_ratio", "fisher_exact", "lancaster_mid_p", "mantel_haenszel", "breslow_day")
OUTCOMES = (*SELECTION, "differential_prediction")
ACCESS = "access_difference"
COARSE_GROUP = 20
"""Roughness protects a group of this many minimum cells and more; smaller ones are left out of a rough attribute."""
ROUGH_KEYS = (
    "focal", "reference", "four_fifths", "rates", "shares", "n", "ratios", "rows", "minimum_detectable", "over_all_pairs",
    "means", "sds", "mean_difference", "lines", "step_down",
)  # fmt: skip
WITHHELD = "Figures on a group under the minimum, and figures that would give them away, are withheld."


def protect(report: Entry) -> Entry:
    """A copy of report.json that shows no small cell, lists what was taken out, and judges nothing it does not show."""
    report = copy.deepcopy(report)
    minimum = report["policy"]["disclosure"]["minimum_cell"]
    enough = known_interviewers(report)
    report["estimates"] = [
        rated_enough(people_only(estimate, enough, report["policy"]), minimum) for estimate in report["estimates"]
    ]
    about_people, about_outcomes, rough = _hidden(report, minimum)
    about_access = _without_access(report, about_people, rough, minimum)
    kept, gone = [], set()
    for estimate in report["estimates"]:
        about = about_outcomes if estimate["measure"] in OUTCOMES else about_people
        hidden = (about_access if estimate["measure"] == ACCESS else about).get(_slice(estimate), set())
        protected = _without(estimate, hidden, minimum)
        if protected is not None and estimate["subject"].get("attribute") in rough:
            protected = _roughly(protected)
        if protected is None:
            gone.add(estimate["id"])
        else:
            kept.append(protected)
    report["estimates"] = kept
    report["suppressed"] = [*report["suppressed"], *_listed(about_people, about_outcomes, about_access, minimum)]
    _follow(report, gone, rough)
    short = {key[0] for about in (about_outcomes, about_access) for key, groups in about.items() if groups}
    if short:
        _unpublish(report, short)
    return report


def _slice(estimate: Entry) -> Slice:
    subject = estimate["subject"]
    return str(subject.get("attribute")), subject.get("stage"), subject.get("job_family")


def _hidden(report: Entry, minimum: int) -> tuple[Mapping[Slice, set[str]], Mapping[Slice, set[str]], set[str]]:
    """Groups hidden by their people, by their outcomes too, and the attributes that stay exposed."""
    people = list(_tables(report, "people"))
    rough = hide(people, minimum)
    by_people = merged(people)
    outcomes = list(_tables(report, "outcomes"))
    for table in outcomes:
        table.hidden |= by_people.get(table.slice, set())
    rough |= hide(outcomes, minimum)
    both = {key: set(groups) for key, groups in by_people.items()}
    for key, groups in merged(outcomes).items():
        both.setdefault(key, set()).update(groups)
    for attribute in rough:
        for hidden in (by_people, both):
            _only_large(hidden, people, attribute, COARSE_GROUP * minimum)
    return by_people, both, rough


def _without_access(
    report: Entry, by_people: Mapping[Slice, set[str]], rough: set[str], minimum: int
) -> Mapping[Slice, set[str]]:
    """Groups whose access to preparation is hidden; the whole attribute where the groups shown would give them away and
    the figures are not rough anyway."""
    tables = list(_access_tables(report))
    for table in tables:
        table.hidden |= by_people.get(table.slice, set())
    exposed = hide(tables, minimum) - rough
    for table in tables:
        if table.slice[0] in exposed:
            table.hidden |= table.cells.keys()
    return merged(tables)


def _access_tables(report: Entry) -> Iterator[Table]:
    """By item, a group's people, those who had it and those who had not, beside the totals of the item."""
    totals = {
        row["item"]: (estimate["n"].get("candidates"), row["n_with"], row["n_without"])
        for estimate in report["estimates"]
        if estimate["measure"] == "preparation_effect"
        for row in estimate["detail"].get("items") or []
    }
    prepared = (report["inputs"]["counts"].get("prepared_known"), None, None)
    tables: dict[tuple[str, Slice], Table] = {}
    for estimate in report["estimates"]:
        shares = estimate["detail"].get("shares") or {}
        if estimate["measure"] != ACCESS or not shares:
            continue
        item, key = estimate["variant"], _slice(estimate)
        table = tables.setdefault((item, key), Table(item, key, {}, totals.get(item, prepared)))
        for side in ("focal", "reference"):
            group, n = estimate["subject"]["group" if side == "focal" else side], estimate["n"][side]
            had = round(shares[group] * n)
            table.cells[group] = (n, had, n - had)
    yield from tables.values()


def _only_large(hidden: Mapping[Slice, set[str]], tables: list[Table], attribute: str, least: int) -> None:
    """In a rough attribute job families go, and groups too small for roughness to protect them."""
    for table in tables:
        if table.slice[0] == attribute:
            part = table.slice[2] is not None
            hidden[table.slice].update(g for g, cells in table.cells.items() if part or cells[0] < least)


def _tables(report: Entry, of: str) -> Iterator[Table]:
    """The counts of groups that a report shows: people by slice and score, outcomes by slice."""
    pairs: dict[tuple[Any, ...], Table] = {}
    for estimate in report["estimates"]:
        measure, n = estimate["measure"], estimate["n"]
        if measure == "impact_ratio":
            detail = estimate["detail"]
            sizes = {group: n for group, n in detail.get("n", {}).items() if n is not None}
            selected = detail.get("selected", {})
            if of == "people":
                yield Table(
                    measure, _slice(estimate), {g: (sizes[g],) for g in sizes}, (_candidates(report, estimate),)
                )
            else:
                cells: dict[str, Cells] = {
                    g: (sizes[g], selected[g], sizes[g] - selected[g]) for g in sizes if selected.get(g) is not None
                }
                yield Table(measure, _slice(estimate), cells, _outcome_totals(report, estimate))
        elif "focal" in n and measure != ACCESS and (measure in OUTCOMES) == (of == "outcomes"):
            kind = f"{measure}/{estimate['variant']}/{estimate['subject'].get('competency')}"
            total = _rated(report, estimate) if measure == "differential_prediction" else None
            total = _candidates(report, estimate) if of == "people" else total
            table = pairs.setdefault((kind, _slice(estimate)), Table(kind, _slice(estimate), {}, (total,)))
            table.cells[estimate["subject"]["group"]] = (n["focal"],)
            table.cells[estimate["subject"]["reference"]] = (n["reference"],)
    yield from pairs.values()


def _total(report: Entry, estimate: Entry, measure: str, key: str) -> int | None:
    """The largest number of people that the report publishes for a slice."""
    subject = estimate["subject"]
    same = [
        other["n"].get(key) or 0
        for other in report["estimates"]
        if other["measure"] == measure
        and all(other["subject"].get(name) == subject.get(name) for name in ("stage", "job_family"))
        and subject.get("competency") in (None, other["subject"].get("competency"))
    ]
    return max(same, default=None)


def _candidates(report: Entry, estimate: Entry) -> int | None:
    return _total(report, estimate, "g_coefficient", "units")


def _rated(report: Entry, estimate: Entry) -> int | None:
    return _total(report, estimate, "pearson", "people")


def _outcome_totals(report: Entry, estimate: Entry) -> tuple[int | None, ...]:
    """Candidates, selected and rejected: the selected of a stage are in the report's counts."""
    counts, candidates = report["inputs"]["counts"], _candidates(report, estimate)
    if estimate["subject"]["job_family"] is not None:
        return candidates, None, None
    selected = counts.get({"user": "hired", "hr": "user_interviewed"}.get(estimate["subject"]["stage"], ""))
    return candidates, selected, None if candidates is None or selected is None else candidates - selected


def _without(estimate: Entry, hidden: set[str], minimum: int) -> Entry | None:
    """The estimate without hidden groups; None where nothing may be left of it."""
    subject = estimate["subject"]
    if subject.get("group") is not None:
        sizes = [estimate["n"].get(side) or 0 for side in ("focal", "reference")]
        if any(0 < size < minimum for size in sizes) or hidden & {subject["group"], subject["reference"]}:
            return None
        return estimate if "focal" in estimate["n"] else estimate | {"n": dict.fromkeys(estimate["n"])}
    if not hidden or estimate["measure"] != "impact_ratio":
        return estimate
    detail = dict(estimate["detail"])
    for name in BY_GROUP:
        if isinstance(detail.get(name), Mapping):
            detail[name] = {group: None if group in hidden else value for group, value in detail[name].items()}
    empty = dict.fromkeys(("n", "selected", "rate", "ratio", "low", "high", "eligible"))
    detail["rows"] = [row if row["group"] not in hidden else row | empty for row in detail.get("rows", [])]
    detail["max_difference"] = None
    if detail.get("highest") in hidden:
        detail |= {"highest": None, "impact_ratio_to_highest": dict.fromkeys(detail["n"])}
    told = {"code": "SMALL_GROUP", "text": WITHHELD}
    cautions = [
        told,
        *({"code": c["code"], "text": WITHHELD} for c in estimate["cautions"] if c["code"] != "SMALL_GROUP"),
    ]
    changed = estimate | {"detail": detail, "cautions": cautions, "n": estimate["n"] | {"people": None}}
    if detail.get("reference") in hidden:
        unknown = dict.fromkeys(detail["n"])
        detail |= {"reference": None, "ratios": unknown, "four_fifths": unknown}
        detail["rows"] = [row | {"ratio": None, "low": None, "high": None} for row in detail["rows"]]
    if detail.get("reference") is None or detail.get("focal") in hidden:
        detail |= dict.fromkeys(name for name in OF_THE_PAIR if name in detail)
        changed |= {
            "value": None,
            "interval": None,
            "n": dict.fromkeys(estimate["n"]),
            "method": "selection rate ratio",
        }
    return changed


def _roughly(estimate: Entry) -> Entry:
    """Two decimals, tens of people, one digit of p: nothing from which a count could be worked back."""
    detail = {name: _rough(value) for name, value in estimate["detail"].items() if name in ROUGH_KEYS}
    detail |= {name: _rough_p(p) for name, p in estimate["detail"].items() if _is_p(name)}
    cautions = [{"code": caution["code"], "text": WITHHELD} for caution in estimate["cautions"]]
    rough = {name: _rough(estimate[name]) for name in ("value", "interval", "n")}
    return estimate | rough | {"detail": detail, "cautions": cautions}


def _is_p(name: str) -> bool:
    return name in (
        "p",
        "p_two_sided",
        "p_corrected",
        "tarone_p",
        "p_homogeneity",
        "omnibus_p",
        "slope_p",
        "intercept_p",
    )


def _rough(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: None if name == "selected" else _rough(found) for name, found in value.items()}
    if isinstance(value, list):
        return [_rough(found) for found in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return round(value, 2) if isinstance(value, float) and abs(value) < 10 else 10 * int(value / 10 + 0.5)


def _rough_p(p: Any) -> Any:
    return max(0.001, float(f"{p:.0e}")) if isinstance(p, int | float) else None


def _listed(
    by_people: Mapping[Slice, set[str]], both: Mapping[Slice, set[str]], access: Mapping[Slice, set[str]], minimum: int
) -> Iterator[Entry]:
    why = f"It, or a figure that could be worked out from it, rests on fewer than {minimum} people."
    places = sorted({*both, *access}, key=lambda place: tuple(map(str, place)))
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


def _follow(report: Entry, gone: set[str], rough: set[str]) -> None:
    """Tests and findings go with their estimates; a finding whose figure is withheld cannot tell."""
    estimates = {estimate["id"]: estimate for estimate in report["estimates"]}
    exposed = {name for name, estimate in estimates.items() if estimate["subject"].get("attribute") in rough}
    report["tests_run"] = [
        test | ({key: _rough_p(test[key]) for key in ("p", "q")} if test["estimate"] in exposed else {})
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
            rounded = {key: _rough_p(finding[key]) for key in ("p", "q")}
            finding |= rounded | {"detectable": _rough(finding["detectable"])}
        findings.append(finding)
    report["findings"] = findings
    states = report["summary"]["findings"]
    report["summary"] = {"findings": {state: sum(f["state"] == state for f in findings) for state in states}}


def _texts(estimate: Entry) -> list[str]:
    return [caution["text"] for caution in estimate["cautions"]]


def _unpublish(report: Entry, attributes: set[str]) -> None:
    """How many stated no group would give hidden groups back: those totals go."""
    report["inputs"]["counts"] |= {"groups_known": None, "declined": None}
    for entry in report["too_small"]:
        if entry.get("attribute") in attributes:
            entry["candidates"] = None
