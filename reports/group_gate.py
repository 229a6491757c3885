"""A single estimate on groups without the groups that may not be shown, and the rough form of one.

What is left out is everything that names a hidden group or rests on it; what a shown figure says of all groups together goes
with it. Figures of single people (a group's lowest score) never pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any

from reports.group_tables import COVERAGE, CROSSED, MONITOR, PERIOD, SCORING
from reports.suppression import rough_count, rough_decimals

Entry = dict[str, Any]
WITHHELD = "Figures on a group under the minimum, and figures that would give them away, are withheld."
BY_GROUP = ("rates", "n", "selected", "above", "ratios", "four_fifths", "impact_ratio_to_highest")
OF_THE_PAIR = (
    "focal", "one_person_shift", "shortfall", "z", "p", "minimum_detectable", "katz_ci_lower", "katz_ci_upper",
    "over_all_pairs",
)  # fmt: skip
ROUGH_KEYS = (
    "focal", "reference", "four_fifths", "rates", "shares", "n", "ratios", "rows", "minimum_detectable",
    "over_all_pairs", "means", "sds", "mean_difference", "lines", "step_down", "between", "within", "gap",
    "between_interval", "within_interval", "standing_without", "gap_interval", "var_unit",
    "ets_class", "policies", "impact_ratio_raw", "impact_ratio_adjusted", "reversed", "cut", "r_focal", "r_reference",
    "reliability", "flagged", "alarm", "change", "highest", "median",
)  # fmt: skip
P_KEYS = (
    "p", "p_two_sided", "p_corrected", "tarone_p", "p_homogeneity", "omnibus_p", "slope_p", "intercept_p", "between_p",
    "nonuniform_p",
)  # fmt: skip
OF_SINGLE_PEOPLE = ("lowest", "highest", "lowest_x", "highest_x", "smallest", "largest")


def without(estimate: Entry, hidden: Set[str], minimum: int, periods: Mapping[str, Set[str]]) -> Entry | None:
    """The estimate without hidden groups; None where nothing may be left of it. periods: groups hidden by period."""
    subject = estimate["subject"]
    if estimate["measure"] == COVERAGE:
        return None if hidden or _few_unknown(estimate, minimum) else estimate
    if subject.get("group") is not None:
        sizes = [estimate["n"].get(side) or 0 for side in ("focal", "reference")]
        if any(0 < size < minimum for size in sizes) or hidden & {subject["group"], subject["reference"]}:
            return None
        gate = _PAIRS.get(estimate["measure"])
        passed = estimate if gate is None else gate(estimate, minimum, periods)
        return passed if "focal" in estimate["n"] else passed | {"n": _without_people(estimate["n"])}
    if estimate["measure"] == CROSSED:
        return _crossed(estimate, hidden, minimum)
    if estimate["measure"] in ("impact_ratio", SCORING):
        plain = estimate | {"detail": {k: v for k, v in estimate["detail"].items() if k != "by_column"}}
        return _by_group(plain, hidden) if hidden else plain
    return estimate


def _without_people(n: Mapping[str, Any]) -> Entry:
    """How many interviewers there were is no figure on a group; how many people would be."""
    return {name: value if name in ("raters", "raters_of_both") else None for name, value in n.items()}


def _few_unknown(estimate: Entry, minimum: int) -> bool:
    counts = [estimate["n"].get(status) or 0 for status in ("declined", "unknown")]
    chosen = estimate["detail"].get("selected") or {}
    cells = [*counts, *(chosen.get(status) or 0 for status in ("declined", "unknown"))]
    cells += [estimate["n"].get(status, 0) - (chosen.get(status) or 0) for status in ("declined", "unknown")]
    return any(0 < cell < minimum for cell in cells)


def _by_group(estimate: Entry, hidden: Set[str]) -> Entry:
    """Tables of many groups: their rows, and what rests on the pair where the reference or the focal group is hidden."""
    detail = dict(estimate["detail"])
    for name in BY_GROUP:
        if isinstance(detail.get(name), Mapping):
            detail[name] = {group: None if group in hidden else value for group, value in detail[name].items()}
    empty = dict.fromkeys(("n", "selected", "above", "rate", "ratio", "low", "high", "eligible"))
    detail["rows"] = [
        row if row["group"] not in hidden else row | {k: v for k, v in empty.items() if k in row}
        for row in detail.get("rows", [])
    ]
    detail["max_difference"] = None
    for name in ("unknown_group", "excluded", "at_median"):
        if name in detail:
            detail[name] = None
    if detail.get("highest") in hidden:
        detail |= {"highest": None, "impact_ratio_to_highest": dict.fromkeys(detail["n"])}
    told = {"code": "SMALL_GROUP", "text": WITHHELD}
    cautions = [
        told,
        *({"code": c["code"], "text": WITHHELD} for c in estimate["cautions"] if c["code"] != "SMALL_GROUP"),
    ]
    people = {name: None for name in ("people", "scored") if name in estimate["n"]}
    changed = estimate | {"detail": detail, "cautions": cautions, "n": estimate["n"] | people}
    if detail.get("reference") in hidden:
        unknown = dict.fromkeys(detail["n"])
        detail |= {"reference": None, "ratios": unknown, "four_fifths": unknown}
        detail["rows"] = [row | {"ratio": None, "low": None, "high": None} for row in detail["rows"]]
    if detail.get("reference") is None or detail.get("focal") in hidden:
        detail |= dict.fromkeys(name for name in OF_THE_PAIR if name in detail)
        title = "selection rate ratio" if estimate["measure"] == "impact_ratio" else "scoring rate ratio"
        changed |= {"value": None, "interval": None, "n": dict.fromkeys(estimate["n"]), "method": title}
    return changed


def _crossed(estimate: Entry, hidden: Set[str], minimum: int) -> Entry:
    """Crossed groups: rows of hidden ones, and what is said of the smallest."""
    detail = {k: v for k, v in estimate["detail"].items() if k not in ("by_column", "empty")}
    kept = ("group", "levels")
    detail["rows"] = [
        row if row["group"] not in hidden else {k: v if k in kept else None for k, v in row.items()}
        for row in detail.get("rows") or []
    ]
    detail["flagged"] = [name for name in detail.get("flagged") or [] if name not in hidden]
    smallest = estimate["n"].get("smallest_cell")
    n = estimate["n"] | ({"smallest_cell": None} if hidden or (smallest or 0) < minimum else {})
    if not hidden:
        return estimate | {"detail": detail, "n": n}
    if detail.get("reference") in hidden:
        detail["reference"] = None
        ratios = dict.fromkeys(("ratio", "raw_ratio", "raw_ratio_low", "raw_ratio_high"))
        detail["rows"] = [row | {k: v for k, v in ratios.items() if k in row} for row in detail["rows"]]
    cautions = [{"code": c["code"], "text": WITHHELD} for c in estimate["cautions"]]
    cautions += [{"code": "SMALL_GROUP", "text": WITHHELD}]
    return estimate | {"detail": detail, "n": n | {"people": None}, "cautions": cautions}


def _superiority(estimate: Entry, minimum: int, _: Mapping[str, Set[str]]) -> Entry:
    """Quantiles beyond which there are at least as many people as the minimum cell."""
    sizes = estimate["detail"].get("n") or {}
    quantiles = {
        group: {
            at: value if min(float(at), 1 - float(at)) * (sizes.get(group) or 0) >= minimum else None
            for at, value in table.items()
        }
        for group, table in (estimate["detail"].get("quantiles") or {}).items()
    }
    return estimate | {"detail": estimate["detail"] | {"quantiles": quantiles}}


def _flips(estimate: Entry, _: int, __: Mapping[str, Set[str]]) -> Entry:
    """Rates before and after, without how many single people that is."""
    detail = {k: v for k, v in estimate["detail"].items() if k not in ("gained", "lost", "tied")}
    kept = ("n", "rate_raw", "rate_adjusted")
    named = {estimate["subject"]["group"], estimate["subject"]["reference"]}
    detail["by_group"] = {
        group: {k: row[k] for k in kept if k in row}
        for group, row in (detail.get("by_group") or {}).items()
        if group in named
    }
    return estimate | {"detail": detail}


def _policies(estimate: Entry, _: int, __: Mapping[str, Set[str]]) -> Entry:
    counted = ("selected_focal", "selected_reference", "tied", "unscored")
    rows = [
        {k: v for k, v in row.items() if not k.startswith(counted)} for row in estimate["detail"].get("policies") or []
    ]
    return estimate | {"detail": estimate["detail"] | {"policies": rows}}


def _lines(estimate: Entry, _: int, __: Mapping[str, Set[str]]) -> Entry:
    """Lines without where they end: a group's lowest and highest score are single people's."""
    return estimate | {"detail": _pruned(estimate["detail"])}


def _pruned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _pruned(v) for k, v in value.items() if k not in OF_SINGLE_PEOPLE}
    return [_pruned(v) for v in value] if isinstance(value, list) else value


def _monitor(estimate: Entry, _: int, periods: Mapping[str, Set[str]]) -> Entry:
    """Of a period the gap to two decimals and about how many people, in tens: exact counts by period, beside a report on one
    of them, would give small ones away. Periods in which either group is hidden go, and the watch's steps."""
    pair = {estimate["subject"]["group"], estimate["subject"]["reference"]}
    rows = []
    for row in estimate["detail"].get("periods") or []:
        secret = bool(pair & set(periods.get(PERIOD + str(row["period"]), ())))
        figures = {name: None if secret else rough(row.get(name)) for name in ("gap", "low", "high")}
        sizes = {
            name: None if secret or row.get(name) is None else rough_count(row[name])
            for name in ("n_focal", "n_reference")
        }
        rows.append({"period": row["period"], "compared": row.get("compared")} | sizes | figures)
    detail = estimate["detail"] | {"periods": rows}
    for name in ("alarm", "gap_alarm"):
        if isinstance(detail.get(name), Mapping):
            detail[name] = {k: v for k, v in detail[name].items() if k != "by_period"}
    return estimate | {"detail": detail}


