"""Distances between scores and the weights made of them, on sparse tables.

A weighted coefficient counts two scores as agreeing to the degree w = 1 − d / max d. Everything needed of the distances
d is two sums, and neither needs a units × units or a ratings × ratings matrix.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy import sparse

from fairpanel.measures.estimate import MeasureInputError
from fairpanel.measures.reliability.count_table import FloatArray, IntArray, row_of_each, summed_by_row

Weighting = Literal["identity", "linear", "quadratic", "ordinal", "radical", "ratio", "bipolar", "circular", "none"]
WEIGHTINGS: tuple[str, ...] = (
    "identity", "linear", "quadratic", "ordinal", "radical", "ratio", "bipolar", "circular", "none",
)  # fmt: skip
SMALL = 64
"""Up to this many categories a dense table of distances is kept."""
STRIP = 4_000_000
"""How many numbers a strip of a larger table may hold at once."""


class Distance(ABC):
    """Distances d(k, l) = d(l, k) >= 0 of categories 0 … q − 1, d(k, k) = 0."""

    @abstractmethod
    def between(self, one: IntArray, other: IntArray) -> FloatArray:
        """d of pairs of categories."""

    @abstractmethod
    def spread(self, vector: FloatArray) -> FloatArray:
        """Σ_l d(k, l) vector_l for each category k."""

    @abstractmethod
    def beside(self, table: sparse.csr_array) -> FloatArray:
        """Σ_l d(k, l) table_il for each stored entry (i, k) of a table with a column per category."""

    @abstractmethod
    def largest(self) -> float:
        """The largest distance of two categories."""

    def within(self, table: sparse.csr_array) -> FloatArray:
        """Σ_kl table_ik d(k, l) table_il for each row i."""
        return summed_by_row(table, table.data * self.beside(table))


@dataclass(frozen=True, slots=True)
class Nominal(Distance):
    """0 for the same category, else 1."""

    def between(self, one: IntArray, other: IntArray) -> FloatArray:
        return np.asarray(one != other, dtype=np.float64)

    def spread(self, vector: FloatArray) -> FloatArray:
        return np.asarray(vector.sum() - vector)

    def beside(self, table: sparse.csr_array) -> FloatArray:
        return np.asarray(summed_by_row(table, table.data)[row_of_each(table)] - table.data)

    def largest(self) -> float:
        return 1.0


@dataclass(frozen=True, slots=True)
class Squared(Distance):
    """(a_k − a_l)² of places a on an axis: sums of squares suffice."""

    axis: FloatArray

    def between(self, one: IntArray, other: IntArray) -> FloatArray:
        return np.asarray((self.axis[one] - self.axis[other]) ** 2)

    def spread(self, vector: FloatArray) -> FloatArray:
        axis = self.axis - self.axis.mean() if self.axis.size else self.axis
        return np.asarray(vector.sum() * axis**2 - 2 * float(axis @ vector) * axis + float(axis**2 @ vector))

    def beside(self, table: sparse.csr_array) -> FloatArray:
        axis = self.axis - self.axis.mean() if self.axis.size else self.axis
        place, rows = axis[table.indices], row_of_each(table)
        total = summed_by_row(table, table.data)
        first, second = summed_by_row(table, table.data * place), summed_by_row(table, table.data * place**2)
        return np.asarray(total[rows] * place**2 - 2 * first[rows] * place + second[rows])

    def largest(self) -> float:
        return float(np.ptp(self.axis) ** 2) if self.axis.size else 0.0


@dataclass(frozen=True, slots=True)
class Tabulated(Distance):
    """Any distance of two places; costs the categories squared, a strip at a time."""

    axis: FloatArray
    distance: Callable[[FloatArray, FloatArray], FloatArray]

    def between(self, one: IntArray, other: IntArray) -> FloatArray:
        return self.distance(self.axis[one], self.axis[other])

    def _strips(self) -> Iterator[tuple[slice, FloatArray]]:
        step = max(1, STRIP // max(self.axis.size, 1))
        for start in range(0, self.axis.size, step):
            rows = slice(start, start + step)
            yield rows, self.distance(self.axis[rows, None], self.axis[None, :])

    def spread(self, vector: FloatArray) -> FloatArray:
        sums = np.empty(self.axis.size)
        for rows, strip in self._strips():
            sums[rows] = strip @ vector
        return sums

    def largest(self) -> float:
        return max((float(strip.max()) for _, strip in self._strips()), default=0.0)

    def beside(self, table: sparse.csr_array) -> FloatArray:
        if self.axis.size > SMALL:
            return self._beside_few(table)
        full = self.distance(
            self.axis[:, None], self.axis[None, :]
        )  # sparse @ dense: no threads that wait for one another
        step = max(1, STRIP // max(self.axis.size, 1))
        sums = [
            (strip @ full)[row_of_each(strip), strip.indices]
            for strip in (table[start : start + step] for start in range(0, table.shape[0], step))
        ]
        return np.concatenate(sums) if sums else np.empty(0)

    def _beside_few(self, table: sparse.csr_array) -> FloatArray:
        """Visits only the categories that a row has; rows with equally many of them together."""
        sums, filled = np.empty(table.nnz), np.diff(table.indptr)
        for width in np.unique(filled[filled > 0]):
            starts = table.indptr[:-1][filled == width]
            step = max(1, STRIP // int(width) ** 2)
            for first in range(0, starts.size, step):
                place = starts[first : first + step, None] + np.arange(width)
                at = self.axis[table.indices[place]]
                distances = self.distance(at[:, :, None], at[:, None, :])
                sums[place] = np.einsum("ikl,il->ik", distances, table.data[place])
        return sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Degrees of agreement w(k, l) = 1 − d(k, l) / largest of q categories; total = Σ_kl w(k, l)."""

    distance: Distance
    q: int
    largest: float
    total: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", float(self.weigh(np.ones(self.q)).sum()))

    def _scaled(self, distances: FloatArray) -> FloatArray:
        return distances / self.largest if self.largest > 0 else distances * 0.0

    def between(self, one: IntArray, other: IntArray) -> FloatArray:
        return np.asarray(1 - self._scaled(self.distance.between(one, other)))

    def weigh(self, vector: FloatArray) -> FloatArray:
        """Σ_l w(k, l) vector_l for each category k."""
        return np.asarray(vector.sum() - self._scaled(self.distance.spread(vector)))

    def beside(self, table: sparse.csr_array) -> FloatArray:
        """Σ_l w(k, l) table_il for each stored entry (i, k)."""
        total = summed_by_row(table, table.data)[row_of_each(table)]
        return np.asarray(total - self._scaled(self.distance.beside(table)))

    def within(self, table: sparse.csr_array) -> FloatArray:
        """Σ_kl table_ik w(k, l) table_il for each row i."""
        total = summed_by_row(table, table.data)
        return np.asarray(total**2 - self._scaled(self.distance.within(table)))


