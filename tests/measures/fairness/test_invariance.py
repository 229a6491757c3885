"""What must not matter does not: order of rows, names, units, turning a comparison round, doubling the data."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure
from fairpanel.measures.fairness.contingency import Table
from fairpanel.measures.fairness.power import detectable_selection_rate, detectable_standardized_difference
from fairpanel.measures.fairness.ratio_interval import koopman_interval
from tests.measures.fairness.frames import counted

counts = st.integers(1, 40)
tables = st.builds(lambda a, b, c, d: {"f": (a, b), "r": (c, d)}, counts, counts, counts, counts)
PAIR = {"focal": "f", "reference": "r"}
TURNED = {"focal": "r", "reference": "f"}


@settings(max_examples=50, deadline=None)
@given(cells=tables, seed=st.integers(0, 1000))
def test_row_order_and_other_groups_do_not_matter(cells: dict[str, tuple[int, int]], seed: int) -> None:
    people = counted(cells)
    more = pl.concat([people, counted({"other": (3, 4)})]).sample(fraction=1, shuffle=True, seed=seed)
    for name in ("fisher_exact", "lancaster_mid_p"):
        assert measure(name, people, **PAIR).to_dict() == measure(name, more, **PAIR).to_dict()


@settings(max_examples=50, deadline=None)
@given(cells=tables)
def test_turning_round_inverts(cells: dict[str, tuple[int, int]]) -> None:
    people = counted(cells).with_columns(stratum=pl.lit("s"))
    for name in ("fisher_exact", "lancaster_mid_p", "mantel_haenszel", "impact_ratio"):
        one, other = measure(name, people, **PAIR), measure(name, people, **TURNED)
        assert one.value is not None
        assert other.value is not None
        assert one.interval is not None
        assert other.interval is not None
        assert one.value * other.value == pytest.approx(1, rel=1e-8)
        assert one.interval.low * other.interval.high == pytest.approx(1, rel=1e-7)


@settings(max_examples=50, deadline=None)
@given(cells=tables)
def test_one_stratum_is_the_whole(cells: dict[str, tuple[int, int]]) -> None:
    """One stratum: the common odds ratio is the sample one, and the exact pooled test is Fisher's."""
    people = counted(cells).with_columns(stratum=pl.lit("s"))
    pooled, exact = measure("mantel_haenszel", people, **PAIR), measure("fisher_exact", people, **PAIR)
    assert pooled.value == pytest.approx(exact.detail["or_sample"])
    assert pooled.detail["exact_or"] == pytest.approx(exact.detail["or_cmle"], rel=1e-7)
    assert pooled.detail["exact_p"] == pytest.approx(exact.detail["p_two_sided"], rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(a=st.integers(0, 60), b=st.integers(0, 60), c=st.integers(0, 60), d=st.integers(0, 60))
def test_koopman_holds_the_estimate_and_its_ends_score_the_critical_value(a: int, b: int, c: int, d: int) -> None:
    if a + b == 0 or c + d == 0 or a + c == 0:
        return
    interval = koopman_interval(Table(a, b, c, d), 0.95)
    assert interval is not None
    if c:
        ratio = (a / (a + b)) / (c / (c + d))
        assert interval.low <= ratio * (1 + 1e-9)
        assert ratio <= interval.high * (1 + 1e-9)
    if a and c:
        wider = koopman_interval(Table(a, b, c, d), 0.99)
        assert wider is not None
        assert wider.low <= interval.low
        assert interval.high <= wider.high


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.floats(0.01, 100),
    shift=st.floats(-100, 100),
    kind=st.sampled_from(["d", "g", "glass"]),
)
def test_units_do_not_matter_to_a_standardized_difference(seed: int, scale: float, shift: float, kind: str) -> None:
    rng = np.random.default_rng(seed)
    people = pl.DataFrame({"group": ["f"] * 12 + ["r"] * 20, "y": rng.normal(size=32)})
    rescaled = people.with_columns(pl.col("y") * scale + shift)
    one = measure("standardized_difference", people, kind=kind, **PAIR)
    other = measure("standardized_difference", rescaled, kind=kind, **PAIR)
    turned = measure("standardized_difference", people.with_columns(-pl.col("y")), kind=kind, **PAIR)
    assert other.value == pytest.approx(one.value, rel=1e-6, abs=1e-9)
    assert turned.value == pytest.approx(-one.value)
    assert one.interval is not None
    assert turned.interval is not None
    assert turned.interval.low == pytest.approx(-one.interval.high)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.05, 20), shift=st.floats(-50, 50))
def test_units_scale_a_slope_difference(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    people = pl.DataFrame(
        {"x": rng.normal(size=60), "y": rng.normal(size=60), "group": ["f"] * 20 + ["r"] * 40, "panel": range(60)}
    )
    one = measure("differential_prediction", people, covariance="hc3")
    other = measure("differential_prediction", people.with_columns(pl.col("x") * scale + shift), covariance="hc3")
    assert other.value == pytest.approx(one.value / scale, rel=1e-6, abs=1e-9)
    for key in ("omnibus_f", "slope_f", "intercept_f", "r2_full"):
        assert other.detail[key] == pytest.approx(one.detail[key], rel=1e-6, abs=1e-9)
    alone = measure("differential_prediction", people, covariance="cluster", cluster="panel")
    assert alone.value == pytest.approx(one.value)


def test_doubling_the_data_keeps_the_estimate_and_narrows_the_interval() -> None:
    rng = np.random.default_rng(3)
    people = pl.DataFrame(
        {
            "x": rng.normal(size=80), "y": rng.normal(size=80), "group": ["f"] * 30 + ["r"] * 50,
            "selected": rng.integers(0, 2, 80), "stratum": ["s", "t"] * 40,
        }
    )  # fmt: skip
    for name in ("impact_ratio", "mantel_haenszel", "standardized_difference", "differential_prediction"):
        one, two = measure(name, people, **PAIR), measure(name, pl.concat([people, people]), **PAIR)
        assert one.interval is not None
        assert two.interval is not None
        # the pooled variance's n - 2 is not twice as large for twice the people
        assert two.value == pytest.approx(one.value, rel=0.02 if name == "standardized_difference" else 1e-9)
        assert two.interval.high - two.interval.low < one.interval.high - one.interval.low


def test_minimum_detectable_effects() -> None:
    """64 a group find d = .5 with 80 % (Cohen 1988, table 2.4.1); more people find less."""
    assert detectable_standardized_difference(64, 64)["d"] == pytest.approx(0.5, abs=0.002)
    assert detectable_selection_rate(5, 200, 0.1)["ratio"] is None
    few, many = detectable_selection_rate(50, 50, 0.5), detectable_selection_rate(500, 500, 0.5)
    assert few["ratio"] < many["ratio"] < 1
    # arcsine: 2 asin(sqrt(.5)) - 2 asin(sqrt(p)) = 2.8016 sqrt(2/100)
    assert detectable_selection_rate(100, 100, 0.5)["rate"] == pytest.approx(0.3070, abs=1e-4)
