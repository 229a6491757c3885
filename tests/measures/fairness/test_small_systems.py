"""Systems solved side by side: the same answers as one after the other, whatever their number."""

from __future__ import annotations

import numpy as np
import pytest

from fairpanel.measures.fairness import small_systems
from fairpanel.measures.fairness.small_systems import solved


@pytest.mark.parametrize("systems", [1, 199, 200, 2500])
@pytest.mark.parametrize(("p", "columns"), [(1, 1), (2, 3), (9, 1), (9, 9)])
def test_solutions_are_those_of_each_system_alone(systems: int, p: int, columns: int) -> None:
    rng = np.random.default_rng(1)
    root = rng.normal(size=(systems, p + 2, p))
    matrices = np.swapaxes(root, 1, 2) @ root + 0.04 * np.eye(p)
    right = rng.normal(size=(systems, p, columns))
    alone = np.linalg.solve(matrices, right)
    assert np.allclose(
        solved(matrices.transpose(1, 2, 0), right.transpose(1, 2, 0)), alone.transpose(1, 2, 0), rtol=1e-9
    )


def test_pieces_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    root = rng.normal(size=(4, 9, 300))
    matrices = np.einsum("ikn,jkn->ijn", root, root)
    whole = solved(matrices, root)
    monkeypatch.setattr(small_systems, "_CELLS", 100)
    assert np.array_equal(solved(matrices, root), whole)
