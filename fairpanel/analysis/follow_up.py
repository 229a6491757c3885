"""What is known of candidates after their interviews: performance ratings by dimension and cycle, employment, and for
those without a rating, why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from fairpanel.config import AuditConfig
from fairpanel.store.tables import Pinned

EARLY_SHARE = 0.1
"""A review is overdue once this share of the reviewed had theirs: who was hired later than that is too new."""
MONTH = 30.4375


@dataclass(frozen=True, slots=True)
class FollowUp:
    """All after the interviews, of the candidates of one audit.

    criterion: one row a final rating: candidate, rater, dimension, score (higher is better; 0–1 where a dimension comes
    on several scales), position (0–1 on its own scale, null where that is unknown), scale_min, scale_max (null where
    rescaled or unknown), rated_on, months (since hire).
    employment: a row a person hired: candidate, status (rated, left, too_new, unrated), months (observed since hire;
    null where the hiring date is unknown), left (bool). notes: what was left out or rescaled, in sentences.
    hired_twice: people with several accepted applications; their ratings cannot be told apart and are left out.
    """

    criterion: pl.DataFrame
    employment: pl.DataFrame
    notes: Sequence[str]
    hired_twice: int


def follow_up(
    pinned: Pinned, config: AuditConfig, met: pl.DataFrame, hired: pl.DataFrame, decided: pl.DataFrame
) -> FollowUp:
    """From the performance table. met: candidate, met (first interview); hired: candidate, a row an accepted
    application; decided: candidate, decided_on of those accepted."""
    names = [
        "candidate_id", "performance_rater_id", "dimension", "rating", "higher_is_better", "scale_min", "scale_max",
        "review_type", "status", "rated_on", "hired_on", "left_on",
    ]  # fmt: skip
    rows = pinned.read("performance", names).rename({"candidate_id": "candidate", "performance_rater_id": "rater"})
    rows = rows.join(met, on="candidate", how="inner", maintain_order="left")
    several = hired.group_by("candidate").len().filter(pl.col("len") > 1).select("candidate")
    notes: list[str] = []
    started = (
        rows.group_by("candidate")
        .agg(pl.col("hired_on").min(), pl.col("left_on").max())
        .join(decided.group_by("candidate").agg(pl.col("decided_on").min()), on="candidate", how="full", coalesce=True)
        .with_columns(pl.coalesce("hired_on", "decided_on").alias("start"))
    )
    final = rows.filter(
        (pl.col("status") == "final")
        & pl.col("review_type").is_in(config.review_types)
        & pl.col("rating").is_not_null()
    )
    later = final.filter(pl.col("rated_on") >= pl.col("met").dt.truncate("1d"))
    if later.height < final.height:
        notes.append(
            "Performance ratings from before a candidate's first interview were left out: they are not later ones."
        )
    once = later.join(several, on="candidate", how="anti", maintain_order="left")
    if once.height < later.height:
        notes.append(
            f"{several.height} people were accepted more than once: which interview their performance follows is not "
            "known, and they are left out of the chapter on prediction."
        )
    criterion, rescaled = _criterion(once.join(started.select("candidate", "start"), on="candidate", how="left"))
    notes += rescaled
    employed = pl.concat([hired.select("candidate"), once.select("candidate")]).unique()
    employment = _employment(employed.join(several, on="candidate", how="anti"), started, criterion, config, rows)
    return FollowUp(criterion, employment, notes, several.height)


def _criterion(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Ratings with low-is-good scales turned round, and dimensions on several scales put on 0–1."""
    width = pl.col("scale_max") - pl.col("scale_min")
    turned = pl.coalesce(pl.col("scale_min") + pl.col("scale_max"), 0.0) - pl.col("rating")
    scored = rows.with_columns(
        pl.when(pl.col("higher_is_better")).then("rating").otherwise(turned).alias("score"),
    ).with_columns(((pl.col("score") - pl.col("scale_min")) / width).alias("position"))
    scales = scored.group_by("dimension").agg(pl.struct("scale_min", "scale_max").n_unique().alias("scales"))
    mixed = sorted(scales.filter(pl.col("scales") > 1)["dimension"])
    scored = scored.with_columns(
        pl.when(pl.col("dimension").is_in(mixed)).then("position").otherwise("score").alias("score"),
        ((pl.col("rated_on") - pl.col("start")).dt.total_days() / MONTH).alias("months"),
    ).drop_nulls("score")
    notes = [f"Performance ratings come on several scales and were put on 0–1 in {len(mixed)} of {scales.height} "
             "dimensions."] if mixed else []  # fmt: skip
    ends = [
        pl.when(pl.col("dimension").is_in(mixed)).then(None).otherwise(name).alias(name)
        for name in ("scale_min", "scale_max")
    ]
    scored = scored.with_columns(ends)
    names = ("candidate", "rater", "dimension", "score", "position", "scale_min", "scale_max", "rated_on", "months")
    return scored.select(names).sort("candidate", "dimension", "rated_on", "rater"), notes


def _employment(
    employed: pl.DataFrame, started: pl.DataFrame, criterion: pl.DataFrame, config: AuditConfig, rows: pl.DataFrame
) -> pl.DataFrame:
    """Who has a rating on the leading dimension, and why the others have none."""
    leading = criterion.filter(pl.col("dimension") == config.performance_dimension)
    first = leading.group_by("candidate").agg(pl.col("rated_on").min().alias("first_rated"))
    people = employed.join(started, on="candidate", how="left").join(first, on="candidate", how="left")
    last = _last_moment(rows)
    waited = people.select((pl.col("first_rated") - pl.col("start")).alias("lag")).drop_nulls()["lag"]
    lag = waited.quantile(EARLY_SHARE, "lower") if len(waited) else None
    not_due = pl.lit(value=False) if lag is None or last is None else pl.col("start") + pl.lit(lag) > pl.lit(last)
    ended = pl.coalesce(pl.col("left_on"), pl.lit(last, dtype=pl.Datetime("us", "UTC")))
    return people.select(
        "candidate",
        pl.when(pl.col("first_rated").is_not_null())
        .then(pl.lit("rated"))
        .when(pl.col("left_on").is_not_null())
        .then(pl.lit("left"))
        .when(not_due)
        .then(pl.lit("too_new"))
        .otherwise(pl.lit("unrated"))
        .alias("status"),
        pl.when(pl.col("hired_on").is_not_null())
        .then((ended - pl.col("hired_on")).dt.total_days() / MONTH)
        .alias("months"),
        pl.col("left_on").is_not_null().alias("left"),
    ).sort("candidate")


def _last_moment(rows: pl.DataFrame) -> datetime | None:
    """The last day on which anything was recorded of anybody: until then the others are known to have stayed."""
    final = rows.filter(pl.col("status") == "final")
    found = [moment for moment in (final["rated_on"].max(), rows["left_on"].max()) if isinstance(moment, datetime)]
    return max(found, default=None)
