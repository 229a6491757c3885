"""What decides beside what predicts, and what other weights or another cut would have done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from fairpanel.measures.columns import (
    Floats,
    check_choice,
    check_confidence,
    decisions,
    missing_rows,
    numbers,
)
from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.resampling import bootstrap_interval, check_replicates, times_drawn
from fairpanel.measures.validity.decision_samples import People, Ranking, Weights, weights
from fairpanel.measures.validity.multiple_correlation import column_names

_REFERENCES = (
    "Brunswik, E. (1955). Psychological Review, 62, 193-217 (cue use beside cue validity)",
    "Brillinger, D. R. (1982). A Festschrift for Erich L. Lehmann, 97-114 (weights behind any decision rule)",
    "Dawes, R. M. (1979). American Psychologist, 34, 571-582 (equal weights)",
    "Efron, B. (1983). Journal of the American Statistical Association, 78, 316-331 (optimism)",
)
_TITLE = "correlation of the composite that decides with the one that predicts, least squares"
_FEWEST = 20
_RATIOS = (0.05, 0.1, 0.2, 0.3, 0.5)
_CELLS = 500_000  # people by scores by samples worked on at a time


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
    n = {
        "applicants": len(people.taken),
        "selected": int(people.taken.sum()),
        "with_criterion": int(people.known.sum()),
    }
    why = _why_not(people)
    once = np.ones((1, n["applicants"]))
    found = None if why else _determined(people, once)
    if found is None:
        why = why or Caution("NOT_ESTIMABLE", "The scores or the criterion do not vary, or one score repeats another.")
        return Estimate(
            measure="decision_weights", method=_TITLE, value=None, n=n, cautions=[*cautions, why],
            references=_REFERENCES,
        )  # fmt: skip
    plain = _plain(people)
    rules = _rules(found, people, plain)
    ranked = {name: ranking.with_sums(found.predicted, once) for name, ranking in rules.items()}
    hired, chosen = np.array([n["selected"]]), people.taken[None, :].astype(np.float64)
    policies = {name: float(each.gain(hired)[0]) for name, each in ranked.items()}
    kept = {name: float(ranking.with_sums(chosen, once).gain(hired)[0]) for name, ranking in rules.items()}
    own = n["selected"] / n["applicants"]
    ratios = sorted({*_RATIOS, own})
    cuts = [float(ranked["implied weights"].gain(np.array([_count(ratio, n["applicants"])]))[0]) for ratio in ratios]
    drawn = _draws(people, found, plain, replicates, seed) if interval == "bootstrap" else None
    optimism = 0.0 if drawn is None else drawn.optimism
    policies["optimal weights"] -= optimism
    ends = _Ends(drawn, confidence)
    detail: dict[str, Any] = {
        "weights": [
            {"predictor": name, "implied": float(_normed(found.implied)[0, at]),
             "optimal": float(_normed(found.optimal)[0, at])}
            | ends.of("implied", at) | ends.of("optimal", at)
            for at, name in enumerate(names)
        ],
        "policies": [
            {"policy": "as decided", "kept": 1.0, "expected": float(found.predicted[0, people.taken].mean())}
            | ends.plain("as decided")
        ] + [
            {"policy": _called(name, names), "kept": kept[name], "expected": policies[name]} | ends.plain(name)
            for name in rules
        ],
        "cuts": [
            {"selection_ratio": ratio, "expected": value, "own": ratio == own} | ends.plain(f"cut {at}")
            for at, (ratio, value) in enumerate(zip(ratios, cuts, strict=True))
        ],
        "optimism": optimism if drawn is not None else None,
    }  # fmt: skip
    agreement = np.empty(0) if drawn is None else drawn.columns["agreement"]
    value = float(found.agreement[0])
    made = bootstrap_interval(agreement, estimate=value, confidence=confidence)
    if made is None:
        why_not = "none was asked for" if interval == "none" else "too few samples determined the weights"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    if n["with_criterion"] < 10 * len(names):
        cautions.append(
            Caution("SMALL_SAMPLE", f"{n['with_criterion']} people with a criterion for {len(names)} weights.")
        )
    return Estimate(
        measure="decision_weights", method=_TITLE, value=value, interval=made, n=n, cautions=cautions,
        detail=detail, references=_REFERENCES,
    )  # fmt: skip


def _people(data: pl.DataFrame, names: list[str], selected: str, y: str) -> tuple[People, list[Caution]]:
    scores = np.column_stack([numbers(data, name, "predictors") for name in names])
    hired, criterion = decisions(data, selected, "selected"), numbers(data, y, "y")
    usable = hired.present & ~np.isnan(scores).any(axis=1)
    cautions = missing_rows(usable, "a score or a decision")
    return People.of(_standardized(scores[usable]), hired.taken[usable], criterion[usable]), cautions


def _standardized(scores: Floats) -> Floats:
    spread = scores.std(axis=0) if len(scores) else np.ones(scores.shape[1])
    flat = spread <= 1e-13 * np.abs(scores).max(axis=0, initial=0.0)
    standard: Floats = (scores - scores.mean(axis=0)) / np.where(flat, 1.0, spread) if len(scores) else scores
    return standard


def _why_not(people: People) -> Caution | None:
    if not people.taken.any() or people.taken.all():
        who = "Nobody" if not people.taken.any() else "Everybody"
        return Caution("CONSTANT_INPUT", f"{who} was selected: the decisions imply no weights.")
    if people.known.sum() < _FEWEST:
        text = f"{int(people.known.sum())} selected people have a criterion: weights need at least {_FEWEST}."
        return Caution("SMALL_SAMPLE", text)
    return None


def _determined(people: People, once: Floats) -> Weights | None:
    determined, found = weights(people, once)
    return found if determined[0] else None


def _plain(people: People) -> dict[str, Ranking]:
    """Rules whose weights are not estimated: the same order of people in every sample."""
    rules = {"equal weights": people.scores.sum(axis=1)} | {f"alone {at}": x for at, x in enumerate(people.scores.T)}
    return {name: Ranking.of(composite[None, :]) for name, composite in rules.items()}


def _rules(found: Weights, people: People, plain: dict[str, Ranking]) -> dict[str, Ranking]:
    """Composites by which the same number could be selected."""
    rules = {
        "implied weights": Ranking.of(found.implied @ people.scores.T),
        "equal weights": plain["equal weights"],
        "optimal weights": Ranking.of(found.optimal @ people.scores.T),
    }
    return rules | plain


def _called(rule: str, names: list[str]) -> str:
    return f"{names[int(rule.removeprefix('alone '))]} alone" if rule.startswith("alone ") else rule


def _count(ratio: float, applicants: int) -> int:
    return max(1, round(ratio * applicants))


def _normed(slopes: Floats) -> Floats:
    """Rows whose absolutes sum to 1."""
    total = np.abs(slopes).sum(axis=1, keepdims=True)
    return slopes / np.where(total > 0, total, 1.0)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Bootstrap values by name; optimism: how much better weights look in the sample they were made from."""

    columns: dict[str, Floats]
    optimism: float


