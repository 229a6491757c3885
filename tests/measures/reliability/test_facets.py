"""Variance components of two to four facets: mean squares, REML, nesting, D-studies."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError
from fairpanel.measures.reliability.d_study import planned, raters_needed
from tests.oracles.cases import checks, data

FACETS = ["unit", "rater", "item", "occasion"]
FloatArray = npt.NDArray[np.float64]


def _cube(sizes: tuple[int, ...], seed: int) -> FloatArray:
    """A sum of normal effects of every set of axes, with the standard deviation .5 + .1 × its rank."""
    rng = np.random.default_rng(seed)
    cube = np.zeros(sizes)
    for size in range(1, len(sizes) + 1):
        for effect in combinations(range(len(sizes)), size):
            shape = [sizes[axis] if axis in effect else 1 for axis in range(len(sizes))]
            cube = cube + rng.normal(0, 0.5 + 0.2 * (0 in effect), shape)
    return cube


def _frame(cube: FloatArray, facets: list[str]) -> pl.DataFrame:
    columns = dict(zip(facets, (axis.ravel() for axis in np.indices(cube.shape)), strict=True))
    return pl.DataFrame(columns | {"score": cube.ravel()})


@pytest.mark.parametrize("facets", [["unit", "item"], ["unit", "rater", "occasion"], FACETS])
def test_reml_is_the_mean_squares_of_a_complete_design_without_negative_ones(facets: list[str]) -> None:
    sizes = {2: (30, 6), 3: (20, 6, 5), 4: (14, 5, 4, 4)}[len(facets)]
    for seed in range(60):
        frame = _frame(_cube(sizes, seed), facets)
        anova = measure("variance_components", frame, facets=facets, method="anova")
        if min(anova.detail[name] for name in anova.detail if name != "intercept") > 0.02:
            break
    else:
        pytest.fail("no data set without a negative component")
    reml = measure("variance_components", frame, facets=facets, interval="none")
    names = set(anova.detail) - {"total", "intercept", "mean_squares"}
    assert len(names) == 2 ** len(facets) - 1
    for name in names:
        assert reml.detail[name] == pytest.approx(anova.detail[name], rel=1e-4), name
    assert reml.detail["convergence"]["converged"]


def test_mean_squares_of_four_facets_by_hand() -> None:
    """Only units and raters differ: the components are the variances of their effects, everything else is zero."""
    unit, rater = np.array([-1.0, 0.0, 1.0, 4.0]), np.array([0.0, 2.0, 1.0])
    cube = np.broadcast_to(unit[:, None, None, None] + rater[:, None, None], (4, 3, 2, 2)).astype(np.float64)
    found = measure("variance_components", _frame(cube, FACETS), facets=FACETS, method="anova")
    assert found.detail["unit"] == pytest.approx(unit.var(ddof=1))
    assert found.detail["rater"] == pytest.approx(1.0)
    others = set(found.detail) - {"unit", "rater", "total", "intercept"}
    assert all(found.detail[name] == pytest.approx(0, abs=1e-12) for name in others)


def test_raters_nested_in_units_have_one_component_for_both() -> None:
    rng = np.random.default_rng(3)
    unit = np.repeat(np.arange(40), 6)
    rater = unit * 2 + np.tile([0, 0, 0, 1, 1, 1], 40)
    item = np.tile([0, 1, 2], 80)
    score = rng.normal(0, 1, 40)[unit] + rng.normal(0, 0.6, 80)[rater] + rng.normal(0, 0.4, 240)
    frame = pl.DataFrame({"unit": unit, "rater": rater, "item": item, "score": score})
    found = measure("variance_components", frame, facets=["unit", "rater", "item"])
    assert "unit:rater" not in found.detail
    assert found.detail["rater"] == pytest.approx(0.36, abs=0.2)
    assert any(c.code == "INCOMPLETE_DESIGN" and "unit:rater" in c.text for c in found.cautions)


@pytest.mark.slow
def test_four_facets_of_an_incomplete_design_are_recovered() -> None:
    """Means over 30 data sets with a third of the cells missing lie within four standard errors of the truth."""
    rng = np.random.default_rng(11)
    truth = {"unit": 1.0, "rater": 0.3, "unit:rater": 0.3, "unit:item": 0.25, "unit:occasion": 0.2, "residual": 0.4}
    sizes = (40, 6, 3, 3)
    found: dict[str, list[float]] = {name: [] for name in truth}
    for _ in range(30):
        u, r, i, o = np.indices(sizes)
        cube = rng.normal(0, 1, 40)[u] + rng.normal(0, 0.3**0.5, 6)[r] + rng.normal(0, 0.3**0.5, (40, 6))[u, r]
        cube = cube + rng.normal(0, 0.5, (40, 3))[u, i] + rng.normal(0, 0.2**0.5, (40, 3))[u, o]
        frame = _frame(cube + rng.normal(0, 0.4**0.5, sizes), FACETS).sample(
            fraction=2 / 3, seed=int(rng.integers(1e6))
        )
        detail = measure("variance_components", frame, facets=FACETS, interval="none").detail
        for name, values in found.items():
            values.append(detail[name])
    for name, values in found.items():
        error = np.std(values, ddof=1) / np.sqrt(len(values))
        bias = 0.02 if name in ("rater", "residual") else 0.01  # boundary estimates are at least 0 and push the rest
        assert abs(np.mean(values) - truth[name]) < 4 * error + bias, name


@pytest.mark.parametrize(
    "facets", [["rater"], ["unit"], ["unit", "unit"], ["unit", "rater", "shoe"], ["rater", "item"], "unit"]
)
def test_facets_are_checked(facets: list[str]) -> None:
    frame = pl.DataFrame({"unit": [1, 1], "rater": [1, 2], "item": [1, 1], "score": [1, 2]})
    with pytest.raises(MeasureInputError, match="expected facets: unit and one to three"):
        measure("variance_components", frame, facets=facets)


@pytest.mark.parametrize("facets", [FACETS, ["unit", "item"], ["unit", "occasion"]])
@pytest.mark.parametrize("kind", ["empty", "one unit", "constant", "one score a unit", "one score a level"])
def test_designs_that_show_nothing_give_a_caution(facets: list[str], kind: str) -> None:
    rows = {
        "empty": [],
        "one unit": [(1, 1, 1, 1, 3.0), (1, 2, 2, 1, 4.0)],
        "constant": [(u, r, i, 1, 3.0) for u in range(4) for r in range(2) for i in range(2)],
        "one score a unit": [(u, u % 2, u % 3, 1, float(u)) for u in range(8)],
        "one score a level": [(u, u, u, u, float(u % 5)) for u in range(8)],
    }[kind]
    schema = dict.fromkeys(FACETS, pl.Int64) | {"score": pl.Float64}
    found = measure("variance_components", pl.DataFrame(rows, schema=schema, orient="row"), facets=facets)
    assert found.value is None
    assert found.cautions


@pytest.mark.parametrize("most", [2500, 10])
def test_scores_without_a_residual_have_no_components(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rater who gives every item the same score: components relative to a residual of zero cannot be told."""
    monkeypatch.setattr("fairpanel.measures.reliability.facets.MOST_LEVELS", most)
    rng = np.random.default_rng(0)
    unit, rater, item = (axis.ravel() for axis in np.indices((40, 5, 3)))
    halo = rng.normal(0, 1, 40)[unit] + rng.normal(0, 0.5, 5)[rater] + rng.normal(0, 0.5, (40, 5))[unit, rater]
    for score in (halo, rng.normal(0, 1, 5)[rater] + rng.normal(0, 1, 40)[unit]):
        frame = pl.DataFrame({"unit": unit, "rater": rater, "item": item, "score": score})
        found = measure("variance_components", frame, facets=FACETS[:3])
        assert found.value is None
        assert any(c.code == "NOT_ESTIMABLE" and "every score" in c.text for c in found.cautions)


