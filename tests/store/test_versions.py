"""Which version of a fact counts: a hand-worked table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from fairpanel.store.tables import schema
from fairpanel.store.versions import settle


def _rows(*rows: dict[str, Any], batch: str = "new") -> pl.DataFrame:
    wanted = schema("scores")
    full = [dict.fromkeys(wanted) | {"batch_id": batch, "is_deleted": False, "score": 3.0} | row for row in rows]
    return pl.DataFrame(full, schema=wanted)


def _day(day: int) -> datetime:
    return datetime(2026, 1, day, tzinfo=UTC)


KEY = {"record_key": "k"}
LATE, EARLY = {"updated_at": _day(9)}, {"updated_at": _day(2)}


@pytest.mark.parametrize(
    ("stored", "new", "kept", "fresh", "excluded", "conflicting"),
    [
        pytest.param([], [KEY], 1, 1, {}, 0, id="new"),
        pytest.param([KEY], [KEY], 0, 0, {"duplicate": 1}, 0, id="known"),
        pytest.param([KEY | EARLY], [KEY | LATE | {"score": 5.0}], 1, 1, {}, 0, id="newer edit"),
        pytest.param([KEY | LATE], [KEY | EARLY | {"score": 5.0}], 0, 0, {"older_version": 1}, 0, id="older edit"),
        pytest.param([KEY], [KEY | {"score": 5.0}], 1, 1, {}, 0, id="corrected, without times"),
        pytest.param([KEY | {"batch_id": "new"}], [KEY], 1, 0, {}, 0, id="written before the process was killed"),
        pytest.param([], [KEY | {"is_deleted": True}], 0, 1, {"deleted": 1}, 0, id="deleted, never seen"),
        pytest.param([KEY], [KEY | {"is_deleted": True}], 0, 1, {"deleted": 1}, 0, id="deleted, known before"),
        pytest.param([], [KEY, KEY], 1, 1, {"duplicate": 1}, 0, id="twice in one file"),
        pytest.param(
            [], [KEY | EARLY, KEY | LATE | {"score": 5.0}], 1, 1, {"older_version": 1}, 0, id="two edits in one file"
        ),
        pytest.param([], [KEY, KEY | {"score": 5.0}], 0, 0, {}, 2, id="contradiction"),
        pytest.param(
            [],
            [KEY | LATE, KEY | LATE | {"score": 5.0}, {"record_key": "m"}],
            1,
            1,
            {},
            2,
            id="same time, not the same",
        ),
    ],
)
def test_settle(
    stored: list[dict[str, Any]],
    new: list[dict[str, Any]],
    kept: int,
    fresh: int,
    excluded: dict[str, int],
    conflicting: int,
) -> None:
    settled = settle("scores", _rows(*new), _rows(*stored, batch="old"), "new")
    assert (settled.kept, settled.fresh.height, settled.excluded) == (kept, fresh, excluded)
    assert settled.conflicting.height == conflicting
    assert len(new) == settled.kept + sum(settled.excluded.values()) + settled.conflicting.height


def test_of_two_edits_the_newer_one_stays() -> None:
    rows = _rows(KEY | LATE | {"score": 5.0}, KEY | EARLY)
    assert settle("scores", rows, _rows(), "new").fresh["score"].to_list() == [5.0]
