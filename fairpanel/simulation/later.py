"""What became of those hired: when they started, whether they left, and how managers rated them, cycle by cycle."""

from __future__ import annotations

import numpy as np
import polars as pl

from fairpanel.simulation.constants import ELEMENTS, MIDDLE, SPREAD
from fairpanel.simulation.parameters import Parameters

DAYS_TO_START = 31
DAYS_TO_REVIEW = 300
CYCLE = 365
LAST_DAY = 240
"""Days after the last interview at which the organisation is looked at."""
UNREVIEWED = 0.08
"""Share of the hired who left before their first review."""
MONTHLY_HAZARD = 0.012
"""Of leaving after the first review, for someone of average performance."""


def later(
    parameters: Parameters,
    rng: np.random.Generator,
    candidates: pl.DataFrame,
    potential: np.ndarray,
    composite: np.ndarray,
    ability: np.ndarray,
    validity: np.ndarray,
    user: pl.DataFrame,
    staff: pl.DataFrame,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Employment (candidate, started, left; null while employed) and reviews (candidate, rater, dimension, day, rating;
    null where no review was due yet, or none came before the person left)."""
    horizon = int(parameters.months * 30.4)
    hired = candidates.filter("hired")
    due = hired if parameters.months < 12 else hired.filter(pl.col("day") < horizon - 60)
    people = due["candidate"].to_numpy()
    people = people[rng.random(len(people)) >= UNREVIEWED]
    overall = _overall(parameters, rng, candidates, people, potential, user, staff)
    more = np.random.default_rng([parameters.seed, 1])
    dimensions = _dimensions(parameters, more, overall, potential, composite, ability, validity)
    first = pl.concat([overall.select(dimensions.columns), dimensions])
    employment = _employment(parameters, more, hired, people, potential, horizon)
    second = _second_cycle(more, first, employment, horizon)
    reviewed = pl.concat([first, second]).with_columns(pl.col("rating").clip(1, 5))
    without = hired.filter(~pl.col("candidate").is_in(people.tolist())).select(
        "candidate",
        pl.lit(None, dtype=pl.Int64).alias("rater"),
        pl.lit("overall").alias("dimension"),
        pl.lit(horizon + LAST_DAY, dtype=pl.Int64).alias("day"),
        pl.lit(None, dtype=pl.Float64).alias("rating"),
    )
    reviews = pl.concat([reviewed, without]).sort("candidate", "day", "rater", "dimension")
    return employment, reviews


def _overall(
    parameters: Parameters,
    rng: np.random.Generator,
    candidates: pl.DataFrame,
    people: np.ndarray,
    potential: np.ndarray,
    user: pl.DataFrame,
    staff: pl.DataFrame,
) -> pl.DataFrame:
    """Two managers' ratings of each person; the first may have been in the interview and remember it."""
    lead = dict(user.filter(pl.col("role") == "direct_supervisor").select("candidate", "interviewer").iter_rows())
    impression = dict(user.group_by("candidate").agg(pl.col("overall").mean()).iter_rows())
    by_family = {index: part["interviewer"].to_numpy() for (index,), part in staff.group_by(["family"])}
    family, day = candidates["family"].to_numpy(), candidates["day"].to_numpy()
    rows = []
    for person in people:
        team = by_family[int(family[person])]
        same = rng.random() < parameters.same_rater
        first = lead.get(int(person)) if same else None
        raters = [int(first) if first is not None else int(rng.choice(team)), int(rng.choice(team))]
        seen = impression.get(int(person))
        for position, rater in enumerate(dict.fromkeys(raters)):
            colour = (
                parameters.same_rater_bias * (((seen or MIDDLE) - MIDDLE) / SPREAD) if position == 0 and same else 0.0
            )
            value = MIDDLE + 0.8 * (potential[person] + colour + parameters.criterion_noise * rng.normal())
            rating = float(np.clip(np.round(value), 1, 5))
            rows.append((int(person), rater, "overall", int(day[person]) + DAYS_TO_REVIEW, rating, colour))
    schema = {
        "candidate": pl.Int64, "rater": pl.Int64, "dimension": pl.String, "day": pl.Int64, "rating": pl.Float64,
        "colour": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _dimensions(
    parameters: Parameters,
    rng: np.random.Generator,
    overall: pl.DataFrame,
    potential: np.ndarray,
    composite: np.ndarray,
    ability: np.ndarray,
    validity: np.ndarray,
) -> pl.DataFrame:
    """The same managers' ratings of the three elements: what each element promised, and what performance is otherwise."""
    person, colour = overall["candidate"].to_numpy(), overall["colour"].to_numpy()
    rest = potential - validity * composite
    parts = []
    for index, name in enumerate(ELEMENTS):
        own = rng.normal(size=len(potential)) * np.sqrt(np.maximum(0.0, 1 - validity**2))
        true = validity * ability[:, index] + 0.8 * rest + 0.6 * own
        value = MIDDLE + 0.8 * (true[person] + colour + parameters.criterion_noise * rng.normal(size=len(person)))
        rating = pl.Series("rating", np.clip(np.round(value), 1, 5))
        parts.append(overall.select("candidate", "rater", pl.lit(name).alias("dimension"), "day").with_columns(rating))
    return pl.concat(parts)


def _employment(
    parameters: Parameters,
    rng: np.random.Generator,
    hired: pl.DataFrame,
    people: np.ndarray,
    potential: np.ndarray,
    horizon: int,
) -> pl.DataFrame:
    """Better performers stay longer. Whoever was due a review and had none left before it."""
    candidate, start = hired["candidate"].to_numpy(), hired["day"].to_numpy() + DAYS_TO_START
    reviewed = np.isin(candidate, people)
    due = np.ones(len(candidate), dtype=bool) if parameters.months < 12 else hired["day"].to_numpy() < horizon - 60
    stay = rng.exponential(1 / MONTHLY_HAZARD, len(candidate)) * 30.4
    stay *= np.exp(parameters.retention * potential[candidate])
    review = hired["day"].to_numpy() + DAYS_TO_REVIEW
    early = start + 1 + np.floor(rng.random(len(candidate)) * (review - start - 1))
    left = np.where(reviewed, review + 1 + np.floor(stay), np.where(due, early, np.inf))
    gone = left <= horizon + LAST_DAY
    return pl.DataFrame(
        {"candidate": candidate, "started": start, "left": np.where(gone, left, np.nan)}, nan_to_null=True
    ).with_columns(pl.col("started", "left").cast(pl.Int64))


def _second_cycle(
    rng: np.random.Generator, first: pl.DataFrame, employment: pl.DataFrame, horizon: int
) -> pl.DataFrame:
    """A year later, for those still there: mostly the same point, a little more lenient."""
    due = first.join(employment, on="candidate", how="left", maintain_order="left").filter(
        (pl.col("day") + CYCLE <= horizon + LAST_DAY)
        & (pl.col("left").is_null() | (pl.col("left") > pl.col("day") + CYCLE))
    )
    moved = rng.choice([-1, 0, 1], size=due.height, p=[0.15, 0.6, 0.25])
    return due.select(
        "candidate", "rater", "dimension", pl.col("day") + CYCLE, pl.col("rating") + pl.Series("moved", moved)
    )
