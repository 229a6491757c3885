"""Variance components and G(q,k): published figures, oracles, worked designs, invariances, thin data, coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from benchmarks.recovery.reliability import SETTINGS, panels
from benchmarks.recovery.setting import Setting
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

ITEM_KEYS = {
    "p": "unit",
    "item": "item",
    "rater": "rater",
    "p_item": "unit:item",
    "p_rater": "unit:rater",
    "item_rater": "rater:item",
    "residual": "residual",
}


def _putka(rows: str) -> pl.DataFrame:
    """Scores of a design given as rows of 0 and 1."""
    cells = [(u, r) for u, row in enumerate(rows.split()) for r, met in enumerate(row) if met == "1"]
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {"unit": [u for u, _ in cells], "rater": [r for _, r in cells], "score": rng.normal(size=len(cells))}
    )


@pytest.mark.parametrize(
    ("design", "q"),
    [
        ("1111 1111 1111", 0.0),
        ("110000 001100 000011", 0.5),
        ("1100 0110 0011 1001", 1 / 3),
        ("110 011 111", 4 / 9 - (1 / 4 + 1 / 3 + 1 / 3) / 3),  # 1/k less the mean overlap of the three pairs
    ],
)
def test_putkas_q(design: str, q: float) -> None:
    """Crossed 0, nested 1/k, cyclic 1/3 (Putka et al. 2008), and one by hand."""
    assert measure("g_coefficient", _putka(design), interval="none").detail["q"] == pytest.approx(q, abs=1e-12)


def test_brennans_synthetic_data_set_1() -> None:
    """Persons .0574, items .0754, residual .1269 give .844 and .773 with twelve items (Brennan 2001)."""
    unit, rater, residual = 0.0574, 0.0754, 0.1269
    rng = np.random.default_rng(5)
    people, items = 40, 12

    def orthogonal(count: int, variance: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        effect = rng.normal(size=count)
        effect -= effect.mean()
        return effect * np.sqrt(variance * (count - 1) / np.sum(effect**2))

    noise = rng.normal(size=(people, items))
    noise -= noise.mean(axis=0)
    noise -= noise.mean(axis=1, keepdims=True)
    noise *= np.sqrt(residual * (people - 1) * (items - 1) / np.sum(noise**2))
    scores = orthogonal(people, unit + residual / items)[:, None] + orthogonal(items, rater + residual / people) + noise
    found = measure("g_coefficient", long(tuple(map(tuple, scores.tolist()))))
    assert found.detail["var_unit"] == pytest.approx(unit, rel=1e-6)
    assert found.detail["var_rater"] == pytest.approx(rater, rel=1e-6)
    assert found.detail["relative"] == pytest.approx(0.844, abs=0.0006)
    assert found.detail["phi_absolute"] == pytest.approx(0.773, abs=0.0006)


@pytest.mark.parametrize(("case", "check"), checks("putka_gqk"))
def test_oracle_of_putkas_coefficient(case: str, check: dict[str, Any]) -> None:
    frame = data(case)
    found = measure("g_coefficient", frame)
    actual = {
        "q": found.detail["q"],
        "k_harmonic": found.detail["k_harmonic"],
        "k_arith": found.detail["k_arithmetic"],
        "n_units": found.n["units"],
        "G_qk": found.value,
        "G_q1_single": measure("variance_components", frame).value,
        "G_relative_crossed_k": found.detail["relative"],
        "Phi_absolute_k": found.detail["phi_absolute"],
    }
    for key in check["expected"]:
        agree(check, key, actual[key])


@pytest.mark.parametrize(("case", "check"), checks("g_theory_reml_crossed"))
def test_oracle_of_reml(case: str, check: dict[str, Any]) -> None:
    found = measure("variance_components", data(case))
    actual = {f"var_{name}": found.detail[name] for name in ("unit", "rater", "residual")} | {
        key: found.detail[key] for key in ("intercept", "reml_criterion")
    }
    for key in check["expected"].keys() & actual.keys():
        agree(check, key, actual[key])
    assert found.detail["convergence"]["converged"]


@pytest.mark.parametrize(("case", "check"), checks("g_theory_anova_crossed"))
def test_oracle_of_mean_squares(case: str, check: dict[str, Any]) -> None:
    frame = data(case)
    found = measure("variance_components", frame, method="anova")
    squares, n = found.detail["mean_squares"], found.n
    variances = {
        "person": found.detail["unit"],
        "r": found.detail["rater"],
        "person x r": found.detail["residual"],
        # the program's "mean" is the component of the squared grand mean
        "mean": found.detail["intercept"] ** 2
        - found.detail["unit"] / n["units"]
        - found.detail["rater"] / n["raters"]
        - found.detail["residual"] / n["scores"],
    }
    actual = {
        "variances": variances,
        "var_unit": found.detail["unit"],
        "var_rater": found.detail["rater"],
        "var_residual": found.detail["residual"],
        "MS_unit": squares["unit"],
        "MS_rater": squares["rater"],
        "MS_residual": squares["residual"],
        "g_relative": measure("icc", frame, form="C,k").value,
        "phi_absolute": measure("icc", frame, form="A,k").value,
    }
    for key in check["expected"]:
        agree(check, key, actual[key])


@pytest.mark.parametrize(("case", "check"), checks("g_theory_anova_pxixj", "g_theory_reml_pxixj"))
def test_oracle_with_items(case: str, check: dict[str, Any]) -> None:
    method = "anova" if "anova" in check["statistic"] else "reml"
    found = measure("variance_components", data(case), facets=["unit", "rater", "item"], method=method)
    for key, own in ITEM_KEYS.items():
        agree(check, key, found.detail[own])
    if method == "reml":
        assert found.detail["reml_criterion"] <= check["expected"]["reml_criterion"] + 1e-6


def test_items_reml_finds_the_mean_squares_where_none_is_negative() -> None:
    """In a complete design with positive ANOVA estimates REML and ANOVA are the same numbers."""
    rng = np.random.default_rng(12)
    p, i, r = 30, 5, 6
    cube = rng.normal(0, 1.2, (p, 1, 1)) + rng.normal(0, 0.8, (1, i, 1)) + rng.normal(0, 0.9, (1, 1, r))
    cube = cube + rng.normal(0, 0.8, (p, i, 1)) + rng.normal(0, 0.7, (p, 1, r)) + rng.normal(0, 0.6, (1, i, r))
    cube = cube + rng.normal(0, 0.5, (p, i, r))
    unit, item, rater = (axis.ravel() for axis in np.indices(cube.shape))
    frame = pl.DataFrame({"unit": unit, "item": item, "rater": rater, "score": cube.ravel()})
    anova, reml = (
        measure("variance_components", frame, facets=["unit", "rater", "item"], method=method)
        for method in ("anova", "reml")
    )
    for name in ITEM_KEYS.values():
        assert reml.detail[name] == pytest.approx(anova.detail[name], rel=1e-5)


def test_items_that_cannot_be_told_apart_are_named() -> None:
    """With one item scored by each rater of a unit, unit:item and unit:rater are the residual."""
    frame = pl.DataFrame(
        {
            "unit": [0, 0, 1, 1, 2, 2, 3, 3, 4, 4],
            "rater": [0, 1, 1, 2, 2, 0, 0, 1, 1, 2],
            "item": [0, 1, 0, 1, 0, 1, 1, 0, 1, 0],
            "score": [1.0, 2, 3, 3, 5, 4, 2, 1, 4, 4],
        }
    )
    found = measure("variance_components", frame, facets=["unit", "rater", "item"])
    assert "unit:rater" not in found.detail
    assert any("unit:item" in c.text and c.code == "INCOMPLETE_DESIGN" for c in found.cautions)


def test_d_study_of_a_crossed_design() -> None:
    """Shrout & Fleiss's table: var_unit 2.5556, var_residual 1.0194, so G(k) = 2.5556 / (2.5556 + 1.0194 / k)."""
    found = measure("g_coefficient", long(SHROUT_FLEISS))
    rows = {row["raters"]: row for row in found.detail["d_study"]}
    assert list(rows) == list(range(1, 11))
    assert rows[1]["g"] == pytest.approx(0.7148407, abs=1e-6)
    assert rows[4]["g"] == pytest.approx(found.value)
    assert rows[4]["phi_absolute"] == pytest.approx(0.6200505, abs=1e-6)
    # 0.9 needs 9 * 1.0194 / 2.5556 = 3.6 raters, 0.8 needs 1.6, 0.7 less than one
    assert found.detail["raters_needed"] == {"0.70": 1, "0.80": 2, "0.90": 4}
    assert measure("g_coefficient", long(SHROUT_FLEISS), raters_per_unit=2).value == pytest.approx(rows[2]["g"])


