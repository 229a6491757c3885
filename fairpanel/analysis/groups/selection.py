"""Who was selected, by group: every stage and the bottom line, each job family, and requisitions pooled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl

from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.analysis.groups.grouping import Grouping, focal_groups, largest, with_status
from fairpanel.config import AuditConfig
from schemas.results import CHOSEN_AMONG, Estimated

PEOPLE = "people"
"""How many people a row of the counted table stands for: every test needs no more than these counts."""
BOTTOM_LINE = None
"""The stage of the whole process: from the first interview to the final decision."""
LARGEST_FOR_BOSCHLOO = 1000
"""The unconditional exact test takes seconds beyond; there its p is that of the others."""
LARGEST_FOR_FISHER = 100_000
"""Beyond it stands Lancaster's mid-p alone: the two differ by half the probability of one table."""

FEW_DRAWS, MANY_DRAWS = 1999, 49_999
"""A drawn p is no smaller than one in its draws: with hundreds of tests beside it more of them are needed to be believed."""
SMALL_P = 0.01

Subject = dict[str, str | None]


def stages(material: Material) -> Iterator[tuple[str | None, pl.DataFrame]]:
    """Who was decided on at each stage, and how; then the bottom line where there are two stages."""
    for stage in ("user", "hr"):
        here = material.outcomes.filter(pl.col("stage") == stage)
        if here.height:
            yield stage, here
    whole = bottom_line(material)
    if whole.height:
        yield BOTTOM_LINE, whole


def families(stage: str | None, people: pl.DataFrame) -> Iterator[tuple[Subject, pl.DataFrame]]:
    """The people of a stage in all, then by job family where there are several; the whole process in all alone."""
    yield {"stage": stage, "competency": None, "job_family": None}, people
    names = sorted(people["job_family"].drop_nulls().unique())
    if stage is not BOTTOM_LINE and len(names) > 1:
        for name in names:
            part = people.filter(pl.col("job_family") == name)
            yield {"stage": stage, "competency": None, "job_family": name}, part


def bottom_line(material: Material) -> pl.DataFrame:
    """Everyone decided on at the first stage, with whether they were accepted at the last; empty with one stage."""
    first, last = (material.outcomes.filter(pl.col("stage") == stage) for stage in ("hr", "user"))
    if first.is_empty() or last.is_empty():
        return first.clear()
    final = last.select("unit", pl.col("selected").alias("at_last"))
    joined = first.join(final, on="unit", how="left", maintain_order="left")
    # Who went on and has no decision yet is not decided on.
    decided = joined.filter(~pl.col("selected") | pl.col("at_last").is_not_null())
    return decided.with_columns(pl.col("at_last").fill_null(value=False).alias("selected")).drop("at_last")


def selection(subject: Subject, people: pl.DataFrame, grouping: Grouping, config: AuditConfig) -> list[Estimated]:
    """The impact ratio over all groups; for each group against the reference the tests, and requisitions pooled."""
    level: dict[str, Any] = {"confidence": config.confidence}
    people = people.group_by("group", "selected", "requisition", maintain_order=True).len(PEOPLE)
    named = config.references.get(grouping.attribute)
    present = named if named in people["group"] else "highest"
    if present == "highest" and config.reference_rule == "largest":
        present = largest(people, PEOPLE)
    found = [
        estimated(
            "fairness",
            subject,
            "impact_ratio",
            people,
            reference=present,
            minimum_share=config.minimum_share,
            count=PEOPLE,
            **level,
        )
    ]
    reference = found[0].result["detail"].get("reference")
    if reference is None or people["selected"].n_unique() < 2 or grouping.crossed:
        return found
    others = focal_groups(people, reference, config, PEOPLE)
    for focal in others:
        pair = _pair(subject, people, focal, reference, level)
        found += pair if present != "highest" else (_chosen(each, len(others) + 1) for each in pair)
    return found


def _chosen(found: Estimated, groups: int) -> Estimated:
    """A test against the group of the highest rate: the data chose it among so many groups."""
    return replace(found, result=found.result | {"detail": found.result["detail"] | {CHOSEN_AMONG: groups}})


def _pair(
    subject: Subject, people: pl.DataFrame, focal: str, reference: str, level: dict[str, Any]
) -> Iterator[Estimated]:
    pair = people.filter(pl.col("group").is_in([focal, reference]))
    about = subject | {"group": focal, "reference": reference}
    options = {"focal": focal, "reference": reference, "count": PEOPLE}
    whole = subject["job_family"] is None
    yield estimated("fairness", about, "lancaster_mid_p", pair, **options, **level)
    if whole and pair[PEOPLE].sum() <= LARGEST_FOR_FISHER:
        yield estimated("fairness", about, "fisher_exact", pair, **options, **level)
    if whole:
        yield estimated("fairness", about, "two_proportion_z", pair, **options)
    if whole and pair[PEOPLE].sum() <= LARGEST_FOR_BOSCHLOO:
        yield estimated("fairness", about, "boschloo", pair, **options)
    strata = pair.drop_nulls("requisition")
    if whole and strata["requisition"].n_unique() > 1:
        yield estimated("fairness", about, "mantel_haenszel", strata, stratum="requisition", **options, **level)
        yield estimated("fairness", about, "breslow_day", strata, stratum="requisition", **options)


def crossed_rates(subject: Subject, people: pl.DataFrame, grouping: Grouping, config: AuditConfig) -> list[Estimated]:
    """Selection by two attributes crossed, small cells leaning on the rest."""
    if people["selected"].n_unique() < 2:
        return []
    return [_crossed(subject, people, grouping, config, "")]


def crossed_scores(subject: Subject, people: pl.DataFrame, grouping: Grouping, config: AuditConfig) -> list[Estimated]:
    """The same of scoring above everyone's median: whether what departs in decisions departed in scores before."""
    above = people.with_columns((pl.col("score") > pl.col("score").median()).alias("selected"))
    if not grouping.crossed or above["selected"].n_unique() < 2:
        return []
    return [_crossed(subject, above, grouping, config, "scores")]


def _crossed(
    subject: Subject, people: pl.DataFrame, grouping: Grouping, config: AuditConfig, variant: str
) -> Estimated:
    options: dict[str, Any] = {
        "group": grouping.columns,
        "minimum_share": config.minimum_share,
        "seed": config.seed,
        "confidence": config.confidence,
    }
    found = estimated("fairness", subject, "crossed_rates", people, variant, replicates=FEW_DRAWS, **options)
    p = found.result["detail"].get("p")
    if p is not None and p < SMALL_P:
        found = estimated("fairness", subject, "crossed_rates", people, variant, replicates=MANY_DRAWS, **options)
    return found


def coverage(subject: Subject, outcomes: pl.DataFrame, grouping: Grouping, material: Material) -> Estimated:
    """For how many the group is known, who declined, of whom nothing is known."""
    return estimated("fairness", subject, "group_coverage", with_status(outcomes, material, grouping))
