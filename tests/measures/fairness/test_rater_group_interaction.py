"""Raters' gaps between groups: a dense likelihood, two-sample errors, what must not matter, thin data, recovery."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.recovery.rater_groups import SETTINGS
from benchmarks.recovery.setting import Setting
from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.fairness.false_discovery import benjamini_hochberg
from fairpanel.measures.fairness.rater_gaps import GapSpread, rater_gaps
from tests.measures.fairness.test_recovery import _plausible

PAIR = {"focal": "f", "reference": "r"}
INTERACTION = [each for each in SETTINGS if each.name.startswith("rater_group_interaction")]


def _frame(seed: int, units: int = 60, raters: int = 5, spread: float = 0.5, own: float = 0.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    focal = np.arange(units) % 2 == 0
    rater = np.concatenate([rng.choice(raters, 2, replace=False) for _ in range(units)])
    unit = np.repeat(np.arange(units), 2)
    same = (rater % 2 == 0) == focal[unit]
    gap = spread * rng.standard_normal(raters)
    score = rng.standard_normal(units)[unit] + gap[rater] * focal[unit] + own * same + rng.standard_normal(2 * units)
    groups = {"group": np.where(focal[unit], "f", "r"), "own": np.where(rater % 2 == 0, "f", "r")}
    return pl.DataFrame({"unit": unit, "rater": rater, "score": score, **groups})


def _run(frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure("rater_group_interaction", frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _dense(frame: pl.DataFrame, ratio: float) -> tuple[float, np.ndarray, np.ndarray]:
    """The restricted criterion, gaps and their covariance with whole matrices."""
    unit, rater = frame["unit"].to_numpy(), frame["rater"].to_numpy()
    focal, y = (frame["group"] == "f").to_numpy(), frame["score"].to_numpy()
    V = np.eye(y.size) + ratio * (unit[:, None] == unit[None, :])
    level = (rater[:, None] == np.arange(rater.max() + 1)[None, :]).astype(float)
    X = np.hstack((level, level * focal[:, None]))
    inverse = np.linalg.inv(V)
    normal = X.T @ inverse @ X
    effects = np.linalg.solve(normal, X.T @ inverse @ y)
    rest = y - X @ effects
    rss, df, k = float(rest @ inverse @ rest), y.size - X.shape[1], level.shape[1]
    criterion = np.linalg.slogdet(V)[1] + np.linalg.slogdet(normal)[1] + df * math.log(rss)
    return float(criterion), effects[k:], np.linalg.inv(normal)[k:, k:] * rss / df


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_dense_likelihood(seed: int) -> None:
    frame = _frame(seed)
    focal = (frame["group"] == "f").to_numpy()
    found = rater_gaps(frame["score"].to_numpy(), frame["unit"].to_numpy(), frame["rater"].to_numpy(), focal)
    assert found is not None
    ratio = found.var_unit / found.var_residual
    criterion, gaps, covariance = _dense(frame, ratio)
    assert found.gap == pytest.approx(gaps, abs=1e-8)
    assert found.covariance == pytest.approx(covariance, rel=1e-7, abs=1e-10)
    for away in (0.8, 1.25):
        assert _dense(frame, ratio * away)[0] > criterion


def test_spread_is_the_restricted_maximum_of_the_dense_normal() -> None:
    frame = _frame(5, raters=8, units=100)
    focal = (frame["group"] == "f").to_numpy()
    gaps = rater_gaps(frame["score"].to_numpy(), frame["unit"].to_numpy(), frame["rater"].to_numpy(), focal)
    assert gaps is not None
    spread = GapSpread.of(gaps)

    def criterion(variance: float) -> float:
        V = gaps.covariance + variance * np.eye(8)
        inverse, one = np.linalg.inv(V), np.ones(8)
        mean = one @ inverse @ gaps.gap / (one @ inverse @ one)
        rest = gaps.gap - mean
        return float(np.linalg.slogdet(V)[1] + math.log(one @ inverse @ one) + rest @ inverse @ rest)

    best = spread.restricted_maximum()
    assert best > 0
    assert criterion(best) < min(criterion(best * 0.9), criterion(best * 1.1), criterion(0.0))
    limits = spread.limits(0.95)
    assert limits is not None
    assert limits[0] <= best <= limits[1]
    inverse = np.linalg.inv(gaps.covariance + best * np.eye(8))
    mean = spread.mean(best)[0]
    assert spread.shrunken(best) == pytest.approx(mean + best * inverse @ (gaps.gap - mean))


def test_without_shared_candidates_errors_are_those_of_two_samples() -> None:
    rng = np.random.default_rng(8)
    frame = pl.DataFrame({"unit": range(60), "rater": [0, 1, 2] * 20, "group": ["f"] * 24 + ["r"] * 36})
    frame = frame.with_columns(score=rng.standard_normal(60))
    found = _run(frame, **PAIR)
    cells = frame.group_by("rater", "group").agg(pl.col("score").mean(), rest=pl.col("score").var() * (pl.len() - 1))
    variance = cells["rest"].sum() / 54
    means = {(row["rater"], row["group"]): row["score"] for row in cells.iter_rows(named=True)}
    for rater, row in found.detail["raters"].items():
        assert row["gap"] == pytest.approx(means[int(rater), "f"] - means[int(rater), "r"])
        assert row["se"] == pytest.approx(math.sqrt(variance * (1 / 8 + 1 / 12)))
        assert (row["focal"], row["reference"]) == (8, 12)


def test_benjamini_and_hochberg_1995() -> None:
    """Their example of fifteen p values: at .05 the first four are rejected, the fourth at .0095 * 15 / 4."""
    p = np.array([
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
        0.7590, 1.0,
    ])  # fmt: skip
    q = benjamini_hochberg(p)
    assert np.count_nonzero(q <= 0.05) == 4
    assert q[3] == pytest.approx(0.035625)
    shuffled = np.random.default_rng(1).permutation(15)
    assert benjamini_hochberg(p[shuffled]) == pytest.approx(q[shuffled])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10), shift=st.floats(-50, 50), harsh=st.floats(-5, 5))
def test_order_units_severity_and_direction(seed: int, scale: float, shift: float, harsh: float) -> None:
    frame = _frame(seed, own=0.5, raters=8, units=80)
    one = _run(frame, rater_group="own", **PAIR)
    changed = frame.sample(fraction=1, shuffle=True, seed=seed).with_columns(
        score=pl.col("score") * scale + shift + harsh * scale * (pl.col("rater") == 1)
    )
    other = _run(changed, rater_group="own", focal="r", reference="f")
    assert other.value == pytest.approx(scale * (one.value or 0.0), rel=1e-3, abs=3e-3 * scale)
    assert other.detail["p"] == pytest.approx(one.detail["p"], rel=1e-3, abs=1e-6)
    assert other.detail["raters"]["1"]["gap"] == pytest.approx(
        -scale * one.detail["raters"]["1"]["gap"], rel=1e-3, abs=1e-3 * scale
    )
    assert other.detail["similarity"]["effect"] == pytest.approx(
        scale * one.detail["similarity"]["effect"], rel=1e-2, abs=1e-2 * scale
    )


def test_a_rater_with_a_gap_of_their_own_is_flagged() -> None:
    frame = _frame(3, units=300, raters=6, spread=0.0).with_columns(
        score=pl.col("score") - 2.0 * ((pl.col("rater") == 4) & (pl.col("group") == "f"))
    )
    found = _run(frame, **PAIR)
    assert "4" in found.detail["flagged"]
    row = found.detail["raters"]["4"]
    assert row["gap"] < row["shrunken"] < found.detail["mean_gap"]
    assert found.detail["p"] < 1e-4


@pytest.mark.parametrize(
    ("unit", "rater", "group", "score", "code"),
    [
        ([], [], [], [], "SMALL_GROUP"),
        ([1, 1, 2, 2], list("abab"), list("ffff"), [1, 2, 3, 5], "SMALL_GROUP"),
        ([1, 1, 2, 2], list("abab"), list("ffrr"), [1, 2, 3, 5], "SMALL_SAMPLE"),
        ([1, 2, 3, 4, 5, 6], list("abcabc"), list("fffrrr"), [1, 2, 3, 5, 1, 1], "SMALL_SAMPLE"),
        ([1, 1, 2, 2], list("abab"), list("ffrr"), [2, 2, 2, 2], "CONSTANT_INPUT"),
        (list(range(12)), list("abc") * 4, ["f"] * 6 + ["r"] * 6, [1, 2, 3] * 4, "SMALL_SAMPLE"),
        ([1, 2], list("ab"), list("fr"), [None, None], "MISSING_DATA"),
    ],
)
def test_thin_data(unit: list[int], rater: list[str], group: list[str], score: list[Any], code: str) -> None:
    frame = pl.DataFrame(
        {"unit": unit, "rater": rater, "group": group, "score": score},
        schema={"unit": pl.Int64, "rater": pl.String, "group": pl.String, "score": pl.Float64}, strict=False,
    )  # fmt: skip
    found = _run(frame)
    assert found.value is None
    assert code in {each.code for each in found.cautions}


def test_raters_alike_are_at_the_boundary() -> None:
    found = [_run(_frame(seed, spread=0.0), **PAIR) for seed in range(12)]
    at_zero = [each for each in found if each.value == 0]
    assert at_zero
    for each in at_zero:
        assert "BOUNDARY" in {caution.code for caution in each.cautions}
        assert each.interval is None or each.interval.low == 0


def test_misuse_is_refused() -> None:
    frame = _frame(1)
    with pytest.raises(MeasureInputError, match="expected one group for each unit"):
        measure("rater_group_interaction", frame.with_columns(group=pl.Series(["f", "r"] * 60)))
    with pytest.raises(MeasureInputError, match="expected one own for each rater"):
        measure("rater_group_interaction", frame.with_columns(own=pl.col("group")), rater_group="own", **PAIR)
    with pytest.raises(MeasureInputError, match="expected the names 'f' and 'r'"):
        measure("rater_group_interaction", frame.with_columns(own=pl.lit("x")), rater_group="own", **PAIR)
    assert _run(frame.filter(pl.col("rater") < 4), rater_group="own", **PAIR).detail["similarity"] is None


@pytest.mark.parametrize("setting", INTERACTION[2:], ids=lambda each: each.name)
def test_recovery_in_brief(setting: Setting) -> None:
    _plausible(setting, 60)
