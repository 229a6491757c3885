"""What passes about people who interview: those with enough candidates, and nothing about a single candidate.

Who has enough is known from the report itself: every table that says how many candidates an interviewer scored is
heard; of whom none says it, nothing is shown. Measures whose tables name interviewers pass through a list of the
tables they may show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

Entry = dict[str, Any]
Shown = Set[str]

CANDIDATE_TABLES = (
    "fair_score", "adjusted_mean", "observed_mean", "unit_component", "linking_units", "single_units", "unexpected",
    "anchors",
)  # fmt: skip
WITHHELD_FILE = "(not named in the public edition)"
SEVERITY = ("severity", "se", "severity_interval", "units_scored", "component")
LINKAGE = ("component", "shared_units", "partners", "units_scored")
BY_LEVEL = (
    "measures", "se", "infit", "outfit", "infit_z", "outfit_z", "infit_expected", "outfit_expected", "observed_average",
    "fair_average", "count", "subset", "extreme",
)  # fmt: skip
"""Tables of the Rasch model: facet -> level -> figure."""
OF_THE_SCALE = ("thresholds", "thresholds_se", "categories", "disordered")
"""Tables of score steps; with steps of one interviewer each they are left out."""
FACTS = (
    "separation", "loglik", "population", "sd_person", "convergence", "estimation", "score_step", "bias_correction",
    "parameters", "raters_left_out",
)  # fmt: skip


def known_interviewers(report: Mapping[str, Any]) -> dict[str | None, set[str]]:
    """By stage, the interviewers for whom some table says that they scored enough candidates."""
    least = report["policy"]["audit"]["minimum_candidates_per_rater"]
    enough: dict[str | None, set[str]] = {}
    for estimate in report["estimates"]:
        found = enough.setdefault(estimate["subject"].get("stage"), set())
        found |= {rater for rater, units in _candidates(estimate).items() if units >= least}
    return enough


def people_only(estimate: Entry, enough: Mapping[str | None, Shown], policy: Mapping[str, Any]) -> Entry:
    """The estimate without what is about single candidates, and without interviewers who are not among `enough`."""
    detail = {name: _anonymous(value) for name, value in estimate["detail"].items() if name not in CANDIDATE_TABLES}
    gate = _GATES.get(estimate["measure"])
    if gate is not None:
        least, stated = policy["audit"]["minimum_candidates_per_rater"], _candidates(estimate)
        known = enough.get(estimate["subject"].get("stage"), set())
        shown = {rater for rater in known if stated.get(rater, least) >= least}
        detail = gate(detail, shown, policy["disclosure"]["minimum_cell"])
    return estimate | {"detail": detail}


def _anonymous(table: Any) -> Any:
    """Rows without the candidate they are about."""
    if not isinstance(table, list):
        return table
    return [{k: v for k, v in row.items() if k != "unit"} if isinstance(row, dict | Mapping) else row for row in table]


def nobody_named(report: Entry) -> Entry:
    """The report without names of files and notes, which the public edition does not show."""
    batches = [batch | {"file": WITHHELD_FILE, "notes": []} for batch in report["inputs"]["batches"]]
    return report | {"inputs": report["inputs"] | {"batches": batches, "scale_notes": []}}


def _candidates(estimate: Mapping[str, Any]) -> dict[str, int]:
    """How many candidates an interviewer scored, where the estimate says it."""
    detail = estimate["detail"]
    if estimate["measure"] in ("rater_severity", "rater_linkage"):
        return {rater: units or 0 for rater, units in (detail.get("units_scored") or {}).items()}
    if estimate["measure"] in ("rater_habits", "rater_drift"):
        return {rater: row.get("units") or 0 for rater, row in (detail.get("raters") or {}).items()}
    return {}


def _of(table: Any, shown: Shown) -> Any:
    return {rater: row for rater, row in table.items() if rater in shown} if isinstance(table, Mapping) else table


def _rows(detail: Mapping[str, Any], name: str) -> list[Any]:
    found = detail.get(name)
    return list(found) if isinstance(found, Sequence) and not isinstance(found, str) else []


def _tables(*names: str) -> Callable[[Entry, Shown, int], Entry]:
    def gate(detail: Entry, shown: Shown, _: int) -> Entry:
        return detail | {name: _of(detail[name], shown) for name in names if name in detail}

    return gate


def _linkage(detail: Entry, shown: Shown, _: int) -> Entry:
    kept = _tables(*LINKAGE)(detail, shown, 0)
    if "linking_raters" in detail:
        kept["linking_raters"] = [row for row in _rows(detail, "linking_raters") if row.get("rater") in shown]
    return kept


def _pairs(detail: Entry, shown: Shown, _: int) -> Entry:
    both = [row for row in _rows(detail, "rows") if {row.get("rater_a"), row.get("rater_b")} <= shown]
    return detail | ({"rows": both} if "rows" in detail else {})


def _advice(detail: Entry, shown: Shown, _: int) -> Entry:
    rows = [
        {**row, "with_raters": [rater for rater in row.get("with_raters") or [] if rater in shown]}
        for row in _rows(detail, "rows")
        if row.get("rater") in shown
    ]
    return detail | ({"rows": rows} if "rows" in detail else {})


def _drift(detail: Entry, shown: Shown, minimum_cell: int) -> Entry:
    """Interviewers who may be shown, with the periods in which they met as many candidates as the minimum cell."""
    kept = _tables("raters")(detail, shown, minimum_cell)
    if isinstance(kept.get("raters"), Mapping):
        kept["raters"] = {
            rater: row | {"periods": [one for one in _rows(row, "periods") if (one.get("units") or 0) >= minimum_cell]}
            for rater, row in kept["raters"].items()
        }
    return kept


def _rasch(detail: Entry, shown: Shown, minimum_cell: int) -> Entry:
    kept: Entry = {name: detail[name] for name in FACTS if name in detail}
    for name in BY_LEVEL:
        if isinstance(detail.get(name), Mapping):
            levels = {facet: table for facet, table in detail[name].items() if facet != "unit"}
            kept[name] = levels | ({"rater": _of(levels["rater"], shown)} if "rater" in levels else {})
    if not isinstance(detail.get("thresholds"), Mapping):
        kept |= {name: detail[name] for name in OF_THE_SCALE if name in detail}
    if "wright_map" in detail:
        kept["wright_map"] = _wright_map(_rows(detail, "wright_map"), shown, minimum_cell)
    return kept


def _own_gaps(detail: Entry, shown: Shown, _: int) -> Entry:
    kept = _tables("raters")(detail, shown, 0)
    return kept | {"flagged": [rater for rater in detail.get("flagged") or [] if rater in shown]}


def _wright_map(rows: list[Entry], shown: Shown, minimum_cell: int) -> list[Entry]:
    """Interviewers who may be shown, and candidates in bins of at least the minimum cell, joined where they hold fewer."""
    bins: list[Entry] = []
    for row in sorted((r for r in rows if r.get("facet") == "unit"), key=lambda r: r["from"]):
        if bins and bins[-1]["count"] < minimum_cell:
            bins[-1] = bins[-1] | {"to": row["to"], "count": bins[-1]["count"] + row["count"]}
        else:
            bins.append({key: row[key] for key in ("facet", "from", "to", "count")})
    if bins and bins[-1]["count"] < minimum_cell:
        last = bins.pop()
        if bins:
            bins[-1] = bins[-1] | {"to": last["to"], "count": bins[-1]["count"] + last["count"]}
    levels = [r for r in rows if r.get("facet") != "unit" and "level" in r]
    return bins + [r for r in levels if r["facet"] != "rater" or r["level"] in shown]


_GATES: Mapping[str, Callable[[Entry, Shown, int], Entry]] = {
    "rater_severity": _tables(*SEVERITY),
    "rater_linkage": _linkage,
    "rater_habits": _tables("raters", "influence"),
    "rater_drift": _drift,
    "rater_group_interaction": _own_gaps,
    "many_facet_rasch": _rasch,
    "pairwise_agreement": _pairs,
    "light_kappa": _pairs,
    "pairing_advice": _advice,
}
