"""Boschloo's test, the two-standard-deviation rule, chi-squared and the scoring rate: peers, anchors, invariances."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, boschloo_exact, chi2_contingency, hypergeom

from fairpanel.measures.catalogue import measure, option_from_text
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.fairness.contingency import Table
from fairpanel.measures.fairness.ratio_interval import koopman_interval
from fairpanel.measures.fairness.unconditional import less_selected
from tests.measures.fairness.frames import counted
from tests.oracles.cases import agree, checks, data

PAIR = {"focal": "f", "reference": "r"}
TURNED = {"focal": "r", "reference": "f"}
TESTS = ("boschloo", "two_proportion_z", "chi_square")
counts = st.integers(0, 25)
tables = st.builds(lambda a, b, c, d: {"f": (a, b), "r": (c, d)}, counts, counts, counts, counts).filter(
    lambda cells: sum(cells["f"]) > 0 and sum(cells["r"]) > 0
)


def _detail(name: str, cells: dict[str, tuple[int, int]], **options: Any) -> dict[str, Any]:
    return dict(measure(name, counted(cells), **(options or PAIR)).detail)


# --- oracles and peers


@pytest.mark.parametrize(("case", "check"), checks("two_proportion_z"))
def test_two_proportion_z_oracle(case: str, check: dict[str, Any]) -> None:
    estimate = measure("two_proportion_z", data(case), **check["params"])
    assert estimate.value is not None
    agree(check, "z", estimate.value)
    agree(check, "p", estimate.detail["p_two_sided"])


@pytest.mark.parametrize(("case", "check"), checks("chi_square"))
def test_chi_square_oracle(case: str, check: dict[str, Any]) -> None:
    pair = {"focal": "B", "reference": "W"} if "only" in check["params"]["subset"] else {}
    estimate = measure("chi_square", data(case), **pair)
    assert estimate.value == estimate.detail["statistic"]
    for key in check["expected"]:
        agree(check, key, estimate.detail[key])


@pytest.mark.parametrize(("case", "check"), checks("boschloo_exact"))
def test_boschloo_oracle(case: str, check: dict[str, Any]) -> None:
    """The oracle's call gave scipy the groups in rows, where scipy takes columns as the samples: the default here."""
    estimate = measure("boschloo", data(case), **check["params"])
    agree(check, "p_two_sided", estimate.detail["p_two_sided"])
    agree(check, "p_two_sided", estimate.detail["p_decisions_fixed"])


@pytest.mark.parametrize("fixed", ["groups", "decisions"])
def test_boschloo_both_ways_are_named(fixed: str) -> None:
    """14 of 24 against 21 of 24: .0294 with the groups given, .0251 with the decisions given."""
    found = _detail("boschloo", {"f": (14, 10), "r": (21, 3)}, fixed=fixed, **PAIR)
    assert found["p_groups_fixed"] == pytest.approx(0.02937, abs=5e-5)
    assert found["p_decisions_fixed"] == pytest.approx(0.02509, abs=5e-5)
    assert found["p_two_sided"] == found[f"p_{fixed}_fixed"]


@pytest.mark.parametrize(
    ("a", "b", "c", "d"), [(14, 10, 21, 3), (2, 8, 15, 10), (0, 9, 4, 8), (7, 1, 3, 11), (5, 5, 6, 5)]
)
def test_boschloo_scipy(a: int, b: int, c: int, d: int) -> None:
    for fixed, table in (("groups", [[a, c], [b, d]]), ("decisions", [[a, b], [c, d]])):
        found = _detail("boschloo", {"f": (a, b), "r": (c, d)}, fixed=fixed, **PAIR)
        for key, alternative in (("p_two_sided", "two-sided"), ("p_less", "less"), ("p_greater", "greater")):
            assert found[key] == pytest.approx(boschloo_exact(table, alternative=alternative, n=64).pvalue, rel=1e-6)


