"""One group under several spellings, several in one cell, refusals, unknown ones, renamings: read as stated, and told."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest

from fairpanel.analysis.group_names import SEVERAL, renamings, tidy
from schemas.vocabulary import DECLINED


def stated(*categories: str, attribute: str = "race") -> pl.DataFrame:
    return pl.DataFrame(
        {"candidate": [f"c{i}" for i in range(len(categories))], "attribute": attribute, "category": list(categories)}
    )


def groups(frame: pl.DataFrame, **aliases: dict[str, str]) -> list[str]:
    return tidy(frame, aliases)[0].sort("candidate")["category"].to_list()


@pytest.mark.parametrize(
    ("categories", "expected"),
    [
        (["Women", "women", "women"], ["women", "women", "women"]),
        (["Native’s", "Native's", "Native's"], ["Native's"] * 3),
        (["Black/African  A.", "Black / African A", "Black / African A"], ["Black / African A"] * 3),
        (["White; Asian", "Asian; White", "White"], [SEVERAL, SEVERAL, "White"]),
        (["White|White", "White"], ["White", "White"]),
        (['["White","Asian"]', '["White"]', "White"], [SEVERAL, "White", "White"]),
        (["Prefer not to say", "I don't wish to answer", "Declined"], [DECLINED] * 3),
        (["Hispanic or Latino", "White"], ["Hispanic or Latino", "White"]),
        (["[not a list", "White"], ["[not a list", "White"]),
    ],
)  # fmt: skip
def test_spellings(categories: list[str], expected: list[str]) -> None:
    found = groups(stated(*categories))
    assert sorted(found) == sorted(expected)


def test_unknown_is_no_group() -> None:
    frame = stated("White", "unknown", "N/A", " ")
    assert groups(frame) == ["White"]


def test_aliases_and_notes() -> None:
    frame = pl.concat([stated("Female", "women", attribute="gender"), stated("White; Asian", "Asian", "asian")])
    found, notes = tidy(frame, {"gender": {"Female": "women"}})
    assert found.filter(pl.col("attribute") == "gender")["category"].to_list() == ["women", "women"]
    assert any("renamed by the configuration" in note for note in notes)
    assert any("'Asian', 'asian'" in note and "read as one" in note for note in notes)
    assert any(SEVERAL in note for note in notes)


def test_everybody_counts_once() -> None:
    frame = stated("White; Asian", "Asian", "White", "declined")
    found = tidy(frame, {})[0]
    assert found["candidate"].n_unique() == found.height == 4


def test_nothing_stated() -> None:
    found, notes = tidy(stated(), {})
    assert found.is_empty()
    assert notes == []


def met(frame: pl.DataFrame, days: list[int]) -> pl.DataFrame:
    start = datetime(2025, 1, 1)  # noqa: DTZ001 - the lake's moments carry no zone, all are UTC
    return pl.DataFrame({"candidate": frame["candidate"], "met": [start + timedelta(days=day) for day in days]})


def test_a_group_that_ends_where_another_begins_is_asked_about() -> None:
    frame = stated(*["Female"] * 6, *["women"] * 6, *["men"] * 8, attribute="gender")
    asked = renamings(frame, met(frame, [*range(6), *range(10, 16), 0, 2, 4, 6, 8, 11, 13, 15]))
    assert len(asked) == 1
    assert "'Female' is last met on 2025-01-06 and 'women' first on 2025-01-11" in asked[0]
    assert "[audit] categories" in asked[0]


def test_groups_that_overlap_or_are_few_are_not_asked_about() -> None:
    frame = stated(*["a"] * 6, *["b"] * 6, attribute="gender")
    assert renamings(frame, met(frame, [*range(6), *range(5, 11)])) == []
    few = stated("a", "b", attribute="gender")
    assert renamings(few, met(few, [0, 9])) == []
