"""Differences in access: Newcombe's published limits, invariances, thin groups."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate


def _people(focal: tuple[int, int], reference: tuple[int, int]) -> pl.DataFrame:
    rows = [(name, 1 if at < count else 0) for name, (count, n) in (("f", focal), ("r", reference)) for at in range(n)]
    return pl.DataFrame(rows, schema=["group", "provided"], orient="row")


def _difference(focal: tuple[int, int], reference: tuple[int, int]) -> Estimate:
    return measure("access_difference", _people(focal, reference), focal="f", reference="r")


@pytest.mark.parametrize(
    ("focal", "reference", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_published_limits(focal: tuple[int, int], reference: tuple[int, int], low: float, high: float) -> None:
    found = _difference(focal, reference)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=5e-5)


@given(a=st.integers(0, 20), b=st.integers(0, 15))
def test_turning_the_groups_round_turns_the_difference(a: int, b: int) -> None:
    one, other = (
        _difference((a, 20), (b, 15)),
        measure("access_difference", _people((a, 20), (b, 15)), focal="r", reference="f"),
    )
    assert one.value == pytest.approx(-(other.value or 0.0))
    assert one.interval is not None
    assert other.interval is not None
    assert one.interval.low == pytest.approx(-other.interval.high)
    assert one.detail["p"] == pytest.approx(other.detail["p"])
    mid_p = measure("lancaster_mid_p", _people((a, 20), (b, 15)), selected="provided", focal="f", reference="r")
    assert one.detail["p"] == pytest.approx(mid_p.detail["p_two_sided"])


def test_one_group_has_nothing_to_compare() -> None:
    found = measure("access_difference", _people((3, 9), (0, 0)))
    assert found.value is None
    assert "SMALL_GROUP" in {caution.code for caution in found.cautions}