def test_boschloo_over_all_tables() -> None:
    """Every table of two groups summed at many rates: the walk along the number selected leaves none out."""
    rng = np.random.default_rng(5)
    rates = np.linspace(0.0005, 0.9995, 2001)[:, None]
    for _ in range(30):
        n, m = (int(each) for each in rng.integers(1, 22, 2))
        a, c = int(rng.integers(0, n + 1)), int(rng.integers(0, m + 1))
        focal, reference = np.meshgrid(np.arange(n + 1), np.arange(m + 1), indexing="ij")
        fisher = hypergeom.cdf(focal, n + m, n, focal + reference)
        extreme = fisher <= fisher[a, c] * (1 + 1e-9)
        laws = binom.pmf(np.arange(n + 1), n, rates), binom.pmf(np.arange(m + 1), m, rates)
        summed = float(((laws[0] @ extreme) * laws[1]).sum(axis=1).max())
        assert less_selected(Table(a, n - a, c, m - c), float(fisher[a, c])) == pytest.approx(summed, abs=2e-6)


def test_boschloo_of_one_person_against_many() -> None:
    """The only table as extreme has probability π (1 - π)^5000, largest at π = 1 / 5001."""
    found = _detail("boschloo", {"f": (1, 0), "r": (0, 5000)}, fixed="groups", **PAIR)
    assert found["p_greater"] == pytest.approx((5000 / 5001) ** 5000 / 5001, rel=1e-6)
    assert _detail("boschloo", {"f": (0, 2000), "r": (3000, 0)})["p_two_sided"] == 0


@pytest.mark.parametrize(("n", "m", "rate", "level"), [(30, 30, 0.3, 0.0365), (10, 25, 0.4, 0.0443)])
def test_boschloo_level_exactly(n: int, m: int, rate: float, level: float) -> None:
    """Probability of all tables with a p under 5 %: the p value rises with Fisher's, so its last is found by halving."""
    focal, reference = np.meshgrid(np.arange(n + 1), np.arange(m + 1), indexing="ij")
    fisher = hypergeom.cdf(focal, n + m, n, focal + reference)
    law = np.outer(binom.pmf(np.arange(n + 1), n, rate), binom.pmf(np.arange(m + 1), m, rate))
    turned = np.outer(binom.pmf(np.arange(n + 1), n, 1 - rate), binom.pmf(np.arange(m + 1), m, 1 - rate))
    values = np.unique(fisher[fisher < 0.2])
    low, high = 0, values.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        below = less_selected(Table(1, n - 1, 1, m - 1), float(values[middle])) <= 0.025
        low, high = (middle, high) if below else (low, middle)
    rejected = fisher <= values[low] * (1 + 1e-7)
    assert float(law[rejected].sum() + turned[rejected].sum()) == pytest.approx(level, abs=5e-4)


def test_boschloo_is_fast() -> None:
    people = counted({"f": (900, 1100), "r": (1500, 1500)})
    start = time.perf_counter()
    found = measure("boschloo", people, **PAIR).detail
    assert time.perf_counter() - start < 1
    assert found["p_one_sided"] < found["fisher_p_one_sided"] < 3e-4


@pytest.mark.parametrize(("a", "b", "c", "d"), [(14, 10, 21, 3), (2, 8, 15, 10), (5, 5, 6, 5), (9, 18, 41, 27)])
def test_yates_scipy(a: int, b: int, c: int, d: int) -> None:
    peer = chi2_contingency([[a, b], [c, d]], correction=True)
    found = _detail("chi_square", {"f": (a, b), "r": (c, d)})
    assert (found["yates"], found["yates_p"]) == pytest.approx((peer.statistic, peer.pvalue), rel=1e-10)


# --- anchors


def test_morris_2017() -> None:
    people = counted({"women": (2, 8), "men": (15, 10)})
    estimate = measure("two_proportion_z", people)
    assert estimate.value == pytest.approx(-2.138963, abs=1e-6)
    assert estimate.detail["p_two_sided"] == pytest.approx(0.0324387, abs=1e-7)
    assert estimate.detail["two_standard_deviations"] is True
    assert measure("chi_square", people).value == pytest.approx(2.138963**2, abs=1e-5)


