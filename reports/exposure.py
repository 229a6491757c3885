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


@dataclass(frozen=True, slots=True)
class World:
    """Counts as they may be: which facts contradict them, and how large every target is with them."""

    contradicted: np.ndarray
    sums: np.ndarray


class Knowledge:
    """Facts as a matrix, of which those that are withheld can be left out.

    Worlds that a program found are kept: where one of them fits the facts that are left, no program needs to be asked whether
    a target can be as large as it is in that world.
    """

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
        self._sums = _matrix([self._row(target.terms) for target in self.targets], len(index))
        self._worlds: list[World] = []
        self._open = list(range(len(self.targets)))  # but for those that nothing could be withheld against
        self._unlowered = set(self._open)  # never yet compared with the totals

    def giving_away(self, withheld: set[Source]) -> list[Source]:
        """The figures by which what is left gives a target away; none where it gives none away, or where nothing that could
        be withheld does it."""
        while (found := self._exposed(withheld)) is not None:
            at, sources = found
            if sources:
                return sources
            self._open.remove(at)
        return []

    def harmless(self, withheld: set[Source]) -> bool:
        """Whether every target can be as large as asked though all is believed; so it can for who knows or believes less."""
        return self._out_of_reach(self._active(withheld, BELIEFS), self._open) == []

    def _exposed(self, withheld: set[Source]) -> tuple[int, list[Source]] | None:
        """The first target that what is left gives away, and the figures that do it.

        Who does not believe that the same people state every attribute knows less, and may be right where others err.
        """
        beliefs, left = self._believe(withheld, self._open)
        if left:
            self._lower_to_totals(left)
        for held in dict.fromkeys((beliefs, beliefs - {"stated"})):
            active = self._active(withheld, held)
            left = self._out_of_reach(active, left) or []
            for at in left:
                found, target = self._most(active, at), self.targets[at]
                somebody = HALF if target.truth is None else target.truth - HALF
                if found is not None and somebody < found[0] < target.least - HALF:
                    return at, found[1]
        return None

    def _believe(self, withheld: set[Source], targets: Sequence[int]) -> tuple[frozenset[str], list[int]]:
        """The strongest beliefs that the facts allow that are left, and the targets that seem out of reach by them.

        Where not even those who believe nothing can make sense of the facts, nothing else needs to be tried.
        """
        for gone in range(len(BELIEFS) + 1):
            for beliefs in combinations(BELIEFS, len(BELIEFS) - gone):
                left = self._out_of_reach(self._active(withheld, beliefs), targets)
                if left is not None:
                    return frozenset(beliefs), left
            if not gone and self._together(self._active(withheld, ()), ()) is None:
                break
        return frozenset(), []

    def _lower_to_totals(self, targets: Sequence[int]) -> None:
        """What the organisation's totals tell without any figure on a group cannot be withheld: three were hired."""
        every = {fact.source for fact in self.facts if fact.source is not None}
        new = [at for at in targets if at in self._unlowered]
        self._unlowered.difference_update(new)
        beliefs, left = self._believe(every, new)
        for at in left:
            found, target = self._most(self._active(every, beliefs), at), self.targets[at]
            if found is not None and found[0] < target.least - HALF:
                self.targets[at] = replace(target, least=int(found[0] + 0.01))

    def _active(self, withheld: set[Source], beliefs: Collection[str]) -> np.ndarray:
        return np.array(
            [fact.source not in withheld and (fact.belief is None or fact.belief in beliefs) for fact in self.facts],
            dtype=bool,
        )

    def _out_of_reach(self, active: np.ndarray, targets: Sequence[int]) -> list[int] | None:
        """Targets that are not as large as asked in any world found for these facts; None where there is no world at all.

        The programs ask for as many at once as can be; where one reaches no more of them, each has to be asked for itself.
        """
        left = list(targets)
        for world in self._worlds:
            if not (world.contradicted & active).any():
                left = self._short(world, left)
        while left:
            world = self._together(active, left)
            if world is None:
                return None
            still = self._short(world, left)
            if len(still) == len(left):
                break
            left = still
        return left

    def _short(self, world: World, targets: Sequence[int]) -> list[int]:
        return [at for at in targets if world.sums[at] < self.targets[at].least - HALF]

    def _together(self, active: np.ndarray, targets: Sequence[int]) -> World | None:
        """A world in which targets are as large as they can be at once, none counted for more than is asked of it."""
        size = len(self._index)
        weights = np.concatenate([np.zeros(size), -np.ones(len(targets))])
        rows = [
            {column: -weight for column, weight in self._row(self.targets[at].terms).items()} | {size + place: 1.0}
            for place, at in enumerate(targets)
        ]
        found = self._program(active, weights, rows, [(0.0, float(self.targets[at].least)) for at in targets])
        return None if found is None else self._remembered(found[0].x[:size])

    def _remembered(self, counts: np.ndarray) -> World:
        contradicted = np.zeros(len(self.facts), dtype=bool)
        contradicted[self._equal.facts] = np.abs(self._equal.matrix @ counts - self._equal.ends) > TOLERANCE
        above = np.flatnonzero(self._under.matrix @ counts - self._under.ends > TOLERANCE)
        contradicted[[self._under.facts[at] for at in above]] = True
        self._worlds.append(World(contradicted, self._sums @ counts))
        return self._worlds[-1]

    def _most(self, active: np.ndarray, at: int) -> tuple[float, list[Source]] | None:
        """How large a target can be, and the figures that bind it."""
        weights = np.zeros(len(self._index))
        for column, weight in self._row(self.targets[at].terms).items():
            weights[column] -= weight
        found = self._program(active, weights)
        if found is None:
            return None
        solved, order = found
        self._remembered(solved.x)
        prices = np.concatenate([solved.eqlin.marginals, solved.ineqlin.marginals])
        binding = [self.facts[order[row]].source for row in np.flatnonzero(np.abs(prices) > TOLERANCE)]
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
    columns = [column for row in rows for column in row]
    starts = np.cumsum([0, *map(len, rows)])
    return csr_array((data, columns, starts), shape=(len(rows), width))
