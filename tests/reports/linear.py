"""Linear facts about unknown counts, and the least and most that they allow a count to be."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

Key = Hashable
Terms = Mapping[Key, float]
ROOM = 1e-7
"""For the solver's own tolerance."""


def total(keys: Iterable[Key]) -> dict[Key, float]:
    """The sum of several unknown counts."""
    found: dict[Key, float] = {}
    for key in keys:
        found[key] = found.get(key, 0.0) + 1.0
    return found


def less(whole: Terms, part: Terms) -> dict[Key, float]:
    """One sum less another."""
    found = dict(whole)
    for key, weight in part.items():
        found[key] = found.get(key, 0.0) - weight
    return found


@dataclass
class System:
    """Counts that are never negative, and facts: a weighted sum of them lies between two numbers."""

    index: dict[Key, int] = field(default_factory=dict)
    facts: list[tuple[dict[int, float], float, float]] = field(default_factory=list)

    def add(self, terms: Terms, low: float = 0.0, high: float = np.inf) -> None:
        """A fact; an equality where both ends are the same."""
        row: dict[int, float] = {}
        for key, weight in terms.items():
            at = self.index.setdefault(key, len(self.index))
            row[at] = row.get(at, 0.0) + weight
        self.facts.append((row, low, high))

    def same(self, one: Terms, other: Terms) -> None:
        """Two sums are equal."""
        self.add(less(one, other), 0.0, 0.0)

    def bounds(self, terms: Terms) -> tuple[float, float] | None:
        """The least and the most of a sum; None where no counts fit the facts."""
        for key in terms:
            self.index.setdefault(key, len(self.index))
        weights = np.zeros(len(self.index))
        for key, weight in terms.items():
            weights[self.index[key]] += weight
        ends = [self._least(sign * weights) for sign in (1.0, -1.0)]
        if ends[0] is None or ends[1] is None:
            return None
        return ends[0], -ends[1]

    def under(self, sums: Sequence[Terms], least: float) -> list[int]:
        """Those of some sums that may not all reach a number together: the others surely can, each by itself."""
        left = list(range(len(sums)))
        while left:
            size = len(self.index)
            for at in left:
                for key in sums[at]:
                    self.index.setdefault(key, len(self.index))
            size = len(self.index)
            more = [
                {**{self.index[key]: -weight for key, weight in sums[at].items()}, size + column: 1.0}
                for column, at in enumerate(left)
            ]
            weights = np.concatenate([np.zeros(size), -np.ones(len(left))])
            found = self._solved(weights, more, [(0.0, None)] * size + [(0.0, least)] * len(left))
            if found is None:
                return left
            short = [at for column, at in enumerate(left) if found[1][size + column] < least - 0.01]
            if len(short) == len(left):
                return left
            left = short
        return []

    def possible(self) -> bool:
        """Whether any counts fit all facts."""
        return self._least(np.zeros(len(self.index))) is not None

    def _least(self, weights: np.ndarray) -> float | None:
        found = self._solved(weights, [], (0.0, None))
        return None if found is None else found[0]

    def _solved(
        self, weights: np.ndarray, more: Sequence[dict[int, float]], limits: Any
    ) -> tuple[float, np.ndarray] | None:
        """The least of a weighted sum and the counts that reach it. more: sums that are at most nothing."""
        rows: dict[bool, list[tuple[dict[int, float], float]]] = {True: [], False: [(row, 0.0) for row in more]}
        for row, low, high in self.facts:
            if low == high:
                rows[True].append((row, low))
                continue
            for sign, end in ((1.0, high), (-1.0, -low)):
                if np.isfinite(end):
                    rows[False].append(({at: sign * weight for at, weight in row.items()}, end + ROOM))
        sides = {exact: _matrix(found, len(weights)) for exact, found in rows.items()}
        for presolve in (True, False):  # presolve has called possible programs impossible
            found = linprog(
                weights, A_eq=sides[True][0], b_eq=sides[True][1], A_ub=sides[False][0], b_ub=sides[False][1],
                bounds=limits, method="highs", options={"presolve": presolve},
            )  # fmt: skip
            if found.status in (0, 3):
                break
        if found.status == 3:
            return -float("inf"), np.zeros(len(weights))
        return None if found.status != 0 else (float(found.fun), found.x)


def _matrix(rows: Sequence[tuple[dict[int, float], float]], width: int) -> tuple[csr_array, np.ndarray]:
    data = [weight for row, _ in rows for weight in row.values()]
    places = ([at for at, (row, _) in enumerate(rows) for _ in row], [at for row, _ in rows for at in row])
    return csr_array((data, places), shape=(len(rows), width)), np.array([end for _, end in rows])
