"""The chain from the observed to the operational validity of a stage's leading score."""

from __future__ import annotations

import polars as pl

from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.analysis.slices import leading
from fairpanel.analysis.sources import Criterion
from fairpanel.config import AuditConfig
from schemas.results import Estimated

PERFORMANCE = "performance"
NESTED = 0.9
"""Share of the smaller stage's candidates with a score at the other from which one stage is taken to follow the other."""


def chains(
    subject: dict[str, str | None],
    scores: pl.DataFrame,
    criteria: list[Criterion],
    material: Material,
    config: AuditConfig,
) -> list[Estimated]:
    """A chain for each kind of rating of performance, among the stage's own candidates; and, where an earlier stage sent
    only some of its candidates on, among all of those (variant "all_applicants"). scores: candidate, rater, score."""
    stage = str(subject["stage"])
    other = related_scores(stage, scores, material)
    candidates = scores.select("candidate").unique()
    found = [
        _chain(subject, criterion.source, candidates, scores, other, criterion, material, config)
        for criterion in criteria
    ]
    if other is not None:
        everyone = pl.concat([candidates, other[1].select("candidate")]).unique()
        if everyone.height > candidates.height / NESTED and stage == "user":
            found.append(_chain(subject, "all_applicants", everyone, scores, other, criteria[0], material, config))
    return found


def _chain(
    subject: dict[str, str | None],
    variant: str,
    pool: pl.DataFrame,
    scores: pl.DataFrame,
    other: tuple[str, pl.DataFrame] | None,
    criterion: Criterion,
    material: Material,
    config: AuditConfig,
) -> Estimated:
    stage = str(subject["stage"])
    named = pl.coalesce("rater", pl.concat_str(pl.lit("whoever rated "), "candidate"))  # one unknown rater a person
    parts = [_labelled(scores, stage), _labelled(criterion.ratings.with_columns(named.alias("rater")), PERFORMANCE)]
    parts += [] if other is None else [_labelled(other[1], other[0])]
    ratings = pl.concat(parts).drop_nulls(["score", "rater"]).join(pool, on="candidate", how="semi")
    hired = pl.concat([accepted(material), criterion.means.select("candidate")]).unique()
    return estimated(
        "validity",
        subject,
        "validity_chain",
        ratings.with_columns(selected=pl.col("candidate").is_in(hired["candidate"].implode())).sort(pl.all()),
        variant,
        unit="candidate",
        predictor=stage,
        criterion=PERFORMANCE,
        covariates=[] if other is None else [other[0]],
        criterion_reliability=config.criterion_reliability,
        confidence=config.confidence,
        replicates=config.chain_replicates,
        seed=config.seed,
    )


def _labelled(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    return rows.select("candidate", "rater", "score").with_columns(variable=pl.lit(name))


def accepted(material: Material) -> pl.DataFrame:
    """Candidates accepted after the user interview."""
    return material.outcomes.filter((pl.col("stage") == "user") & pl.col("selected")).select("candidate").unique()


def related_scores(stage: str, scores: pl.DataFrame, material: Material) -> tuple[str, pl.DataFrame] | None:
    """The other stage's leading scores, where one stage follows the other: hiring looked at both."""
    here = scores.select("candidate").unique()
    for other in ("hr", "user"):
        if other == stage:
            continue
        lead = leading(material.ratings, other)
        rows = material.ratings.filter((pl.col("stage") == other) & (pl.col("competency") == lead)).drop_nulls("score")
        there = rows.select("candidate").unique()
        both = there.join(here, on="candidate", how="semi").height
        if both and both >= NESTED * min(here.height, there.height) and rows["score"].n_unique() > 1:
            return other, rows
    return None
