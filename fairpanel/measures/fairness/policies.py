"""Ways of deciding on the same interviews: their scores, how reliable these are, and what each gives two groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from fairpanel.measures.columns import Floats
from fairpanel.measures.estimate import Caution, Interval
from fairpanel.measures.fairness.decision_flips import raw_and_adjusted
from fairpanel.measures.fairness.interview_forms import Forms, as_ratings, composite, unit_means
from fairpanel.measures.fairness.places import Ranking, ranking
from fairpanel.measures.fairness.projected_panels import rate_factors
from fairpanel.measures.mixed_models.components import Components, crossed_components, likelihood_interval
from fairpanel.measures.mixed_models.linkage import Linkage, linkage, linkage_cautions, why_not_estimable
from fairpanel.measures.mixed_models.profile import ratio_target
from fairpanel.measures.mixed_models.robust import spread_factor

_CHUNK = 4_000_000  # cells of samples by units held at a time
STATISTICS = ("impact_ratio", "rate_focal", "rate_reference", "validity", "flips")


@dataclass(frozen=True, slots=True)
class Dependable:
    """A reliability, its interval, and the reasons where there is none."""

    value: float | None
    interval: Interval | None = None
    cautions: list[Caution] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """kind "scores": other scores for the same places; "cut": other places; "projection": as if with another panel."""

    name: str
    kind: Literal["scores", "cut", "projection"]
    scores: Floats
    places: int
    reliability: Dependable
    stretch: float = 1.0

    def ranked(self) -> Ranking:
        return ranking(self.scores)


@dataclass(frozen=True, slots=True)
class Panel:
    """Composites of the forms with what their design allows; found is None where variances cannot be told apart."""

    link: Linkage | None
    found: Components | None
    cautions: list[Caution]

    def reliability(self, forms: Forms, scores: Floats, kind: str, confidence: float | None) -> Dependable:
        """G(q, k) as observed; "adjusted": raters' levels taken off (q = 0); "one more": k + 1 raters, q k held."""
        if self.found is None or self.link is None:
            return Dependable(None)
        q, k = self.link.q, self.link.k_harmonic
        if kind == "adjusted":
            q = 0.0
        elif kind == "one more":
            q, k = q * k / (k + 1), k + 1
        found = self.found
        noise = q * found.var_rater + found.var_residual / k
        if found.var_unit + noise <= 0:
            return Dependable(None)
        value = found.var_unit / (found.var_unit + noise)
        if confidence is None:
            return Dependable(value)
        factor = spread_factor(as_ratings(forms, scores), found, q=q, k=k)
        made, _ = likelihood_interval(found, ratio_target(q, k), confidence=confidence, spread=factor)
        return Dependable(value, made)


def panel(forms: Forms, scores: Floats) -> Panel:
    ratings = as_ratings(forms, scores)
    link = linkage(ratings) if ratings.score.size else None
    why = why_not_estimable(ratings, link)
    if why or link is None:
        return Panel(link, None, why)
    found = crossed_components(ratings)
    return Panel(link, found, [*linkage_cautions(link), *found.cautions])


