"""Anchors: levels whose measures are fixed, so that calibrations of two periods share a scale; and the link between two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.raters.rasch.design import Design

Anchors = Mapping[str, Mapping[str, float]]


def read_anchors(given: Anchors | Sequence[str] | None) -> dict[str, dict[str, float]]:
    """Anchors as facet -> level -> value, from a mapping or from texts "facet:level=value"."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        found = {
            str(facet): {str(level): _number(value, f"{facet}:{level}") for level, value in levels.items()}
            for facet, levels in given.items()
        }
        return {facet: levels for facet, levels in found.items() if levels}
    texts: dict[str, dict[str, float]] = {}
    for text in [given] if isinstance(given, str) else given:
        facet, colon, rest = str(text).partition(":")
        level, equals, value = rest.rpartition("=")
        if not (colon and equals and facet.strip() and level.strip()):
            raise MeasureInputError(f"expected anchors as facet:level=value, such as rater:R17=0.42, got {text!r}")
        texts.setdefault(facet.strip(), {})[level.strip()] = _number(value, text)
    return texts


def _number(value: Any, where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(value, bool) or not np.isfinite(number):
        raise MeasureInputError(f"expected a finite number of logits as the anchor of {where}, got {value!r}")
    return number


def place_anchors(design: Design, anchors: Anchors) -> tuple[dict[int, float], int]:
    """Parameter -> value for anchors that occur in the data, and how many do not."""
    places: dict[int, float] = {}
    absent = 0
    for facet, levels in anchors.items():
        if facet not in design.facet_names:
            raise MeasureInputError(
                f"expected anchors of one of the facets {', '.join(design.facet_names)} (candidates cannot be "
                f"anchored), got {facet!r}"
            )
        start = design.facet(facet).start
        known = {
            label: start + place for place, label in enumerate(design.facet_labels[design.facet_names.index(facet)])
        }
        for level, value in levels.items():
            if level in known:
                places[known[level]] = value
            else:
                absent += 1
    if anchors and not places and design.unit.size:
        raise MeasureInputError(f"none of the {absent} anchored levels occurs in the data")
    return places, absent


def link_calibrations(reference: Estimate, other: Estimate, /, *, facet: str = "rater") -> dict[str, Any]:
    """How far apart the origins of two calibrations are, from the levels they share, and who moved against them.

    The shift is the mean difference other − reference of the common levels, weighted by 1/(se² + se²); taking it from
    the other calibration's measures puts both on the reference's scale (mean link; Wright & Stone 1979, chapter 5).
    Only levels that moved alike may serve as anchors: displacement says how far each is from the common shift.

    Parameters
    ----------
    reference, other : results of `many_facet_rasch`.
    facet : whose levels are common.

    Returns
    -------
    dict
        shift, se, levels (how many), correlation (None under three levels), displacement: level -> {"displacement",
        "z"}; empty and None where no level with a standard error is common.

    Raises
    ------
    MeasureInputError
        An estimate without measures of the facet.

    Examples
    --------
    >>> from fairpanel.measures.estimate import Caution
    >>> def calibration(**severity: float) -> Estimate:
    ...     detail = {"measures": {"rater": severity}, "se": {"rater": dict.fromkeys(severity, 0.1)}}
    ...     caution = Caution("NO_INTERVAL", "an example")
    ...     return Estimate(measure="many_facet_rasch", method="", value=0.9, cautions=[caution], detail=detail)
    >>> link_calibrations(calibration(a=0.0, b=1.0), calibration(a=0.5, b=1.5))["shift"]
    0.5
    """
    tables = []
    for name, estimate in (("reference", reference), ("other", other)):
        measures = estimate.detail.get("measures", {}).get(facet)
        errors = estimate.detail.get("se", {}).get(facet)
        if measures is None or errors is None:
            raise MeasureInputError(f"expected a calibration with measures of the facet {facet!r} as {name}")
        tables.append(
            {level: (one, errors[level]) for level, one in measures.items() if one is not None and errors[level]}
        )
    common = sorted(tables[0].keys() & tables[1].keys())
    if not common:
        return {"shift": None, "se": None, "levels": 0, "correlation": None, "displacement": {}}
    first, second = (np.array([table[level] for level in common]) for table in tables)
    difference = second[:, 0] - first[:, 0]
    variance = first[:, 1] ** 2 + second[:, 1] ** 2
    weight = 1 / variance
    shift = float(np.average(difference, weights=weight))
    spread = np.sqrt(np.maximum(variance - 1 / weight.sum(), 0))
    away = difference - shift
    varies = len(common) > 2 and float(np.ptp(first[:, 0])) > 0 and float(np.ptp(second[:, 0])) > 0
    return {
        "shift": shift,
        "se": float(1 / np.sqrt(weight.sum())),
        "levels": len(common),
        "correlation": float(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) if varies else None,
        "displacement": {
            level: {"displacement": float(one), "z": float(one / error) if error > 0 else None}
            for level, one, error in zip(common, away, spread, strict=True)
        },
    }
