"""Generalizability theory: where the variance of scores comes from, and how far a panel's mean can be relied on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import polars as pl

from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.mixed_models.components import Components, crossed_components, likelihood_interval
from fairpanel.measures.mixed_models.linkage import Linkage, linkage, linkage_cautions, why_not_estimable
from fairpanel.measures.mixed_models.parametric import bootstrap_ratio, cluster_bootstrap_ratio
from fairpanel.measures.mixed_models.profile import ratio_target
from fairpanel.measures.mixed_models.robust import spread_factor
from fairpanel.measures.panel import Ratings, long_ratings
from fairpanel.measures.reliability.d_study import composite_plan
from fairpanel.measures.reliability.facets import anova_components, facet_components
from fairpanel.measures.resampling import bootstrap_interval, check_confidence, check_replicates

PUTKA = "Putka, D. J., Le, H., McCloy, R. A., & Diaz, T. (2008). Journal of Applied Psychology, 93, 959-981 (G(q,k), q)"
BRENNAN = "Brennan, R. L. (2001). Generalizability Theory. Springer (components, relative and absolute coefficients)"
PROFILE = "Venzon, D. J., & Moolgavkar, S. H. (1988). Applied Statistics, 37, 87-94 (profile-likelihood interval)"
REML = (
    "Bates, D., Maechler, M., Bolker, B., & Walker, S. (2015). Journal of Statistical Software, 67(1) (REML criterion)"
)


def g_coefficient(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    score: str = "score",
    raters_per_unit: Literal["observed"] | float = "observed",
    confidence: float = 0.95,
    interval: Literal["analytic", "bootstrap", "cluster_bootstrap", "none"] = "analytic",
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """How far the ranking of units by their panels' mean scores would hold up before other panels: G(q,k).

    1 means that panels drawn anew would rank the units alike, 0 that the ranking is chance. Unlike an intraclass
    correlation it counts differences in rater severity as error exactly as far as units met different raters.

        G(q,k) = var_unit / (var_unit + q var_rater + var_residual / k)

    k is the harmonic mean of (distinct) raters per unit; q is 0 where all units met the same raters and 1/k where no
    two units shared one:  q = 1/k − Σ_{i≠j} c_ij / (k_i k_j) / (N (N − 1)),  c_ij raters shared by units i and j.

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    unit, rater, score : column names. Scores are numbers on any interval scale; a pair may occur more than once.
    raters_per_unit : "observed", or the number of raters a unit would have; the share of raters that two units have in
        common is then taken to stay as it is (q k is held fixed).
    confidence : level of the interval.
    interval : "analytic" is profile likelihood (delta method on the log-odds scale for more than 600 levels of the
        smaller factor), "bootstrap" parametric, "cluster_bootstrap" by whole units with the same raters (both with
        `replicates` and `seed`), "none".

    Returns
    -------
    Estimate
        value G(q,k); detail q, k_harmonic, k_arithmetic, relative (rater differences not counted), phi_absolute (fully
        counted), var_unit, var_rater, var_residual, intercept, reml_criterion, convergence, d_study (G, relative, Phi
        for 1 to 10 raters) and raters_needed (for G of .70, .80, .90; None where no number would do).

    Raises
    ------
    MeasureInputError
        A missing column, scores that are not numbers, an option out of range.

    Cautions
    --------
    SMALL_SAMPLE, CONSTANT_INPUT, ONE_RATER, SINGLE_RATINGS (with value None: not estimable); INCOMPLETE_DESIGN,
    UNLINKED_RATERS, BOUNDARY, NOT_CONVERGED, MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by the oracle cases `putka_gqk` and `g_theory_reml_crossed` (lme4) and by Putka's q of published designs.

    References
    ----------
    .. [1] Putka, Le, McCloy & Diaz (2008), Journal of Applied Psychology 93, 959-981, equations 5 to 7.
    .. [2] Bates, Maechler, Bolker & Walker (2015), Journal of Statistical Software 67(1), equation 42.
    .. [3] Venzon & Moolgavkar (1988), Applied Statistics 37, 87-94.

    Examples
    --------
    >>> ratings = pl.DataFrame(
    ...     {"unit": [1, 1, 2, 2, 3, 3, 4, 4], "rater": list("ababbcbc"), "score": [4, 5, 2, 2, 5, 5, 1, 2]}
    ... )
    >>> round(g_coefficient(ratings).detail["q"], 4)
    0.1667
    """
    check_confidence(confidence)
    _check_interval(interval)
    check_replicates(replicates)
    planned = _planned_raters(raters_per_unit)
    ratings = long_ratings(data, unit=unit, rater=rater, score=score)
    link = linkage(ratings) if ratings.score.size else None
    cautions = ratings.missing_caution()
    references = [PUTKA, REML, PROFILE]
    why_not = why_not_estimable(ratings, link)
    if link is None or why_not:
        return _inestimable("g_coefficient", "G(q,k)", ratings, [*cautions, *why_not], references)
    cautions += linkage_cautions(link)
    k = link.k_harmonic if planned is None else planned
    q = link.q * link.k_harmonic / k
    design = {"q": q, "k_harmonic": link.k_harmonic, "k_arithmetic": float(link.raters_per_unit.mean())}
    found = crossed_components(ratings)
    cautions += found.cautions
    between: Interval | None = None
    if interval == "analytic":
        between, why = likelihood_interval(
            found, ratio_target(q, k), confidence=confidence, spread=spread_factor(ratings, found, q=q, k=k)
        )
        cautions += why
    elif interval != "none" and found.fit is not None:
        drawing = bootstrap_ratio if interval == "bootstrap" else cluster_bootstrap_ratio
        draws = drawing(ratings, found, q=q, k=k, replicates=replicates, seed=seed)
        between = bootstrap_interval(
            draws,
            estimate=_ratio(found, q, k),
            confidence=confidence,
            kind="parametric" if interval == "bootstrap" else "by unit",
        )
        if between is None:
            cautions.append(Caution("NO_INTERVAL", "too few bootstrap samples determined the coefficient"))
    else:
        why_none = "none was asked for" if interval == "none" else f"{found.method}: nothing to draw from"
        cautions.append(Caution("NO_INTERVAL", why_none))
    return Estimate(
        measure="g_coefficient",
        method=f"G(q,k), components by {found.method}",
        value=_ratio(found, q, k),
        interval=between,
        n=ratings.counts(),
        cautions=cautions,
        detail=design | _coefficients(found, link, k),
        references=references,
    )


def _coefficients(found: Components, link: Linkage, k: float) -> dict[str, Any]:
    spread = link.q * link.k_harmonic
    rows = [
        {
            "raters": raters,
            "q": spread / raters,
            "g": _ratio(found, spread / raters, raters),
            "relative": _ratio(found, 0.0, raters),
            "phi_absolute": _ratio(found, 1 / raters, raters),
        }
        for raters in range(1, 11)
    ]
    return {
        "relative": _ratio(found, 0.0, k),
        "phi_absolute": _ratio(found, 1 / k, k),
        "var_unit": found.var_unit,
        "var_rater": found.var_rater,
        "var_residual": found.var_residual,
        "intercept": found.intercept,
        "reml_criterion": found.criterion,
        "convergence": found.convergence(),
        "d_study": rows,
        "raters_needed": {f"{goal:.2f}": _raters_needed(found, spread, goal) for goal in (0.7, 0.8, 0.9)},
    }


def _ratio(found: Components, q: float, k: float) -> float:
    """var_unit / (var_unit + q var_rater + var_residual / k)."""
    noise = q * found.var_rater + found.var_residual / k
    return found.var_unit / (found.var_unit + noise) if found.var_unit > 0 else 0.0


def _raters_needed(found: Components, spread: float, goal: float) -> int | None:
    """Smallest number of raters per unit with G of at least `goal`; None where no number reaches it."""
    if found.var_unit <= 0:
        return None
    exact = goal / (1 - goal) * (spread * found.var_rater + found.var_residual) / found.var_unit
    return max(1, math.ceil(exact - 1e-9))


def variance_components(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    item: str = "item",
    occasion: str = "occasion",
    score: str = "score",
    facets: Sequence[Literal["unit", "rater", "item", "occasion"]] = ("unit", "rater"),
    method: Literal["reml", "anova"] = "reml",
    confidence: float = 0.95,
    interval: Literal["analytic", "none"] = "analytic",
) -> Estimate:
    """Which part of the differences between single scores is due to units, and which to raters, items and the rest.

    The value is the share of unit variance in the total, the reliability of one score by one random rater (on one
    random item, on one random occasion). Components are those of every facet and of every interaction that the design
    shows, whether facets cross or are nested; the residual holds the interaction of all of them.

    Parameters
    ----------
    data : one score a row; rows without a score or a label are left out and counted.
    unit, rater, item, occasion, score : column names; a facet's column is read only if facets name it.
    facets : two to four of unit (always), rater, item (competencies), occasion (or stage).
    method : "reml" takes any design and keeps variances >= 0. "anova" equates mean squares with their expectations and
        keeps negative estimates; it needs a complete design, except that one of units and raters that is incomplete is
        answered by Henderson's method 1.
    confidence, interval : profile likelihood for units and raters (delta method for huge designs and other facets), the
        exact F intervals of McGraw & Wong for their complete design under "anova"; "none".

    Returns
    -------
    Estimate
        value the unit share; detail one key per component (unit, rater, item, unit:rater, unit:item, rater:item, …,
        residual), total, intercept, reml_criterion and convergence (REML), mean_squares (ANOVA). With units, raters and
        items also q and, for means over all or some items (taken as fixed) and 1 to 10 raters, d_study rows (G,
        relative, Phi) and raters_needed by goal and number of items.

    Raises
    ------
    MeasureInputError
        A missing column, scores that are not numbers, an option out of range.

    Cautions
    --------
    As `g_coefficient`; BOUNDARY also for a negative ANOVA estimate.

    Notes
    -----
    Pinned by the oracle cases `g_theory_reml_crossed`, `g_theory_anova_crossed`, `g_theory_anova_pxixj` and
    `g_theory_reml_pxixj` (lme4, base R).

    References
    ----------
    .. [1] Brennan (2001), Generalizability Theory, sections 3.4 (estimating components) and 5 (examples).
    .. [2] Bates, Maechler, Bolker & Walker (2015), Journal of Statistical Software 67(1), equation 42.
    .. [3] Henderson (1953), Biometrics 9, 226-252, method 1.

    Examples
    --------
    >>> ratings = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "rater": list("ababab"), "score": [1, 2, 3, 3, 5, 6]})
    >>> round(variance_components(ratings, method="anova").detail["residual"], 4)
    0.1667
    """
    check_confidence(confidence)
    _check_interval(interval, ("analytic", "none"))
    if method not in ("reml", "anova"):
        raise MeasureInputError(f"expected method reml or anova, got {method!r}")
    chosen = _facets(facets)
    ratings = long_ratings(
        data,
        unit=unit,
        score=score,
        rater=rater if "rater" in chosen else None,
        item=item if "item" in chosen else None,
        occasion=occasion if "occasion" in chosen else None,
    )
    link = linkage(ratings) if ratings.score.size and ratings.raters else None
    cautions = ratings.missing_caution()
    references = [BRENNAN, REML]
    why_not = why_not_estimable(ratings, link)
    if why_not:
        return _inestimable("variance_components", method, ratings, [*cautions, *why_not], references)
    if chosen != ["unit", "rater"] or link is None:
        found = facet_components(ratings, chosen, method=method, confidence=confidence)
        if chosen == ["unit", "rater", "item"] and link is not None and found.share is not None:
            plan = composite_plan(found.detail, len(ratings.items), link.q * link.k_harmonic)
            found = replace(found, detail=found.detail | {"q": link.q} | plan)
    elif method == "anova":
        found = anova_components(ratings, link, confidence=confidence)
    else:
        crossed = crossed_components(ratings)
        between, why = None, [Caution("NO_INTERVAL", "none was asked for")]
        if interval == "analytic":
            spread = spread_factor(ratings, crossed, q=1.0, k=1.0)
            between, why = likelihood_interval(crossed, ratio_target(1.0, 1.0), confidence=confidence, spread=spread)
        total = crossed.var_unit + crossed.var_rater + crossed.var_residual
        return Estimate(
            measure="variance_components",
            method=crossed.method,
            value=crossed.var_unit / total,
            interval=between,
            n=ratings.counts(),
            cautions=[*cautions, *linkage_cautions(link), *crossed.cautions, *why],
            detail={
                "unit": crossed.var_unit,
                "rater": crossed.var_rater,
                "residual": crossed.var_residual,
                "total": total,
                "intercept": crossed.intercept,
                "reml_criterion": crossed.criterion,
                "convergence": crossed.convergence(),
            },
            references=references,
        )
    cautions += found.cautions
    if found.share is None:
        return _inestimable("variance_components", found.method, ratings, cautions, references)
    return Estimate(
        measure="variance_components",
        method=found.method,
        value=found.share,
        interval=found.interval if interval == "analytic" else None,
        n=ratings.counts(),
        cautions=[*cautions, *_interval_cautions(interval, found.why_no_interval)],
        detail=found.detail,
        references=references,
    )


def _interval_cautions(interval: str, why: Sequence[Caution]) -> Sequence[Caution]:
    return why if interval == "analytic" else [Caution("NO_INTERVAL", "none was asked for")]


def _facets(facets: Sequence[str]) -> list[str]:
    """The chosen facets in their usual order."""
    known = ("unit", "rater", "item", "occasion")
    chosen = [facets] if isinstance(facets, str) else list(facets)
    if "unit" not in chosen or len(chosen) < 2 or len(set(chosen)) < len(chosen) or set(chosen) - set(known):
        raise MeasureInputError(f"expected facets: unit and one to three of rater, item, occasion; got {chosen}")
    return [name for name in known if name in chosen]


def _planned_raters(raters_per_unit: object) -> float | None:
    if raters_per_unit == "observed":
        return None
    if isinstance(raters_per_unit, bool) or not isinstance(raters_per_unit, int | float):
        raise MeasureInputError(f"expected raters_per_unit 'observed' or a number, got {raters_per_unit!r}")
    if not 1 <= raters_per_unit < math.inf:
        raise MeasureInputError(f"expected raters_per_unit of at least 1, got {raters_per_unit!r}")
    return float(raters_per_unit)


def _check_interval(
    interval: str, allowed: Sequence[str] = ("analytic", "bootstrap", "cluster_bootstrap", "none")
) -> None:
    if interval not in allowed:
        raise MeasureInputError(f"expected interval {' or '.join(allowed)}, got {interval!r}")


def _inestimable(
    measure: str, method: str, ratings: Ratings, cautions: Sequence[Caution], references: Sequence[str]
) -> Estimate:
    return Estimate(
        measure=measure, method=method, value=None, n=ratings.counts(), cautions=cautions, references=references
    )