def test_half_nested_design_keeps_its_overlap_in_the_d_study() -> None:
    found = measure("g_coefficient", _putka("1100 0110 0011 1001"))
    assert [row["q"] * row["raters"] for row in found.detail["d_study"]] == pytest.approx([2 / 3] * 10)


@pytest.mark.parametrize("name", ["g_coefficient", "variance_components"])
@pytest.mark.parametrize("change", UNCHANGED)
@settings(deadline=None, max_examples=25)
@given(frame=incomplete_panels())
def test_unchanged_by(name: str, change: str, frame: pl.DataFrame) -> None:
    before, after = (measure(name, one, interval="none") for one in (frame, UNCHANGED[change](frame)))
    assert after.value == pytest.approx(before.value, abs=2e-5)


@settings(deadline=None, max_examples=20)
@given(frame=incomplete_panels())
def test_interval_holds_the_estimate(frame: pl.DataFrame) -> None:
    found = measure("g_coefficient", frame)
    assert found.value is not None
    if found.interval is not None:
        assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1


@pytest.mark.parametrize("name", ["g_coefficient", "variance_components"])
@pytest.mark.parametrize(("frame", "code"), THIN.values(), ids=THIN)
def test_thin_data_say_why(name: str, frame: pl.DataFrame, code: str) -> None:
    found = measure(name, frame)
    assert found.value is None
    assert code in {caution.code for caution in found.cautions}


