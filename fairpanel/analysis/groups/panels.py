"""Panels and interviewers: did groups meet harsher ones, do single ones see another gap, what would change without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from fairpanel.analysis.estimated import estimated, noted
from fairpanel.analysis.frames import Material
from fairpanel.analysis.groups.grouping import Grouping, focal_groups, thin
from fairpanel.analysis.slices import leading
from fairpanel.config import AuditConfig
from schemas.results import Estimated
from schemas.vocabulary import ELEMENTS

MOST_CANDIDATES, MOST_RATERS = 3000, 300
"""Beyond them these models are estimated on a seeded random sample; the method says so."""
FEWEST_OF_EACH = 5
"""Interviewers of either group for whether they favour their own."""
DRAWS = 200
"""Of the bootstrap of panels: its errors enter normal and Fieller limits, which a few hundred draws settle."""
Subject = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Met:
    """The answered ratings of a stage that these models read, and what the method says where they are a sample."""

    lead: str
    ratings: pl.DataFrame
    note: str


def panel_ratings(stage: str, material: Material, config: AuditConfig) -> Met:
    """All ratings of a stage; where there are more interviewers than the models can take, those of a seeded sample of
    interviewers and of the candidates whom they alone met."""
    lead = leading(material.ratings, stage)
    here = material.ratings.filter((pl.col("stage") == stage) & pl.col("score").is_not_null())
    raters = here["rater"].unique().sort()
    if raters.len() <= MOST_RATERS:
        return Met(lead, here, "")
    drawn = here["rater"].is_in(raters.sample(MOST_RATERS, seed=config.seed).implode())
    outside = here.filter(~drawn)["unit"].unique()
    kept = here.filter(drawn & ~pl.col("unit").is_in(outside.implode()))
    return Met(lead, kept, f"{MOST_RATERS} interviewers")


def panels(
    stage: str, grouping: Grouping, reference: str, met: Met, material: Material, config: AuditConfig
) -> list[Estimated]:
    """Of a stage's leading score, each group against the reference."""
    rated = met.ratings.join(grouping.people, on="candidate", how="inner", maintain_order="left")
    people = rated.select("candidate", "group").unique("candidate", keep="first", maintain_order=True)
    if thin(people, config) or reference not in people["group"]:
        return []
    subject: Subject = {"stage": stage, "competency": met.lead, "job_family": None, "attribute": grouping.attribute}
    found: list[Estimated] = []
    for focal in focal_groups(people, reference, config):
        about = subject | {"group": focal, "reference": reference}
        pair, note = _sampled(rated.filter(pl.col("group").is_in([focal, reference])), met.note, config)
        whole = pair.filter(pl.col("competency") == met.lead)
        options: dict[str, Any] = {"focal": focal, "reference": reference, "confidence": config.confidence}
        made = [
            estimated("fairness", about, "panel_assignment", whole, seed=config.seed, replicates=DRAWS, **options),
            _own_gaps(about, whole, grouping, material, options),
            *_decisions(about, pair, whole, material, config, options),
        ]
        found += [noted(each, note) for each in made]
    return found


def _own_gaps(
    about: Subject, whole: pl.DataFrame, grouping: Grouping, material: Material, options: dict[str, Any]
) -> Estimated:
    """Interviewers' own gaps; and, where both groups are found among those whose group is known, whether they favour their
    own."""
    own = material.interviewer_groups.filter(pl.col("attribute") == grouping.attribute).select(
        "rater", pl.col("category").alias("own")
    )
    names = [options["focal"], options["reference"]]
    joined = whole.join(own.filter(pl.col("own").is_in(names)), on="rater", how="left", maintain_order="left")
    both = joined.drop_nulls("own").unique("rater").group_by("own").len()
    if both.height == len(names) and min(both["len"]) >= FEWEST_OF_EACH:
        options = options | {"rater_group": "own"}
    return estimated("fairness", about, "rater_group_interaction", joined, **options)


def _decisions(
    about: Subject,
    pair: pl.DataFrame,
    whole: pl.DataFrame,
    material: Material,
    config: AuditConfig,
    options: dict[str, Any],
) -> list[Estimated]:
    """Which decisions hang on the severity of the panel, and what other ways of deciding would have given."""
    chosen = material.outcomes.filter(pl.col("stage") == about["stage"]).select("unit", "selected").unique("unit")
    decided = whole.join(chosen, on="unit", how="inner", maintain_order="left")
    places = decided.unique("unit")["selected"].sum()
    if not 0 < places < decided["unit"].n_unique():
        return []
    found = [estimated("fairness", about, "decision_flips", decided, top_n=int(places), **options)]
    items = pair.filter(pl.col("competency").is_in(ELEMENTS)).rename({"competency": "item"})
    if items["item"].n_unique() > 1:
        judged = items.join(chosen.select("unit"), on="unit", how="inner", maintain_order="left").join(
            material.performance.select("candidate", pl.col("performance").alias("criterion")),
            on="candidate",
            how="left",
            maintain_order="left",
        )
        places = chosen.join(judged.select("unit").unique(), on="unit", how="inner")["selected"].sum()
        if 0 < places < judged["unit"].n_unique():
            tradeoff = {"top_n": int(places), "criterion": "criterion", "seed": config.seed}
            found.append(estimated("fairness", about, "selection_tradeoff", judged, **tradeoff, **options))
    return found


def _sampled(pair: pl.DataFrame, note: str, config: AuditConfig) -> tuple[pl.DataFrame, str]:
    """Two groups' ratings, of a seeded sample of candidates where there are many; and how that is told."""
    units = pair["unit"].unique().sort()
    told = [note] if note else []
    if units.len() > MOST_CANDIDATES:
        chosen = units.sample(MOST_CANDIDATES, seed=config.seed)
        pair = pair.filter(pl.col("unit").is_in(chosen.implode()))
        told.append(f"{MOST_CANDIDATES} candidates")
    return pair, f"; a random sample of {' and '.join(told)}" if told else ""