def _interaction(estimate: Entry, minimum: int, _: Mapping[str, Set[str]]) -> Entry:
    """Interviewers who scored at least the minimum of either group; who else they are is decided by the gate on raters."""
    detail = dict(estimate["detail"])
    raters = detail.get("raters") or {}
    detail["raters"] = {
        name: row
        for name, row in raters.items()
        if all((row.get(side) or 0) >= minimum for side in ("focal", "reference"))
    }
    detail["flagged"] = [name for name in detail.get("flagged") or [] if name in detail["raters"]]
    similarity = detail.get("similarity") or {}
    if any((similarity.get(side) or 0) < minimum for side in ("focal", "reference")):
        detail["similarity"] = None
    return estimate | {"detail": detail}


_PAIRS: Mapping[str, Callable[[Entry, int, Mapping[str, Set[str]]], Entry]] = {
    "probability_of_superiority": _superiority,
    "decision_flips": _flips,
    "selection_tradeoff": _policies,
    "prediction_at_cut": _lines,
    "differential_prediction": _lines,
    MONITOR: _monitor,
    "rater_group_interaction": _interaction,
}


def roughly(estimate: Entry) -> Entry:
    """Two decimals (one, where it rests on few), tens of people, one digit of p: nothing from which a count could be worked
    back. Ratios are those of the rough rates, so that they tell no more than these."""
    detail = {name: rough(value) for name, value in estimate["detail"].items() if name in ROUGH_KEYS}
    detail |= {name: rough_p(p) for name, p in estimate["detail"].items() if name in P_KEYS}
    sizes = estimate["detail"].get("n")
    if isinstance(sizes, Mapping) and isinstance(detail.get("rates"), Mapping):
        detail["rates"] = {g: _to(rate, sizes.get(g)) for g, rate in estimate["detail"]["rates"].items()}
    if isinstance(detail.get("rows"), list):
        detail["rows"] = [_rough_row(row) for row in estimate["detail"]["rows"]]
    cautions = [{"code": caution["code"], "text": WITHHELD} for caution in estimate["cautions"]]
    figures = {name: rough(estimate[name]) for name in ("value", "interval", "n")}
    if _of_few(estimate["n"]):
        figures["interval"] = _coarse(figures["interval"])
        detail |= (
            {"minimum_detectable": _coarse(detail["minimum_detectable"])} if "minimum_detectable" in detail else {}
        )
    return _recomputed(estimate | figures | {"detail": detail, "cautions": cautions})