@pytest.mark.parametrize("name", ["g_coefficient", "variance_components"])
@pytest.mark.parametrize("frame", STILL_ESTIMABLE.values(), ids=STILL_ESTIMABLE)
def test_odd_designs_give_a_number(name: str, frame: pl.DataFrame) -> None:
    found = measure(name, frame)
    assert found.value is not None
    assert 0 <= found.value <= 1
    found.to_dict()


def test_candidates_with_raters_of_their_own_are_a_one_way_design() -> None:
    frame = STILL_ESTIMABLE["one candidate per rater"]
    found = measure("g_coefficient", frame)
    assert found.value == pytest.approx(measure("icc", frame, form="k").value)
    assert found.detail["q"] == pytest.approx(0.5)


def test_boundary_is_said() -> None:
    found = measure("g_coefficient", STILL_ESTIMABLE["units that do not differ"])
    assert found.value == 0
    assert "BOUNDARY" in {caution.code for caution in found.cautions}
    assert found.detail["raters_needed"]["0.70"] is None


def test_repeated_pairs_count_once_in_the_design() -> None:
    found = measure("g_coefficient", STILL_ESTIMABLE["a pair that occurs twice"])
    assert found.detail["k_harmonic"] == 2
    assert found.detail["q"] == pytest.approx(0)
    assert found.n["scores"] == 7


def test_parametric_bootstrap_is_seeded_and_near_the_profile() -> None:
    rng = np.random.default_rng(2)
    unit, rater = panels(100, 20, (2, 3, 4))
    score = rng.normal(0, 1, 100)[unit] + rng.normal(0, 0.5, 20)[rater] + rng.normal(0, 1, unit.size)
    frame = pl.DataFrame({"unit": unit, "rater": rater, "score": score})
    profile = measure("g_coefficient", frame).interval
    first, again = (measure("g_coefficient", frame, interval="bootstrap", replicates=300, seed=4) for _ in range(2))
    assert profile is not None
    assert first.interval is not None
    assert first.to_dict() == again.to_dict()
    assert first.interval.low == pytest.approx(profile.low, abs=0.06)
    assert first.interval.high == pytest.approx(profile.high, abs=0.06)


def test_cluster_bootstrap_draws_whole_units() -> None:
    """Near the profile interval where scores are normal, the same twice, and one that does not leave what it samples."""
    rng = np.random.default_rng(8)
    unit, rater = panels(150, 25, (2, 3, 4))
    score = rng.normal(0, 1, 150)[unit] + rng.normal(0, 0.3, 25)[rater] + rng.normal(0, 1, unit.size)
    frame = pl.DataFrame({"unit": unit, "rater": rater, "score": score})
    profile = measure("g_coefficient", frame).interval
    first, second = (
        measure("g_coefficient", frame, interval="cluster_bootstrap", replicates=200, seed=3).interval for _ in range(2)
    )
    assert first == second
    assert first is not None
    assert profile is not None
    assert "by unit" in first.method
    assert first.low == pytest.approx(profile.low, abs=0.08)
    assert first.high == pytest.approx(profile.high, abs=0.08)


def test_anova_of_an_incomplete_design() -> None:
    """Henderson's method 1 is unbiased: over many samples the components come back."""
    rng = np.random.default_rng(6)
    unit, rater = panels(60, 12, (2, 3))
    draws = []
    for _ in range(60):
        score = rng.normal(0, 1, 60)[unit] + rng.normal(0, 1, 12)[rater] + rng.normal(0, 1, unit.size)
        frame = pl.DataFrame({"unit": unit, "rater": rater, "score": score})
        found = measure("variance_components", frame, method="anova", interval="none")
        draws.append([found.detail[name] for name in ("unit", "rater", "residual")])
    assert np.mean(draws, axis=0) == pytest.approx([1, 1, 1], abs=0.2)


def test_misuse_is_named() -> None:
    frame = ratings(("a", "x", 1), ("a", "y", 2))
    with pytest.raises(MeasureInputError, match="expected facets"):
        measure("variance_components", frame, facets=["rater", "item"])
    with pytest.raises(MeasureInputError, match="column 'item' for the role item"):
        measure("variance_components", frame, facets=["unit", "rater", "item"])
    with pytest.raises(MeasureInputError, match="raters_per_unit"):
        measure("g_coefficient", frame, raters_per_unit=0)
    with pytest.raises(MeasureInputError, match="replicates"):
        measure("g_coefficient", long(SHROUT_FLEISS), interval="bootstrap", replicates=5)


def _coverage(setting: Setting, replicates: int) -> float:
    hits = 0
    for index in range(replicates):
        found = setting.estimate(setting.simulate(np.random.default_rng([index, 77])))
        hits += found.interval is not None and found.interval.low <= (setting.truth or 0) <= found.interval.high
    return hits / replicates


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_intervals_are_not_far_off(setting: Setting) -> None:
    """With 40 samples at 95 % fewer than 33 hits have a chance under one in ten thousand."""
    assert _coverage(setting, 40) >= 33 / 40


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_coverage(setting: Setting) -> None:
    assert 0.925 <= _coverage(setting, 1000) <= 0.98
