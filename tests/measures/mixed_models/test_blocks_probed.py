"""Components of three and four facets with traces from random probes against the exact ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from fairpanel.measures.mixed_models import blocks_probed
from fairpanel.measures.mixed_models.blocks import BlockLikelihood, evaluate_blocks, fit_blocks
from fairpanel.measures.mixed_models.blocks_design import BlockDesign, block_design
from fairpanel.measures.mixed_models.blocks_probed import evaluate_blocks_probed, fit_blocks_probed, many_levels

FACETS = ["unit", "rater", "item"]
NESTED = ("unit", "unit:rater", "unit:item")


def _frame(units: int, raters: int, items: int, seed: int, *, across: float = 1.0, occasions: int = 1) -> pl.DataFrame:
    """Two to four raters a unit, a tenth of the scores missing; `across` scales what raters and items add."""
    rng = np.random.default_rng(seed)
    panels = [rng.choice(raters, rng.integers(2, 5), replace=False) for _ in range(units)]
    pair = np.repeat(np.arange(sum(map(len, panels))), items)
    unit = np.repeat(np.arange(units), [len(panel) for panel in panels])[pair]
    rater, item = np.concatenate(panels)[pair], np.tile(np.arange(items), pair.size // items)
    occasion = rng.integers(0, occasions, pair.size)
    score = (
        rng.normal(0, 0.8, units)[unit]
        + rng.normal(0, 0.3, (units, items))[unit, item]
        + rng.normal(0, 0.3, pair.size)[pair]
        + across * rng.normal(0, 0.4, raters)[rater]
        + across * rng.normal(0, 0.2, items)[item]
        + across * rng.normal(0, 0.25, (raters, items))[rater, item]
        + rng.normal(0, 0.6, pair.size)
    )
    frame = pl.DataFrame({"unit": unit, "rater": rater, "item": item, "occasion": occasion, "score": score})
    return frame.filter(pl.Series(rng.random(pair.size) > 0.1))


def _design(frame: pl.DataFrame, *, occasions: bool = False) -> BlockDesign:
    def codes(*names: str) -> npt.NDArray[np.int64]:
        table = frame.select(names).to_numpy()
        return np.unique(table, axis=0, return_inverse=True)[1].astype(np.int64)

    crossing = ["rater", "item", "rater:item", *(["occasion", "rater:occasion", "rater:item:occasion"] * occasions)]
    return block_design(
        codes("unit"),
        frame["score"].to_numpy(),
        {name: codes(*name.split(":")) for name in NESTED},
        {name: codes(*name.split(":")) for name in crossing},
    )


def _distance(found: BlockLikelihood, exact: BlockLikelihood) -> float:
    """In standard errors of the estimates."""
    moved = found.gamma - exact.gamma
    return float(np.sqrt(moved @ exact.average_information() @ moved))


@pytest.mark.parametrize(("units", "raters", "items", "occasions"), [(600, 60, 4, 1), (80, 120, 3, 1), (150, 40, 3, 3)])
def test_close_to_the_exact_optimum_and_says_how_close(units: int, raters: int, items: int, occasions: int) -> None:
    for seed in range(3):
        frame = _frame(units, raters, items, seed, occasions=occasions)
        design = _design(frame, occasions=occasions > 1)
        (exact, _), (probed, record) = fit_blocks(design), fit_blocks_probed(design)
        assert record.converged
        assert record.monte_carlo_error is not None
        assert 0 < record.monte_carlo_error < 0.3
        assert _distance(probed, exact) < 4 * record.monte_carlo_error


def test_the_stated_error_is_the_scatter_of_many_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    design = _design(_frame(250, 50, 3, 9))
    exact, _ = fit_blocks(design)
    distances, stated = [], []
    for seed in range(40):
        monkeypatch.setattr(blocks_probed, "SEED", seed)
        found, record = fit_blocks_probed(design, probes=16)
        distances.append(_distance(found, exact) ** 2)
        stated.append(record.monte_carlo_error or 0.0)
    assert np.sqrt(np.mean(distances)) == pytest.approx(np.mean(stated), rel=0.35)


@pytest.mark.parametrize(
    "gamma",
    [
        (0.5, 0.2, 0.3, 0.4, 0.1, 0.2),
        (0.0, 0.0, 0.3, 0.0, 0.1, 0.2),
        (2.0, 0.1, 0.0, 0.3, 0.0, 0.0),
        (1.0, 0.1, 0.2, 0.0, 0.0, 0.0),
        (0.5, 0.2, 0.3, 1e-7, 0.2, 20.0),
    ],
)
def test_gradient_of_many_probes_is_the_exact_gradient(gamma: tuple[float, ...]) -> None:
    """Within 4.5 standard errors of the mean over 4,000 probes; everything but the traces to many digits."""
    design = _design(_frame(80, 40, 3, 2))
    many = many_levels(design)
    signs = np.random.default_rng(1).choice(np.array([-1.0, 1.0]), (many.many.size, 4000))
    exact = evaluate_blocks(design, np.array(gamma))
    found, scatter, _ = evaluate_blocks_probed(design, many, np.array(gamma), signs, tolerance=1e-12)
    error = scatter.std(axis=0, ddof=1) / np.sqrt(len(scatter))
    assert np.all(np.abs(found.traces - exact.traces) <= 4.5 * error + 1e-8 * np.abs(exact.traces))
    assert found.rss == pytest.approx(exact.rss, rel=1e-9)
    assert found.quadratics == pytest.approx(exact.quadratics, rel=1e-8)
    assert found.curvature == pytest.approx(exact.curvature, rel=1e-8)


def test_effects_of_few_levels_need_no_probe() -> None:
    design = _design(_frame(60, 8, 3, 4))
    (exact, _), (probed, record) = fit_blocks(design), fit_blocks_probed(design, tolerance=1e-7)
    assert record.monte_carlo_error == 0
    assert probed.gamma == pytest.approx(exact.gamma, rel=1e-5, abs=1e-6)


def test_no_effect_of_few_levels() -> None:
    frame = _frame(150, 50, 60, 6).sample(fraction=0.2, seed=1)
    design = _design(frame)
    assert many_levels(design).few.size == 0
    (exact, _), (probed, record) = fit_blocks(design), fit_blocks_probed(design)
    assert record.converged
    assert _distance(probed, exact) < 4 * (record.monte_carlo_error or 0.0)


def test_levels_of_a_rater_and_her_interactions_are_one_block() -> None:
    design = _design(_frame(300, 50, 4, 5))
    many = many_levels(design)
    rater, pair = np.flatnonzero(design.level_effect == 0), np.flatnonzero(design.level_effect == 2)
    assert many.many.tolist() == [*rater, *pair]
    assert many.blocks.shape == (rater.size, 5)
    codes = dict(zip(design.codes[-1].tolist(), design.codes[-3].tolist(), strict=True))
    for members in many.blocks:
        levels = many.many[members[members < many.many.size]]
        owners = {int(level) if level < rater.size else codes[level - pair[0]] for level in levels.tolist()}
        assert len(owners) == 1


def test_components_across_units_that_are_all_zero_stay_there() -> None:
    for seed in range(60):
        design = _design(_frame(120, 50, 3, seed, across=0.0))
        exact, _ = fit_blocks(design)
        if np.all(exact.gamma[3:] == 0):
            found, record = fit_blocks_probed(design)
            assert record.converged
            assert np.all(found.gamma[3:] < 0.005)
            assert found.gamma == pytest.approx(exact.gamma, abs=0.005)
            return
    pytest.fail("none of the data sets has its optimum at zero")


def test_panels_without_a_link() -> None:
    first, second = _frame(120, 45, 3, 1), _frame(90, 40, 3, 2)
    apart = second.with_columns(pl.col("unit") + 1000, pl.col("rater") + 1000, pl.col("item") + 10)
    design = _design(pl.concat([first, apart]))
    (exact, _), (probed, record) = fit_blocks(design), fit_blocks_probed(design)
    assert record.converged
    assert _distance(probed, exact) < 4 * (record.monte_carlo_error or 0.0)


def test_same_data_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairpanel.measures.reliability.facets.MOST_LEVELS", 50)
    frame = _frame(200, 50, 3, 7)
    one, again = (measure("variance_components", frame, facets=FACETS) for _ in range(2))
    mixed = measure("variance_components", frame.sample(fraction=1.0, shuffle=True, seed=1), facets=FACETS)
    assert one.value == again.value
    assert mixed.value == pytest.approx(one.value, rel=1e-6)


@pytest.mark.parametrize("facets", [FACETS, ["unit", "rater", "occasion"], ["unit", "rater", "item", "occasion"]])
def test_measure_of_a_design_beyond_a_dense_matrix(facets: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _frame(400, 60, 3, 4, occasions=3)
    exact = measure("variance_components", frame, facets=facets)
    monkeypatch.setattr("fairpanel.measures.reliability.facets.MOST_LEVELS", 50)
    probed = measure("variance_components", frame, facets=facets)
    assert "64 random probes (Monte Carlo error" in probed.method
    assert probed.detail["reml_criterion"] is None
    assert probed.detail["convergence"]["probes"] == 64
    assert probed.value == pytest.approx(exact.value, rel=0.02)
    assert exact.interval is not None
    assert probed.interval is not None
    assert probed.interval.low == pytest.approx(exact.interval.low, rel=0.05)
    assert probed.interval.high == pytest.approx(exact.interval.high, rel=0.05)
