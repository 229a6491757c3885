"""Agreement of strata: the chi-square law where strata are large, the statistic's own law where they are small."""

from __future__ import annotations

import numpy as np
import pytest

from fairpanel.measures.fairness.homogeneity import SPARSE, homogeneity


def _strata(rng: np.random.Generator, count: int, size: int, log_odds: float | np.ndarray = 0.0) -> list[np.ndarray]:
    focal = rng.binomial(size, 0.5, count).clip(1, size - 1)
    a = rng.binomial(focal, 1 / (1 + np.exp(1 - np.asarray(log_odds))))
    c = rng.binomial(size - focal, 1 / (1 + np.exp(1)))
    b, d = focal - a, size - focal - c
    keep = (a + c > 0) & (b + d > 0)
    return [cells[keep].astype(float) for cells in (a, b, c, d)]


def test_large_strata_use_the_chi_square_law() -> None:
    found = homogeneity(*_strata(np.random.default_rng(1), 6, 400), 1.0)
    assert not found.drawn
    assert found.p == found.tarone_p


def test_small_strata_that_agree_are_not_said_to_disagree() -> None:
    rng = np.random.default_rng(2)
    found = [homogeneity(*_strata(rng, 120, 6), 1.0, seed) for seed in range(60)]
    assert all(one.smallest_fitted < SPARSE for one in found)
    drawn = np.mean([one.p < 0.05 for one in found])
    chi_square = np.mean([one.tarone_p < 0.05 for one in found])
    assert drawn <= 0.15  # 5 % is due; 60 data sets, so up to nine by chance
    assert chi_square > 0.2  # why the draws are needed


def test_small_strata_that_disagree_are_found() -> None:
    rng = np.random.default_rng(3)
    opposite = np.repeat([-3.0, 3.0], 100)
    a, b, c, d = _strata(rng, 200, 12, opposite[:200])
    common = float((a * d / (a + b + c + d)).sum() / (b * c / (a + b + c + d)).sum())
    assert homogeneity(a, b, c, d, common).p < 0.01


def test_draws_agree_with_the_chi_square_law_where_it_holds_nearly() -> None:
    rng = np.random.default_rng(4)
    a, b, c, d = _strata(rng, 4, 26)
    found = homogeneity(a, b, c, d, 1.0)
    assert found.drawn
    assert found.p == pytest.approx(found.tarone_p, abs=0.1)


def test_draws_are_seeded() -> None:
    tables = _strata(np.random.default_rng(5), 50, 6)
    assert homogeneity(*tables, 1.0, 7).p == homogeneity(*tables, 1.0, 7).p