def test_castaneda_v_partida() -> None:
    """339 of 870 jurors against a share of .791: 29 standard deviations (note 17), about 29.1."""
    jurors = pl.DataFrame({"group": ["mexican-american"] * 339 + ["other"] * 531, "selected": 1})
    estimate = measure("two_proportion_z", jurors, share=0.791, focal="mexican-american")
    assert estimate.value == pytest.approx(-29.1, abs=0.05)
    assert estimate.detail["expected"] == pytest.approx(688.17)
    assert estimate.detail["p_exact"] == pytest.approx(2 * binom.cdf(339, 870, 0.791))


def test_share_counts_those_selected_only() -> None:
    people = counted({"f": (10, 90), "r": (30, 5)})
    assert measure("two_proportion_z", people, focal="f", share=0.4).value == pytest.approx(-6 / np.sqrt(9.6))


# --- invariances


@settings(max_examples=10, deadline=None)
@given(cells=tables, seed=st.integers(0, 1000))
def test_row_order_and_other_groups_do_not_matter(cells: dict[str, tuple[int, int]], seed: int) -> None:
    people = counted(cells)
    more = pl.concat([people, counted({"other": (3, 4)})]).sample(fraction=1, shuffle=True, seed=seed)
    for name in TESTS:
        assert measure(name, people, **PAIR).to_dict() == measure(name, more, **PAIR).to_dict()


@settings(max_examples=10, deadline=None)
@given(cells=tables)
def test_turning_round_keeps_the_p_values(cells: dict[str, tuple[int, int]]) -> None:
    for name in TESTS:
        one, other = _detail(name, cells, **PAIR), _detail(name, cells, **TURNED)
        for key in ("p_two_sided", "p_one_sided"):
            assert one.get(key) == (None if one.get(key) is None else pytest.approx(other[key], rel=1e-5))
    swapped = {name: (no, yes) for name, (yes, no) in cells.items()}
    assert _detail("boschloo", swapped)["p_less"] == pytest.approx(_detail("boschloo", cells)["p_greater"], rel=1e-5)


@settings(max_examples=40, deadline=None)
@given(cells=tables, fixed=st.sampled_from(["groups", "decisions"]))
def test_boschloo_never_exceeds_fisher(cells: dict[str, tuple[int, int]], fixed: str) -> None:
    if len({selected > 0 for selected, _ in cells.values()} | {rejected > 0 for _, rejected in cells.values()}) > 1:
        return
    found, fisher = _detail("boschloo", cells, fixed=fixed, **PAIR), _detail("fisher_exact", cells)
    assert found["p_less"] <= fisher["p_less"] * (1 + 1e-7)
    assert found["p_greater"] <= fisher["p_greater"] * (1 + 1e-7)


@settings(max_examples=40, deadline=None)
@given(cells=tables)
def test_chi_square_is_z_squared(cells: dict[str, tuple[int, int]]) -> None:
    chi, z = measure("chi_square", counted(cells), **PAIR), measure("two_proportion_z", counted(cells), **PAIR)
    assert (chi.value is None) == (z.value is None)
    if chi.value is not None and z.value is not None:
        assert chi.value == pytest.approx(z.value**2, abs=1e-9)
        assert chi.detail["p_two_sided"] == pytest.approx(z.detail["p_two_sided"], abs=1e-9)


# --- thin and wrong data


