"""Notes of what became of the last try at every scope."""

from __future__ import annotations

from pathlib import Path

from fairpanel.store import attempts
from fairpanel.store.attempts import Attempt
from fairpanel.workspace import Workspace

SCOPE = {"from": "2024-01-01", "to": "2024-02-01", "where": {"job_family": "a\u2028b\nc"}}


def test_the_last_note_of_a_scope_counts(tmp_path: Path) -> None:
    where = Workspace(tmp_path)
    assert attempts.latest(where) == []
    attempts.record(where, Attempt(scope=SCOPE, state="failed", reason="OSError"))
    attempts.record(where, Attempt(scope=SCOPE | {"where": {}}, state="empty"))
    attempts.record(where, Attempt(scope=SCOPE, state="made", report_id="r", basis="b", at="2026-01-01T00:00:00+00:00"))
    assert [(note.state, note.report_id) for note in attempts.latest(where)] == [("made", "r"), ("empty", None)]


def test_half_a_line_of_a_killed_process_takes_nothing_along(tmp_path: Path) -> None:
    where = Workspace(tmp_path)
    attempts.record(where, Attempt(scope=SCOPE, state="failed"))
    with where.attempts.open("a") as file:
        file.write('{"scope": {"from": "2024-02-01", "to"')
    attempts.record(where, Attempt(scope=SCOPE | {"from": None}, state="empty"))
    with where.attempts.open("a") as file:
        file.write('[]\n{"scope": 1, "state": "made"}\n{"scope": {}, "state": "odd"}\n')
    assert [note.state for note in attempts.latest(where)] == ["failed", "empty"]


def test_many_notes_become_one_a_scope(tmp_path: Path) -> None:
    where = Workspace(tmp_path)
    for number in range(30):
        attempts.record(where, Attempt(scope=SCOPE | {"from": f"{number % 3}"}, state="made", report_id=f"r{number}"))
    before = attempts.latest(where)
    attempts.compact(where, longest=100)
    assert where.attempts.read_text().count("\n") == 30
    attempts.compact(where, longest=10)
    assert where.attempts.read_text().count("\n") == 3
    assert attempts.latest(where) == before
