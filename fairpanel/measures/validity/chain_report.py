"""The chain's figures as rows a reader can check: each step with its interval, what it claims and what that needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fairpanel.measures.columns import Floats
from fairpanel.measures.estimate import Caution
from fairpanel.measures.validity.chain_bootstrap import spread
from fairpanel.measures.validity.chain_steps import Chain, NestedStages, applicants_covariance
from fairpanel.measures.validity.symmetric_sums import PairVariances, RatedPanel
from fairpanel.measures.validity.unmeasured_selection import sensitivity

_OBSERVED = "the correlation among the hired, as seen"
_OPERATIONAL = "operational validity: among applicants, criterion without its raters' error"
_RATERS = "raters err independently of one another and of the predictor"
_RECORDED = "hiring looked at nothing but predictor and covariates; straight lines, even spread"
_MEANING = {
    "observed": (_OBSERVED, "nothing more"),
    "criterion_corrected": ("the correlation among the hired, criterion without its raters' error", _RATERS),
    "direct": (_OPERATIONAL, f"hiring looked at the predictor alone (Case II); {_RATERS}"),
    "indirect": (
        _OPERATIONAL,
        f"hiring looked at something that goes with the predictor's true score alone (Case IV); {_RATERS}",
    ),
    "applicant_pool": ("the correlation among applicants, criterion as rated", _RECORDED),
    "operational": (_OPERATIONAL, f"{_RECORDED}; {_RATERS}"),
    "true_score": (
        "the correlation among applicants without error in predictor and criterion",
        f"{_RECORDED}; {_RATERS}",
    ),
}
_PEOPLE = {
    "observed": "known", "criterion_corrected": "known", "direct": "with_predictor", "indirect": "with_predictor",
}  # fmt: skip
_COUNTERPART = {"criterion_corrected": "observed", "operational": "applicant_pool"}


def step_rows(
    whole: Chain, drawn: Mapping[str, Floats], confidence: float, n: Mapping[str, int]
) -> list[dict[str, Any]]:
    """One row a step. The small-sample bias is taken out of every step but the observed correlation."""
    rows = []
    for step, (claims, needs) in _MEANING.items():
        plain = float(whole.steps[step][0])
        row: dict[str, Any] = {"step": step, "value": None, "low": None, "high": None, "plain": None}
        why = _why_none(step, plain, whole)
        if why is None:
            row |= {"value": plain, "plain": plain}
            if drawn:
                found = spread(drawn[step], plain, confidence)
                row |= {"low": found.low, "high": found.high, "replicates": found.usable}
                if found.bias is not None and step != "observed":
                    row["value"] = min(max(plain - found.bias, -1.0), 1.0)
                elif found.bias is None:
                    why = f"no interval: only {found.usable} of {drawn[step].size} samples determine it"
        if step != "observed":
            other = _COUNTERPART.get(step)
            beside = float((whole.steps[other] if other else whole.uncorrected.get(step, whole.steps["observed"]))[0])
            row["uncorrected"] = beside if abs(beside) <= 1 else None
        rows.append(row | {"n": n[_PEOPLE.get(step, "applicants")], "claims": claims, "needs": needs, "why": why})
    return rows


def _why_none(step: str, value: float, whole: Chain) -> str | None:
    """Why a step has no value."""
    if abs(value) <= 1:
        return None
    ryy = float(whole.criterion_reliability[0])
    if step not in ("observed", "applicant_pool"):
        if math.isnan(ryy):
            return "too few of the hired were rated by two people, and no criterion_reliability was assumed"
        if ryy <= 0:
            return f"the criterion's raters disagree so much that its reliability is {max(ryy, 0.0):.2f}"
    if step in ("indirect", "true_score"):
        rxx, u = float(whole.predictor_reliability[0]), float(whole.spread_ratio[0])
        if math.isnan(rxx):
            return "too few candidates have two raters of the predictor to tell its reliability"
        if rxx <= 0:
            return "the predictor's raters disagree so much that its reliability is 0"
        if step == "indirect" and u * u <= 1 - rxx:
            return (
                f"the hired's predictor spreads less (u = {u:.2f}) than its error alone would (reliability {rxx:.2f}): "
                "hiring cannot have worked through the true score alone"
            )
    if math.isnan(value):
        return "the scores are collinear or the criterion's reliability does not go with its spread"
    return (
        f"it would be {value:.2f}, beyond 1: a criterion reliability of {ryy:.2f} and a spread of u = "
        f"{float(whole.spread_ratio[0]):.2f} among the hired cannot go with the observed correlation of "
        f"{float(whole.steps['observed'][0]):.2f}"
    )


def panel_figures(
    panel: RatedPanel, found: PairVariances, drawn: Floats | None, scale: float, confidence: float
) -> dict[str, Any]:
    """Variance components in the units of the scores and the reliability of the mean rating in this design."""
    figures: dict[str, Any] = {
        f"var_{name}": _number(values[0] * scale**2)
        for name, values in (("unit", found.unit), ("rater", found.rater), ("residual", found.residual))
    }
    reliability = _number(found.reliability[0])
    figures |= {"reliability": reliability, "low": None, "high": None}
    if drawn is not None and reliability is not None:
        ends = spread(drawn, reliability, confidence)
        figures |= {"low": ends.low, "high": ends.high}
    return figures | {"k": panel.k, "q": panel.q, "raters": panel.raters, "units": panel.units}


def sensitivity_rows(stages: NestedStages, whole: Chain) -> list[dict[str, float]]:
    """The operational validity had hiring also looked at something unrecorded; of the plain estimate."""
    last, x = len(stages.reach) - 1, stages.predictor
    complete, known = stages.reach[last - 1], stages.reach[last]
    error = float(whole.error[0])
    covariance = applicants_covariance(stages)
    if math.isnan(error) or not np.isfinite(covariance).all():
        return []
    hired = np.arange(complete) < known
    rows = sensitivity(
        stages.scores[:complete, :last], hired, stages.scores[:known, last], covariance, x, criterion_error=error
    )
    return [row for row in rows if abs(row["r"]) <= 1]


def chain_cautions(
    stages: NestedStages, whole: Chain, n: Mapping[str, int], rows: list[dict[str, Any]]
) -> list[Caution]:
    """What a reader must know beside the figures."""
    found = []
    u, known = float(whole.spread_ratio[0]), n["known"]
    if u < 0.95:
        found.append(
            Caution(
                "RANGE_RESTRICTED",
                f"The hired's predictor spreads {u:.2f} times as much as the applicants'. Which step holds depends on what "
                "hiring looked at: read what each one needs.",
            )
        )
    if known < 30:
        found.append(Caution("SMALL_SAMPLE", f"Only {known} hired people have every score and the criterion."))
    if not stages.predictor_panel.tells:
        found.append(
            Caution(
                "SINGLE_RATINGS", "Too few candidates have two raters of the predictor: its reliability is unknown."
            )
        )
    if stages.assumed is not None:
        given = not math.isnan(stages.assumed)
        found.append(
            Caution(
                "ASSUMED_RELIABILITY" if given else "SINGLE_RATINGS",
                f"Too few of the hired were rated by two people: the reliability of the criterion is "
                f"{f'taken to be {stages.assumed:g}' if given else 'unknown; give criterion_reliability'}.",
            )
        )
    for name, panel in (("predictor", whole.predictor), ("criterion", whole.criterion)):
        low = [
            part
            for part, values in (("candidates", panel.unit), ("raters", panel.rater), ("error", panel.error))
            if values[0] < 0
        ]
        if low:
            found.append(
                Caution("BOUNDARY", f"The {name}'s variance of {' and '.join(low)} is estimated below 0; set to 0.")
            )
    final = next(row for row in rows if row["step"] == "operational")
    if final["value"] is None:
        beyond = "beyond 1" in final["why"] or "disagree" in final["why"]
        found.append(Caution("BOUNDARY" if beyond else "NOT_ESTIMABLE", f"No operational validity: {final['why']}."))
    return found


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
