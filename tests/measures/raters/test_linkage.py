"""Which raters are linked, and who links them: brute force, known designs, thin data."""

from __future__ import annotations

import doctest
import importlib
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from tests.measures.reliability.designs import SHROUT_FLEISS, THIN, long, ratings, relabelled, shuffled

CHAIN = ratings(
    ("a", "p", 1), ("a", "q", 2), ("b", "q", 3), ("b", "r", 3), ("c", "r", 2), ("c", "s", 5), ("d", "p", 4), ("d", "q", 4)
)  # fmt: skip


def link(frame: pl.DataFrame, **options: Any) -> Estimate:
    found = measure("rater_linkage", frame, **options)
    json.dumps(found.to_dict(), allow_nan=False)
    return found


@st.composite
def sparse_panels(draw: st.DrawFn) -> pl.DataFrame:
    cells = [
        (f"u{unit}", f"r{rater}", 1.0)
        for unit in range(draw(st.integers(1, 9)))
        for rater in draw(st.lists(st.integers(0, 7), min_size=1, max_size=3, unique=True))
    ]
    return pl.DataFrame(cells, schema=["unit", "rater", "score"], orient="row")


def parts(frame: pl.DataFrame) -> list[set[str]]:
    """Raters of each connected part, by repeated union."""
    found: list[set[str]] = []
    for _, rows in frame.group_by("unit"):
        panel = set(rows["rater"].to_list())
        found = [one for one in found if not one & panel] + [panel.union(*(one for one in found if one & panel))]
    return found


def cut_off(rest: pl.DataFrame, raters: set[str]) -> int:
    """Raters outside the largest piece that is left of a component; raters without ratings are pieces of one."""
    linked = parts(rest)
    sizes = sorted([len(one) for one in linked] + [1 for one in raters if not any(one in piece for piece in linked)])
    return sum(sizes[:-1])


def test_complete_designs_have_no_weak_link() -> None:
    found = link(long(SHROUT_FLEISS))
    assert found.value == 1
    assert found.detail["linking_units"] == []
    assert found.detail["linking_raters"] == []
    assert set(found.detail["shared_units"].values()) == {6}
    assert set(found.detail["partners"].values()) == {3}


def test_a_chain_hangs_on_its_inner_links() -> None:
    """p, q are tied twice (a, d); q to r by b only, r to s by c only."""
    found = link(CHAIN)
    assert found.detail["components"] == [{"component": 0, "raters": 4, "units": 4, "ratings": 8}]
    assert found.detail["linking_units"] == [
        {"unit": "b", "component": 0, "cut_off": 2},
        {"unit": "c", "component": 0, "cut_off": 1},
    ]
    assert found.detail["linking_raters"] == [
        {"rater": "q", "component": 0, "cut_off": 1},
        {"rater": "r", "component": 0, "cut_off": 1},
    ]
    assert found.detail["shared_units"] == {"p": 2, "q": 3, "r": 2, "s": 1}
    assert found.detail["partners"] == {"p": 1, "q": 2, "r": 2, "s": 1}
    assert link(CHAIN, weakest=1).detail["linking_units"] == [{"unit": "b", "component": 0, "cut_off": 2}]


@settings(deadline=None, max_examples=60)
@given(frame=sparse_panels())
def test_weak_links_are_those_whose_loss_splits(frame: pl.DataFrame) -> None:
    found = link(frame)
    pieces = parts(frame)
    assert found.value == pytest.approx(max(map(len, pieces)) / frame["rater"].n_unique())
    assert len(found.detail["components"]) == len(pieces)
    for role in ("unit", "rater"):
        named = {row[role]: row["cut_off"] for row in found.detail[f"linking_{role}s"]}
        for level in frame[role].unique().to_list():
            component = next(one for one in pieces if one & set(frame.filter(pl.col(role) == level)["rater"].to_list()))
            own = frame.filter(pl.col("rater").is_in(list(component)))
            assert named.get(level, 0) == cut_off(own.filter(pl.col(role) != level), component - {level})


@settings(deadline=None, max_examples=20)
@given(frame=sparse_panels())
def test_unchanged_by_order_and_names(frame: pl.DataFrame) -> None:
    before = link(frame)
    assert link(shuffled(frame)).detail == before.detail
    after = link(relabelled(frame))
    assert after.value == before.value
    assert sorted(after.detail["shared_units"].values()) == sorted(before.detail["shared_units"].values())
    assert [row["cut_off"] for row in after.detail["linking_raters"]] == [
        row["cut_off"] for row in before.detail["linking_raters"]
    ]


def test_unlinked_panels_are_told_apart() -> None:
    frame = ratings(("a", "x", 1), ("a", "y", 2), ("b", "x", 3), ("c", "z", 1))
    found = link(frame)
    assert found.value == pytest.approx(2 / 3)
    assert [row["raters"] for row in found.detail["components"]] == [2, 1]
    assert found.detail["component"] == {"x": 0, "y": 0, "z": 1}
    assert found.detail["unit_component"] == {"a": 0, "b": 0, "c": 1}
    assert found.detail["unlinked_raters"] == 1
    assert {caution.code for caution in found.cautions} == {"UNLINKED_RATERS", "SINGLE_RATINGS", "NO_INTERVAL"}


@pytest.mark.parametrize("name", THIN)
def test_thin_data(name: str) -> None:
    found = link(THIN[name][0])
    if name == "all missing":
        assert found.value is None
    else:
        assert found.value is not None


def test_raters_under_the_minimum_are_counted_not_shown() -> None:
    found = link(CHAIN, min_units=2)
    assert "s" not in found.detail["component"]
    assert found.detail["raters_left_out"] == 1
    assert found.value == 1
    with pytest.raises(MeasureInputError, match="min_units"):
        link(CHAIN, min_units=0)
    with pytest.raises(MeasureInputError, match="weakest"):
        link(CHAIN, weakest=-1)


def test_examples() -> None:
    result = doctest.testmod(importlib.import_module("fairpanel.measures.raters.linkage"))
    assert result.attempted > 0
    assert result.failed == 0
