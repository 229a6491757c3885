"""Shares of a gap: by hand, against the oracles and written-out formulas, invariances, thin groups."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t, ttest_ind

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from tests.oracles.cases import agree, checks, data

PAIR = {"focal": "f", "reference": "r"}


def _people(seed: int, focal_n: int = 40, reference_n: int = 70, gap: float = 1.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    focal = np.arange(focal_n + reference_n) < focal_n
    common = rng.standard_normal(focal.size)
    columns = {
        name: common + rng.standard_normal(focal.size) - gap * size * focal
        for name, size in (("a", 1.2), ("b", 0.5), ("c", -0.1))
    }
    return pl.DataFrame({**columns, "group": np.where(focal, "f", "r")})


def _shares(frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure("gap_shares", frame, **({"predictors": ["a", "b", "c"]} | PAIR | options))
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def test_by_hand() -> None:
    """Means 10, 6, 5 against 4, 6, 7, each person ± 1: differences 6, 0, -2; composite 4/3 points, shares 3/2, 0, -1/2."""
    step = [1, -1] * 4
    focal = pl.DataFrame({"a": [10 + s for s in step], "b": [6 + s for s in step], "c": [5 + s for s in step]})
    reference = pl.DataFrame({"a": [4 + s for s in step], "b": [6 + s for s in step], "c": [7 + s for s in step]})
    people = pl.concat([focal.with_columns(group=pl.lit("f")), reference.with_columns(group=pl.lit("r"))])
    estimate = _shares(people)
    detail = estimate.detail
    assert detail["mean_difference"] == pytest.approx(4 / 3)
    assert detail["d"] == pytest.approx(4 / 3 / np.sqrt(8 / 7))
    assert [row["contribution"] for row in detail["rows"]] == pytest.approx([2, 0, -2 / 3], abs=1e-12)
    assert [row["share"] for row in detail["rows"]] == pytest.approx([1.5, 0, -0.5], abs=1e-12)
    assert detail["dominance"] == ["a", "b", "c"]
    weighted = _shares(people, weights=[1, 1, 2]).detail
    assert weighted["weights"] == [0.25, 0.25, 0.5]
    assert weighted["mean_difference"] == pytest.approx(0.5)
    assert [row["share"] or 0 for row in weighted["rows"]] == [0, 0, 0]
    assert weighted["share_estimable"] is False


@pytest.mark.parametrize(("case", "check"), checks("cohens_d", case="sat_act"))
def test_d_of_a_competency_oracle(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    if "value" not in check["expected"]:
        return
    # the column beside it is complete: nobody is left out for it
    estimate = measure(
        "gap_shares", data(case), predictors=[params["y"], "age"], weights=[1, 0], group=params["group"],
        focal=params["level1"], reference=params["level2"],
    )  # fmt: skip
    agree(check, "value", estimate.detail["rows"][0]["d"])
    agree(check, "value", estimate.detail["d"])


def test_fieller_is_welch_over_a_grid() -> None:
    """A share is within its limits when Welch's t of x - s * composite stays under the composite's critical value."""
    people = _people(3)
    detail = _shares(people).detail
    scores, focal = people.select("a", "b", "c").to_numpy() / 3, (people["group"] == "f").to_numpy()
    composite = scores.sum(axis=1)

    critical = float(t.ppf(0.975, detail["df"]))
    for at, row in enumerate(detail["rows"]):
        for end in (row["share_low"], row["share_high"]):
            rest = scores[:, at] - end * composite
            assert abs(ttest_ind(rest[focal], rest[~focal], equal_var=False).statistic) == pytest.approx(critical)
        assert row["share_low"] < row["share"] < row["share_high"]


def test_adjusted_is_the_sandwich_written_out() -> None:
    people = _people(4)
    focal = (people["group"] == "f").to_numpy()
    x = np.column_stack((np.ones(focal.size), focal, people["b"], people["c"]))
    y = people["a"].to_numpy()
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ y
    e = (y - x @ beta) / (1 - np.einsum("ij,jk,ik->i", x, inverse, x))
    error = np.sqrt((inverse @ (x.T * e**2) @ x @ inverse)[1, 1])
    unit = np.sqrt((39 * y[focal].var(ddof=1) + 69 * y[~focal].var(ddof=1)) / 108)
    found = _shares(people).detail["rows"][0]["adjusted"]
    assert found["difference"] == pytest.approx(beta[1] / unit)
    assert found["high"] - found["low"] == pytest.approx(2 * 1.9826 * error / unit, rel=1e-4)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.05, 50), shift=st.floats(-20, 20))
def test_invariances(seed: int, scale: float, shift: float) -> None:
    people = _people(seed)
    one = _shares(people)
    moved = people.with_columns(pl.col("a", "b", "c") * scale + shift).sample(fraction=1, shuffle=True, seed=seed)
    other = _shares(moved, weights=[7, 7, 7])
    turned = _shares(people, focal="r", reference="f")
    assert other.value == pytest.approx(one.value, rel=1e-6)
    assert turned.value == pytest.approx(-(one.value or 0))
    total = 0.0
    for mine, same, back in zip(one.detail["rows"], other.detail["rows"], turned.detail["rows"], strict=True):
        for key in ("share", "share_low", "share_high"):
            for found in (same, back):
                assert found[key] == (None if mine[key] is None else pytest.approx(mine[key], rel=1e-5, abs=1e-7))
        assert same["adjusted"]["difference"] == pytest.approx(mine["adjusted"]["difference"], rel=1e-5, abs=1e-7)
        assert back["adjusted"]["p"] == pytest.approx(mine["adjusted"]["p"], rel=1e-5)
        total += mine["contribution"]
    assert total == pytest.approx(one.detail["mean_difference"])


@pytest.mark.parametrize("sizes", [(0, 0), (0, 5), (1, 5), (1, 1), (2, 2), (2, 9), (3, 3), (5, 5)])
def test_thin_groups(sizes: tuple[int, int]) -> None:
    estimate = _shares(_people(1, *sizes), **({} if min(sizes) else {"focal": None, "reference": None}))
    assert (estimate.value is None) == (min(sizes) < 2)
    assert estimate.cautions


def test_constant_competencies() -> None:
    people = _people(2, gap=3.0)
    flat = _shares(people.with_columns(b=pl.lit(3.0)))
    assert flat.value is not None
    assert flat.detail["rows"][1]["d"] is None
    assert flat.detail["rows"][1]["adjusted"] is None
    assert flat.detail["rows"][1]["share"] == 0
    assert flat.detail["rows"][0]["adjusted"] == _shares(people, predictors=["a", "c"]).detail["rows"][0]["adjusted"]
    assert _shares(people.with_columns(pl.lit(3.0).alias(name) for name in "abc")).value is None
    twin = _shares(people.with_columns(b=pl.col("a")))
    assert twin.detail["rows"][0]["adjusted"] is None
    assert twin.detail["rows"][2]["adjusted"] is None


def test_no_gap_has_no_shares() -> None:
    estimate = _shares(_people(5, gap=0.0))
    assert [row["share"] for row in estimate.detail["rows"]] == [None] * 3
    assert "NOT_ESTIMABLE" in [caution.code for caution in estimate.cautions]


@pytest.mark.parametrize(
    "options",
    [
        {"predictors": None}, {"predictors": ["a"]}, {"predictors": ["a", "a"]}, {"weights": [1, 2]},
        {"weights": [1, -1, 1]}, {"weights": [0, 0, 0]}, {"predictors": ["a", "nothing"]}, {"focal": "x"},
    ],
)  # fmt: skip
def test_misuse(options: dict[str, Any]) -> None:
    with pytest.raises(MeasureInputError, match=r"predictors|weights|focal"):
        _shares(_people(1), **options)
