"""Would this audit have seen it? Known severity, halo and group bias planted in the design as it is.

Scores are drawn anew for the very candidates, interviewers and competencies of the data, from the components estimated
in them, on the same scale; then one thing is wrong, of a known size, and the audit's own measures look for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import binomtest

from fairpanel.config import AuditConfig
from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.panel import Ratings, long_ratings
from fairpanel.measures.raters.habits.forms import forms
from fairpanel.measures.raters.habits.in_step import flagged_in_step
from fairpanel.measures.raters.rater_habits import flagged_for
from schemas.results import Estimated
from schemas.vocabulary import DECLINED

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_SCORES = 20_000
"""Of larger designs a seeded random sample of candidates of about that many scores is drawn once."""
FINEST_SCALE = 25
"""Scores with more distinct values are drawn as they come, not rounded to the values that occur."""
AT_ONCE = 200_000
"""Scores, over draws, that are looked through at once."""
REFUSALS = (MeasureInputError, ArithmeticError, np.linalg.LinAlgError)
"""A draw that a measure refuses is one in which nothing was seen."""
REFERENCES = ("Efron, B., & Tibshirani, R. (1993). An Introduction to the Bootstrap, chapter 6 (parametric draws)",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """One thing that is wrong: with one interviewer, or with the scores of a group; size in standard deviations of
    candidates, for halo the share of what is specific to a competency that is gone."""

    kind: str
    size: float

    @property
    def name(self) -> str:
        return f"{self.kind} {self.size:g}" if self.size else f"{self.kind} none"


RATER_PLANTS = (
    Plant(kind="severity", size=0.0), Plant(kind="severity", size=0.5), Plant(kind="severity", size=1.0),
    Plant(kind="halo", size=0.0), Plant(kind="halo", size=0.9),
)  # fmt: skip
GROUP_PLANTS = tuple(Plant(kind="group", size=size) for size in (0.0, 0.2, 0.5))


def self_test(
    subject: dict[str, str | None], ratings: pl.DataFrame, groups: pl.DataFrame | None, config: AuditConfig
) -> Iterator[Estimated]:
    """How often each planted effect would be seen; with size 0 how often it would be although it is not there."""
    world = _world(ratings, groups, config)
    if world is None:
        return
    rater_plants = RATER_PLANTS if world.ratings.items else RATER_PLANTS[:3]
    for plant in (*rater_plants, *(GROUP_PLANTS if world.focal is not None else ())):
        yield _tested(subject, world, plant, config)


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """A design with its components: sd of candidates, interviewers, forms, and of what is specific to a competency.

    focal : whether each candidate belongs to the smaller of the two largest groups (nan for other ones); None without
    groups. values : the scale's values, ascending; empty where scores are continuous. suspects : interviewers with
    enough candidates, the busiest half, who take turns in being wrong.
    """

    ratings: Ratings
    form: IntArray
    intercept: float
    item_means: FloatArray
    sds: tuple[float, float, float, float]
    values: FloatArray
    focal: FloatArray | None
    suspects: IntArray
    note: str


def _world(ratings: pl.DataFrame, groups: pl.DataFrame | None, config: AuditConfig) -> _World | None:
    units = ratings["unit"].unique().sort()
    share = MOST_SCORES / max(ratings.height, 1)
    note = ""
    if share < 1:
        drawn = units.sample(max(2, int(units.len() * share)), seed=config.seed)
        ratings = ratings.filter(pl.col("unit").is_in(drawn.implode()))
        note = f"; a random sample of {drawn.len()} candidates"
    item = "item" if "item" in ratings.columns else None
    coded = long_ratings(ratings, unit="unit", rater="rater", score="score", item=item)
    if not coded.score.size:
        return None
    found = forms(coded)
    if found is None or found.components.var_unit <= 0:
        return None
    part = found.components
    several = found.items > 1
    specific = float(np.average(found.within[several], weights=found.items[several] - 1)) if several.any() else 0.0
    form = (
        max(part.var_residual - specific * float(np.mean(1 / found.items)), 0.0) if several.any() else part.var_residual
    )
    scored = np.bincount(found.rater, minlength=len(coded.raters))
    able = np.flatnonzero(scored >= max(config.minimum_candidates_per_rater, 8))
    if able.size < 3:
        return None
    values = np.unique(coded.score)
    means = (
        np.bincount(coded.item, coded.score) / np.bincount(coded.item) if coded.items else np.array([part.intercept])
    )
    return _World(
        ratings=coded,
        form=found.of_rating,
        intercept=part.intercept,
        item_means=means,
        sds=(part.var_unit**0.5, part.var_rater**0.5, form**0.5, specific**0.5),
        values=values if values.size <= FINEST_SCALE else np.empty(0),
        focal=_focal(ratings, coded, groups, config),
        suspects=able[np.argsort(-scored[able], kind="stable")][: max(1, able.size // 2)],
        note=note,
    )


def _focal(
    ratings: pl.DataFrame, coded: Ratings, groups: pl.DataFrame | None, config: AuditConfig
) -> FloatArray | None:
    if groups is None:
        return None
    who = ratings.select(pl.col("unit").cast(pl.String), "candidate").unique("unit")
    known = who.join(groups.filter(pl.col("category") != DECLINED), on="candidate", how="inner")
    sizes = known["category"].value_counts().sort("count", "category", descending=[True, False])
    if sizes.height < 2 or sizes["count"][1] < config.minimum_candidates // 2:
        return None
    pair = {sizes["category"][0]: 0.0, sizes["category"][1]: 1.0}
    of_unit = {unit: pair.get(group, np.nan) for unit, group in known.select("unit", "category").iter_rows()}
    return np.array([of_unit.get(unit, np.nan) for unit in coded.units])


def _draw(world: _World, plant: Plant, suspect: int, rng: np.random.Generator) -> FloatArray:
    """Scores of the whole design with one thing wrong."""
    data = world.ratings
    unit_sd, rater_sd, form_sd, specific_sd = world.sds
    merit = rng.normal(0, unit_sd, len(data.units))
    if plant.kind == "group" and world.focal is not None:
        merit = merit - plant.size * unit_sd * np.nan_to_num(world.focal)
    severity = rng.normal(0, rater_sd, len(data.raters))
    if plant.kind == "severity":
        severity[suspect] = plant.size * unit_sd
    specific = rng.normal(0, specific_sd, data.score.size)
    if plant.kind == "halo":
        specific = np.where(data.rater == suspect, (1 - plant.size) * specific, specific)
    form = rng.normal(0, form_sd, int(world.form.max()) + 1)
    level = world.item_means[data.item] if data.items else world.intercept
    score = level + merit[data.unit] - severity[data.rater] + form[world.form] + specific
    if world.values.size:
        middle = (world.values[1:] + world.values[:-1]) / 2
        score = world.values[np.searchsorted(middle, score)]
    return np.asarray(score)


def _seen_in_group(world: _World, score: FloatArray, config: AuditConfig) -> bool:
    """Whether the groups' means differ for sure."""
    if world.focal is None:
        raise ValueError("two groups are needed")
    unit = world.ratings.unit
    means = np.bincount(unit, score) / np.bincount(unit)
    of_two = np.isfinite(world.focal)
    group = pl.Series("group", world.focal[of_two].astype(np.int64)).cast(pl.String)
    table = pl.DataFrame({"y": means[of_two], "group": group})
    found = measure("standardized_difference", table, focal="1", reference="0", confidence=config.confidence)
    return found.interval is not None and (found.interval.high < 0 or found.interval.low > 0)


