"""What would change without a rater: candidates' means, and the reliability of all scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fairpanel.measures.mixed_models.components import crossed_components
from fairpanel.measures.mixed_models.linkage import linkage, why_not_estimable
from fairpanel.measures.panel import Ratings
from fairpanel.measures.raters.habits.forms import Forms

FloatArray = npt.NDArray[np.float64]

MOST_REFITS = 40
"""Raters, by the number of their forms, for whom all components are estimated again."""


def influence(forms: Forms, labels: tuple[str, ...], shown: npt.NDArray[np.bool_], /) -> dict[str, dict[str, Any]]:
    """Per rater shown: root mean square change of the means of candidates whom others scored, too (in score units and
    in standard deviations of candidates' means), and the change of G(q,k) where it was computed, else None."""
    raters = len(labels)
    count = np.bincount(forms.unit)
    total = np.bincount(forms.unit, forms.deviation)
    rows = np.flatnonzero(forms.others > 0)
    unit, y = forms.unit[rows], forms.deviation[rows]
    change = total[unit] / count[unit] - (total[unit] - y) / (count[unit] - 1)
    forms_of = np.bincount(forms.rater[rows], minlength=raters)
    squares = np.bincount(forms.rater[rows], change**2, raters)
    moved = np.sqrt(np.divide(squares, forms_of, out=np.full(raters, np.nan), where=forms_of > 0))
    scale = float((total / count).std(ddof=1)) or np.nan
    every = _g(forms, np.ones(forms.rater.size, dtype=bool))
    order = np.argsort(-forms_of, kind="stable")[:MOST_REFITS]
    refitted = {int(r): _g(forms, forms.rater != r) for r in order if shown[r]} if every is not None else {}
    table = {}
    for rater in np.flatnonzero(shown & (forms_of > 0)):
        without = refitted.get(int(rater))
        table[labels[rater]] = {
            "shared_units": int(forms_of[rater]),
            "mean_change": float(moved[rater]),
            "mean_change_sd": float(moved[rater] / scale) if np.isfinite(scale) else None,
            "g_change_without": None if without is None or every is None else without - every,
        }
    return table


def _g(forms: Forms, kept: npt.NDArray[np.bool_]) -> float | None:
    unit, units = np.unique(forms.unit[kept], return_inverse=True)
    rater, raters = np.unique(forms.rater[kept], return_inverse=True)
    part = Ratings(
        score=forms.score[kept],
        unit=units.astype(np.int64),
        rater=raters.astype(np.int64),
        item=np.empty(0, dtype=np.int64),
        units=tuple(map(str, unit)),
        raters=tuple(map(str, rater)),
        items=(),
        missing=0,
    )
    if part.score.size == 0:
        return None
    link = linkage(part)
    if why_not_estimable(part, link):
        return None
    found = crossed_components(part)
    noise = link.q * found.var_rater + found.var_residual / link.k_harmonic
    return found.var_unit / (found.var_unit + noise) if found.var_unit > 0 else 0.0
