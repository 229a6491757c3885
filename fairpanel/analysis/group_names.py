"""Names of groups as exports spell them: one group under several spellings, several in one cell, refusals, renamings.

Nothing is guessed: what is read as one group is said in a note, and what only looks like a renaming is asked about.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from itertools import permutations

import polars as pl

from schemas.vocabulary import DECLINED

SEVERAL = "two or more"
"""Who states more than one category of an attribute: one group of its own, so that everybody counts once."""
_SEPARATORS = re.compile(r"\s*[;|]\s*")
_REFUSALS = {
    "declined", "decline", "decline to state", "declined to state", "decline to self identify", "decline to answer",
    "prefer not to say", "prefer not to answer", "prefer not to disclose", "i dont wish to answer", "i do not wish to answer",
    "i dont wish to self identify", "not disclosed", "undisclosed", "rather not say",
}  # fmt: skip
_UNKNOWN = {"", "unknown", "n a", "na", "none", "null", "not specified", "missing", "not available", "not stated"}
_ENOUGH_TO_ASK = 5


def tidy(groups: pl.DataFrame, aliases: Mapping[str, Mapping[str, str]]) -> tuple[pl.DataFrame, list[str]]:
    """Candidates' categories under one name a group, and notes on what was read as one.

    groups: candidate, attribute, category. aliases: by attribute, other names of a group (configuration). Rows that say that
    nothing is known are left out: they count as unknown, as if there were no row.
    """
    found = groups.select("attribute", "category").unique()
    names: dict[tuple[str, str], str | None] = {}
    notes: list[str] = []
    counts = {(a, c): n for a, c, n in groups.group_by("attribute", "category").len().iter_rows()}
    for attribute in sorted(found["attribute"].unique()):
        stated = sorted(found.filter(pl.col("attribute") == attribute)["category"])
        sizes = {name: counts[attribute, name] for name in stated}
        told, remarks = _one_name_each(stated, sizes, aliases.get(attribute, {}))
        names |= {(attribute, name): group for name, group in told.items()}
        notes += [f"{attribute}: {remark}" for remark in remarks]
    if not names:
        return groups, notes
    table = pl.DataFrame(
        {
            "attribute": [attribute for attribute, _ in names],
            "category": [name for _, name in names],
            "group": list(names.values()),
        },
        schema={"attribute": pl.String, "category": pl.String, "group": pl.String},
    )
    joined = groups.join(table, on=["attribute", "category"], how="left", maintain_order="left").drop_nulls("group")
    return joined.select("candidate", "attribute", pl.col("group").alias("category")), notes


def _one_name_each(
    stated: list[str], sizes: Mapping[str, int], aliases: Mapping[str, str]
) -> tuple[dict[str, str | None], list[str]]:
    """Each category's group (None: unknown), and remarks."""
    said = {_folded(name): group for name, group in aliases.items()}
    groups: dict[str, str | None] = {}
    spelled: dict[str, list[str]] = {}
    several = 0
    for name in stated:
        parts = _parts(name)
        folded = _folded(name)
        if folded in said:
            groups[name] = said[folded]
        elif folded in _REFUSALS:
            groups[name] = DECLINED
        elif folded in _UNKNOWN:
            groups[name] = None
        elif len(parts) > 1:
            groups[name] = SEVERAL
            several += sizes[name]
        else:
            spelled.setdefault(_folded(parts[0]), []).append(name)
    remarks = []
    for spellings in spelled.values():
        kept = min(spellings, key=lambda name: (-sizes[name], name))
        groups |= dict.fromkeys(spellings, kept.strip())
        if len(spellings) > 1:
            remarks.append(f"the spellings {_quoted(spellings)} were read as one group.")
    if several:
        remarks.append(f"people who state several categories are in the group {SEVERAL!r}.")
    renamed = sorted(name for name in stated if _folded(name) in said)
    if renamed:
        remarks.append(f"{_quoted(renamed)} renamed by the configuration ([audit] categories).")
    return groups, remarks


def _quoted(names: list[str], most: int = 5) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _parts(name: str) -> list[str]:
    """The categories stated in one cell: a JSON list, or names set apart by ; or |."""
    if name.startswith("["):
        try:
            listed = json.loads(name)
        except ValueError:
            listed = None
        if isinstance(listed, list):
            return sorted({str(part).strip() for part in listed if str(part).strip()}) or [name]
    return sorted({part for part in _SEPARATORS.split(name.strip()) if part}) or [name]


def _folded(name: str) -> str:
    """A name without case, accents' forms, apostrophes' kinds, punctuation and double spaces."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    kept = re.sub(r"[’‘'`´]", "", plain)
    return " ".join(re.sub(r"[^\w]+", " ", kept).split())


def renamings(groups: pl.DataFrame, met: pl.DataFrame) -> list[str]:
    """Questions where one group ends before another begins, as when an export renames it.

    met: candidate, met (when first interviewed). Asked only where both have enough people and the rest goes on throughout.
    """
    dated = groups.filter(pl.col("category") != DECLINED).join(met, on="candidate", how="inner")
    spans = dated.group_by("attribute", "category").agg(
        pl.col("met").min().alias("first"), pl.col("met").max().alias("last"), pl.col("candidate").n_unique().alias("n")
    )
    asked = []
    for attribute in sorted(spans["attribute"].unique()):
        here = spans.filter((pl.col("attribute") == attribute) & (pl.col("n") >= _ENOUGH_TO_ASK)).sort("category")
        ends = {name: (first, last) for name, first, last in here.select("category", "first", "last").iter_rows()}
        pairs = [(a, b) for a, b in permutations(ends, 2) if ends[a][1] < ends[b][0]]
        for a, b in _single(pairs):
            asked.append(_question(attribute, a, b, ends[a][1], ends[b][0]))
    return asked


def _single(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs whose members stand in no other pair: of others nobody could say which was renamed."""
    seen = Counter(name for pair in pairs for name in pair)
    return [pair for pair in pairs if all(seen[name] == 1 for name in pair)]


def _question(attribute: str, old: str, new: str, last: datetime, first: datetime) -> str:
    return (
        f"{attribute}: {old[:40]!r} is last met on {last:%Y-%m-%d} and {new[:40]!r} first on "
        f"{first:%Y-%m-%d}. If one group was "
        f"renamed, say so under [audit] categories; until then they are compared as two."
    )