def _seen(world: _World, plant: Plant, suspects: IntArray, scores: FloatArray, config: AuditConfig) -> int:
    """In how many of some draws (rows of scores) the plant is seen, with its suspect where it has one."""
    options: dict[str, Any] = {
        "min_units": config.minimum_candidates_per_rater,
        "false_discovery_rate": config.false_discovery_rate,
        "confidence": config.confidence,
    }
    flagged, told = np.zeros(len(scores), dtype=bool), np.zeros(len(scores), dtype=bool)
    if plant.kind != "group":
        flagged, told = flagged_in_step(world.ratings, scores, suspects, plant.kind, **options)
    hits = int(flagged.sum())
    for index in np.flatnonzero(~told):
        try:
            if plant.kind == "group":
                hits += _seen_in_group(world, scores[index], config)
            else:
                drawn = replace(world.ratings, score=scores[index])
                hits += flagged_for(drawn, int(suspects[index]), plant.kind, **options)
        except REFUSALS:
            continue
    return hits


def _tested(subject: dict[str, str | None], world: _World, plant: Plant, config: AuditConfig) -> Estimated:
    replicates = config.self_test_replicates
    rng = np.random.default_rng([config.seed, sum(map(ord, plant.name))])
    suspects = world.suspects[np.arange(replicates) % world.suspects.size]
    together = max(1, AT_ONCE // world.ratings.score.size)
    hits = 0
    for start in range(0, replicates, together):
        some = suspects[start : start + together]
        scores = np.stack([_draw(world, plant, int(suspect), rng) for suspect in some])
        hits += _seen(world, plant, some, scores, config)
    ends = binomtest(hits, replicates).proportion_ci(config.confidence, method="exact")
    what = "share of draws in which it would be seen although it is not there" if plant.size == 0 else (
        "share of draws in which the planted effect would be seen"
    )  # fmt: skip
    scale = {"severity": "one interviewer", "halo": "one interviewer", "group": "one group"}[plant.kind]
    estimate = Estimate(
        measure="self_test",
        method=f"{what}: parametric draws in the design of the data, {plant.kind} planted in {scale}{world.note}",
        value=hits / replicates,
        interval=Interval(
            low=float(ends.low), high=float(ends.high), level=config.confidence, method="Clopper-Pearson over draws"
        ),
        n={**world.ratings.counts(), "draws": replicates},
        cautions=[] if replicates >= 50 else [Caution("SMALL_SAMPLE", f"{replicates} draws tell only roughly")],
        detail={"kind": plant.kind, "size": plant.size, "seen": hits, "draws": replicates},
        references=REFERENCES,
    )
    return Estimated(family="quality", subject=subject, result=estimate.to_dict(), variant=plant.name)
