"""The ledger: a chain in which no byte can change unseen."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fairpanel.store import ledger
from fairpanel.workspace import Workspace
from tests.workspaces import workspace


def _with_reports(path: Path, number: int = 3) -> Workspace:
    where = workspace(path)
    for index in range(number):
        folder = where.reports / f"report-{index}"
        folder.mkdir()
        content = f"the report number {index}".encode()
        (folder / "report.json").write_bytes(content)
        ledger.append(where, {"report_id": folder.name, "files": {"report.json": ledger.sha256(content)}})
    return where


def test_an_untouched_ledger_verifies(tmp_path: Path) -> None:
    where = _with_reports(tmp_path)
    assert ledger.verify(where) == []
    assert [entry.number for entry in ledger.entries(where)] == [1, 2, 3]
    assert ledger.entries(where)[0].previous == ledger.GENESIS


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    where = _with_reports(tmp_path)
    files = [where.ledger, *where.reports.rglob("report.json")]
    chance = random.Random(5)
    for _ in range(200):
        path = chance.choice(files)
        content = path.read_bytes()
        place = chance.randrange(len(content))
        changed = bytes([content[place] ^ (1 << chance.randrange(8))])
        path.write_bytes(content[:place] + changed + content[place + 1 :])
        assert ledger.verify(where), f"byte {place} of {path.name}"
        path.write_bytes(content)
    assert ledger.verify(where) == []


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_line_taken_out_is_found(tmp_path: Path, line: int) -> None:
    where = _with_reports(tmp_path)
    lines = where.ledger.read_text().splitlines(keepends=True)
    where.ledger.write_text("".join(lines[:line] + lines[line + 1 :]))
    found = ledger.verify(where, None if line < 2 else "report-2")
    assert found


def test_the_problem_names_the_report_and_the_file(tmp_path: Path) -> None:
    where = _with_reports(tmp_path)
    (where.reports / "report-1" / "report.json").write_text("something else")
    (where.reports / "report-2" / "report.json").unlink()
    told = [(problem.where, problem.what) for problem in ledger.verify(where)]
    assert told == [("report report-1", "report.json was changed"), ("report report-2", "report.json is missing")]
    assert ledger.verify(where, "report-0") == []
    assert ledger.verify(where, "nowhere")[0].what == "the ledger knows no such report"


def test_half_a_line_of_a_killed_process_is_no_entry_and_the_next_one_goes_on(tmp_path: Path) -> None:
    where = _with_reports(tmp_path, 2)
    with where.ledger.open("a") as file:
        file.write('{"number":3,"previous":"')
    assert len(ledger.entries(where)) == 2
    ledger.append(where, {"report_id": "report-0", "files": {}})
    assert ledger.verify(where) == []
    assert len(ledger.entries(where)) == 3


@pytest.mark.parametrize(
    ("found", "put"),
    [
        ('"number":1', '"number":"1"'),
        ('"manifest":{', '"manifest":[],"x":{'),
        ('"files":{', '"files":null,"x":{'),
        ('"report_id":"report-0"', '"report_id":7'),
        ('{"hash"', "[" * 100_000 + '{"hash"'),
    ],
)
def test_a_line_that_is_no_entry_is_told_whatever_it_is(tmp_path: Path, found: str, put: str) -> None:
    where = _with_reports(tmp_path, 1)
    text = where.ledger.read_text()
    assert found in text
    where.ledger.write_text(text.replace(found, put))
    assert ledger.verify(where)[0] == ledger.Problem("ledger line 1", "a line is not readable")
    assert ledger.append(where, {"report_id": "new", "files": {}}).number == 1


def test_a_report_whose_entry_was_taken_off_the_end_is_found(tmp_path: Path) -> None:
    where = _with_reports(tmp_path)
    where.ledger.write_text("".join(where.ledger.read_text().splitlines(keepends=True)[:-1]))
    assert [problem.where for problem in ledger.verify(where)] == ["report report-2"]
    where.ledger.unlink()
    assert len(ledger.verify(where)) == 3