def _of_few(n: Mapping[str, Any]) -> bool:
    """Whether a group has so few people that an interval, or an effect that could be found, tells how many."""
    return any(
        isinstance(n.get(side), int) and rough_decimals(rough_count(n[side])) < 2 for side in ("focal", "reference")
    )


def _coarse(figures: Any) -> Any:
    """One decimal; the level, power and significance stay."""
    if not isinstance(figures, Mapping):
        return figures
    kept = ("level", "power", "alpha")
    return {k: round(v, 1) if isinstance(v, float) and k not in kept else v for k, v in figures.items()}


def _rough_row(row: Any) -> Any:
    if not isinstance(row, Mapping) or "n" not in row or "group" not in row:
        return rough(row)
    figures = {k: _to(v, row["n"]) if isinstance(v, float) and k not in ("p", "q") else v for k, v in row.items()}
    return rough(figures)


def _to(value: Any, n: Any) -> Any:
    """To the decimals that so many people admit."""
    return round(value, rough_decimals(rough_count(n))) if isinstance(value, float) and isinstance(n, int) else value


def _recomputed(estimate: Entry) -> Entry:
    """Ratios of rates that were rounded before."""
    detail, rates = estimate["detail"], estimate["detail"].get("rates")
    reference = detail.get("reference")
    if not isinstance(rates, Mapping) or not detail.get("ratios") or not rates.get(reference):
        return estimate
    ratios = {
        group: None if rate is None or detail["ratios"].get(group) is None else round(rate / rates[reference], 2)
        for group, rate in rates.items()
    }
    rows = [row | {"ratio": ratios.get(row["group"])} for row in detail.get("rows") or []]
    value = estimate["value"] if estimate["value"] is None else ratios.get(detail.get("focal"), estimate["value"])
    return estimate | {"value": value, "detail": detail | {"ratios": ratios, "rows": rows}}


def rough(value: Any) -> Any:
    """A figure as the rough form shows it; p values to one digit, no counts of selected people."""
    if isinstance(value, dict | Mapping):
        told = {name: None if name in ("selected", "above") else rough(found) for name, found in value.items()}
        return told | {name: rough_p(value[name]) for name in ("p", "q") if name in value}
    if isinstance(value, list):
        return [rough(found) for found in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return round(value, 2) if isinstance(value, float) and abs(value) < 10 else rough_count(value)


def rough_p(p: Any) -> Any:
    return max(0.001, float(f"{p:.0e}")) if isinstance(p, int | float) else None
