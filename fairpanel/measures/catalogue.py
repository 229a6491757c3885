"""One door to every number: `measure(name, frame, **options)`.

The catalogue holds addresses, not functions, so that looking a measure up costs no import of the others.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import polars as pl

from fairpanel.measures.estimate import Estimate, MeasureInputError

CATALOGUE: dict[str, str] = {
    "icc": "reliability.intraclass",
    "krippendorff_alpha": "reliability.krippendorff",
    "percent_agreement": "reliability.agreement",
    "brennan_prediger": "reliability.agreement",
    "gwet_ac": "reliability.agreement",
    "cohen_kappa": "reliability.kappa",
    "fleiss_kappa": "reliability.kappa",
    "conger_kappa": "reliability.kappa",
    "light_kappa": "reliability.pairwise",
    "pairwise_agreement": "reliability.pairwise",
    "kendall_w": "reliability.concordance",
    "rwg": "reliability.within_group",
    "rwg_j": "reliability.within_group",
    "ad_m": "reliability.within_group",
    "cronbach_alpha": "reliability.internal_consistency",
    "omega_total": "reliability.internal_consistency",
    "variance_components": "reliability.generalizability",
    "g_coefficient": "reliability.generalizability",
    "pairing_advice": "reliability.pairing",
    "condition_difference": "reliability.conditions",
    "condition_correlation": "reliability.conditions",
    "rater_severity": "raters.severity",
    "rater_habits": "raters.rater_habits",
    "rater_drift": "raters.rater_drift",
    "many_facet_rasch": "raters.many_facet_rasch",
    "rater_linkage": "raters.linkage",
    "pearson": "validity.criterion",
    "spearman": "validity.criterion",
    "kendall_tau_b": "validity.rank_order",
    "incremental_validity": "validity.increment",
    "differential_validity": "validity.group_validity",
    "relative_weights": "validity.importance",
    "general_dominance": "validity.importance",
    "expectancy_table": "validity.expectancy",
    "taylor_russell": "validity.selection_gain",
    "naylor_shine": "validity.selection_gain",
    "utility": "validity.selection_gain",
    "meta_analysis": "validity.meta_analysis",
    "published_position": "validity.published",
    "convergent_discriminant": "validity.convergent",
    "preparation_effect": "validity.preparation",
    "decision_weights": "validity.decision_weights",
    "decision_consistency": "validity.decision_consistency",
    "selection_validity": "validity.selection",
    "same_source_validity": "validity.same_source",
    "criterion_regression": "validity.criterion_regression",
    "rating_distribution": "validity.rating_distribution",
    "rating_stability": "validity.rating_cycles",
    "logistic_validity": "validity.logistic",
    "retention_hazard": "validity.retention",
    "polyserial": "validity.polyserial",
    "validity_chain": "validity.validity_chain",
    "corrected_validity": "validity.range_restriction",
    "impact_ratio": "fairness.adverse_impact",
    "fisher_exact": "fairness.adverse_impact",
    "lancaster_mid_p": "fairness.adverse_impact",
    "boschloo": "fairness.two_proportions",
    "two_proportion_z": "fairness.two_proportions",
    "chi_square": "fairness.two_proportions",
    "scoring_rate": "fairness.scoring_rate",
    "mantel_haenszel": "fairness.stratified",
    "breslow_day": "fairness.stratified",
    "group_coverage": "fairness.coverage",
    "access_difference": "fairness.access",
    "standardized_difference": "fairness.group_differences",
    "probability_of_superiority": "fairness.superiority",
    "differential_prediction": "fairness.differential_prediction",
    "d_mod": "fairness.d_mod",
    "dif_mantel_haenszel": "fairness.item_bias",
    "dif_logistic": "fairness.item_regression",
    "panel_assignment": "fairness.panel_assignment",
    "rater_group_interaction": "fairness.rater_group_interaction",
    "decision_flips": "fairness.decision_flips",
    "gap_shares": "fairness.gap_shares",
    "crossed_rates": "fairness.crossed_rates",
    "prediction_at_cut": "fairness.prediction_at_cut",
    "group_monitor": "fairness.monitoring",
    "selection_tradeoff": "fairness.tradeoff",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A measure as the catalogue shows it."""

    name: str
    family: str
    summary: str
    documentation: str
    options: dict[str, inspect.Parameter]


