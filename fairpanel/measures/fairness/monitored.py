"""What two groups' outcomes look like period by period: one interface for selections and for scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

from fairpanel.measures.columns import Booleans, Floats
from fairpanel.measures.estimate import Interval
from fairpanel.measures.fairness import count_course, score_course
from fairpanel.measures.fairness.common_odds_ratio import log_error, mantel_haenszel_ratio
from fairpanel.measures.fairness.conditional import conditional_count
from fairpanel.measures.fairness.contingency import Table
from fairpanel.measures.fairness.count_course import Counts
from fairpanel.measures.fairness.gap_course import Evidence, one_step_slope
from fairpanel.measures.fairness.group_differences import noncentralities
from fairpanel.measures.fairness.score_course import Scores


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class SelectedPeriods:
    """Periods of selections; the gap is an odds ratio, its tests speak of the log odds ratio."""

    counts: Counts
    title = "common odds ratio of selection within periods (Mantel-Haenszel)"
    scale = "log odds ratio"

    @property
    def tells(self) -> Booleans:
        return self.counts.tells

    def only(self, rows: Booleans) -> SelectedPeriods:
        return SelectedPeriods(self.counts.only(rows))

    def pooled(self, confidence: float) -> tuple[float | None, Interval | None]:
        """The value with its interval; an end of 0 or inf is no value."""
        k = self.counts
        ratio = mantel_haenszel_ratio(k.a, k.b, k.c, k.d)
        if ratio is None or not 0 < ratio < math.inf:
            return None, None
        half = float(ndtri((1 + confidence) / 2)) * log_error(k.a, k.b, k.c, k.d)
        ends = (ratio * math.exp(-half), ratio * math.exp(half))
        return ratio, Interval(low=ends[0], high=ends[1], level=confidence, method="Robins-Breslow-Greenland")

    def rows(self, confidence: float) -> list[dict[str, Any]]:
        """By period: people, selected, rates, odds ratio with its mid-p interval, rate ratio."""
        found = []
        tails = ((1 + confidence) / 2, (1 - confidence) / 2)
        for a, b, c, d in zip(*(each.astype(int).tolist() for each in self._cells), strict=True):
            ends: tuple[float | None, float | None] = (None, None)
            if a + b and c + d and a + c and b + d:
                count = conditional_count(Table(a, b, c, d))
                low, high = (count.mid_p_quantile(each) for each in tails)
                ends = (_finite(low), _finite(high))
            rates = (a / (a + b) if a + b else None, c / (c + d) if c + d else None)
            odds = (a * d) / (b * c) if b * c and a + b and c + d else None
            found.append({
                "n_focal": a + b, "n_reference": c + d, "selected_focal": a, "selected_reference": c,
                "rate_focal": rates[0], "rate_reference": rates[1], "gap": odds, "low": ends[0], "high": ends[1],
                "rate_ratio": rates[0] / rates[1] if rates[0] is not None and rates[1] else None,
            })  # fmt: skip
        return found

    @property
    def _cells(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.counts.a, self.counts.b, self.counts.c, self.counts.d

    def against_zero(self) -> list[float]:
        return count_course.against_zero(self.counts)

    def innovations(self) -> list[float | None]:
        return count_course.innovations(self.counts)

    def information(self) -> Floats:
        """Each period's information on the log odds ratio were the odds alike."""
        return count_course.moments(self.counts, np.zeros(self.counts.a.size))[1]

    def evidence(self, draws: int, seed: int) -> Evidence | None:
        return count_course.evidence(self.counts, draws, seed)

    def slope(self, found: Evidence, x: Floats) -> tuple[float, float] | None:
        return count_course.slope(self.counts, x, found.common)

    def effect(self, shift: float) -> Mapping[str, Any]:
        return {"log_odds_ratio": shift, "odds_ratio": math.exp(-shift)}


@dataclass(frozen=True, slots=True)
class ScoredPeriods:
    """Periods of scores; the gap is in standard deviations within groups and periods."""

    scores: Scores
    spread: float
    title = "standardized difference pooled within periods"
    scale = "standard deviations"

    @property
    def tells(self) -> Booleans:
        return self.scores.tells

    def only(self, rows: Booleans) -> ScoredPeriods:
        return ScoredPeriods(self.scores.only(rows), self.spread)

    def pooled(self, confidence: float) -> tuple[float | None, Interval | None]:
        if self.spread == 0:
            return None, None
        gap, precision = score_course.pooled(self.scores)
        d, root = gap / self.spread, math.sqrt(precision)
        if self.scores.df < 1:  # each group of each period is one person: their spread is that of other periods
            return d, None
        low, high = (end / root for end in noncentralities(d * root, self.scores.df, confidence))
        return d, Interval(low=min(low, d), high=max(high, d), level=confidence, method="noncentral t")

    def rows(self, confidence: float) -> list[dict[str, Any]]:
        """By period: people, means, gap in standard deviations with a t interval at the spread of all periods."""
        found = []
        s, t = self.scores, float(stdtrit(max(self.scores.df, 1), (1 + confidence) / 2))
        for nf, nr, mean_f, mean_r in zip(s.nf, s.nr, s.mean_f, s.mean_r, strict=True):
            gap = float(mean_f - mean_r) / self.spread if nf and nr and self.spread > 0 else None
            half = t * math.sqrt(1 / nf + 1 / nr) if gap is not None else 0.0
            found.append({
                "n_focal": int(nf), "n_reference": int(nr), "mean_focal": float(mean_f) if nf else None,
                "mean_reference": float(mean_r) if nr else None, "gap": gap,
                "low": None if gap is None else gap - half, "high": None if gap is None else gap + half,
                "rate_ratio": None,
            })  # fmt: skip
        return found

    def against_zero(self) -> list[float]:
        return score_course.against_zero(self.scores)

    def innovations(self) -> list[float | None]:
        return score_course.innovations(self.scores)

    def information(self) -> Floats:
        """Each period's information on the standardized gap."""
        return np.asarray(self.scores.nf * self.scores.nr / (self.scores.nf + self.scores.nr))

    def evidence(self, draws: int, seed: int) -> Evidence | None:
        return score_course.evidence(self.scores, draws, seed)

    def slope(self, found: Evidence, x: Floats) -> tuple[float, float] | None:
        value, error = one_step_slope(found, x)
        return value / self.spread, error / self.spread

    def effect(self, shift: float) -> Mapping[str, Any]:
        return {"d": shift}
