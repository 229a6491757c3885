"""rwg, rwg(J) and the average deviation: oracles, published figures, limits, thin designs."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError
from fairpanel.measures.reliability.null_distributions import EXPECTED_VARIANCE, NULLS, expected_variance
from tests.measures.reliability.designs import STILL_ESTIMABLE, THIN, incomplete_panels, shuffled
from tests.oracles.cases import agree, checks, data


@pytest.mark.parametrize(("case", "check"), checks("rwg_single", "rwg_j", "rwg_j_lindell", "ad_m"))
def test_oracle(case: str, check: dict[str, Any]) -> None:
    frame, params, statistic = data(case), check["params"], check["statistic"]
    if statistic == "rwg_single":
        found = measure("rwg", frame.filter(pl.col("item") == params["item"]), categories=params["A"], null="uniform")
    elif statistic == "ad_m":
        found = measure("ad_m", frame, categories=5)
    else:
        form = "lindell" if statistic == "rwg_j_lindell" else "james"
        found = measure("rwg_j", frame, categories=params["A"], form=form)
    detail = {"mean": found.value, **found.detail}
    for key in check["expected"]:
        agree(check, key, detail[key])


def test_published_figures() -> None:
    """Five categories and a variance of .5: .75 for one item, .90 for three."""
    rows = [(r, i, s) for r, s in enumerate((3.0, 4.0)) for i in range(3)]
    frame = pl.DataFrame(rows, schema=["rater", "item", "score"], orient="row").with_columns(unit=pl.lit("a"))
    assert measure("rwg", frame.filter(pl.col("item") == 0), categories=5).value == pytest.approx(0.75)
    assert measure("rwg_j", frame, categories=5).value == pytest.approx(0.90)
    assert measure("rwg_j", frame, categories=5, form="lindell").value == pytest.approx(0.75)


def test_null_variances_follow_from_their_distributions() -> None:
    """The five-point nulls by their published shares of ratings."""
    shares = {
        "slight_skew": (0.05, 0.15, 0.20, 0.35, 0.25),
        "moderate_skew": (0.0, 0.10, 0.15, 0.40, 0.35),
        "heavy_skew": (0.0, 0.0, 0.10, 0.40, 0.50),
        "triangular": (0.11, 0.22, 0.34, 0.22, 0.11),
        "normal": (0.07, 0.24, 0.38, 0.24, 0.07),
    }
    points = np.arange(1, 6)
    for null, share in shares.items():
        variance = float(np.dot(share, points**2) - np.dot(share, points) ** 2)
        assert expected_variance(5, null) == pytest.approx(variance, abs=1e-9)
    for categories, table in EXPECTED_VARIANCE.items():
        assert all(0 < value < expected_variance(categories, "uniform") for value in table)
        assert table[0] > table[1] > table[2]
    assert len(NULLS) == 5


@settings(deadline=None, max_examples=25)
@given(frame=incomplete_panels())
def test_invariances(frame: pl.DataFrame) -> None:
    for name in ("rwg", "ad_m"):
        one = measure(name, frame, categories=5)
        assert measure(name, shuffled(frame), categories=5).value == pytest.approx(one.value, abs=1e-12)
        turned = frame.with_columns(6 - pl.col("score"))
        assert measure(name, turned, categories=5).value == pytest.approx(one.value, abs=1e-12)
    agreed = frame.with_columns(pl.col("score").first().over("unit"))
    assert measure("rwg", agreed, categories=5).value == 1
    assert measure("ad_m", agreed, categories=5).value == 0
    skewed = measure("rwg", frame, categories=5, null="heavy_skew").value
    assert skewed is not None
    assert skewed <= measure("rwg", frame, categories=5).value


def test_missing_items_leave_the_card_out() -> None:
    rows = [("a", r, i, 3.0 + (r == 2)) for r in range(3) for i in range(2) if (r, i) != (2, 1)]
    frame = pl.DataFrame(rows, schema=["unit", "rater", "item", "score"], orient="row")
    found = measure("rwg_j", frame, categories=5)
    assert found.detail["sizes"] == [2]
    assert found.value == 1
    assert "INCOMPLETE_DESIGN" in {caution.code for caution in found.cautions}


@pytest.mark.parametrize("name", ["rwg", "ad_m"])
@pytest.mark.parametrize("frame", [*(f for f, _ in THIN.values()), *STILL_ESTIMABLE.values()])
def test_thin_and_odd_designs(name: str, frame: pl.DataFrame) -> None:
    found = measure(name, frame, categories=10)
    assert found.cautions
    assert found.value is not None or "SINGLE_RATINGS" in {caution.code for caution in found.cautions}


def test_forty_items_one_candidate_and_none() -> None:
    rng = np.random.default_rng(2)
    unit, rater, item = (axis.ravel() for axis in np.indices((12, 3, 40)))
    frame = pl.DataFrame({"unit": unit, "rater": rater, "item": item, "score": rng.integers(1, 6, unit.size)})
    for name in ("rwg_j", "ad_m"):
        assert measure(name, frame, categories=5).value is not None
        assert measure(name, frame.filter(pl.col("unit") == 0), categories=5).interval is None
        assert measure(name, frame.clear(), categories=5).value is None


def test_bootstrap_is_near_t() -> None:
    rng = np.random.default_rng(4)
    unit, rater = np.divmod(np.arange(600), 3)
    frame = pl.DataFrame({"unit": unit, "rater": rater, "score": np.clip(np.round(rng.normal(3.5, 0.8, 600)), 1, 5)})
    one, two = (measure("rwg", frame, categories=5, interval=kind).interval for kind in ("analytic", "bootstrap"))
    assert one is not None
    assert two is not None
    assert one.low == pytest.approx(two.low, abs=0.01)
    assert one.high == pytest.approx(two.high, abs=0.01)


def test_misuse_is_named() -> None:
    frame = STILL_ESTIMABLE["perfect agreement"]
    with pytest.raises(MeasureInputError, match="tabled for 5 to 11 categories"):
        measure("rwg", frame, categories=4, null="normal")
    with pytest.raises(MeasureInputError, match="at least 2"):
        measure("rwg", frame, categories=1)
    with pytest.raises(MeasureInputError, match="expected null"):
        measure("rwg", frame, categories=5, null="beta")
    assert measure("rwg", frame, categories=4, null=1.0).detail["null_variance"] == 1.0
