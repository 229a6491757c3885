"""Whether what is shown gives a small cell away after all, by linear programs, and which figure to withhold against it.

For every small cell that is withheld the most is sought that it can be by all that is shown. Where that lies under the
minimum, the dual values of the program name the figures that bind it; of these the group with fewest people goes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from reports.counts_known import BELIEFS, Fact, Key, Source, Terms

HALF = 0.5
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Target:
    """A cell that nobody may learn: the counts it is the sum of, what it is, where that is known, and how large an outsider
    must be able to think it."""

    terms: Terms
    truth: int | None
    least: int


class Knowledge:
    """Facts as a matrix, of which those that are withheld can be left out."""

    def __init__(self, facts: Sequence[Fact], targets: Sequence[Target]) -> None:
        self.facts, self.targets = list(facts), list(targets)
        index: dict[Key, int] = {}
        for terms in [*(fact.terms for fact in self.facts), *(target.terms for target in self.targets)]:
            for key in terms:
                index.setdefault(key, len(index))
        self._index = index
        rows = [(self._row(fact.terms), fact.low, fact.high) for fact in self.facts]
        equal = [at for at, (_, low, high) in enumerate(rows) if low == high]
        apart = [at for at, (_, low, high) in enumerate(rows) if low != high]
        upper = [at for at in apart if np.isfinite(rows[at][2])]
        lower = [at for at in apart if np.isfinite(rows[at][1])]
        turned = [{column: -weight for column, weight in rows[at][0].items()} for at in lower]
        self._equal = _Rows(equal, _matrix([rows[at][0] for at in equal], len(index)), [rows[at][1] for at in equal])
        ends = [rows[at][2] + TOLERANCE for at in upper] + [TOLERANCE - rows[at][1] for at in lower]
        self._under = _Rows(upper + lower, _matrix([rows[at][0] for at in upper] + turned, len(index)), ends)
        if self.targets:
            self._lower_to_totals()

    def _believe(self, withheld: set[Source]) -> frozenset[str]:
        """The strongest beliefs that the facts allow that are left."""
        for gone in range(len(BELIEFS) + 1):
            for left in combinations(BELIEFS, len(BELIEFS) - gone):
                if self._program(self._active(withheld, left), np.zeros(len(self._index))) is not None:
                    return frozenset(left)
        return frozenset()

    def _lower_to_totals(self) -> None:
        """What the organisation's totals tell without any figure on a group cannot be withheld: three were hired."""
        every = {fact.source for fact in self.facts if fact.source is not None}
        active = self._active(every, self._believe(every))
        reached = self._together(active, self.targets)
        for at, high in enumerate(reached or []):
            if high < self.targets[at].least - HALF:
                found = self._most(active, self.targets[at])
                if found is not None:
                    self.targets[at] = replace(
                        self.targets[at], least=min(self.targets[at].least, int(found[0] + 0.01))
                    )

    def _active(self, withheld: set[Source], beliefs: Collection[str]) -> np.ndarray:
        return np.array(
            [fact.source not in withheld and (fact.belief is None or fact.belief in beliefs) for fact in self.facts],
            dtype=bool,
        )

    def exposed(self, withheld: set[Source]) -> tuple[Target, list[Source]] | None:
        """A target that what is left gives away, and the figures that do it; None where there is none.

        Who does not believe that the same people state every attribute knows less, and may be right where others err.
        """
        if not self.targets:
            return None
        beliefs = self._believe(withheld)
        for held in dict.fromkeys((beliefs, beliefs - {"stated"})):
            found = self._given_away(self._active(withheld, held))
            if found is not None:
                return found
        return None

    def _given_away(self, active: np.ndarray) -> tuple[Target, list[Source]] | None:
        left = list(self.targets)
        while left:
            reached = self._together(active, left)
            if reached is None:
                return None
            still = [target for target, high in zip(left, reached, strict=True) if high < target.least - HALF]
            if len(still) == len(left):
                break
            left = still
        for target in left:
            found = self._most(active, target)
            somebody = HALF if target.truth is None else target.truth - HALF
            if found is not None and somebody < found[0] < target.least - HALF:
                return target, found[1]
        return None

    def _together(self, active: np.ndarray, targets: Sequence[Target]) -> list[float] | None:
        """How large targets can be at once, each no larger than asked."""
        size = len(self._index)
        weights = np.concatenate([np.zeros(size), -np.ones(len(targets))])
        rows = [
            {column: -weight for column, weight in self._row(target.terms).items()} | {size + at: 1.0}
            for at, target in enumerate(targets)
        ]
        found = self._program(active, weights, rows, [(0.0, float(target.least)) for target in targets])
        return None if found is None else list(found[0].x[size:])

    def _most(self, active: np.ndarray, target: Target) -> tuple[float, list[Source]] | None:
        weights = np.zeros(len(self._index))
        for key, weight in target.terms.items():
            weights[self._index[key]] -= weight
        found = self._program(active, weights)
        if found is None:
            return None
        solved, order = found
        prices = np.concatenate([solved.eqlin.marginals, solved.ineqlin.marginals])
        binding = [self.facts[order[at]].source for at in np.flatnonzero(np.abs(prices) > TOLERANCE)]
        return -float(solved.fun), list(dict.fromkeys(source for source in binding if source is not None))

    def _row(self, terms: Terms) -> dict[int, float]:
        return {self._index[key]: weight for key, weight in terms.items() if weight}

    def _program(
        self,
        active: np.ndarray,
        weights: np.ndarray,
        more: Sequence[dict[int, float]] = (),
        tops: Sequence[tuple[float, float]] = (),
    ) -> tuple[Any, list[int]] | None:
        """The least of a weighted sum, and which fact each row of the marginals belongs to. more: sums of at most nothing."""
        width = len(weights)
        equal, under = self._equal.left(active, width), self._under.left(active, width)
        rows = vstack([under.matrix, _matrix(more, width)], format="csr") if more else under.matrix
        limits = [(0.0, None)] * len(self._index) + list(tops)
        for presolve in (True, False):  # presolve has called possible programs impossible
            found = linprog(
                weights, A_eq=equal.matrix, b_eq=equal.ends, A_ub=rows, b_ub=[*under.ends, *[0.0] * len(more)],
                bounds=limits, method="highs", options={"presolve": presolve},
            )  # fmt: skip
            if found.status in (0, 3):
                break
        return (found, [*equal.facts, *under.facts]) if found.status == 0 else None


@dataclass(frozen=True, slots=True)
class _Rows:
    """Facts as rows of one side of a program: which fact each is, its weights, its end."""

    facts: Sequence[int]
    matrix: csr_array
    ends: Sequence[float]

    def left(self, active: np.ndarray, width: int) -> _Rows:
        kept = np.flatnonzero(active[np.array(self.facts, dtype=int)])
        matrix = csr_array(self.matrix[kept])
        matrix.resize((len(kept), width))
        return _Rows([self.facts[at] for at in kept], matrix, [self.ends[at] for at in kept])


def _matrix(rows: Sequence[dict[int, float]], width: int) -> csr_array:
    data = [weight for row in rows for weight in row.values()]
    places = ([at for at, row in enumerate(rows) for _ in row], [column for row in rows for column in row])
    return csr_array((data, places), shape=(len(rows), width))
