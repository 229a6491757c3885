"""Biases planted on top of an organisation, at the user interview: each is nothing, and draws nothing, at 0."""

from __future__ import annotations

import numpy as np
import polars as pl

from fairpanel.simulation.constants import ELEMENTS, RACES
from fairpanel.simulation.parameters import Parameters


def apart(parameters: Parameters, women: np.ndarray) -> np.ndarray:
    """How much lower each candidate's elements are scored than their ability: one element, in women."""
    one = np.array([float(name == parameters.biased_competency) for name in ELEMENTS])
    return parameters.competency_bias * women[:, None] * one[None, :]


def held_back(parameters: Parameters, women: np.ndarray, race: np.ndarray, day: np.ndarray) -> np.ndarray:
    """What is taken off each candidate when decisions are made, and off no score: in one crossed cell, and with time."""
    cell = women * (race == RACES.index(parameters.biased_race))
    late = women * (day >= parameters.months * 30.4 / 2)
    return parameters.cell_bias * cell + parameters.shift * late


def gaps_seen(parameters: Parameters, staff: pl.DataFrame) -> np.ndarray | None:
    """How much lower than the others each member of a team scores women; recruiters do not. None where all do alike."""
    if not parameters.rater_gap_spread:
        return None
    rng = np.random.default_rng([parameters.seed, 4])
    own = parameters.rater_gap_spread * rng.normal(size=staff.height)
    return np.where(staff["family"].to_numpy() >= 0, own, 0.0)