def test_perfect_agreement_is_all_of_the_units() -> None:
    unit, rater, item = (axis.ravel() for axis in np.indices((40, 5, 3)))
    level = np.random.default_rng(0).normal(0, 1, 40)
    frame = pl.DataFrame({"unit": unit, "rater": rater, "item": item, "score": level[unit]})
    found = measure("variance_components", frame, facets=FACETS[:3])
    assert found.value == 1.0
    assert found.detail["unit"] == pytest.approx(level.var(ddof=1))
    assert found.detail["residual"] == found.detail["rater:item"] == 0
    assert {c.code for c in found.cautions} == {"BOUNDARY", "NO_INTERVAL"}


def test_forty_items() -> None:
    frame = _frame(_cube((25, 3, 40), 1), ["unit", "rater", "item"])
    found = measure("variance_components", frame, facets=["unit", "rater", "item"])
    assert found.value is not None
    assert {row["items"] for row in found.detail["d_study"]} == {1, 2, 3, 5, 8, 40}


@pytest.mark.parametrize(("_", "check"), checks("g_theory_anova_pxixj"))
def test_plan_for_the_observed_numbers_is_the_published_coefficient(_: str, check: dict[str, dict[str, float]]) -> None:
    """Items random: the relative coefficient of the oracle's design, 6 items and 2 raters. Its Phi keeps a negative
    component; here one counts as none."""
    found = measure("variance_components", data("gleser"), facets=["unit", "rater", "item"], method="anova")
    plan = planned(found.detail, raters=2, items=6, overlap=0.0, fixed=False)
    assert plan["relative"] == pytest.approx(check["expected"]["g_relative"], abs=1e-6)


def test_composite_plan_by_hand() -> None:
    """u 1, r .3, ur .2, ui .4, ri .1, residual .8: two raters, four items, half of rater differences counted."""
    components = {"unit": 1.0, "rater": 0.3, "unit:rater": 0.2, "unit:item": 0.4, "rater:item": 0.1, "residual": 0.8}
    true, specific, shared = 1 + 0.4 / 4, 0.2 / 2 + 0.8 / 8, 0.3 / 2 + 0.1 / 8
    plan = planned(components, raters=2, items=4, overlap=0.5)
    assert plan["g"] == pytest.approx(true / (true + specific + 0.5 * shared))
    assert plan["relative"] == pytest.approx(true / (true + specific))
    assert plan["phi_absolute"] == pytest.approx(true / (true + specific + shared))
    needed = raters_needed(components, 4, 0.5, 0.9)
    assert needed is not None
    assert planned(components, raters=needed, items=4, overlap=0.5)["g"] >= 0.9
    assert planned(components, raters=needed - 1, items=4, overlap=0.5)["g"] < 0.9