def _draws(people: People, found: Weights, plain: dict[str, Ranking], replicates: int, seed: int) -> _Drawn | None:
    rng, rows = np.random.default_rng(seed), len(people.taken)
    step = max(1, _CELLS // people.scores.size)
    told = [
        _told(people, found, plain, times_drawn(rng, rows, min(step, replicates - start)))
        for start in range(0, replicates, step)
    ]
    columns = {name: np.concatenate([each[name] for each in told]) for name in told[0]}
    optimism = columns.pop("optimism")
    if len(optimism) < 50:
        return None
    mean = float(optimism.mean())
    columns["optimal weights"] = columns["optimal weights"] - 2 * mean  # once for the sample, once for the draw
    return _Drawn(columns, mean)


def _told(people: People, found: Weights, plain: dict[str, Ranking], times: Floats) -> dict[str, Floats]:
    """What each sample tells, of those that determine the weights."""
    taken, rows = times @ people.taken, len(people.taken)
    some = (taken > 0) & (taken < rows)
    times, taken = times[some], taken[some]
    determined, drawn = weights(people, times)
    times, hired = times[determined], taken[determined].astype(np.int64)
    as_decided = (times * people.taken * drawn.predicted).sum(axis=1) / hired
    rules = _rules(drawn, people, plain)
    ranked = {name: ranking.with_sums(drawn.predicted, times) for name, ranking in rules.items()}
    told = {"agreement": drawn.agreement, "as decided": as_decided}
    told |= {name: each.gain(hired) for name, each in ranked.items()}
    for at, ratio in enumerate(sorted({*_RATIOS, int(people.taken.sum()) / rows})):
        places = np.full_like(hired, _count(ratio, rows)) if ratio in _RATIOS else hired
        told[f"cut {at}"] = ranked["implied weights"].gain(places)
    for kind, slopes in (("implied", drawn.implied), ("optimal", drawn.optimal)):
        told |= {f"{kind} {at}": column for at, column in enumerate(_normed(slopes).T)}
    elsewhere = rules["optimal weights"].with_sums(found.predicted, np.ones((1, rows)))
    told["optimism"] = told["optimal weights"] - elsewhere.gain(np.full_like(hired, int(people.taken.sum())))
    return told


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
