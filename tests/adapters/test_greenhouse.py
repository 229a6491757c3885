"""Greenhouse in both layouts: two scales, unanswered items, joins, and what real rows do to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairpanel.adapters import registry
from fairpanel.adapters.base import Delivered, ExportError
from fairpanel.config import Config
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from tests.workspaces import SHARED

CARD: dict[str, Any] = {
    "id": 4_000_000_001,
    "candidate_id": 1,
    "application_id": 2,
    "interview": "Technical interview",
    "interviewed_at": "2024-03-01T10:00:00.000Z",
    "submitted_at": "2024-03-01T11:00:00Z",
    "updated_at": "2024-03-02T11:00:00Z",
    "submitted_by": {"id": 8, "name": "Somebody Else"},
    "interviewer": {"id": 9, "name": "Jane Doe", "employee_id": "12"},
    "overall_recommendation": "yes",
    "attributes": [
        {"name": "Coding", "type": "Skills", "note": "Knows <b>C</b>", "rating": "yes"},
        {"name": "Team fit", "type": "Skills", "note": None, "rating": "no_decision"},
        {"name": "Juggling", "type": "Skills", "note": None, "rating": "stong_yes"},
    ],
    "ratings": {"yes": ["Coding"]},
    "questions": [{"question": "Notes", "answer": "Jane liked her"}],
}


def _harvest(tmp_path: Path, *cards: Any) -> Delivered:
    (tmp_path / "scorecards.json").write_text(json.dumps(cards))
    readings, _ = registry.find([tmp_path])
    assert [reading.adapter for reading in readings] == ["greenhouse-harvest"]
    return readings[0].read(Config())[0]


def test_yes_is_3_of_4_overall_and_4_of_5_on_an_attribute(tmp_path: Path) -> None:
    frame = _harvest(tmp_path, CARD).frame
    shown = frame.select("competency", "score", "scale_max", "stage", "interviewer_id").rows()
    assert shown == [
        ("overall", "3", "4", "user", "9"),
        ("technical", "4", "5", "user", "9"),
        ("team_compatibility", None, "5", "user", "9"),
        ("other", None, "5", "user", "9"),
    ]


def test_a_misspelt_label_keeps_its_row_and_is_counted(tmp_path: Path) -> None:
    delivered = _harvest(tmp_path, CARD)
    assert delivered.frame["score_raw"].to_list()[-1] == "stong_yes"
    assert any("unknown_label: 1 ratings say 'stong_yes'" in note for note in delivered.notes)


def test_names_and_notes_are_not_read(tmp_path: Path) -> None:
    delivered = _harvest(tmp_path, CARD)
    text = delivered.frame.write_csv() + " ".join(delivered.notes)
    for secret in ("Jane", "Doe", "Somebody", "Knows", "liked"):
        assert secret not in text


def test_unsubmitted_forms_are_excluded_by_name_and_incomplete_records_set_aside(tmp_path: Path) -> None:
    delivered = _harvest(tmp_path, CARD, CARD | {"id": 5, "submitted_at": None}, {"id": 6}, "no record")
    assert delivered.excluded == {"unsubmitted": 4}
    assert delivered.malformed["rule"].to_list() == ["missing_value", "missing_value"]
    assert delivered.rows_read == 4 + 4 + 2


def test_broken_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scorecards.json").write_text(json.dumps([CARD])[:-20])
    readings, _ = registry.find([tmp_path])
    with pytest.raises(ExportError, match="not valid JSON"):
        readings[0].read(Config())


@pytest.mark.parametrize("layout", ["greenhouse-harvest", "greenhouse-connector"])
def test_both_layouts_state_the_same_scores(tmp_path: Path, layout: str) -> None:
    small = Parameters(candidates=60, interviewers=20, months=12, deleted=0.0)
    simulate(small, layout, tmp_path / layout)
    readings, skipped = registry.find([tmp_path / layout])
    tables = {part.table: part for reading in readings for part in reading.read(Config())}
    assert {reading.adapter for reading in readings} == {layout, "canonical"}
    assert set(tables) == {"scores", "decisions", "demographics", "performance"}
    assert [path.name for path in skipped] == ["truth.json"]
    scores = tables["scores"].frame
    assert scores["interviewer_id"].null_count() == 0
    assert set(scores["stage"]) == {"hr", "user"}
    assert {"direct_supervisor", "team_member"} <= set(scores["interviewer_role"])
    assert scores.filter(scores["interviewer_role"] == "direct_supervisor")["role_assumed"].unique().to_list() == [
        "true"
    ]
    assert scores["job_family"].null_count() == 0
    simulate(small, "greenhouse-harvest", tmp_path / "other")
    other, _ = registry.find([tmp_path / "other"], "greenhouse-harvest")
    same = other[0].read(Config())[0].frame
    columns = ["candidate_id", "interviewer_id", "competency", "score", "stage", "interviewed_at"]
    assert sorted(map(str, scores.select(columns).rows())) == sorted(map(str, same.select(columns).rows()))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real exports are not beside this checkout")
@pytest.mark.parametrize(
    ("folder", "adapter", "rows", "accounted"),
    [
        ("greenhouse_tables", "greenhouse-connector", 13, {"scores": 4, "decisions": 2, "demographics": 7}),
        ("vendor_examples", "greenhouse-harvest", 21, {"scores": 14, "demographics": 7}),
    ],
)
def test_real_layouts(folder: str, adapter: str, rows: int, accounted: dict[str, int]) -> None:
    readings, _ = registry.find([SHARED / "exports" / folder])
    assert [reading.adapter for reading in readings] == [adapter]
    delivered = readings[0].read(Config())
    assert {part.table: part.rows_read for part in delivered} == accounted
    assert sum(part.rows_read for part in delivered) == rows
