"""Do the items of a score card measure one thing? Cronbach's alpha and McDonald's omega over competencies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import fdtri, stdtrit

from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.panel import long_ratings
from fairpanel.measures.reliability.count_table import FloatArray
from fairpanel.measures.reliability.item_coefficients import ItemCoefficient, alpha_of, omega_of
from fairpanel.measures.reliability.item_covariance import ItemCovariance, item_covariance
from fairpanel.measures.reliability.score_cards import ScoreCards, score_cards
from fairpanel.measures.resampling import bootstrap_interval, check_confidence, check_replicates, cluster_bootstrap

FEW_UNITS = 100
"""Up to this many units the interval rests on leaving out each in turn, beyond on derivatives."""
Missing = Literal["pairwise", "listwise"]
Kind = Literal["analytic", "feldt", "bootstrap", "none"]
CRONBACH = (
    "Cronbach, L. J. (1951). Psychometrika, 16, 297-334",
    "Feldt, L. S. (1965). Psychometrika, 30, 357-370 (interval)",
    "Maydeu-Olivares, A., Coffman, D. L., & Hartmann, W. M. (2007). Psychological Methods, 12, 157-176 (error)",
)
MCDONALD = (
    "McDonald, R. P. (1999). Test Theory: A Unified Treatment. Erlbaum (chapter 6)",
    "Harman, H. H., & Jones, W. H. (1966). Psychometrika, 31, 351-368 (minimum residuals)",
)


def cronbach_alpha(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str | None = "rater",
    item: str = "item",
    score: str = "score",
    missing: Missing = "pairwise",
    confidence: float = 0.95,
    interval: Kind = "analytic",
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Which share of the variance of a card's total score the items have in common, if all measure the same equally well.

        alpha = J / (J − 1) · (1 − Σ_j c_jj / Σ_jk c_jk)

    c are the covariances of the J items over cards; a card holds one rater's scores of one unit. It speaks of the items,
    not of raters: a rater's halo raises it. It is a lower bound of reliability where items differ in quality.

    Parameters
    ----------
    data : one score of one item a row; rows without a score or a label are left out and counted.
    unit, rater, item, score : column names; rater may be None (a unit is one card), and counts as None where the data
        have no such column.
    missing : unanswered items: "pairwise" takes each covariance from all cards that answer both items, "listwise" keeps
        complete cards only. Without unanswered items both are the same.
    confidence : level of the interval.
    interval : "feldt" is exact for normal, equally good items on independent complete cards. "analytic" is the
        spread over units (jackknife up to 100 units, linearised beyond), t on the scale of log(1 − alpha): scores need
        not be normal, and cards of one unit may depend on each other.
        "bootstrap" draws units (`replicates`, `seed`); "none".

    Returns
    -------
    Estimate
        detail items, cards, se, mean_covariance, if_dropped (alpha without each item, by label).

    Raises
    ------
    MeasureInputError
        A missing column, text scores, unknown options.

    Cautions
    --------
    INCOMPLETE_DESIGN (cards with unanswered items, and how they were used), NOT_ESTIMABLE (under two items, or two items
    that no two cards share: value None), CONSTANT_INPUT (value None), DEPENDENT_SCORES (several cards of a unit under
    "feldt"; repeated scores), SMALL_SAMPLE, MISSING_DATA, NO_INTERVAL.

    Notes
    -----
    Pinned by the oracle case `cronbach_alpha` (psych).

    References
    ----------
    .. [1] Cronbach (1951), Psychometrika 16, 297-334.
    .. [2] Feldt (1965), Psychometrika 30, 357-370.
    .. [3] Maydeu-Olivares, Coffman & Hartmann (2007), Psychological Methods 12, 157-176.

    Examples
    --------
    >>> cards = pl.DataFrame({"unit": [1, 1, 2, 2, 3, 3], "item": list("ababab"), "score": [1, 2, 3, 3, 5, 4]})
    >>> round(cronbach_alpha(cards).value, 4)
    0.8889
    """
    return _estimate(
        "cronbach_alpha",
        "Cronbach's alpha",
        alpha_of,
        (data, unit, rater, item, score),
        missing,
        (confidence, interval, replicates, seed),
        fewest=2,
        references=CRONBACH,
    )


