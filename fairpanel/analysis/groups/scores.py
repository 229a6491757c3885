"""Scores by group: gaps competency by competency, which of them carry the gap, and the form of Local Law 144."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from fairpanel.analysis.competencies import element_means
from fairpanel.analysis.estimated import estimated, noted
from fairpanel.analysis.frames import Material
from fairpanel.analysis.groups.grouping import Grouping, focal_groups, thin
from fairpanel.config import AuditConfig
from schemas.results import Estimated
from schemas.vocabulary import ELEMENTS

MOST_PEOPLE = 50_000
"""Beyond them competencies are compared on a seeded random sample; the method says so."""
Subject = dict[str, str | None]


def score_gaps(subject: Subject, people: pl.DataFrame, reference: str, config: AuditConfig) -> list[Estimated]:
    """Each group's mean against the reference group's, in standard deviations."""
    return [
        estimated(
            "fairness",
            subject | {"group": focal, "reference": reference},
            "standardized_difference",
            people.filter(pl.col("group").is_in([focal, reference])),
            y="score",
            kind="g",
            focal=focal,
            reference=reference,
            confidence=config.confidence,
        )
        for focal in focal_groups(people, reference, config)
        if reference in people["group"]
    ]


def whole_scores(
    subject: Subject, people: pl.DataFrame, grouping: Grouping, reference: str, config: AuditConfig
) -> list[Estimated]:
    """Of a stage's leading score: the share above the median by group, and how the groups' scores lie beside each other."""
    level: dict[str, Any] = {"confidence": config.confidence}
    columns = grouping.columns if grouping.crossed else "group"
    found = [
        estimated(
            "fairness", subject, "scoring_rate", people, group=columns, minimum_share=config.minimum_share, **level
        )
    ]
    if grouping.crossed or reference not in people["group"]:
        return found
    for focal in focal_groups(people, reference, config):
        pair = people.filter(pl.col("group").is_in([focal, reference]))
        options = {"y": "score", "focal": focal, "reference": reference}
        about = subject | {"group": focal, "reference": reference}
        found.append(estimated("fairness", about, "probability_of_superiority", pair, **options, **level))
    return found


def by_competency(
    stage: str, grouping: Grouping, reference: str, material: Material, config: AuditConfig
) -> list[Estimated]:
    """What share of the gap in the composite each competency carries, and whether one is scored apart from the others."""
    wide = element_means(stage, material)
    elements = [name for name in ELEMENTS if name in wide.columns]
    if len(elements) < 2:
        return []
    people = wide.drop_nulls(elements).join(grouping.people, on="candidate", how="inner", maintain_order="left")
    if thin(people, config) or reference not in people["group"]:
        return []
    subject: Subject = {"stage": stage, "competency": None, "job_family": None, "attribute": grouping.attribute}
    found: list[Estimated] = []
    for focal in focal_groups(people, reference, config):
        pair = people.filter(pl.col("group").is_in([focal, reference]))
        about = subject | {"group": focal, "reference": reference}
        options: dict[str, Any] = {"focal": focal, "reference": reference, "confidence": config.confidence}
        note = ""
        if pair.height > MOST_PEOPLE:
            pair, note = pair.sample(MOST_PEOPLE, seed=config.seed), f"; a random sample of {MOST_PEOPLE} people"
        made = [estimated("fairness", about, "gap_shares", pair, predictors=elements, **options)]
        made += _scored_apart(about, pair, elements, options)
        found += [noted(each, note) for each in made]
    return found


def _scored_apart(about: Subject, pair: pl.DataFrame, elements: list[str], options: dict[str, Any]) -> list[Estimated]:
    """Each competency at equal standing in all; beside one that is scored apart, the others at standing without it.

    One competency scored low pulls standing down, so that the others look high beside it (Holland & Thayer 1988 refine
    the criterion for the same reason). Of two, which one is apart cannot be told.
    """
    made = {name: _at_standing(about | {"competency": name}, pair, name, elements, options) for name in elements}
    sizes = {
        name: abs(float(both[0].result["value"]))
        for name, both in made.items()
        if both[0].result["value"] is not None and both[0].result["detail"].get("ets_class") in ("B", "C")
    }
    if sizes and len(elements) > 2:
        apart = max(sizes, key=lambda name: sizes[name])
        rest = [name for name in elements if name != apart]
        for name in rest:
            again = _at_standing(about | {"competency": name}, pair, name, rest, options)
            made[name] = [_without(each, apart) for each in again]
    return [each for both in made.values() for each in both]


def _at_standing(
    on: Subject, pair: pl.DataFrame, name: str, standing: list[str], options: dict[str, Any]
) -> list[Estimated]:
    rounded = pair.with_columns(pl.col(name).round().alias("item"), pl.mean_horizontal(standing).alias("standing"))
    matched = {"item": "item", "matching": "standing"}
    return [
        estimated("fairness", on, "dif_mantel_haenszel", rounded, levels=5, **matched, **options),
        estimated("fairness", on, "dif_logistic", rounded, **matched, **options),
    ]


def _without(found: Estimated, apart: str) -> Estimated:
    detail = found.result["detail"] | {"standing_without": apart}
    return replace(found, result=found.result | {"detail": detail})
