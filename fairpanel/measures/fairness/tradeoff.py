"""Reliability, validity and impact ratio side by side, had the same interviews been decided in other ways."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from fairpanel.measures.columns import Floats, check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.fairness.contingency import no_value
from fairpanel.measures.fairness.interview_forms import Forms, checked_weights, interview_forms
from fairpanel.measures.fairness.policies import STATISTICS, Policy, outcomes, policies
from fairpanel.measures.resampling import bootstrap_interval, check_replicates

_REFERENCES = (
    "Sackett, P. R., & Ellingson, J. E. (1997). Personnel Psychology, 50, 707-721 (composites and adverse impact)",
    "De Corte, W., Lievens, F., & Sackett, P. R. (2007). Journal of Applied Psychology, 92, 1380-1393 (trade-off)",
    "Putka, D. J., Le, H., McCloy, R. A., & Diaz, T. (2008). Journal of Applied Psychology, 93, 959-981 (G(q,k))",
    "Efron, B., & Tibshirani, R. J. (1993). An Introduction to the Bootstrap. Chapman & Hall, chapter 13",
)
_TITLE = "impact ratio under the current policy"
_FEW = 10
_ROUNDING = 1e-9

Drawn = Mapping[str, Mapping[str, Floats]]


def selection_tradeoff(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    item: str | None = "item",
    score: str = "score",
    group: str = "group",
    criterion: str | None = None,
    focal: str | None = None,
    reference: str | None = None,
    top_n: int | None = None,
    selection_ratio: float | None = None,
    weights: Mapping[str, float] | Sequence[float] | None = None,
    interval: Literal["bootstrap", "none"] = "bootstrap",
    replicates: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """How reliability, validity and the impact ratio would have moved together had the same scores decided otherwise.

    Parameters
    ----------
    data : one score a row; rows with a missing value (the criterion aside) are left out and counted.
    unit, rater, item, score : columns of candidate, interviewer, competency and score; item=None: one score a form.
    group : the candidate's group. criterion : the candidate's later performance, missing for those not hired.
    focal, reference : the groups of the impact ratio (of two, the larger by candidates is the reference).
    top_n : places for the highest scores, or selection_ratio : places as a share of candidates. One of the two.
    weights : of the competencies under the current policy, by name or in the order of the sorted names; equal without.
    interval, replicates, seed : bootstrap over candidates; raters and their severities as they are.

    Returns
    -------
    Estimate
        value: impact ratio, focal over reference selection rate, under the current policy, with interval. n: units, focal,
        reference, raters, scores, items, places, with_criterion. detail: focal, reference, merit ("validity" or
        "reliability": what pareto weighs), policies (rows: policy, kind, places, reliability, validity, impact_ratio,
        rate_focal, rate_reference, flips (share of decisions unlike the current ones), all with _low and _high,
        impact_versus_current (ratio of impact ratios, same candidates) with _low and _high, selected_focal,
        selected_reference, tied, unscored, pareto), replicates. policy: "current", "severity_adjusted" (raters' levels
        taken off as in `decision_flips`), "without:<item>", "double:<item>" (its weight), "cut:0.75" and "cut:1.25"
        (times the places), "raters:+1". kind: scores, cut or projection. pareto: of the policies of kind scores, no
        other is at least as good on merit and on min(ratio, 1 / ratio) and better on one; null for the other kinds, which
        fill other places or cost more.

    Raises
    ------
    MeasureInputError
        A missing column, both or neither of top_n and selection_ratio, a candidate in two groups or with two criteria,
        weights that do not fit the items, under 50 replicates.

    Cautions
    --------
    Counterfactual: the same scores read otherwise, with candidates, interviewers and applicants as they were. It tells what
    hangs on the policy; choosing one by its outcome for a group is not what it suggests and may itself be unlawful
    (42 U.S.C. 2000e-2(l) on adjusting scores by group; Ricci v. DeStefano): the reason for a policy is the job.
    Validities are those observed among candidates with a criterion (RANGE_RESTRICTED): selected by the current policy, they
    favour other ones. Differences within the intervals are none; pareto looks at the estimates alone. TIES: candidates
    level at the last place share it evenly (the average of drawing lots), so that rates need not be whole numbers and
    neither names nor order of rows matter.

    Notes
    -----
    Score: mean over forms of the weighted mean of the competencies on each. Reliability: G(q,k) of the composite a form,
    profile likelihood; severity_adjusted: q = 0, as if severities were known. raters:+1: k + 1 raters, q k held;
    validity grows by f = sqrt(G'/G); gaps between groups in standard deviations within groups grow by f as well (true
    gaps stay, the spread around them shrinks), rates times those of normal groups after over before, at the same places.

    References
    ----------
    .. [1] Sackett & Ellingson 1997. .. [2] De Corte, Lievens & Sackett 2007. .. [3] Putka et al. 2008.
    .. [4] Efron & Tibshirani 1993.

    Pinned by `decision_flips` (adjusted scores), `g_coefficient` of the composites and counts by hand.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> unit, rater, item = (each.ravel() for each in np.meshgrid(range(200), range(2), ["a", "b"], indexing="ij"))
    >>> merit = rng.normal(size=(200, 1, 1)) - 0.8 * (np.arange(200).reshape(-1, 1, 1) % 2 == 0) * np.array([1, 0])
    >>> ratings = pl.DataFrame({"unit": unit, "rater": rater, "item": item, "group": np.where(unit % 2, "r", "f"),
    ...                         "score": (merit + 0.5 * rng.normal(size=(200, 2, 2))).ravel()})
    >>> found = selection_tradeoff(ratings, focal="f", reference="r", top_n=40, interval="none")
    >>> by_policy = {row["policy"]: row["impact_ratio"] for row in found.detail["policies"]}
    >>> by_policy["double:a"] < found.value < by_policy["without:a"]
    True
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("bootstrap", "none"))
    check_replicates(replicates)
    _check_places(top_n, selection_ratio)
    forms = interview_forms(
        data, unit=unit, rater=rater, item=item, score=score, group=group, criterion=criterion, focal=focal,
        reference=reference,
    )  # fmt: skip
    cautions, units = list(forms.cautions), len(forms.units)
    if forms.groups is None:
        return no_value("selection_tradeoff", _TITLE, units, cautions, {}, _REFERENCES)
    weight = checked_weights(weights, forms.items)
    places = top_n if top_n is not None else max(1, math.floor(float(selection_ratio or 0) * units + 0.5))
    if places >= units:
        why = Caution("NOT_ESTIMABLE", f"There are {units} candidates for {places} places: all pass.")
        return no_value("selection_tradeoff", _TITLE, units, [*cautions, why], {}, _REFERENCES)
    level = confidence if interval == "bootstrap" else None
    chosen, told = policies(forms, weight, places, level)
    cautions += told
    seen = outcomes(forms, chosen, np.ones((1, units)))
    drawn = outcomes(forms, chosen, _samples(units, replicates, seed)) if interval == "bootstrap" else None
    rows = [_row(forms, policy, seen, drawn, confidence) for policy in chosen]
    merit = "validity" if rows[0]["validity"] is not None else "reliability"
    _mark_pareto(rows, merit)
    n = _counts(forms, places)
    cautions += _cautions(n, rows[0], criterion)
    detail: dict[str, Any] = {
        "focal": forms.groups.focal, "reference": forms.groups.reference, "merit": merit, "policies": rows,
        "weights": dict(zip(forms.items, weight.tolist(), strict=True)),
        "replicates": replicates if interval == "bootstrap" else None,
    }  # fmt: skip
    value = rows[0]["impact_ratio"]
    made: Interval | None = None
    if value is None:
        cautions.append(Caution("ZERO_CELL", "Nobody of the reference group has a place: there is no ratio of rates."))
    elif drawn is None:
        cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    else:
        made = bootstrap_interval(_finite(drawn["current"]["impact_ratio"]), estimate=value, confidence=confidence)
        if made is None:
            cautions.append(Caution("NO_INTERVAL", "Too few samples of candidates gave a ratio."))
    return Estimate(
        measure="selection_tradeoff",
        method=f"{_TITLE}, highest {places}: {forms.groups.focal} over {forms.groups.reference} ({forms.groups.rule})",
        value=value, interval=made, n=n, cautions=cautions, detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _check_places(top_n: int | None, selection_ratio: float | None) -> None:
    if (top_n is None) == (selection_ratio is None):
        raise MeasureInputError(
            f"give either top_n or selection_ratio, got top_n={top_n!r} and selection_ratio={selection_ratio!r}"
        )
    if top_n is not None and (isinstance(top_n, bool) or not isinstance(top_n, int) or top_n < 1):
        raise MeasureInputError(f"top_n must be a whole number of at least 1, got {top_n!r}")
    if selection_ratio is not None and (
        isinstance(selection_ratio, bool) or not isinstance(selection_ratio, int | float) or not 0 < selection_ratio < 1
    ):
        raise MeasureInputError(f"selection_ratio must be a number between 0 and 1, got {selection_ratio!r}")


def _samples(units: int, replicates: int, seed: int) -> Floats:
    """How often each candidate is in each sample of as many, drawn with replacement."""
    rng = np.random.default_rng(seed)
    return np.array(
        [np.bincount(rng.integers(0, units, units), minlength=units) for _ in range(replicates)], dtype=np.float64
    )


def _finite(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _ends(name: str, values: Floats | None, confidence: float) -> dict[str, float | None]:
    """Percentiles of the samples that gave a value; null for fewer than 50."""
    kept = np.empty(0) if values is None else _finite(values)
    if kept.size < 50:
        return {f"{name}_low": None, f"{name}_high": None}
    low, high = np.quantile(kept, ((1 - confidence) / 2, (1 + confidence) / 2))
    return {f"{name}_low": float(low), f"{name}_high": float(high)}


def _row(forms: Forms, policy: Policy, seen: Drawn, drawn: Drawn | None, confidence: float) -> dict[str, Any]:
    """A policy's figures with their intervals, null where the data do not give one."""
    told = policy.reliability
    row: dict[str, Any] = {
        "policy": policy.name, "kind": policy.kind, "places": policy.places, "reliability": told.value,
        "reliability_low": told.interval.low if told.interval else None,
        "reliability_high": told.interval.high if told.interval else None,
    }  # fmt: skip
    for key in STATISTICS:
        row[key] = _number(float(seen[policy.name][key][0]))
        row |= _ends(key, None if drawn is None or row[key] is None else drawn[policy.name][key], confidence)
    versus = _versus(seen, policy.name)
    row["impact_versus_current"] = _number(float(versus[0]))
    row |= _ends("impact_versus_current", None if drawn is None else _versus(drawn, policy.name), confidence)
    if forms.groups is not None:
        for name, code in (("focal", forms.groups.focal_code), ("reference", forms.groups.reference_code)):
            rate = row[f"rate_{name}"]
            row[f"selected_{name}"] = None if rate is None else rate * int(np.count_nonzero(forms.group == code))
    row["tied"] = policy.ranked().tied(policy.places)
    row["unscored"] = int(np.isnan(policy.scores).sum())
    return row


def _versus(found: Drawn, name: str) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = found[name]["impact_ratio"] / found["current"]["impact_ratio"]
    return ratio


def _mark_pareto(rows: list[dict[str, Any]], merit: str) -> None:
    """Set pareto: not beaten by another policy of kind scores on merit and closeness of the impact ratio to 1."""
    points = {}
    for row in rows:
        row["pareto"] = None
        ratio, worth = row["impact_ratio"], row[merit]
        if row["kind"] == "scores" and ratio is not None and worth is not None:
            points[row["policy"]] = (worth, min(ratio, 1 / ratio) if ratio > 0 else 0.0)
    for row in rows:
        mine = points.get(row["policy"])
        if mine is not None:
            row["pareto"] = not any(_beats(other, mine) for other in points.values())


def _beats(other: tuple[float, float], mine: tuple[float, float]) -> bool:
    gains = [theirs - own for theirs, own in zip(other, mine, strict=True)]
    return min(gains) >= -_ROUNDING and max(gains) > _ROUNDING


def _counts(forms: Forms, places: int) -> dict[str, int]:
    if forms.groups is None:
        return {"units": len(forms.units)}
    return {
        "units": len(forms.units), "focal": int(np.count_nonzero(forms.group == forms.groups.focal_code)),
        "reference": int(np.count_nonzero(forms.group == forms.groups.reference_code)), "raters": len(forms.raters),
        "scores": forms.ratings, "items": len(forms.items), "places": places,
        "with_criterion": int(np.count_nonzero(~np.isnan(forms.criterion))),
    }  # fmt: skip


def _cautions(n: dict[str, int], current: dict[str, Any], criterion: str | None) -> list[Caution]:
    found = []
    if criterion is not None and current["validity"] is None:
        found.append(
            Caution(
                "SMALL_SAMPLE", f"{n['with_criterion']} candidates have a criterion that varies: no validity is told."
            )
        )
    elif criterion is not None and n["with_criterion"] < n["units"]:
        text = f"Validities are observed among the {n['with_criterion']} of {n['units']} candidates with a criterion."
        found.append(Caution("RANGE_RESTRICTED", text))
    if current["tied"]:
        found.append(
            Caution("TIES", f"{current['tied']} candidates are level at the last place and share what is left evenly.")
        )
    if min(n["focal"], n["reference"]) < _FEW:
        found.append(Caution("SMALL_GROUP", "Under ten candidates in a group: the ratio hangs on single people."))
    return found
