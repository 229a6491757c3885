"""Scores of two groups period by period: mean differences, their errors, and how unusual the newest one is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr

from fairpanel.measures.columns import Booleans, Floats
from fairpanel.measures.fairness.gap_course import Evidence

_FEW = 10  # degrees of freedom under which a group's own variance is not trusted
_TINY = 1e-13


@dataclass(frozen=True, slots=True)
class Scores:
    """By period: people and mean of the focal (f) and reference (r) group, and sums of squares about those means."""

    nf: Floats
    nr: Floats
    mean_f: Floats
    mean_r: Floats
    square_f: Floats
    square_r: Floats

    @property
    def gap(self) -> Floats:
        return self.mean_f - self.mean_r

    @property
    def tells(self) -> Booleans:
        """Periods in which both groups have someone."""
        return np.asarray((self.nf > 0) & (self.nr > 0))

    def only(self, rows: Booleans) -> Scores:
        return Scores(
            *(each[rows] for each in (self.nf, self.nr, self.mean_f, self.mean_r, self.square_f, self.square_r))
        )

    def first(self, periods: int) -> Scores:
        return self.only(np.arange(self.nf.size) < periods)

    @property
    def df(self) -> int:
        return int((self.nf + self.nr).sum()) - int(np.count_nonzero(self.nf)) - int(np.count_nonzero(self.nr))

    @property
    def within(self) -> float:
        """Standard deviation pooled within groups and periods; 0 where it is none."""
        squares = float(self.square_f.sum() + self.square_r.sum())
        scale = max(float(np.abs(self.mean_f).max(initial=0.0)), float(np.abs(self.mean_r).max(initial=0.0)))
        spread = math.sqrt(squares / self.df) if self.df > 0 else 0.0
        return spread if spread > _TINY * scale else 0.0

    def variances(self) -> tuple[float, float, float, float]:
        """Of the focal and the reference group, with degrees of freedom; pooled where a group's are few."""
        df_f = float(self.nf.sum()) - np.count_nonzero(self.nf)
        df_r = float(self.nr.sum()) - np.count_nonzero(self.nr)
        if min(df_f, df_r) < _FEW:
            pooled = self.within**2
            return pooled, pooled, float(self.df) / 2, float(self.df) / 2
        return float(self.square_f.sum()) / df_f, float(self.square_r.sum()) / df_r, df_f, df_r


def scores_by_period(score: Floats, period: np.ndarray, focal: Booleans, periods: int) -> Scores:
    """Scores of people of the two groups, their period's number, and who is focal."""
    parts = []
    for mine in (focal, ~focal):
        n = np.bincount(period[mine], minlength=periods).astype(np.float64)
        mean = np.bincount(period[mine], score[mine], minlength=periods) / np.maximum(n, 1)
        squares = np.bincount(period[mine], (score[mine] - mean[period[mine]]) ** 2, minlength=periods)
        parts.append((n, mean, squares.astype(np.float64)))
    (nf, mean_f, square_f), (nr, mean_r, square_r) = parts
    return Scores(nf, nr, mean_f, mean_r, square_f, square_r)


def _normal(gap: float, share_f: float, share_r: float, variances: tuple[float, float, float, float]) -> float | None:
    """The normal score of a gap with variance share_f var_f + share_r var_r: by t, degrees of freedom by Welch."""
    var_f, var_r, df_f, df_r = variances
    f, r = share_f * var_f, share_r * var_r
    if f + r <= 0:
        return None
    if var_f == var_r and df_f == df_r:  # one pooled variance
        df = df_f + df_r
    else:
        df = (f + r) ** 2 / (f * f / df_f + r * r / df_r)
    tail = float(stdtr(df, -abs(gap) / math.sqrt(f + r)))
    return math.copysign(float(ndtri(max(tail, 1e-300))), gap) if gap else 0.0


def against_zero(scores: Scores) -> list[float]:
    """Each period's score were the groups' means alike; spreads from the periods up to it."""
    found = []
    for index in range(scores.nf.size):
        known = scores.first(index + 1)
        each = None
        if known.df > 0 and known.within > 0:
            each = _normal(float(known.gap[-1]), 1 / known.nf[-1], 1 / known.nr[-1], known.variances())
        found.append(0.0 if each is None else each)
    return found


def innovations(scores: Scores) -> list[float | None]:
    """Each period's score beside the periods before it, were the gap the same; spreads from the periods up to it."""
    found: list[float | None] = []
    for index in range(scores.nf.size):
        known = scores.first(index + 1)
        if not index or known.df <= 0 or known.within == 0:
            found.append(None)
            continue
        variances = known.variances()
        weight = 1 / (variances[0] / known.nf[:-1] + variances[1] / known.nr[:-1])
        weight = weight / weight.sum()
        departure = float(known.gap[-1] - weight @ known.gap[:-1])
        share_f = 1 / known.nf[-1] + float((weight**2 / known.nf[:-1]).sum())
        share_r = 1 / known.nr[-1] + float((weight**2 / known.nr[:-1]).sum())
        found.append(_normal(departure, share_f, share_r, variances))
    return found


def evidence(scores: Scores, draws: int, seed: int) -> Evidence | None:
    """Departures from the common gap over their variance, and draws of normal ones; None without any spread."""
    if scores.df <= 0 or scores.within == 0:
        return None
    var_f, var_r, df_f, df_r = scores.variances()
    variance = var_f / scores.nf + var_r / scores.nr
    if float(variance.min()) <= 0:
        return None
    information = 1 / variance
    common = float(information @ scores.gap) / float(information.sum())
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((draws, variance.size)) * np.sqrt(information)
    drawn = noise - information * noise.sum(axis=1, keepdims=True) / information.sum()
    df = df_f + df_r
    drawn /= np.sqrt(rng.chisquare(df, draws) / df)[:, None]  # the spread is estimated, too
    return Evidence((scores.gap - common) * information, information, drawn, common)


def pooled(scores: Scores) -> tuple[float, float]:
    """The gap pooled over periods in score points (least squares with a level for every period), and its precision.

    The precision is sum n_f n_r / (n_f + n_r): the gap's error is the spread over its square root.
    """
    weight = scores.nf * scores.nr / (scores.nf + scores.nr)
    return float(weight @ scores.gap) / float(weight.sum()), float(weight.sum())
