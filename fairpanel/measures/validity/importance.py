"""How the explained differences in performance divide among correlated scores."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any, Literal

import numpy as np
import polars as pl

from fairpanel.measures.columns import Floats, check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.resampling import check_replicates, times_drawn
from fairpanel.measures.validity.multiple_correlation import (
    collinear,
    column_names,
    complete_rows,
    correlations,
    r_squared,
    r_squared_limits,
)

_JOHNSON = (
    "Johnson, J. W. (2000). Multivariate Behavioral Research, 35, 1-19",
    "Tonidandel, S., LeBreton, J. M., & Johnson, J. W. (2009). Psychological Methods, 14, 387-399 (bootstrap)",
)
_DOMINANCE = (
    "Azen, R., & Budescu, D. V. (2003). Psychological Methods, 8, 129-148",
    "Budescu, D. V. (1993). Psychological Bulletin, 114, 542-551",
)
_FLAT = 1e-12  # spread of a drawn column, that of the whole being 1
_CELLS = 200_000  # people by columns by samples worked on at a time
_MOST_PREDICTORS = 12  # general dominance fits every subset

IntervalKind = Literal["analytic", "bootstrap", "none"]


def relative_weights(
    data: pl.DataFrame,
    /,
    *,
    predictors: list[str] | None = None,
    y: str = "y",
    interval: IntervalKind = "bootstrap",
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 1,
) -> Estimate:
    """How much each score contributes to R² when scores overlap: Johnson's relative weights, which sum to R².

    Parameters
    ----------
    data : one row a person; rows with a missing value in any column are left out and counted.
    predictors : columns of the scores, such as the competencies or stages. y : column of the criterion.
    interval : "bootstrap" (intervals of R² and of every weight), "analytic" (of R² alone) or "none".

    Returns
    -------
    Estimate
        value: R². interval: of R², exact for jointly normal scores. n: people. detail: predictors, raw (weights that
        sum to R²) and rescaled (that sum to 1), both in the order of predictors; intervals (of raw, percentile
        bootstrap by person); adjusted_r2.

    Cautions
    --------
    A raw weight is never below 0, so its interval cannot show that a score contributes nothing: compare it with the
    weights of others, or see `incremental_validity`. Weights describe prediction, not causes. Among the hired alone
    the score that decided most is restricted most, and its weight too small.

    Notes
    -----
    With R = V L V' the predictors' correlations, Lambda = V sqrt(L) V' and r the correlations with y: beta =
    inverse(Lambda) r; raw = (Lambda * Lambda) (beta * beta), elementwise products.

    References
    ----------
    .. [1] Johnson 2000. .. [2] Tonidandel, LeBreton & Johnson 2009.

    Pinned by the oracle relative_weights (R, and the package relativeimp).

    Examples
    --------
    >>> people = pl.DataFrame({"a": [1, 2, 3, 4, 5, 6], "b": [1, 3, 2, 5, 4, 6], "y": [2, 1, 4, 3, 6, 5]})
    >>> estimate = relative_weights(people, predictors=["a", "b"], interval="analytic")
    >>> [round(weight, 4) for weight in estimate.detail["raw"]], round(estimate.value, 4)
    ([0.7115, 0.2608], 0.9723)
    """
    return _importance(
        "relative_weights", "Johnson's relative weights", weights_of_correlations, data, predictors, y, interval,
        confidence, replicates, seed, _JOHNSON,
    )  # fmt: skip


def general_dominance(
    data: pl.DataFrame,
    /,
    *,
    predictors: list[str] | None = None,
    y: str = "y",
    interval: IntervalKind = "bootstrap",
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 1,
) -> Estimate:
    """How much each score adds to R² on average over all sets of the other scores: general dominance.

    Parameters
    ----------
    data : one row a person; rows with a missing value in any column are left out and counted.
    predictors : columns of the scores, at most 12: every subset is fitted. y : column of the criterion.
    interval : "bootstrap" (intervals of R² and of every weight), "analytic" (of R² alone) or "none".

    Returns
    -------
    Estimate
        value: R². interval: of R², exact for jointly normal scores. n: people. detail: predictors, raw (weights that
        sum to R²) and rescaled (that sum to 1), both in the order of predictors; intervals (of raw, percentile
        bootstrap by person); adjusted_r2; by_size (mean increment of each score by the number of scores already in:
        conditional dominance).

    Raises
    ------
    MeasureInputError
        More than 12 predictors, or a column named twice.

    Cautions
    --------
    As for `relative_weights`, which is close to it at a fraction of the work. Increments in a sample are never below 0.

    Notes
    -----
    Mean over sizes 0 … p - 1 of the mean increment of R² over the subsets of that size without the score: the
    Shapley value of R².

    References
    ----------
    .. [1] Azen & Budescu 2003. .. [2] Budescu 1993.

    No oracle: checked against increments averaged over all orders of entry.

    Examples
    --------
    >>> people = pl.DataFrame({"a": [1, 2, 3, 4, 5, 6], "b": [1, 3, 2, 5, 4, 6], "y": [2, 1, 4, 3, 6, 5]})
    >>> estimate = general_dominance(people, predictors=["a", "b"], interval="analytic")
    >>> [round(weight, 4) for weight in estimate.detail["raw"]], round(estimate.value, 4)
    ([0.7115, 0.2608], 0.9723)
    """
    if predictors is not None and len(predictors) > _MOST_PREDICTORS:
        raise MeasureInputError(
            f"general_dominance fits every subset: at most {_MOST_PREDICTORS} predictors, got {len(predictors)}; "
            "see relative_weights"
        )
    return _importance(
        "general_dominance", "general dominance (mean increment over all subsets)", dominance_of_correlations, data,
        predictors, y, interval, confidence, replicates, seed, _DOMINANCE,
    )  # fmt: skip


def weights_of_correlations(matrices: Floats) -> Floats:
    """Relative weights from correlation matrices (..., predictors and last the criterion), raw."""
    values, vectors = np.linalg.eigh(matrices[..., :-1, :-1])
    turned = np.swapaxes(vectors, -1, -2)
    roots = np.sqrt(np.maximum(values, 1e-300))[..., None, :]
    loadings = (vectors * roots) @ turned
    beta = ((vectors / roots) @ turned @ matrices[..., :-1, -1:])[..., 0]
    weights: Floats = ((loadings**2) @ (beta**2)[..., None])[..., 0]
    return weights


def increments_by_size(matrices: Floats) -> Floats:
    """Mean increments of R² (..., predictor, number of predictors already in), from correlation matrices."""
    size = matrices.shape[-1] - 1
    r2 = {frozenset[int](): np.zeros(matrices.shape[:-2])}
    sums = np.zeros((*matrices.shape[:-2], size, size))
    counts = np.zeros((size, size))
    for count in range(1, size + 1):
        for subset in combinations(range(size), count):
            at = np.array(subset)
            with_y = matrices[..., at, size]
            slopes = np.linalg.solve(matrices[..., at[:, None], at], with_y[..., None])[..., 0]
            found = r2[frozenset(subset)] = (with_y * slopes).sum(axis=-1)
            for entered in subset:
                sums[..., entered, count - 1] += found - r2[frozenset(subset) - {entered}]
                counts[entered, count - 1] += 1
    return sums / counts


def dominance_of_correlations(matrices: Floats) -> Floats:
    """General dominance weights from correlation matrices (..., predictors and last the criterion)."""
    weights: Floats = increments_by_size(matrices).mean(axis=-1)
    return weights


def _importance(
    name: str,
    title: str,
    weights_of: Callable[[Floats], Floats],
    data: pl.DataFrame,
    predictors: list[str] | None,
    y: str,
    interval: IntervalKind,
    confidence: float,
    replicates: int,
    seed: int,
    references: tuple[str, ...],
) -> Estimate:
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "bootstrap", "none"))
    check_replicates(replicates)
    names = column_names(predictors, "predictors")
    if y in names:
        raise MeasureInputError(f"y must be another column than the predictors, got {y!r} for both")
    values, cautions = complete_rows(data, [*names, y], ["predictors"] * len(names) + ["y"])
    n, size = len(values), len(names)
    matrix = correlations(values) if n > size + 1 else None
    if matrix is None or collinear(matrix[:-1, :-1]):
        return Estimate(
            measure=name, method=title, value=None, n={"people": n}, cautions=[*cautions, _why_none(n, size, matrix)],
            references=references,
        )  # fmt: skip
    raw, r2 = weights_of(matrix), r_squared(matrix, range(size), size)
    detail: dict[str, Any] = {
        "predictors": names,
        "raw": raw.tolist(),
        "rescaled": (raw / r2).tolist() if r2 > 0 else None,
        "adjusted_r2": 1 - (1 - r2) * (n - 1) / (n - 1 - size),
    }
    if name == "general_dominance":
        detail["by_size"] = increments_by_size(matrix).tolist()
    if n - 1 - size < 10 * size:
        cautions.append(Caution("SMALL_SAMPLE", f"{n} people for {size} scores: R² is too high by chance."))
    made = None
    if interval != "none" and n - 1 - size > 2:
        low, high = r_squared_limits(r2, size, n - 1, confidence)
        made = Interval(low=low, high=high, level=confidence, method="R² of normal scores, predictors drawn")
    if made is None:
        why_not = "none was asked for" if interval == "none" else "too few people"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    if interval == "bootstrap":
        detail["intervals"] = _bootstrap(values, weights_of, confidence, replicates, seed)
    return Estimate(
        measure=name, method=title, value=r2, interval=made, n={"people": n}, cautions=cautions, detail=detail,
        references=references,
    )  # fmt: skip


def _bootstrap(
    values: Floats, weights_of: Callable[[Floats], Floats], confidence: float, replicates: int, seed: int
) -> list[dict[str, Any]] | None:
    """Percentile intervals of the raw weights, people drawn with replacement; None where few samples determine them."""
    rng = np.random.default_rng(seed)
    n = len(values)
    centred = values - values.mean(axis=0)
    extended = np.column_stack((np.ones(n), centred / np.linalg.norm(centred, axis=0)))
    step = max(1, _CELLS // extended.size)
    usable = np.concatenate(
        [
            _drawn_correlations(extended, times_drawn(rng, n, min(step, replicates - start)))
            for start in range(0, replicates, step)
        ]
    )
    if len(usable) < 50:
        return None
    weights = weights_of(usable)
    limits = np.quantile(weights, ((1 - confidence) / 2, (1 + confidence) / 2), axis=0)
    method = f"percentile bootstrap by person, {len(usable)} replicates"
    return [
        Interval(low=float(low), high=float(high), level=confidence, method=method).to_dict() for low, high in limits.T
    ]


def _drawn_correlations(extended: Floats, times: Floats) -> Floats:
    """Correlations in those samples that determine the weights, of people by a column of ones and scaled columns."""
    samples, (n, width) = len(times), extended.shape
    weighted = (extended.T * times[:, None, :]).reshape(samples * width, n)
    sums = (weighted @ extended).reshape(samples, width, width)
    products = sums[:, 1:, 1:] - sums[:, 0, 1:, None] * sums[:, 0, None, 1:] / n
    spread = np.diagonal(products, axis1=1, axis2=2)
    varied = (spread > _FLAT).all(axis=1)
    products, spread = products[varied], spread[varied]
    matrices: Floats = products / np.sqrt(spread[:, :, None] * spread[:, None, :])
    return matrices[~collinear(matrices[:, :-1, :-1])]


def _why_none(n: int, predictors: int, matrix: Floats | None) -> Caution:
    if n <= predictors + 1:
        return Caution("SMALL_SAMPLE", f"{n} complete rows: {predictors} scores need at least {predictors + 2}.")
    if matrix is None:
        return Caution("CONSTANT_INPUT", "A score or the criterion does not vary.")
    return Caution("NOT_ESTIMABLE", "The scores are collinear: their shares are not determined.")
