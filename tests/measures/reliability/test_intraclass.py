"""ICC: published table, oracles, worked cases, invariances, thin data."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError
from tests.measures.reliability.designs import (
    SHROUT_FLEISS,
    STILL_ESTIMABLE,
    THIN,
    UNCHANGED,
    incomplete_panels,
    long,
    ratings,
)
from tests.oracles.cases import agree, checks, data

PUBLISHED = {"1": 0.1657418, "A,1": 0.2897638, "C,1": 0.7148407, "k": 0.4427971, "A,k": 0.6200505, "C,k": 0.9093155}


@pytest.mark.parametrize(("form", "value"), PUBLISHED.items())
def test_shrout_and_fleiss_table_2(form: str, value: float) -> None:
    assert measure("icc", long(SHROUT_FLEISS), form=form).value == pytest.approx(value, abs=5e-8)


@pytest.mark.parametrize(("case", "check"), checks("icc"))
def test_oracle(case: str, check: dict[str, Any]) -> None:
    frame = data(case)
    if case == "expsy":
        frame = frame.filter(pl.col("item") == "severity")
    found = measure("icc", frame, form=check["params"]["form"], missing="listwise")
    assert found.interval is not None
    actual = {
        "value": found.value,
        "F": found.detail["f"],
        "ci_lower": found.interval.low,
        "ci_upper": found.interval.high,
    } | {key: found.detail[key] for key in ("df1", "df2", "p", "var_unit", "var_rater", "var_residual")}
    for key in check["expected"]:
        agree(check, key, actual[key])


@pytest.mark.parametrize(("case", "check"), checks("icc_nested_reml"))
def test_oracle_of_units_with_their_own_raters(case: str, check: dict[str, Any]) -> None:
    frame = data(case).group_by("unit", "rater").agg(pl.col("score").mean())
    found = measure("icc", frame, form="1")
    agree(check, "icc", found.value)
    for key, own in {
        "var_group": "var_unit",
        "var_residual": "var_residual",
        "intercept": "intercept",
        "reml_criterion": "reml_criterion",
    }.items():
        agree(check, key, found.detail[own])


@pytest.mark.parametrize(
    ("rows", "form", "expected"),
    [
        (((1, 2), (3, 4)), "C,1", 1.0),  # raters differ by one throughout: consistent
        (((1, 2), (3, 4)), "A,1", 0.8),  # MSB 4, MSR 1, MSE 0: 4 / (4 + 2 * 1 / 2)
        (((1, 2), (3, 4)), "1", 7 / 9),  # MSW 1/2: 3.5 / 4.5
        (((1, 3), (3, 1), (2, 2)), "1", -1.0),  # unit means agree: MSB 0
    ],
)
def test_worked_by_hand(rows: tuple[tuple[float, ...], ...], form: str, expected: float) -> None:
    assert measure("icc", long(rows), form=form).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("alias", "form"), [("ICC(2,1)", "A,1"), ("ICC3k", "C,k"), ("ICC(1, k)", "k"), ("ICC(A,1)", "A,1")]
)
def test_names_of_other_programs(alias: str, form: str) -> None:
    frame = long(SHROUT_FLEISS)
    assert measure("icc", frame, form=alias).to_dict() == measure("icc", frame, form=form).to_dict()


@pytest.mark.parametrize("form", PUBLISHED)
def test_reml_of_a_complete_design_is_the_mean_square_estimate(form: str) -> None:
    rng = np.random.default_rng(4)
    table = rng.normal(0, 2, (12, 1)) + rng.normal(0, 1, (1, 4)) + rng.normal(0, 1, (12, 4))
    frame = long(tuple(map(tuple, table.tolist())))
    whole = measure("icc", frame, form=form)
    # the thirteenth unit has one score, which leaves REML a design that is not complete
    more = pl.concat([frame, pl.DataFrame({"unit": [12], "rater": ["r0"], "score": [float(table.mean())]})])
    incomplete = measure("icc", more, form=form)
    assert "REML" in incomplete.method
    assert any(caution.code == "INCOMPLETE_DESIGN" for caution in incomplete.cautions)
    assert incomplete.interval is not None
    assert incomplete.value == pytest.approx(whole.value, abs=0.12)


def test_no_unit_is_dropped_by_default() -> None:
    frame = long(((1, 2, None), (3, None, 3), (None, 4, 5), (5, 5, 4), (2, 1, 2)))
    found = measure("icc", frame, form="A,k")
    assert found.n["units"] == 5
    assert found.n["missing"] == 3
    assert found.detail["k"] == pytest.approx(5 / (3 / 2 + 2 / 3))
    assert measure("icc", frame, missing="listwise").n["units"] == 2


@pytest.mark.parametrize("form", ["1", "A,1", "C,k"])
@pytest.mark.parametrize("change", UNCHANGED)
@settings(deadline=None, max_examples=15)
@given(frame=incomplete_panels())
def test_unchanged_by(form: str, change: str, frame: pl.DataFrame) -> None:
    before, after = (measure("icc", one, form=form, interval="none") for one in (frame, UNCHANGED[change](frame)))
    assert after.value == pytest.approx(before.value, abs=2e-5)


@pytest.mark.parametrize(("frame", "code"), THIN.values(), ids=THIN)
def test_thin_data_say_why(frame: pl.DataFrame, code: str) -> None:
    found = measure("icc", frame, form="A,1")
    assert found.value is None
    assert code in {caution.code for caution in found.cautions}
    found.to_dict()


@pytest.mark.parametrize("form", PUBLISHED)
@pytest.mark.parametrize("frame", STILL_ESTIMABLE.values(), ids=STILL_ESTIMABLE)
def test_odd_designs_give_a_number_and_cautions(form: str, frame: pl.DataFrame) -> None:
    found = measure("icc", frame, form=form)
    assert found.value is not None or found.cautions
    if found.value is not None and found.interval is not None:
        assert found.interval.low <= found.value <= found.interval.high


def test_misuse_is_named() -> None:
    with pytest.raises(MeasureInputError, match=r"expected form .* got 'ICC\(9\)'"):
        measure("icc", long(SHROUT_FLEISS), form="ICC(9)")
    with pytest.raises(MeasureInputError, match="column 'rating' for the role score"):
        measure("icc", long(SHROUT_FLEISS), score="rating")
    with pytest.raises(MeasureInputError, match="expected numbers in the score column"):
        measure("icc", ratings(("a", "x", 1)).with_columns(score=pl.lit("high")))
    with pytest.raises(MeasureInputError, match="confidence level between 0 and 1"):
        measure("icc", long(SHROUT_FLEISS), confidence=95)