def policies(
    forms: Forms, weights: Floats, places: int, confidence: float | None
) -> tuple[list[Policy], list[Caution]]:
    """The current policy first; those that the design or the number of competencies does not allow are left out."""
    form_scores = composite(forms, weights)
    current = unit_means(forms, form_scores)
    base = panel(forms, form_scores)
    as_is = base.reliability(forms, form_scores, "observed", confidence)
    found = [Policy(name="current", kind="scores", scores=current, places=places, reliability=as_is)]
    if base.found is not None and base.found.fit is not None and base.link is not None:
        ratings = as_ratings(forms, form_scores)
        _, adjusted = raw_and_adjusted(ratings, base.link, base.found)
        scores = np.full(len(forms.units), np.nan)
        scores[~np.isnan(current)] = adjusted
        told = base.reliability(forms, form_scores, "adjusted", confidence)
        found.append(Policy(name="severity_adjusted", kind="scores", scores=scores, places=places, reliability=told))
    for word, factor in (("without", 0.0), ("double", 2.0)):
        for at, item in enumerate(forms.items):
            other = weights.copy()
            other[at] *= factor
            if weights[at] == 0 or np.count_nonzero(weights) < 2:
                continue
            mixed = composite(forms, other)
            told = panel(forms, mixed).reliability(forms, mixed, "observed", confidence)
            found.append(
                Policy(
                    name=f"{word}:{item}",
                    kind="scores",
                    scores=unit_means(forms, mixed),
                    places=places,
                    reliability=told,
                )
            )
    for share in (0.75, 1.25):
        cut = max(1, math.floor(share * places + 0.5))
        if cut != places and cut < len(forms.units):
            found.append(Policy(name=f"cut:{share:g}", kind="cut", scores=current, places=cut, reliability=as_is))
    more = base.reliability(forms, form_scores, "one more", confidence)
    if more.value and as_is.value:
        stretch = math.sqrt(more.value / as_is.value)
        found.append(
            Policy(
                name="raters:+1", kind="projection", scores=current, places=places, reliability=more, stretch=stretch
            )
        )
    return found, base.cautions


def outcomes(forms: Forms, chosen: Sequence[Policy], count: Floats) -> dict[str, dict[str, Floats]]:
    """By policy and statistic, one figure a sample (rows of count: how often each unit is in it); NaN where none."""
    step = max(1, _CHUNK // max(count.shape[1], 1))
    parts = [_outcomes(forms, chosen, count[start : start + step]) for start in range(0, len(count), step)]
    return {
        policy.name: {key: np.concatenate([part[policy.name][key] for part in parts]) for key in STATISTICS}
        for policy in chosen
    }


def _outcomes(forms: Forms, chosen: Sequence[Policy], count: Floats) -> dict[str, dict[str, Floats]]:
    if forms.groups is None:
        raise ValueError("two groups are needed")
    focal, reference = (forms.group == code for code in (forms.groups.focal_code, forms.groups.reference_code))
    found: dict[str, dict[str, Floats]] = {}
    base = chosen[0].ranked().shares(chosen[0].places, count)
    for policy in chosen:
        shares = base if policy.kind == "projection" else policy.ranked().shares(policy.places, count)
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = [(count * shares)[:, mine].sum(axis=1) / count[:, mine].sum(axis=1) for mine in (focal, reference)]
            validity = correlations(policy.scores, forms.criterion, count) * policy.stretch
            flips = (count * np.abs(shares - base)).sum(axis=1) / count.sum(axis=1)
            if policy.kind == "projection":
                there = ~np.isnan(policy.scores)
                factor = rate_factors(
                    policy.scores[there], forms.group[there], len(forms.names), policy.places, count[:, there],
                    policy.stretch,
                )  # fmt: skip
                rates = [
                    rate * factor[:, code]
                    for rate, code in zip(rates, (forms.groups.focal_code, forms.groups.reference_code), strict=True)
                ]
                flips = np.full(len(count), np.nan)
            ratio = rates[0] / rates[1]
        found[policy.name] = dict(zip(STATISTICS, (ratio, *rates, validity, flips), strict=True))
    return found


def correlations(scores: Floats, criterion: Floats, count: Floats) -> Floats:
    """Correlation with the criterion among units that have both, one a sample; NaN where either does not vary."""
    known = ~np.isnan(criterion) & ~np.isnan(scores)
    if np.count_nonzero(known) < 3:
        return np.full(len(count), np.nan)
    x, y, k = scores[known], criterion[known], count[:, known]
    x, y = (each - each.mean() for each in (x, y))
    if not (np.ptp(x) > 1e-12 * np.abs(scores[known]).max() and np.ptp(y) > 1e-12 * np.abs(criterion[known]).max()):
        return np.full(len(count), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        n = k.sum(axis=1)
        mean_x, mean_y = k @ x / n, k @ y / n
        var_x, var_y = k @ x**2 / n - mean_x**2, k @ y**2 / n - mean_y**2
        product = k @ (x * y) / n - mean_x * mean_y
        found: Floats = np.where((var_x > 0) & (var_y > 0), product / np.sqrt(var_x * var_y), np.nan)
    return found
