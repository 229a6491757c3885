"""The ledger: a chain that goes on from its end, whatever became of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairpanel.store import ledger
from fairpanel.store.verification import verify
from tests.store.chains import add, with_reports


def test_entries_are_chained_and_the_head_names_the_last(tmp_path: Path) -> None:
    where = with_reports(tmp_path)
    chain = ledger.entries(where)
    assert [entry.number for entry in chain] == [1, 2, 3]
    assert [entry.previous for entry in chain] == [ledger.GENESIS, chain[0].hash, chain[1].hash]
    assert ledger.read_head(where) == (3, chain[2].hash)


def test_only_reports_are_reports(tmp_path: Path) -> None:
    where = with_reports(tmp_path, 1)
    ledger.append(where, {"kind": "tables", "versions": {}, "files": {}})
    ledger.append(where, {"kind": "report", "report_id": "told", "files": {}})
    ledger.append(where, {"kind": "of a later version"})
    assert [entry.kind for entry in ledger.entries(where)] == ["report", "tables", "report", "of a later version"]
    assert [entry.manifest["report_id"] for entry in ledger.reports(where)] == ["report-0", "told"]


@pytest.mark.parametrize("half", ['{"number":3,"previous":"', None])
def test_half_a_line_of_a_killed_process_is_no_entry_and_the_next_one_goes_on(tmp_path: Path, half: str | None) -> None:
    where = with_reports(tmp_path, 2)
    with where.ledger.open("a") as file:
        file.write(half or where.ledger.read_text().split("\n")[1])  # a whole line without its end
    assert len(ledger.entries(where)) == 2
    assert [problem.where for problem in verify(where)] == ["ledger"]
    add(where, "next", b"")
    assert verify(where) == []
    assert len(ledger.entries(where)) == 3


def test_a_process_killed_between_ledger_and_head(tmp_path: Path) -> None:
    where = with_reports(tmp_path, 1)
    head = where.head.read_bytes()
    add(where, "second", b"")
    for left in (head, None):
        where.head.write_bytes(head) if left else where.head.unlink()
        if left:
            assert verify(where) == []
    assert [problem.where for problem in verify(where)] == ["ledger/head.json"]
    assert add(where, "third", b"").number == 3
    assert verify(where) == []


def test_the_first_entry_may_be_without_its_head(tmp_path: Path) -> None:
    where = with_reports(tmp_path, 1)
    where.head.unlink()
    assert verify(where) == []


def test_after_a_cut_the_chain_goes_on_so_that_the_cut_stays_visible(tmp_path: Path) -> None:
    where = with_reports(tmp_path)
    where.ledger.write_bytes(b"".join(where.ledger.read_bytes().splitlines(keepends=True)[:-1]))
    assert add(where, "later", b"").number == 4
    told = [(problem.where, problem.what) for problem in verify(where)]
    assert ("ledger entry 4", "entry 3 was expected here: entries are missing or out of order") in told
    assert ("ledger entry 4", "it does not continue the entry before it") in told


@pytest.mark.parametrize(
    ("found", "put"),
    [
        ('"number":1', '"number":"1"'),
        ('"manifest":{', '"manifest":[],"x":{'),
        ('"files":{', '"files":null,"x":{'),
        ('"report_id":"report-0"', '"report_id":7'),
        ('"previous"', '"signature":"ab","previous"'),
        ('{"hash"', "[" * 100_000 + '{"hash"'),
    ],
)
def test_a_line_that_is_no_entry_is_told_whatever_it_is(tmp_path: Path, found: str, put: str) -> None:
    where = with_reports(tmp_path, 1)
    text = where.ledger.read_text()
    assert found in text
    where.ledger.write_text(text.replace(found, put))
    told = [(problem.where, problem.what) for problem in verify(where)]
    assert told[0] == ("ledger line 1", "a line is not readable")
    assert add(where, "new", b"").number == 2
