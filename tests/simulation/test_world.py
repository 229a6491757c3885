"""Simulated organisations: what went in comes out, in every layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from fairpanel.simulation.damage import damage
from fairpanel.simulation.parameters import Parameters, SimulationError
from fairpanel.simulation.world import draw
from fairpanel.simulation.write import simulate
from tests.workspaces import take_in, workspace


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    small = Parameters(candidates=80, interviewers=20, months=6)
    for folder in ("one", "two"):
        simulate(small, "canonical", tmp_path / folder)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_truth_is_what_was_asked_for() -> None:
    world = draw(Parameters(candidates=40_000, interviewers=300, validity=0.4, severity=0.5, bias=0.0, seed=2))
    assert world.truth["validity_of_ability"] == pytest.approx(0.4, abs=0.02)
    assert np.std(list(world.truth["severity"].values())) == pytest.approx(0.5, abs=0.06)
    rates = world.truth["selection_rates_at_user_interview"]
    assert rates["women"] == pytest.approx(rates["men"], abs=0.03)
    assert world.candidates["hired"].sum() == pytest.approx(0.3 * world.candidates["met_user"].sum(), rel=0.1)
    unanswered = world.forms.filter(pl.col("stage") == "user")["technical"].null_count()
    assert unanswered / world.forms.filter(pl.col("stage") == "user").height == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(
    ("change", "direction"), [({"bias": 0.4}, -1), ({"gap": 0.4}, -1), ({"harsh_panels": 0.5}, -1), ({}, 0)]
)
def test_each_planted_effect_shows_in_womens_scores(change: dict[str, float], direction: int) -> None:
    world = draw(Parameters(**({"candidates": 8000, "bias": 0.0, "seed": 4} | change)))
    people = world.candidates.select("candidate", "gender")
    mean = world.forms.filter(pl.col("stage") == "user").group_by("candidate").agg(pl.col("overall").mean().alias("y"))
    both = mean.join(people, on="candidate").filter(pl.col("gender") < 2).drop_nulls()
    frame = both.select(
        "y", pl.when(pl.col("gender") == 0).then(pl.lit("women")).otherwise(pl.lit("men")).alias("group")
    )
    found = measure("standardized_difference", frame, y="y", focal="women", reference="men")
    assert found.interval is not None
    if direction:
        assert found.interval.high < -0.05
    else:
        assert found.interval.low < 0.1
        assert found.interval.high > -0.1


def test_reliability_and_severity_of_the_latent_scores_are_found_again() -> None:
    parameters = Parameters(
        candidates=3000, interviewers=120, severity=0.5, drift=0.0, bias=0.0, unanswered=0.0, edited=0.0
    )
    world = draw(parameters)
    user = world.forms.filter(pl.col("stage") == "user")
    frame = user.select(
        pl.col("candidate").alias("unit"), pl.col("interviewer").alias("rater"), pl.col("technical").alias("score")
    )
    found = measure("variance_components", frame).detail
    assert found["rater"] / found["residual"] == pytest.approx(0.25 / (0.16 + 0.49), rel=0.35)


@pytest.mark.parametrize("layout", ["canonical", "greenhouse-harvest", "greenhouse-connector"])
def test_every_layout_is_taken_in_whole(tmp_path: Path, layout: str) -> None:
    simulate(Parameters(candidates=120, interviewers=25, months=8), layout, tmp_path / "in")
    told = take_in(workspace(tmp_path), tmp_path / "in").to_dict()
    assert told["quarantined"] == 0
    assert told["rows_read"] == told["accepted"] + sum(told["excluded"].values())
    truth = json.loads((tmp_path / "in" / "truth.json").read_text())
    assert truth["counts"]["candidates"] == 120


def test_damaged_rows_are_all_refused(tmp_path: Path) -> None:
    simulate(Parameters(candidates=60, interviewers=15, months=6), "canonical", tmp_path / "in")
    broken = damage(tmp_path / "in" / "scores.csv")
    assert take_in(workspace(tmp_path), tmp_path / "in").to_dict()["quarantined"] == broken


@pytest.mark.parametrize(
    "change", [{"validity": 2.0}, {"interviewers": 3}, {"unanswered": -0.1}, {"candidates": 0}, {"noise": 99.0}]
)
def test_impossible_parameters_are_named(change: dict[str, float]) -> None:
    (name,) = change
    with pytest.raises(SimulationError, match=name):
        Parameters(**change)  # type: ignore[arg-type]
