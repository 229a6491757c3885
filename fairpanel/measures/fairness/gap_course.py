"""Does a gap between two groups trend or jump over periods? Scores, their information, and draws without change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairpanel.measures.columns import Floats

_ROUNDING = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Evidence:
    """What each period says about a departure from the common gap.

    score : its pull away from the common gap (they sum to about 0). information : each score's variance; score over
    information is the period's own departure. drawn : scores drawn where the gap is the same in all periods, one row a
    draw. common : the common gap.
    """

    score: Floats
    information: Floats
    drawn: Floats
    common: float


@dataclass(frozen=True, slots=True)
class Tested:
    """A statistic, its p by draws; at: the period from which the gap differs (a change point only)."""

    statistic: float
    p: float
    at: int | None = None


def trend(found: Evidence, x: Floats) -> Tested | None:
    """Score test of a straight line in x (Tarone 1985 for odds ratios): sum x score, over its variance."""
    variance = _trend_information(found.information, x)
    if variance <= 0:
        return None
    centred = x - float(found.information @ x) / float(found.information.sum())
    seen = float(found.score @ centred) ** 2 / variance
    return Tested(seen, _share(seen, (found.drawn @ centred) ** 2 / variance))


def one_step_slope(found: Evidence, x: Floats) -> tuple[float, float]:
    """The weighted least-squares slope of the departures on x, and its error."""
    variance = _trend_information(found.information, x)
    centred = x - float(found.information @ x) / float(found.information.sum())
    return float(found.score @ centred) / variance, float(variance**-0.5)


def _trend_information(information: Floats, x: Floats) -> float:
    return float(information @ x**2) - float(information @ x) ** 2 / float(information.sum())


def change(found: Evidence) -> Tested | None:
    """The split into before and after with the largest score statistic; p for that largest one over all splits."""
    before = np.cumsum(found.information)[:-1]
    total = float(found.information.sum())
    variance = before * (total - before) / total
    if not variance.size or float(variance.min()) <= 0:
        return None

    def by_split(scores: Floats) -> Floats:
        early = np.cumsum(scores, axis=1)[:, :-1]
        departure = early - scores.sum(axis=1, keepdims=True) * before / total
        statistic: Floats = departure**2 / variance
        return statistic

    seen = by_split(found.score[None, :])[0]
    at = int(np.argmax(seen))
    return Tested(float(seen[at]), _share(float(seen[at]), by_split(found.drawn).max(axis=1)), at + 1)


def _share(seen: float, drawn: Floats) -> float:
    """Share of draws at least as large as what was seen, itself counted (Phipson & Smyth 2010)."""
    return float((1 + np.count_nonzero(drawn >= seen * _ROUNDING)) / (drawn.size + 1))
