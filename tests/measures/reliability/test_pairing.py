"""Advice on further overlaps: against the mixed-model equations, against trying everything, and against simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError

IntArray = npt.NDArray[np.int64]


def _frame(units: int, raters: int, seed: int, pools: int = 1) -> pl.DataFrame:
    """One to three raters a unit, drawn within pools that never meet."""
    rng = np.random.default_rng(seed)
    rows = []
    for unit in range(units):
        pool = np.arange(raters)[np.arange(raters) % pools == unit % pools]
        rows += [(unit, int(rater)) for rater in rng.choice(pool, rng.integers(1, 4), replace=False)]
    unit, rater = np.array(rows).T
    score = rng.normal(0, 1, units)[unit] + rng.normal(0, 0.8, raters)[rater] + rng.normal(0, 0.8, unit.size)
    return pl.DataFrame({"unit": unit, "rater": rater, "score": score})


def _mean_variance(unit: IntArray, rater: IntArray, detail: dict[str, Any]) -> float:
    """Half the mean prediction variance of differences between raters, from the full mixed-model equations."""
    raters, units = rater.max() + 1, unit.max() + 1
    design = np.column_stack([np.ones(unit.size), np.eye(raters)[rater], np.eye(units)[unit]])
    penalty = [0.0, *[1 / detail["var_rater"]] * raters, *[1 / detail["var_unit"]] * units]
    covariance = np.linalg.inv(design.T @ design / detail["var_residual"] + np.diag(penalty))[
        1 : raters + 1, 1 : raters + 1
    ]
    return float((np.trace(covariance) - covariance.sum() / raters) / (raters - 1))


def _codes(frame: pl.DataFrame, plan: list[dict[str, Any]]) -> tuple[IntArray, IntArray]:
    unit = np.append(frame["unit"].to_numpy(), [int(row["unit"]) for row in plan])
    rater = np.append(frame["rater"].to_numpy(), [int(row["rater"]) for row in plan])
    return unit.astype(np.int64), np.unique(rater, return_inverse=True)[1]


def test_the_first_overlap_is_the_best_of_all() -> None:
    frame = _frame(12, 6, 1)
    found = measure("pairing_advice", frame, overlaps=1)
    before = _mean_variance(*_codes(frame, []), found.detail)
    seen = set(zip(frame["unit"], frame["rater"], strict=True))
    best = min(
        _mean_variance(*_codes(frame, [{"unit": unit, "rater": rater}]), found.detail)
        for unit in range(12)
        for rater in range(6)
        if (unit, rater) not in seen
    )
    assert found.value == pytest.approx(1 - best / before, rel=1e-9)
    assert found.detail["se_difference_before"] == pytest.approx(np.sqrt(2 * before))


def test_a_plan_lowers_what_it_says() -> None:
    frame = _frame(60, 12, 2)
    found = measure("pairing_advice", frame, overlaps=8)
    rows = found.detail["rows"]
    before, after = (_mean_variance(*_codes(frame, plan), found.detail) for plan in ([], rows))
    assert found.value == pytest.approx(1 - after / before, rel=1e-9)
    assert sum(row["lowers"] for row in rows) == pytest.approx(found.value)
    assert len({row["unit"] for row in rows}) == 8
    for row in rows:
        panel = frame.filter(pl.col("unit") == int(row["unit"]))["rater"].cast(pl.String).to_list()
        assert sorted(row["with_raters"]) == sorted(panel)
        assert row["rater"] not in panel


def test_better_than_chance_and_first_of_all_between_separate_parts() -> None:
    frame = _frame(80, 12, 3, pools=2)
    found = measure("pairing_advice", frame, overlaps=6)
    assert found.detail["rows"][0]["joins_parts"]
    assert found.value > 1.5 * found.detail["random_lowers"]
    assert found.detail["se_logit_g_after"] < found.detail["se_logit_g_before"]


def test_predicted_severities_come_as_much_closer_as_promised() -> None:
    """Errors of best linear predictions over 400 data sets with the estimated components as truth."""
    frame = _frame(60, 10, 4)
    found = measure("pairing_advice", frame, overlaps=15)
    detail, rng = found.detail, np.random.default_rng(5)
    for plan, key in (([], "se_difference_before"), (detail["rows"], "se_difference_after")):
        unit, rater = _codes(frame, plan)
        design = np.column_stack([np.ones(unit.size), np.eye(10)[rater], np.eye(60)[unit]])
        penalty = np.diag([0.0, *[1 / detail["var_rater"]] * 10, *[1 / detail["var_unit"]] * 60])
        solve = np.linalg.solve(design.T @ design / detail["var_residual"] + penalty, design.T / detail["var_residual"])
        squares = []
        for _ in range(400):
            truth = rng.normal(0, detail["var_rater"] ** 0.5, 10)
            score = truth[rater] + rng.normal(0, detail["var_unit"] ** 0.5, 60)[unit]
            error = (solve @ (score + rng.normal(0, detail["var_residual"] ** 0.5, unit.size)))[1:11] - truth
            squares.append(2 * error.var(ddof=1))
        assert np.sqrt(np.mean(squares)) == pytest.approx(detail[key], rel=0.05)


def test_raters_with_few_units_are_neither_advised_nor_named() -> None:
    frame = _frame(60, 10, 6)
    few = pl.DataFrame({"unit": [0, 1], "rater": [77, 78], "score": [1.0, 2.0]})
    found = measure("pairing_advice", pl.concat([frame, few]), overlaps=10, min_units=3)
    named = {name for row in found.detail["rows"] for name in [row["rater"], *row["with_raters"]]}
    assert not named & {"77", "78"}
    assert any(c.code == "SMALL_GROUP" for c in found.cautions)


def test_labels_do_not_matter_and_the_result_is_the_same_twice() -> None:
    frame = _frame(40, 8, 7)
    first = measure("pairing_advice", frame, overlaps=5)
    renamed = frame.with_columns(pl.format("u{}", "unit").alias("unit"), 2 * pl.col("score") + 1).sample(
        fraction=1, shuffle=True, seed=1
    )
    again = measure("pairing_advice", renamed, overlaps=5)
    assert again.value == pytest.approx(first.value, rel=1e-4)
    assert again.detail["rows"][0]["rater"] == first.detail["rows"][0]["rater"]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(1, 1, 3.0)],
        [(u, 1, float(u)) for u in range(5)],
        [(u, u, float(u)) for u in range(5)],
        [(u, r, 3.0) for u in range(5) for r in range(3)],
        [(u, r, float(u) + (u + r) % 2) for u in range(6) for r in range(2)],
        [(u, r, float(u + 2 * r) + (u * r) % 3) for u in range(6) for r in range(4)],
    ],
)
def test_designs_without_an_answer_give_a_caution(rows: list[tuple[int, int, float]]) -> None:
    schema = {"unit": pl.Int64, "rater": pl.Int64, "score": pl.Float64}
    found = measure("pairing_advice", pl.DataFrame(rows, schema=schema, orient="row"))
    assert found.value is None
    assert found.cautions


@pytest.mark.parametrize("options", [{"overlaps": 0}, {"overlaps": 1.5}, {"min_units": 0}, {"score": "nothing"}])
def test_misuse_is_named(options: dict[str, Any]) -> None:
    with pytest.raises(MeasureInputError):
        measure("pairing_advice", _frame(10, 4, 8), **options)
