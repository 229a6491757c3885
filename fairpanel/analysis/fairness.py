"""Selection, scores and prediction by group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.analysis.preparation import items
from fairpanel.analysis.slices import leading, slices
from fairpanel.analysis.validity import paired
from fairpanel.config import AuditConfig
from schemas.results import Analysis, Estimated
from schemas.vocabulary import DECLINED

SMALLEST_GROUP = 5


def fairness(material: Material, config: AuditConfig) -> Analysis:
    """Impact ratios by stage, score gaps by competency, prediction by group, for every attribute of the configuration."""
    estimates: list[Estimated] = []
    too_small: list[dict[str, Any]] = []
    for attribute in config.attributes:
        groups = material.groups.filter((pl.col("attribute") == attribute) & (pl.col("category") != DECLINED)).select(
            "candidate", pl.col("category").alias("group")
        )
        if groups["group"].n_unique() < 2:
            continue
        benchmark = _benchmark(attribute, groups, config)
        for subject, outcomes in _selections(material, attribute):
            people = outcomes.join(groups, on="candidate", how="inner")
            if _thin(people, config):
                too_small.append(subject | {"family": "fairness", "candidates": people.height})
                continue
            estimates += _selection(subject, people, config)
        for part, ratings, enough in slices(material.ratings, config.minimum_candidates):
            subject = part.subject | {"attribute": attribute}
            people = paired(ratings, material.performance).join(groups, on="candidate", how="inner")
            if not enough or _thin(people, config):
                too_small.append(subject | {"family": "fairness", "candidates": people.height})
                continue
            estimates += _score_gaps(subject, people, benchmark, config)
            if part.job_family is None and part.competency == leading(material.ratings, part.stage):
                estimates += _prediction(subject, people, benchmark, config)
        estimates += _access(attribute, groups, benchmark, material, config)
    return Analysis(estimates=estimates, too_small=too_small)


def _access(
    attribute: str, groups: pl.DataFrame, reference: str, material: Material, config: AuditConfig
) -> list[Estimated]:
    """Whether each group had the same help before the user interview: one figure an item and group."""
    given = items(material).join(groups, on="candidate", how="inner")
    if given.height < config.minimum_candidates or reference not in given["group"]:
        return []
    subject: dict[str, str | None] = {"stage": "user", "attribute": attribute, "reference": reference}
    return [
        estimated(
            "fairness",
            subject | {"group": focal},
            "access_difference",
            given.filter(pl.col("group").is_in([focal, reference])),
            item,
            provided=item,
            focal=focal,
            reference=reference,
            confidence=config.confidence,
        )
        for item in given.columns
        if item not in ("candidate", "group")
        for focal in _focal_groups(given, reference, config)
    ]


def _selections(material: Material, attribute: str) -> Iterator[tuple[dict[str, str | None], pl.DataFrame]]:
    for stage in ("user", "hr"):
        here = material.outcomes.filter(pl.col("stage") == stage)
        if here.is_empty():
            continue
        base: dict[str, str | None] = {"stage": stage, "competency": None, "attribute": attribute}
        yield base | {"job_family": None}, here
        families = sorted(here["job_family"].drop_nulls().unique())
        if len(families) > 1:
            for family in families:
                yield base | {"job_family": family}, here.filter(pl.col("job_family") == family)


def _thin(people: pl.DataFrame, config: AuditConfig) -> bool:
    sizes = people["group"].value_counts().filter(pl.col("count") >= SMALLEST_GROUP)
    return people.height < config.minimum_candidates or sizes.height < 2


def _benchmark(attribute: str, groups: pl.DataFrame, config: AuditConfig) -> str:
    """The group that scores and prediction lines of the others are compared with: the named one, else the largest."""
    named = config.references.get(attribute)
    if named is not None and named in groups["group"]:
        return named
    sizes = groups["group"].value_counts().sort("count", "group", descending=[True, False])
    return str(sizes["group"][0])


def _selection(subject: dict[str, str | None], people: pl.DataFrame, config: AuditConfig) -> list[Estimated]:
    """Impact ratio over all groups; exact tests and the test within requisitions for each group against the reference.

    The reference is the named group, else the one with the highest rate among groups of the minimum share.
    """
    level = {"confidence": config.confidence}
    named = config.references.get(str(subject["attribute"]))
    present = named if named in people["group"] else "highest"
    found = [
        estimated(
            "fairness", subject, "impact_ratio", people, reference=present, minimum_share=config.minimum_share, **level
        )
    ]
    reference = found[0].result["detail"].get("reference")
    if reference is None or people["selected"].n_unique() < 2:
        return found
    for focal in _focal_groups(people, reference, config):
        pair = people.filter(pl.col("group").is_in([focal, reference]))
        about = subject | {"group": focal, "reference": reference}
        options = {"focal": focal, "reference": reference}
        found += [
            estimated("fairness", about, test, pair, **options, **level) for test in ("fisher_exact", "lancaster_mid_p")
        ]
        strata = pair.drop_nulls("requisition")
        if subject["job_family"] is None and strata["requisition"].n_unique() > 1:
            found.append(
                estimated("fairness", about, "mantel_haenszel", strata, stratum="requisition", **options, **level)
            )
            found.append(estimated("fairness", about, "breslow_day", strata, stratum="requisition", **options))
    return found


def _score_gaps(
    subject: dict[str, str | None], people: pl.DataFrame, reference: str, config: AuditConfig
) -> list[Estimated]:
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
        for focal in _focal_groups(people, reference, config)
        if reference in people["group"]
    ]


def _prediction(
    subject: dict[str, str | None], people: pl.DataFrame, reference: str, config: AuditConfig
) -> list[Estimated]:
    """Does a score go with the same performance in both groups? Needs enough people with performance in each."""
    known = people.filter("known")
    sizes = dict(known["group"].value_counts().iter_rows())
    if sizes.get(reference, 0) < config.minimum_hired:
        return []
    return [
        estimated(
            "fairness",
            subject | {"group": focal, "reference": reference},
            "differential_prediction",
            known.filter(pl.col("group").is_in([focal, reference])),
            x="score",
            y="performance",
            focal=focal,
            reference=reference,
            covariance="hc3",
            confidence=config.confidence,
        )
        for focal in _focal_groups(people, reference, config)
        if sizes.get(focal, 0) >= config.minimum_hired
    ]


def _focal_groups(people: pl.DataFrame, reference: str, config: AuditConfig) -> list[str]:
    sizes = people["group"].value_counts()
    least = max(SMALLEST_GROUP, config.minimum_share * people.height)
    large = sizes.filter((pl.col("count") >= least) & (pl.col("group") != reference))
    return sorted(large["group"])
