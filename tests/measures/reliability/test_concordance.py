"""Kendall's W: oracles, the incomplete case against dense algebra, invariances, thin designs."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from scipy import stats

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError
from tests.measures.reliability.designs import STILL_ESTIMABLE, THIN, incomplete_panels, long, relabelled, shuffled
from tests.oracles.cases import agree, checks, data


@pytest.mark.parametrize(("case", "check"), checks("kendall_w"))
def test_oracle(case: str, check: dict[str, Any]) -> None:
    frame = data(case)
    if "item" in frame.columns:
        frame = frame.filter(pl.col("item") == "severity")
    found = measure("kendall_w", frame)
    actual = {"value": found.value, "value_from_friedman": found.value, **found.detail}
    for key in check["expected"]:
        agree(check, key, actual[key])
    assert found.detail["units"] == check["params"]["n_units"]
    assert found.detail["raters"] == check["params"]["n_raters"]


def _skillings_mack(frame: pl.DataFrame) -> tuple[float, int]:
    """The statistic with its covariance matrix written out (Skillings & Mack 1981, equations 1 to 3)."""
    units = sorted(frame["unit"].unique().to_list())
    sums, covariance = np.zeros(len(units)), np.zeros((len(units), len(units)))
    for _, seen in frame.group_by("rater"):
        at = [units.index(one) for one in seen["unit"]]
        k = len(at)
        ranks = stats.rankdata(seen["score"].to_numpy())
        sums[at] += np.sqrt(12 / (k + 1)) * (ranks - (k + 1) / 2)
        for a in at:
            for b in at:
                covariance[a, b] += k - 1 if a == b else -1
    return float(sums @ np.linalg.pinv(covariance) @ sums), int(np.linalg.matrix_rank(covariance))


@settings(deadline=None, max_examples=30)
@given(frame=incomplete_panels())
def test_incomplete_blocks_are_skillings_mack(frame: pl.DataFrame) -> None:
    found = measure("kendall_w", frame, missing="incomplete_blocks", ties=False)
    if found.value is None:
        return
    statistic, rank = _skillings_mack(frame)
    assert found.detail["friedman_chi2"] == pytest.approx(statistic, rel=1e-7, abs=1e-9)
    assert found.detail["df"] == rank
    assert 0 <= found.value <= 1 + 1e-9


@settings(deadline=None, max_examples=20)
@given(frame=incomplete_panels())
def test_unchanged_by_order_labels_and_rising_scales(frame: pl.DataFrame) -> None:
    before = measure("kendall_w", frame)
    for change in (shuffled, relabelled, lambda data: data.with_columns(pl.col("score") ** 3)):
        after = measure("kendall_w", change(frame))
        if before.value is None:
            assert after.value is None
        else:
            assert after.value == pytest.approx(before.value, abs=1e-8)


def test_ties_only_matter_where_there_are_some() -> None:
    untied = long(((1, 2, 3), (2, 1, 1), (3, 4, 2), (4, 3, 4)))
    assert measure("kendall_w", untied, ties=False).value == pytest.approx(measure("kendall_w", untied).value)
    tied = long(((1, 2, 3), (1, 1, 1), (3, 4, 2), (4, 3, 4)))
    assert measure("kendall_w", tied, ties=False).value < measure("kendall_w", tied).value


def test_perfect_order() -> None:
    """One order, spoken with other numbers, complete and in panels that overlap."""
    assert measure("kendall_w", long(((1, 10, 2), (2, 20, 3), (5, 30, 9)))).value == pytest.approx(1)
    ring = [(u, f"r{(u + j) % 6}", float(u)) for u in range(12) for j in range(3)]
    frame = pl.DataFrame(ring, schema=["unit", "rater", "score"], orient="row")
    found = measure("kendall_w", frame)
    assert "incomplete blocks" in found.method
    assert found.value is not None
    assert found.value > 0.85


def test_ways_with_missing_scores() -> None:
    rows: tuple[tuple[float | None, ...], ...] = ((1, 2, 1), (2, 3, 2), (3, 3, 5), (4, 5, None))
    auto, listwise = measure("kendall_w", long(rows)), measure("kendall_w", long(rows), missing="listwise")
    assert auto.value == listwise.value
    assert listwise.detail["units"] == 3
    assert measure("kendall_w", long(rows), missing="incomplete_blocks").detail["units"] == 4
    with pytest.raises(MeasureInputError, match="expected missing"):
        measure("kendall_w", long(rows), missing="pairwise")


def test_two_panels_are_not_compared() -> None:
    found = measure("kendall_w", STILL_ESTIMABLE["two panels that share nobody"])
    assert found.detail["df"] == 2
    assert "UNLINKED_RATERS" in {caution.code for caution in found.cautions}


@pytest.mark.parametrize("frame", [*(f for f, _ in THIN.values()), *STILL_ESTIMABLE.values()])
def test_thin_and_odd_designs(frame: pl.DataFrame) -> None:
    found = measure("kendall_w", frame)
    assert found.cautions
    assert found.value is None or 0 <= found.value <= 1


def test_empty() -> None:
    empty = pl.DataFrame(schema={"unit": pl.String, "rater": pl.String, "score": pl.Float64})
    assert measure("kendall_w", empty).value is None
