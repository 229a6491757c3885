"""Who belongs to which group: single attributes and crossed ones, with those of whom it is not known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from fairpanel.analysis.frames import Material
from fairpanel.config import AuditConfig
from schemas.vocabulary import DECLINED

CROSS = " × "
JOIN = " / "
SMALLEST_GROUP = 5
DAY = "interviewed"


@dataclass(frozen=True, slots=True)
class Grouping:
    """An attribute, or two crossed, and the people whose group is known: candidate, group (and part_0, part_1)."""

    attribute: str
    parts: tuple[str, ...]
    people: pl.DataFrame

    @property
    def crossed(self) -> bool:
        return len(self.parts) > 1

    @property
    def columns(self) -> list[str]:
        return [f"part_{index}" for index in range(len(self.parts))] if self.crossed else ["group"]


def groupings(material: Material, config: AuditConfig) -> Iterator[Grouping]:
    """Every attribute of the configuration with two groups or more, then the crossed pairs of them."""
    single = {attribute: _of(material, attribute) for attribute in config.attributes}
    for attribute, people in single.items():
        if people["group"].n_unique() > 1:
            yield Grouping(attribute, (attribute,), people)
    for first, second in config.crossed:
        sides = [single.get(name, _of(material, name)) for name in (first, second)]
        if min(side["group"].n_unique() for side in sides) < 2:
            continue
        both = (
            sides[0]
            .rename({"group": "part_0"})
            .join(sides[1].rename({"group": "part_1"}), on="candidate", how="inner", maintain_order="left")
            # A name that holds the separator would make "a / b" with "c" the same as "a" with "b / c".
            .with_columns(pl.col("part_0", "part_1").str.replace_all(JOIN, JOIN.strip(), literal=True))
            .with_columns(pl.concat_str("part_0", "part_1", separator=JOIN).alias("group"))
        )
        yield Grouping(f"{first}{CROSS}{second}", (first, second), both)


def _of(material: Material, attribute: str) -> pl.DataFrame:
    known = material.groups.filter((pl.col("attribute") == attribute) & (pl.col("category") != DECLINED))
    return known.select("candidate", pl.col("category").alias("group"))


def with_status(people: pl.DataFrame, material: Material, grouping: Grouping) -> pl.DataFrame:
    """People of a selection with their group, `declined` for those who chose not to say, null where nothing is known."""
    known = grouping.people.select("candidate", "group")
    refused = (
        material.groups.filter(pl.col("attribute").is_in(grouping.parts) & (pl.col("category") == DECLINED))
        .select("candidate", pl.lit(DECLINED).alias("group"))
        .unique("candidate")
        .join(known, on="candidate", how="anti")
    )
    return people.join(pl.concat([known, refused]), on="candidate", how="left", maintain_order="left")


def thin(people: pl.DataFrame, config: AuditConfig) -> bool:
    """Too few people, or not two groups large enough to compare."""
    sizes = people["group"].value_counts().filter(pl.col("count") >= SMALLEST_GROUP)
    return people.height < config.minimum_candidates or sizes.height < 2


def benchmark(grouping: Grouping, config: AuditConfig) -> str:
    """The group that scores and prediction lines of the others are compared with: the named one, else the largest."""
    named = config.references.get(grouping.attribute)
    if named is not None and named in grouping.people["group"]:
        return named
    return largest(grouping.people)


def largest(people: pl.DataFrame, count: str | None = None) -> str:
    """The group with most people; of equal ones the first by name. count: column of how many a row stands for."""
    return str(_sizes(people, count).sort("n", "group", descending=[True, False])["group"][0])


def focal_groups(people: pl.DataFrame, reference: str, config: AuditConfig, count: str | None = None) -> list[str]:
    """The groups of the minimum share and size other than the reference, by name."""
    sizes = _sizes(people, count)
    least = max(SMALLEST_GROUP, config.minimum_share * int(sizes["n"].sum()))
    return sorted(sizes.filter((pl.col("n") >= least) & (pl.col("group") != reference))["group"])


def _sizes(people: pl.DataFrame, count: str | None) -> pl.DataFrame:
    return people.group_by("group").agg((pl.len() if count is None else pl.col(count).sum()).alias("n"))
