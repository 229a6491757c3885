"""The parts of the material that are estimated apart: stage, competency, job family, each only where n allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from fairpanel.analysis.frames import COMPOSITE
from schemas.vocabulary import ELEMENTS

STAGES = ("user", "hr", "other")
ORDER = ("overall", COMPOSITE, *ELEMENTS)


@dataclass(frozen=True, slots=True)
class Slice:
    """What an estimate is about; None stands for all job families."""

    stage: str
    competency: str
    job_family: str | None

    @property
    def subject(self) -> dict[str, str | None]:
        return {"stage": self.stage, "competency": self.competency, "job_family": self.job_family}


def leading(ratings: pl.DataFrame, stage: str) -> str:
    """The competency that stands for a stage as a whole: the overall score, else the composite."""
    overall = (pl.col("stage") == stage) & (pl.col("competency") == "overall") & pl.col("score").is_not_null()
    return "overall" if ratings.select(overall.any()).item() else COMPOSITE


def slices(ratings: pl.DataFrame, minimum: int) -> Iterator[tuple[Slice, pl.DataFrame, bool]]:
    """Every slice with its ratings, and whether it has enough candidates to be estimated.

    All job families: every competency. A single job family: the leading score of each stage.
    """
    for stage in STAGES:
        here = ratings.filter(pl.col("stage") == stage)
        if here.is_empty():
            continue
        lead = leading(ratings, stage)
        for competency in ORDER:
            part = here.filter((pl.col("competency") == competency) & pl.col("score").is_not_null())
            if part.is_empty():
                continue
            yield Slice(stage, competency, None), part, part["unit"].n_unique() >= minimum
            families = sorted(part["job_family"].drop_nulls().unique())
            if competency == lead and len(families) > 1:
                for family in families:
                    rows = part.filter(pl.col("job_family") == family)
                    yield Slice(stage, competency, family), rows, rows["unit"].n_unique() >= minimum
