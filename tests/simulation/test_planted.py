"""Biases planted on top: at 0 nothing changes, otherwise exactly what was asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fairpanel import cli
from fairpanel.simulation.damage import damage
from fairpanel.simulation.parameters import PLANTED, Parameters, SimulationError
from fairpanel.simulation.world import World, draw
from fairpanel.simulation.write import simulate
from tests.workspaces import SAMPLES

PLAIN: dict[str, Any] = {"candidates": 6000, "interviewers": 120, "bias": 0.0, "seed": 3}


@pytest.fixture(scope="module")
def plain() -> World:
    return draw(Parameters(**PLAIN))


def users(world: World) -> pl.DataFrame:
    """Forms of user interviews with whether the candidate is a woman."""
    women = world.candidates.select("candidate", (pl.col("gender") == 0).alias("woman"))
    return world.forms.filter(pl.col("stage") == "user").join(women, on="candidate", maintain_order="left")


def test_the_bundled_sample_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    parameters = Parameters(
        bias=0.15, harsh_panels=0.12, preparation_effect=0.4, preparation_gap=0.2, candidates=3000, seed=7
    )
    simulate(parameters, "canonical", tmp_path)
    damage(tmp_path / "scores.csv")
    for path in sorted((SAMPLES / "demo").iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
    stored, made = (json.loads(p.read_text()) for p in (SAMPLES / "demo.truth.json", tmp_path / "truth.json"))
    assert made["parameters"] == stored["parameters"]
    assert made.keys() == stored.keys()
    assert made["severity"] == stored["severity"]


def test_one_competency_is_scored_lower_in_women_and_only_there(plain: World) -> None:
    world = draw(Parameters(**PLAIN, competency_bias=0.5, biased_competency="role_specific"))
    before, after = users(plain), users(world)
    fall = (before["role_specific"] - after["role_specific"]).fill_null(0).to_numpy()
    answered = before["role_specific"].is_not_null().to_numpy()
    woman = before["woman"].to_numpy()
    assert np.allclose(fall[woman & answered], 0.9 * 0.5)
    assert not fall[~woman].any()
    assert_frame_equal(before.select("technical"), after.select("technical"))


@pytest.mark.parametrize(("change", "late_only"), [({"cell_bias": 2.0}, False), ({"shift": 1.0}, True)])
def test_decisions_change_and_scores_do_not(plain: World, change: dict[str, float], late_only: bool) -> None:
    world = draw(Parameters(**PLAIN, **change))
    assert_frame_equal(world.forms.drop("edited", "deleted"), plain.forms.drop("edited", "deleted"))
    both = plain.candidates.filter("met_user").select(
        "candidate",
        "day",
        (pl.col("gender") == 0).alias("woman"),
        (pl.col("race") == 2).alias("black"),
        pl.col("hired").cast(pl.Float64).alias("before"),
    )
    both = both.join(world.candidates.select("candidate", pl.col("hired").cast(pl.Float64)), on="candidate")
    moved = both.with_columns((pl.col("hired") - pl.col("before")).alias("moved"))
    hit = pl.col("woman") & ((pl.col("day") >= 12 * 30.4) if late_only else pl.col("black"))
    assert float(moved.filter(hit)["moved"].mean() or 0) < -0.1  # type: ignore[arg-type]
    if late_only:
        early = moved.filter(pl.col("day") < 11 * 30)
        assert not (early["moved"] != 0).any()


def test_performance_depends_less_on_ability_for_women() -> None:
    world = draw(
        Parameters(
            **PLAIN | {"candidates": 20_000}, slope_gap=0.5, hire=1.0, pass_hr=1.0, criterion_noise=0.0, same_rater=0.0
        )
    )
    rated = world.performance.filter((pl.col("dimension") == "technical") & pl.col("rating").is_not_null())
    ability = world.forms.filter(pl.col("stage") == "user").group_by("candidate").agg(pl.col("technical").mean())
    people = world.candidates.select("candidate", (pl.col("gender") == 0).alias("woman"))
    seen = rated.join(ability, on="candidate").join(people, on="candidate").drop_nulls(["rating", "technical"])
    found = {row[0]: row[1] for row in seen.group_by("woman").agg(pl.corr("rating", "technical")).iter_rows()}
    assert found[True] == pytest.approx(0.0, abs=0.05)
    assert found[False] > 0.15


def test_interviewers_see_their_own_gap_and_recruiters_none(plain: World) -> None:
    world = draw(Parameters(**PLAIN, rater_gap_spread=0.4))
    own = np.array(list(world.truth["own_gap"].values()))
    assert own.std() == pytest.approx(0.4, abs=0.08)
    before, after = users(plain), users(world)
    fall = (before["overall"] - after["overall"]).drop_nulls()
    assert fall.std() == pytest.approx(0.9 * 0.4 * (0.43**0.5), rel=0.25)
    hr = [w.forms.filter(pl.col("stage") == "hr").select("overall") for w in (plain, world)]
    assert_frame_equal(*hr)
    assert "own_gap" not in plain.truth


def test_what_is_planted_stands_in_the_truth_and_can_be_asked_for(tmp_path: Path) -> None:
    asked = [
        "--competency-bias",
        "0.4",
        "--biased-competency",
        "role_specific",
        "--slope-gap",
        "0.2",
        "--cell-bias",
        "1",
    ]
    asked += ["--biased-race", "Asian", "--shift", "0.5", "--rater-gap-spread", "0.3"]
    assert cli.main(["simulate", "--out", str(tmp_path), "--candidates", "60", "--interviewers", "20", *asked]) == 0
    told = json.loads((tmp_path / "truth.json").read_text())["parameters"]
    assert {name: told[name] for name in PLANTED} == {
        "competency_bias": 0.4, "slope_gap": 0.2, "cell_bias": 1.0, "shift": 0.5, "rater_gap_spread": 0.3,
    }  # fmt: skip
    assert (told["biased_competency"], told["biased_race"]) == ("role_specific", "Asian")
    assert not PLANTED.keys() & Parameters().to_dict().keys()


@pytest.mark.parametrize(
    "change",
    [{"biased_race": "Martian"}, {"biased_competency": "overall"}, {"rater_gap_spread": -1}, {"slope_gap": 1.6}],
)
def test_impossible_plants_are_named(change: dict[str, Any]) -> None:
    (name,) = change
    with pytest.raises(SimulationError, match=name):
        Parameters(**change)
