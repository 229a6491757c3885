"""Designs answered from memory: the same answer, asked for once, and never that of another design."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from fairpanel.measures.mixed_models import remembered as memory
from fairpanel.measures.mixed_models.crossed import crossed_design, evaluate
from fairpanel.measures.mixed_models.remembered import remembered

IntArray = npt.NDArray[np.int64]


def test_a_design_is_worked_out_once_and_told_from_others() -> None:
    asked: list[int] = []

    @remembered
    def pairs(unit: IntArray, rater: IntArray, units: int, raters: int) -> int:
        asked.append(units)
        return int(np.unique(unit * raters + rater).size)

    unit, rater = np.divmod(np.arange(12), 3)
    assert [pairs(unit, rater, 4, 3), pairs(unit.copy(), rater, 4, 3)] == [12, 12]
    assert asked == [4]
    assert pairs(unit, np.zeros_like(rater), 4, 1) == 4
    assert asked == [4, 4]


def test_a_large_design_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LARGEST", 5)
    asked: list[int] = []
    size = remembered(lambda unit, rater, _, __: asked.append(1) or unit.size + rater.size)
    unit = np.arange(6)
    assert size(unit, unit, 0, 0) == size(unit, unit, 0, 0) == 12
    assert len(asked) == 2


def test_scores_of_one_design_do_not_meet() -> None:
    """The layout is shared, the sums of scores are each one's own: a remembered design gives the first likelihood."""
    rng = np.random.default_rng(3)
    unit, rater = np.arange(60) // 3, rng.integers(0, 7, 60)
    rater[:7] = np.arange(7)
    first, second = rng.normal(size=60), rng.normal(size=60)
    gamma = np.array([0.7, 0.2])
    fresh = evaluate(crossed_design(unit, rater, first), gamma)
    other = crossed_design(unit, rater, second)
    again = evaluate(crossed_design(unit, rater, first), gamma)
    assert other.layout is crossed_design(unit, rater, first).layout
    assert fresh.criterion == again.criterion
    assert fresh.criterion != evaluate(other, gamma).criterion