def _function(name: str) -> Callable[..., Estimate]:
    if name not in CATALOGUE:
        close = difflib.get_close_matches(name, CATALOGUE, n=3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise MeasureInputError(f"there is no measure {name!r}{hint} Known: {', '.join(sorted(CATALOGUE))}")
    module = importlib.import_module(f"fairpanel.measures.{CATALOGUE[name]}")
    function: Callable[..., Estimate] = getattr(module, name)
    return function


@lru_cache(maxsize=len(CATALOGUE))
def describe(name: str) -> Entry:
    """What a measure tells, its options with types and defaults, and its references (from its docstring)."""
    function = _function(name)
    documentation = inspect.getdoc(function) or ""
    options = {
        key: parameter
        for key, parameter in inspect.signature(function, eval_str=True).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    return Entry(name, CATALOGUE[name].split(".")[0], documentation.split("\n")[0], documentation, options)


def measure(name: str, data: pl.DataFrame, /, **options: Any) -> Estimate:
    """Compute one measure of the catalogue.

    Parameters
    ----------
    name : a key of `CATALOGUE`.
    data : a polars frame. Column roles are options: long ratings take ``unit``, ``rater``, ``score`` (and ``item``),
        wide data take ``x``, ``y``, ``group``, ``selected``, ``stratum``; the default column names are the same words.
    options : see ``describe(name).options``.

    Returns
    -------
    Estimate

    Raises
    ------
    MeasureInputError
        Unknown measure or option, a missing column, an option out of range, or data of the wrong kind.
    """
    known = describe(name).options
    for option in options:
        if option not in known:
            close = difflib.get_close_matches(option, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise MeasureInputError(f"{name} has no option {option!r}{hint} Options: {', '.join(known)}")
    if not isinstance(data, pl.DataFrame):
        raise MeasureInputError(f"{name} takes a polars DataFrame, got {type(data).__name__}")
    return _function(name)(data, **options)


def option_from_text(name: str, option: str, text: str) -> Any:
    """The value of an option written as text (command line), by the type the measure declares for it.

    Lists are comma-separated. Raises MeasureInputError with the allowed values.
    """
    known = describe(name).options
    if option not in known:
        close = difflib.get_close_matches(option, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise MeasureInputError(f"{name} has no option {option!r}{hint} Options: {', '.join(known)}")
    failures: list[str] = []
    for kind in _alternatives(known[option].annotation):
        try:
            return _cast(kind, text)
        except ValueError as error:
            failures.append(str(error))
    raise MeasureInputError(f"option {option} of {name}: {' or '.join(failures)}, got {text!r}")


def _alternatives(annotation: Any) -> list[Any]:
    """The members of a union, text last: it would take anything."""
    origin = typing.get_origin(annotation)
    members = list(typing.get_args(annotation)) if origin in (typing.Union, types.UnionType) else [annotation]
    return sorted(members, key=lambda kind: (kind is str, kind is float))


def _cast(kind: Any, text: str) -> Any:
    origin = typing.get_origin(kind)
    if origin is Literal:
        allowed = typing.get_args(kind)
        for value in allowed:
            if str(value) == text:
                return value
        raise ValueError(f"expected one of {', '.join(map(str, allowed))}")
    if kind is type(None):
        if text.lower() in ("", "none", "null"):
            return None
        raise ValueError("expected none")
    if kind is bool:
        if text.lower() in ("true", "yes", "1"):
            return True
        if text.lower() in ("false", "no", "0"):
            return False
        raise ValueError("expected true or false")
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise ValueError("expected a whole number" if kind is int else "expected a number") from None
    if origin is not None and isinstance(origin, type) and issubclass(origin, typing.Sequence):
        inner = typing.get_args(kind)
        return [_cast(inner[0] if inner else str, part.strip()) for part in text.split(",") if part.strip()]
    if kind is str:
        return text
    raise ValueError(f"this option cannot be given as text ({kind})")