def omega_total(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str | None = "rater",
    item: str = "item",
    score: str = "score",
    missing: Missing = "pairwise",
    confidence: float = 0.95,
    interval: Literal["analytic", "bootstrap", "none"] = "analytic",
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Which share of the variance of a card's total score is due to one common factor of the items.

        omega = (Σ_j λ_j)² / ((Σ_j λ_j)² + Σ_j ψ_j)

    λ are the items' loadings on one factor, found by minimum residuals of the correlations and brought back to the items'
    own scales, ψ_j = c_jj − λ_j². Unlike alpha, items may differ in quality.

    Parameters
    ----------
    data : one score of one item a row; rows without a score or a label are left out and counted.
    unit, rater, item, score, missing : as in `cronbach_alpha`.
    confidence : level of the interval.
    interval : "analytic" as in `cronbach_alpha`; "bootstrap" draws units (`replicates`, `seed`) and fits each sample; "none".

    Returns
    -------
    Estimate
        detail items, cards, se, loadings (by item, on the correlations' scale), residual (root mean square of the
        correlations that one factor leaves unexplained), alpha, convergence.

    Raises
    ------
    MeasureInputError
        A missing column, text scores, unknown options.

    Cautions
    --------
    BOUNDARY (a Heywood case: an item without variance of its own; no analytic interval), NOT_ESTIMABLE (under three items),
    NOT_CONVERGED (value None), INCOMPLETE_DESIGN, CONSTANT_INPUT (value None), DEPENDENT_SCORES, SMALL_SAMPLE, MISSING_DATA,
    NO_INTERVAL.

    Notes
    -----
    Pinned by matrices made of known loadings, and by alpha where all loadings and variances are equal.

    References
    ----------
    .. [1] McDonald (1999), Test Theory, chapter 6.
    .. [2] Harman & Jones (1966), Psychometrika 31, 351-368.

    Examples
    --------
    >>> rows = {1: (1, 2, 1), 2: (3, 3, 4), 3: (5, 4, 4), 4: (2, 3, 3), 5: (4, 4, 5)}
    >>> cards = pl.DataFrame([(u, i, s) for u, row in rows.items() for i, s in enumerate(row)], orient="row",
    ...                      schema=["unit", "item", "score"])
    >>> round(omega_total(cards).value, 3)
    0.948
    """
    if interval not in ("analytic", "bootstrap", "none"):
        raise MeasureInputError(f"expected interval analytic, bootstrap or none, got {interval!r}")
    return _estimate(
        "omega_total",
        "McDonald's omega, one factor by minimum residuals",
        omega_of,
        (data, unit, rater, item, score),
        missing,
        (confidence, interval, replicates, seed),
        fewest=3,
        references=MCDONALD,
    )


def _estimate(
    name: str,
    title: str,
    coefficient: Callable[[FloatArray], ItemCoefficient],
    where: tuple[pl.DataFrame, str, str | None, str, str],
    missing: Missing,
    wanted: tuple[float, Kind, int, int],
    *,
    fewest: int,
    references: tuple[str, ...],
) -> Estimate:
    data, unit, rater, item, score = where
    confidence, interval, _, _ = wanted
    check_confidence(confidence)
    if missing not in ("pairwise", "listwise"):
        raise MeasureInputError(f"expected missing pairwise or listwise, got {missing!r}")
    if interval not in ("analytic", "feldt", "bootstrap", "none"):
        raise MeasureInputError(f"expected interval analytic, feldt, bootstrap or none, got {interval!r}")
    if rater == "rater" and rater not in data.columns:
        rater = None
    ratings = long_ratings(data, unit=unit, rater=rater, score=score, item=item)
    cards = score_cards(ratings)
    cautions = [*ratings.missing_caution(), *cards.repeated_caution()]
    whole = cards.complete
    if not whole.all():
        used = "left out" if missing == "listwise" else "used for the pairs of items they answer"
        text = f"{int((~whole).sum())} of {whole.size} cards leave items unanswered: they were {used}"
        cautions.append(Caution("INCOMPLETE_DESIGN", text))
        if missing == "listwise":
            cards = cards.select(whole)
    n = ratings.counts() | {"cards": cards.unit.size}
    items = len(ratings.items)

    def refused(why: list[Caution], detail: dict[str, Any] | None = None) -> Estimate:
        return Estimate(
            measure=name, method=title, value=None, n=n, cautions=[*cautions, *why], detail=detail or {},
            references=references,
        )  # fmt: skip

    if items < fewest:
        return refused([Caution("NOT_ESTIMABLE", f"{items} items: at least {fewest} are needed")])
    table = item_covariance(cards)
    if table is None:
        return refused([Caution("NOT_ESTIMABLE", "some pair of items is not answered together on two cards")])
    found = coefficient(table.matrix)
    if found.value is None:
        return refused(found.cautions)
    codes, of_unit = np.unique(cards.unit, return_inverse=True)
    units = codes.size
    se = _error(table, found, of_unit, units)
    between, notes = _interval(coefficient, cards, of_unit, units, found, se, wanted)
    if units < 20:
        notes.append(Caution("SMALL_SAMPLE", f"{units} units are few for an interval"))
    detail: dict[str, Any] = {"items": items, "cards": cards.unit.size, "se": se, **found.detail}
    if "loadings" in detail:
        detail["loadings"] = dict(zip(ratings.items, detail["loadings"].tolist(), strict=True))
    else:
        detail["if_dropped"] = {label: _without(table.matrix, j) for j, label in enumerate(ratings.items)}
    return Estimate(
        measure=name,
        method=f"{title}, {'complete cards' if whole.all() or missing == 'listwise' else 'pairwise covariances'}",
        value=found.value,
        interval=between,
        n=n,
        cautions=[*cautions, *found.cautions, *notes],
        detail=detail,
        references=references,
    )


def _without(covariance: FloatArray, item: int) -> float | None:
    rest = np.delete(np.delete(covariance, item, axis=0), item, axis=1)
    return alpha_of(rest).value if rest.shape[0] > 1 else None


def _error(table: ItemCovariance, found: ItemCoefficient, of_unit: Any, units: int) -> float | None:
    """Standard error over units: what the cards of one unit add is summed first."""
    if found.gradient is None or units < 2:
        return None
    moved = np.bincount(of_unit, weights=table.moved(found.gradient), minlength=units)
    return float(np.sqrt(units / (units - 1) * np.sum(moved**2)))


def _without_each_unit(
    coefficient: Callable[[FloatArray], ItemCoefficient], cards: ScoreCards, of_unit: Any, units: int
) -> FloatArray | None:
    """log(1 − coefficient) without each unit in turn; None where some rest does not determine it."""
    values = np.empty(units)
    for one in range(units):
        covariance = item_covariance(cards.select(of_unit != one))
        value = None if covariance is None else coefficient(covariance.matrix).value
        if value is None or value >= 1 - 1e-12:
            return None
        values[one] = np.log1p(-value)
    return values


def _interval(
    coefficient: Callable[[FloatArray], ItemCoefficient],
    cards: ScoreCards,
    of_unit: Any,
    units: int,
    found: ItemCoefficient,
    se: float | None,
    wanted: tuple[float, Kind, int, int],
) -> tuple[Interval | None, list[Caution]]:
    confidence, kind, replicates, seed = wanted
    value = 0.0 if found.value is None else found.value
    if kind == "none":
        return None, [Caution("NO_INTERVAL", "none was asked for")]
    if kind == "bootstrap":
        check_replicates(replicates)
        order = np.argsort(of_unit, kind="stable")
        of_each = np.split(order, np.cumsum(np.bincount(of_unit, minlength=units))[:-1])

        def drawn_value(drawn: Any) -> float | None:
            rows = np.concatenate([of_each[one] for one in drawn])
            sample = ScoreCards(scores=cards.scores[rows], unit=cards.unit[rows], units=cards.units, repeated=0)
            covariance = item_covariance(sample)
            return None if covariance is None else coefficient(covariance.matrix).value

        values = cluster_bootstrap(drawn_value, units, replicates=replicates, seed=seed)
        drawn = bootstrap_interval(values, estimate=value, confidence=confidence)
        return drawn, [] if drawn else [Caution("NO_INTERVAL", "too few bootstrap samples determined the coefficient")]
    if value >= 1 - 1e-12:
        return None, [Caution("NO_INTERVAL", "the items agree perfectly: the spread over units is unknown")]
    tail = (1 - confidence) / 2
    if kind == "feldt":
        rows, items = cards.scores.shape
        notes = []
        if rows > units:
            notes.append(Caution("DEPENDENT_SCORES", "units have several cards, which Feldt takes as independent"))
        if not cards.complete.all():
            return None, [Caution("NO_INTERVAL", "Feldt's interval needs complete cards"), *notes]
        low, high = (1 - (1 - value) * float(fdtri(rows - 1, (rows - 1) * (items - 1), p)) for p in (1 - tail, tail))
        return Interval(low=low, high=high, level=confidence, method="F (Feldt 1965)"), notes
    rests = _without_each_unit(coefficient, cards, of_unit, units) if 2 < units <= FEW_UNITS else None
    if rests is not None:
        scaled = float(np.sqrt((units - 1) / units * np.sum((rests - rests.mean()) ** 2)))
        how = "jackknife"
    elif se is not None:
        scaled, how = se / (1 - value), "linearised"
    else:
        scaled, how = 0.0, ""
    if scaled == 0:
        why = "a loading lies on its bound" if units > 1 else "one unit"
        return None, [Caution("NO_INTERVAL", f"{why}: the spread over units is unknown")]
    half = float(stdtrit(units - 1, 1 - tail)) * scaled
    return Interval(
        low=1 - (1 - value) * float(np.exp(half)),
        high=1 - (1 - value) * float(np.exp(-half)),
        level=confidence,
        method=f"{how} over units, t on the scale of log(1 − coefficient)",
    ), []