@pytest.mark.parametrize("name", [*TESTS, "scoring_rate"])
@pytest.mark.parametrize(
    "cells",
    [
        {}, {"f": (3, 2)}, {"f": (5, 0), "r": (9, 0)}, {"f": (0, 5), "r": (0, 9)}, {"f": (1, 0), "r": (0, 1)},
        {"f": (0, 1), "r": (1, 0)}, {"f": (0, 2), "r": (2, 3)}, {"f": (0, 50), "r": (25, 25)}, {"f": (1, 0), "r": (900, 1)},
    ],
)  # fmt: skip
def test_thin_tables(name: str, cells: dict[str, tuple[int, int]]) -> None:
    options = {"score": "selected"} if name == "scoring_rate" else {}
    estimate = measure(name, counted(cells), **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    assert estimate.value is not None or estimate.cautions
    for key in ("p_two_sided", "p_one_sided"):
        found = estimate.detail.get(key)
        assert found is None or 0 <= found <= 1


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("two_proportion_z", {"share": 1.5, "focal": "f"}, "between 0 and 1"),
        ("two_proportion_z", {"share": 0.5, "focal": "f", "reference": "r"}, "not both"),
        ("two_proportion_z", {"share": 0.5, "focal": "x"}, "does not occur"),
        ("boschloo", {"fixed": "nothing"}, "groups, decisions"),
        ("boschloo", {"focal": "f", "reference": "f"}, "same group"),
        ("scoring_rate", {"score": "selected", "group": ["group", "group"]}, "two different"),
        ("scoring_rate", {"score": "selected", "minimum_share": 0.7}, "minimum_share"),
    ],
)
def test_misuse(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(MeasureInputError, match=message):
        measure(name, counted({"f": (3, 4), "r": (5, 2)}), **options)


# --- scoring rate


def _rated(**options: Any) -> Estimate:
    people = pl.DataFrame(
        {
            "sex": ["f", "f", "f", "f", "m", "m", "m", "m", None, "m"],
            "race": ["a", "a", "b", "b", "a", "a", "b", "b", "a", "b"],
            "score": [1, 6, 3, 4, 7, 8, 2, 9, 100, None],
        }
    )
    return measure("scoring_rate", people, **options)


def test_scoring_rate_by_hand() -> None:
    """Nine scores, median 6: one more is of unknown sex, counts for the median and in no group."""
    estimate = _rated(group="sex")
    assert estimate.detail["median"] == 6
    assert estimate.detail["above"] == {"f": 0, "m": 3}
    assert estimate.value == 0
    assert (estimate.n["people"], estimate.n["scored"], estimate.detail["unknown_group"]) == (8, 9, 1)
    assert estimate.detail["at_median"] == 1
    codes = {caution.code for caution in estimate.cautions}
    assert codes == {"MISSING_DATA", "TIES", "ZERO_CELL"}


def test_scoring_rate_intersections_by_hand() -> None:
    estimate = _rated(group=option_from_text("scoring_rate", "group", "sex, race"))
    assert estimate.detail["rates"] == {"f / a": 0, "f / b": 0, "m / a": 1, "m / b": 0.5}
    assert estimate.detail["ratios"]["m / b"] == 0.5
    assert estimate.detail["by_column"]["race"]["rates"] == {"a": 0.5, "b": 0.25}
    assert estimate.detail["by_column"]["sex"]["above"] == {"f": 0, "m": 3}


def test_small_categories_are_not_benchmarked() -> None:
    people = pl.DataFrame({"group": ["a"] * 120 + ["b"] * 120 + ["c"] * 2, "score": [*range(240), 500, 501]})
    estimate = measure("scoring_rate", people)
    assert estimate.detail["excluded"] == ["c"]
    assert estimate.detail["highest"] == "b"
    assert measure("scoring_rate", people, minimum_share=0).detail["highest"] == "c"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_scoring_rate_is_the_impact_ratio_of_those_above(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    people = pl.DataFrame({"group": rng.choice(["a", "b", "c"], 60), "score": rng.integers(0, 40, 60)})
    above = people.with_columns(selected=pl.col("score") > pl.col("score").median())
    moved = people.with_columns(score=pl.col("score") * scale + shift).sample(fraction=1, shuffle=True, seed=seed)
    one, other, ratio = measure("scoring_rate", people), measure("scoring_rate", moved), measure("impact_ratio", above)
    assert one.value == other.value == ratio.value
    assert one.interval == other.interval == ratio.interval
    assert one.detail["rates"] == other.detail["rates"]


@pytest.mark.parametrize(
    ("n", "m", "least", "most"), [(60, 90, 0.93, 0.94), (150, 250, 0.94, 0.96), (40, 40, 0.94, 0.97)]
)
def test_coverage_of_equal_scoring_rates_exactly(n: int, m: int, least: float, most: float) -> None:
    """Half of all lie above the median: the count is hypergeometric, and the level depends on its few values."""
    half = (n + m) // 2
    covered = 0.0
    for a in range(max(0, half - m), min(n, half) + 1):
        ends = koopman_interval(Table(a, n - a, half - a, m - half + a), 0.95)
        if ends is not None and ends.low <= 1 <= ends.high:
            covered += float(hypergeom.pmf(a, n + m, n, half))
    assert least < covered < most
