"""The audit's test of itself: what is planted is seen where the design is large, and not where it is small."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from fairpanel.analysis.self_test import self_test
from fairpanel.config import AuditConfig
from schemas.results import Estimated

SUBJECT: dict[str, str | None] = {"stage": "user", "competency": None, "job_family": None}


def _design(candidates: int, raters: int, items: int = 3) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Five-point forms of three raters a candidate, and a group for everybody."""
    rng = np.random.default_rng(candidates)
    unit = np.repeat(np.arange(candidates), 3)
    rater = np.concatenate([rng.choice(raters, 3, replace=False) for _ in range(candidates)])
    level = rng.normal(0, 1, candidates)[unit] + rng.normal(0, 0.2, raters)[rater] + rng.normal(0, 0.5, unit.size)
    latent = level[:, None] + rng.normal(0, 0.6, (unit.size, items))
    frame = pl.DataFrame(
        {
            "unit": [f"u{one}" for one in np.repeat(unit, items)],
            "candidate": [f"c{one}" for one in np.repeat(unit, items)],
            "rater": [f"r{one}" for one in np.repeat(rater, items)],
            "item": np.tile(np.arange(items), unit.size),
            "score": np.digitize(latent, (-1.5, -0.5, 0.5, 1.5)).ravel() + 1.0,
        }
    )
    groups = pl.DataFrame(
        {
            "candidate": [f"c{one}" for one in range(candidates)],
            "category": ["a", "a", "b"] * (candidates // 3) + ["a"] * (candidates % 3),
        }
    )
    return frame, groups


def _shares(found: list[Estimated]) -> dict[str, float]:
    return {one.variant: one.result["value"] for one in found}


def test_a_large_design_sees_what_is_planted_and_little_else() -> None:
    frame, groups = _design(400, 12)
    found = list(self_test(SUBJECT, frame, groups, AuditConfig(self_test_replicates=20)))
    shares = _shares(found)
    assert shares["severity 1"] >= 0.9
    assert shares["halo 0.9"] >= 0.7
    assert shares["group 0.5"] >= 0.9
    assert max(shares["severity none"], shares["halo none"], shares["group none"]) <= 0.25
    for one in found:
        interval = one.result["interval"]
        assert interval["low"] <= one.result["value"] <= interval["high"]
        assert one.result["n"]["draws"] == 20
        assert one.family == "quality"


def test_a_small_design_misses_what_a_large_one_sees() -> None:
    frame, groups = _design(48, 6)
    shares = _shares(list(self_test(SUBJECT, frame, groups, AuditConfig(self_test_replicates=20))))
    assert shares["group 0.2"] <= 0.4
    assert shares["severity 0.5"] <= 0.6


def test_the_same_seed_gives_the_same_draws() -> None:
    frame, groups = _design(90, 6)
    first, second = (
        _shares(list(self_test(SUBJECT, data, groups, AuditConfig(self_test_replicates=10)))) for data in (frame, frame)
    )
    assert first == second


def test_without_groups_or_items_the_rest_is_tested() -> None:
    frame, _ = _design(120, 8, items=1)
    shares = _shares(list(self_test(SUBJECT, frame.drop("item"), None, AuditConfig(self_test_replicates=10))))
    assert set(shares) == {"severity none", "severity 0.5", "severity 1"}


@pytest.mark.parametrize("rows", [0, 1, 30])
def test_designs_that_show_nothing_are_left_out(rows: int) -> None:
    frame, groups = _design(30, 6)
    one_rater = frame.head(rows).with_columns(pl.lit("r").alias("rater"))
    assert list(self_test(SUBJECT, one_rater, groups, AuditConfig(self_test_replicates=10))) == []
