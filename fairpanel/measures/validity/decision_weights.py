"""What decides beside what predicts, and what other weights or another cut would have done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from fairpanel.measures.columns import (
    Booleans,
    Floats,
    check_choice,
    check_confidence,
    decisions,
    missing_rows,
    numbers,
)
from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.resampling import bootstrap_interval, check_replicates
from fairpanel.measures.validity.multiple_correlation import collinear, column_names, correlations

_REFERENCES = (
    "Brunswik, E. (1955). Psychological Review, 62, 193-217 (cue use beside cue validity)",
    "Brillinger, D. R. (1982). A Festschrift for Erich L. Lehmann, 97-114 (weights behind any decision rule)",
    "Dawes, R. M. (1979). American Psychologist, 34, 571-582 (equal weights)",
    "Efron, B. (1983). Journal of the American Statistical Association, 78, 316-331 (optimism)",
)
_TITLE = "correlation of the composite that decides with the one that predicts, least squares"
_FEWEST = 20
_RATIOS = (0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True, slots=True)
class _People:
    """Applicants with all scores: scores (columns standardized by `_standardized`), taken, criterion (NaN if unknown)."""

    scores: Floats
    taken: Booleans
    criterion: Floats

    def drawn(self, rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> _People:
        return _People(self.scores[rows], self.taken[rows], self.criterion[rows])


@dataclass(frozen=True, slots=True)
class _Weights:
    """implied: slopes of the decision; optimal: slopes of the criterion in its applicants' standard deviations.

    agreement: correlation of the two composites among applicants. predicted: each applicant's expected criterion.
    """

    implied: Floats
    optimal: Floats
    agreement: float
    predicted: Floats


def decision_weights(
    data: pl.DataFrame,
    /,
    *,
    predictors: list[str] | None = None,
    selected: str = "selected",
    y: str = "y",
    interval: Literal["bootstrap", "none"] = "bootstrap",
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 1,
) -> Estimate:
    """How far the scores that decide are the scores that predict, and what other weights would have brought.

    Parameters
    ----------
    data : one row an applicant; rows without a score or decision are left out and counted.
    predictors : two or more columns of scores that the decision had before it.
    selected : column of the decision. y : the criterion, used for the selected only, missing for some of them.

    Returns
    -------
    Estimate
        value: correlation among applicants of the composite implied by the decisions with the one that best predicts the
        criterion. n: applicants, selected, with_criterion. detail: weights (rows predictor, implied, optimal, each with
        low and high; weights of standardized scores, absolutes summing to 1), policies (rows policy, kept (share of
        those selected who would be selected again), expected (mean criterion of the selected, in standard deviations of
        applicants over their mean), low, high): "as decided", "implied weights", "equal weights", "optimal weights" and
        each score "alone", always the same number selected; cuts (rows selection_ratio, expected, low, high, own) of
        the implied composite; optimism taken off the optimal weights' figure.

    Raises
    ------
    MeasureInputError
        Fewer than two predictors, one named twice or used as y or selected.

    Cautions
    --------
    Weights need 20 people with a criterion and scores that are not the same. The criterion must be missing at random
    given these scores: what else hiring looked at stays unseen. Expected gains are straight-line extrapolations
    below the hired's range. Everybody or nobody selected: no weights are implied.

    Notes
    -----
    Implied: least-squares slopes of the decision (0/1), proportional to the weights of any rule that rises with a
    weighted sum of elliptically distributed scores, a sharp cut included, where logistic slopes run off to infinity
    (Brillinger 1982). Optimal: slopes of y among the selected. The optimal weights are judged by the data they were
    made from: that optimism is estimated by the bootstrap and taken off (Efron 1983).

    References
    ----------
    .. [1] Brunswik 1955. .. [2] Brillinger 1982. .. [3] Dawes 1979. .. [4] Efron 1983.

    No oracle: slopes are those of least squares; recovery and the correction for optimism by simulation.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> a, b = rng.normal(size=(2, 3000))
    >>> people = pl.DataFrame({"a": a, "b": b, "selected": a > 0.8, "y": b + rng.normal(size=3000)})
    >>> found = decision_weights(people, predictors=["a", "b"], replicates=100)
    >>> [round(row["implied"], 1) for row in found.detail["weights"]]
    [1.0, 0.0]
    >>> abs(found.value) < 0.2
    True
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("bootstrap", "none"))
    check_replicates(replicates)
    names = column_names(predictors, "predictors")
    if len(names) < 2 or {selected, y} & set(names) or selected == y:
        raise MeasureInputError(
            f"decision_weights compares two or more scores, other columns than y and selected; got predictors={names}, "
            f"y={y!r}, selected={selected!r}"
        )
    people, cautions = _people(data, names, selected, y)
    known = ~np.isnan(people.criterion)
    n = {"applicants": len(people.taken), "selected": int(people.taken.sum()), "with_criterion": int(known.sum())}
    why = _why_not(people, known)
    found = None if why else _weights(people)
    if found is None:
        why = why or Caution("NOT_ESTIMABLE", "The scores or the criterion do not vary, or one score repeats another.")
        return Estimate(
            measure="decision_weights", method=_TITLE, value=None, n=n, cautions=[*cautions, why],
            references=_REFERENCES,
        )  # fmt: skip
    rules = _rules(found, people)
    policies = {name: _gain(composite, found.predicted, n["selected"]) for name, composite in rules.items()}
    own = n["selected"] / n["applicants"]
    ratios = sorted({*_RATIOS, own})
    cuts = [_gain(rules["implied weights"], found.predicted, _count(ratio, n["applicants"])) for ratio in ratios]
    drawn = _draws(people, found, replicates, seed) if interval == "bootstrap" else None
    optimism = 0.0 if drawn is None else drawn.optimism
    policies["optimal weights"] -= optimism
    ends = _Ends(drawn, confidence)
    detail: dict[str, Any] = {
        "weights": [
            {"predictor": name, "implied": float(_normed(found.implied)[at]), "optimal": float(_normed(found.optimal)[at])}
            | ends.of("implied", at) | ends.of("optimal", at)
            for at, name in enumerate(names)
        ],
        "policies": [
            {"policy": "as decided", "kept": 1.0, "expected": float(found.predicted[people.taken].mean())}
            | ends.plain("as decided")
        ] + [
            {"policy": _called(name, names), "kept": _gain(composite, people.taken.astype(np.float64), n["selected"]),
             "expected": policies[name]} | ends.plain(name)
            for name, composite in rules.items()
        ],
        "cuts": [
            {"selection_ratio": ratio, "expected": value, "own": ratio == own} | ends.plain(f"cut {at}")
            for at, (ratio, value) in enumerate(zip(ratios, cuts, strict=True))
        ],
        "optimism": optimism if drawn is not None else None,
    }  # fmt: skip
    agreement = np.empty(0) if drawn is None else drawn.columns["agreement"]
    made = bootstrap_interval(agreement, estimate=found.agreement, confidence=confidence)
    if made is None:
        why_not = "none was asked for" if interval == "none" else "too few samples determined the weights"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    if n["with_criterion"] < 10 * len(names):
        cautions.append(
            Caution("SMALL_SAMPLE", f"{n['with_criterion']} people with a criterion for {len(names)} weights.")
        )
    return Estimate(
        measure="decision_weights", method=_TITLE, value=found.agreement, interval=made, n=n, cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _people(data: pl.DataFrame, names: list[str], selected: str, y: str) -> tuple[_People, list[Caution]]:
    scores = np.column_stack([numbers(data, name, "predictors") for name in names])
    hired, criterion = decisions(data, selected, "selected"), numbers(data, y, "y")
    usable = hired.present & ~np.isnan(scores).any(axis=1)
    cautions = missing_rows(usable, "a score or a decision")
    taken = hired.taken[usable]
    return _People(_standardized(scores[usable]), taken, np.where(taken, criterion[usable], np.nan)), cautions


def _standardized(scores: Floats) -> Floats:
    spread = scores.std(axis=0) if len(scores) else np.ones(scores.shape[1])
    flat = spread <= 1e-13 * np.abs(scores).max(axis=0, initial=0.0)
    standard: Floats = (scores - scores.mean(axis=0)) / np.where(flat, 1.0, spread) if len(scores) else scores
    return standard


def _why_not(people: _People, known: Booleans) -> Caution | None:
    if not people.taken.any() or people.taken.all():
        who = "Nobody" if not people.taken.any() else "Everybody"
        return Caution("CONSTANT_INPUT", f"{who} was selected: the decisions imply no weights.")
    if known.sum() < _FEWEST:
        text = f"{int(known.sum())} selected people have a criterion: weights need at least {_FEWEST}."
        return Caution("SMALL_SAMPLE", text)
    return None


def _weights(people: _People) -> _Weights | None:
    known = ~np.isnan(people.criterion)
    matrix = correlations(people.scores)
    if matrix is None or collinear(matrix) or known.sum() <= people.scores.shape[1] + 2:
        return None
    among = correlations(people.scores[known])
    if among is None or collinear(among) or np.ptp(people.criterion[known]) == 0:
        return None
    centred = people.scores - people.scores.mean(axis=0)
    implied = np.linalg.lstsq(centred, people.taken - people.taken.mean(), rcond=None)[0]
    x, outcome = people.scores[known], people.criterion[known]
    slopes = np.linalg.lstsq(x - x.mean(axis=0), outcome - outcome.mean(), rcond=None)[0]
    residual = outcome - outcome.mean() - (x - x.mean(axis=0)) @ slopes
    covariance = centred.T @ centred / len(centred)
    spread = float(slopes @ covariance @ slopes) + float(residual @ residual) / (len(x) - x.shape[1] - 1)
    if not spread > 0:
        return None
    optimal = slopes / np.sqrt(spread)
    both = np.array([implied, optimal])
    products = both @ covariance @ both.T
    if not (products[0, 0] > 0 and products[1, 1] > 0):
        return None
    agreement = float(products[0, 1] / np.sqrt(products[0, 0] * products[1, 1]))
    return _Weights(implied, optimal, max(-1.0, min(1.0, agreement)), centred @ optimal)


def _rules(found: _Weights, people: _People) -> dict[str, Floats]:
    """Composites by which the same number could be selected."""
    rules = {
        "implied weights": people.scores @ found.implied,
        "equal weights": people.scores.sum(axis=1),
        "optimal weights": people.scores @ found.optimal,
    }
    return rules | {f"alone {at}": people.scores[:, at] for at in range(people.scores.shape[1])}


def _called(rule: str, names: list[str]) -> str:
    return f"{names[int(rule.removeprefix('alone '))]} alone" if rule.startswith("alone ") else rule


def _count(ratio: float, applicants: int) -> int:
    return max(1, round(ratio * applicants))


def _gain(composite: Floats, predicted: Floats, count: int) -> float:
    """Mean of `predicted` over the `count` highest; those tied at the edge share the last places."""
    edge = -np.partition(-composite, count - 1)[count - 1]
    above, tied = composite > edge, composite == edge
    places = count - int(above.sum())
    return float((predicted[above].sum() + places * predicted[tied].mean()) / count)


def _normed(weights: Floats) -> Floats:
    total = float(np.abs(weights).sum())
    return weights / total if total > 0 else weights


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Bootstrap values by name; optimism: how much better weights look in the sample they were made from."""

    columns: dict[str, Floats]
    optimism: float


def _draws(people: _People, found: _Weights, replicates: int, seed: int) -> _Drawn | None:
    rng, rows = np.random.default_rng(seed), len(people.taken)
    values: list[dict[str, float]] = []
    for _ in range(replicates):
        sample = people.drawn(rng.integers(0, rows, size=rows))
        weights = _weights(sample)
        if weights is None or sample.taken.all() or not sample.taken.any():
            continue
        count = int(sample.taken.sum())
        told = {"agreement": weights.agreement, "as decided": float(weights.predicted[sample.taken].mean())}
        for name, composite in _rules(weights, sample).items():
            told[name] = _gain(composite, weights.predicted, count)
        own = count / rows
        for at, ratio in enumerate(sorted({*_RATIOS, int(people.taken.sum()) / rows})):
            share = own if ratio not in _RATIOS else ratio
            told[f"cut {at}"] = _gain(sample.scores @ weights.implied, weights.predicted, _count(share, rows))
        told |= {f"implied {at}": value for at, value in enumerate(_normed(weights.implied))}
        told |= {f"optimal {at}": value for at, value in enumerate(_normed(weights.optimal))}
        elsewhere = _gain(people.scores @ weights.optimal, found.predicted, int(people.taken.sum()))
        told["optimism"] = told["optimal weights"] - elsewhere
        values.append(told)
    if len(values) < 50:
        return None
    columns = {name: np.array([told[name] for told in values]) for name in values[0]}
    optimism = float(columns.pop("optimism").mean())
    columns["optimal weights"] = columns["optimal weights"] - 2 * optimism  # once for the sample, once for the draw
    return _Drawn(columns, optimism)


@dataclass(frozen=True, slots=True)
class _Ends:
    """Limits of what was drawn, as keys of a row."""

    drawn: _Drawn | None
    confidence: float

    def plain(self, name: str) -> dict[str, float | None]:
        return dict(zip(("low", "high"), self._limits(name), strict=True))

    def of(self, kind: str, at: int) -> dict[str, float | None]:
        return dict(zip((f"{kind}_low", f"{kind}_high"), self._limits(f"{kind} {at}"), strict=True))

    def _limits(self, name: str) -> tuple[float | None, float | None]:
        if self.drawn is None:
            return None, None
        low, high = np.quantile(self.drawn.columns[name], ((1 - self.confidence) / 2, (1 + self.confidence) / 2))
        return float(low), float(high)