def weights(name: Weighting, values: FloatArray, *, ordered: bool = True) -> Weights:
    """The weights of Gwet (2014, chapter 3) for categories at ascending places on the scale.

    Parameters
    ----------
    name : identity (only the same category agrees), linear, quadratic, radical (by the distance of the places, its
        square, its root), ordinal (by the number of pairs of categories between), ratio, bipolar, circular; "none" is
        another word for identity.
    values : places of the categories; ratio needs them to be at least 0.
    ordered : False for text in no order, which takes identity only.

    Examples
    --------
    >>> weights("linear", np.array([1.0, 2.0, 3.0])).between(np.array([0, 0]), np.array([1, 2])).tolist()
    [0.5, 0.0]
    """
    if name not in WEIGHTINGS:
        raise MeasureInputError(f"expected weights {', '.join(WEIGHTINGS)}, got {name!r}")
    if name not in ("identity", "none") and not ordered:
        raise MeasureInputError(
            f"weights {name!r} need an order: give the categories from lowest to highest, or identity weights"
        )
    found = _distance(name, values)
    return Weights(distance=found, q=values.size, largest=found.largest())


def _distance(name: Weighting, values: FloatArray) -> Distance:
    low, high = (float(values[0]), float(values[-1])) if values.size else (0.0, 0.0)
    if name in ("identity", "none"):
        return Nominal()
    if name == "quadratic":
        return Squared(values)
    if name == "linear":
        return Tabulated(values, lambda x, y: np.abs(x - y))
    if name == "radical":
        return Tabulated(values, lambda x, y: np.sqrt(np.abs(x - y)))
    if name == "ordinal":
        ranks = np.arange(float(values.size))
        return Tabulated(ranks, lambda x, y: np.abs(x - y) * (np.abs(x - y) + 1) / 2)
    if name == "circular":
        return Tabulated(values, lambda x, y: np.sin(np.pi * (x - y) / (high - low + 1)) ** 2)
    if name == "bipolar":
        return Tabulated(values, lambda x, y: _quotient((x - y) ** 2, (x + y - 2 * low) * (2 * high - x - y)))
    return ratio_distance(values)


def ratio_distance(values: FloatArray) -> Distance:
    """((x − y) / (x + y))² of scores of at least 0."""
    if values.size and values.min() < 0:
        raise MeasureInputError(f"expected scores of at least 0 for the ratio level, got {values.min():g}")
    return Tabulated(values, lambda x, y: _quotient(x - y, x + y) ** 2)


def _quotient(above: FloatArray, below: FloatArray) -> FloatArray:
    """above / below, and 0 where below is 0: both places are the same end of the scale."""
    return np.asarray(above / np.where(below == 0, 1.0, below))
