"""Verification: no byte of ledger, reports and tables changes, comes or goes unseen."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fairpanel.config import Config
from fairpanel.pipeline.audit import audit
from fairpanel.pipeline.periods import scope_of
from fairpanel.store import ledger
from fairpanel.store.verification import verify
from fairpanel.workspace import Workspace
from tests.store.chains import with_reports
from tests.workspaces import take_in, workspace, write


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Scores of two exports, refused rows and groups, and a report."""
    path = tmp_path_factory.mktemp("verified")
    where = workspace(path)
    for number in (1, 2):
        day = f"2024-0{number}-01"
        rows = [f"c{number}{i},r{j},overall,{1 + (i * j) % 5},{day}" for i in range(40) for j in range(1, 4)]
        take_in(where, write(path / f"s{number}.csv", [*rows, f"c1,r1,overall,9,{day}"]))
    audit(where, scope_of(None, None, []), Config.model_validate({"audit": {"self_test_replicates": 0}}))
    return where


def test_what_was_not_touched_verifies(filled: Workspace) -> None:
    assert verify(filled) == []
    assert [entry.kind for entry in ledger.entries(filled)] == ["tables", "tables", "report"]


def test_every_changed_byte_is_found_and_its_file_named(filled: Workspace) -> None:
    places = (filled.ledger.parent, filled.reports, filled.lake, filled.restricted)
    files = sorted(p for place in places for p in place.rglob("*") if p.is_file() and p.suffix != ".fingerprint")
    assert {p.suffix for p in files} >= {".jsonl", ".json", ".html", ".parquet"}
    chance = random.Random(5)
    for path in [*files, *chance.choices(files, k=40)]:
        content = path.read_bytes()
        place = chance.randrange(len(content))
        changed = bytes([content[place] ^ (1 << chance.randrange(8))])
        path.write_bytes(content[:place] + changed + content[place + 1 :])
        told = verify(filled)
        path.write_bytes(content)
        assert told, f"byte {place} of {path}"
        if filled.ledger.parent not in path.parents:
            assert len(told) == 1, path
            assert path.name in told[0].what
            assert told[0].what.endswith("was changed")
        else:
            assert "ledger" in told[0].where
    assert verify(filled) == []


def test_every_bit_of_a_ledger_counts(tmp_path: Path) -> None:
    where = with_reports(tmp_path, 2)
    for path in (where.ledger, where.head):
        content = path.read_bytes()
        for place in range(len(content)):
            for bit in (0, 5):  # 5: the case of a letter
                changed = bytes([content[place] ^ (1 << bit)])
                path.write_bytes(content[:place] + changed + content[place + 1 :])
                assert verify(where), f"bit {bit} of byte {place} of {path.name}"
        path.write_bytes(content)
    assert verify(where) == []


@pytest.mark.parametrize(
    ("found", "put"),
    [
        (b'"number":1', b'"number": 1'),
        (b"\n", b"\n\n"),
        (b"\n", b"\r\n"),
        (b'"number":1', b'"more":0,"number":1'),
        (b"\xc3\xa9", b"\\u00e9"),
    ],
)
def test_a_line_is_as_it_was_written(tmp_path: Path, found: bytes, put: bytes) -> None:
    where = with_reports(tmp_path, 1)
    content = where.ledger.read_bytes()
    assert found in content
    where.ledger.write_bytes(content.replace(found, put))
    assert verify(where)


@pytest.mark.parametrize("line", [0, 1, 2])
@pytest.mark.parametrize("report_too", [False, True])
def test_a_line_taken_out_is_found(tmp_path: Path, line: int, report_too: bool) -> None:
    where = with_reports(tmp_path)
    lines = where.ledger.read_bytes().splitlines(keepends=True)
    where.ledger.write_bytes(b"".join(lines[:line] + lines[line + 1 :]))
    if report_too:
        for path in (where.reports / f"report-{line}").iterdir():
            path.unlink()
    assert any("missing" in problem.what for problem in verify(where, f"report-{(line + 1) % 3}"))


def test_a_last_entry_written_anew_is_found(tmp_path: Path) -> None:
    where = with_reports(tmp_path)
    head = where.head.read_bytes()
    where.ledger.write_bytes(b"".join(where.ledger.read_bytes().splitlines(keepends=True)[:-1]))
    where.head.unlink()
    ledger.append(where, {"report_id": "report-2", "files": {}})
    where.head.write_bytes(head)
    told = [(problem.where, problem.what) for problem in verify(where, "report-0")]
    assert told == [("ledger/head.json", "the ledger's entry 3 is not the one that it names")]


def test_a_ledger_gone_altogether_is_found(tmp_path: Path) -> None:
    where = with_reports(tmp_path)
    where.ledger.unlink()
    assert [problem.where for problem in verify(where)] == [
        "ledger",
        "report report-0",
        "report report-1",
        "report report-2",
    ]


def test_the_problem_names_the_report_and_the_file(tmp_path: Path) -> None:
    where = with_reports(tmp_path)
    (where.reports / "report-1" / "report.json").write_text("something else")
    (where.reports / "report-1" / "more.html").write_text("added")
    (where.reports / "report-2" / "report.json").unlink()
    (where.reports / "report-2" / "manifest.json").write_text("{}")
    told = [(problem.where, problem.what) for problem in verify(where)]
    assert told == [
        ("report report-1", "report.json was changed"),
        ("report report-1", "more.html is not recorded: it was put there afterwards"),
        ("report report-2", "report.json is missing"),
        ("report report-2", "manifest.json was changed"),
    ]
    assert verify(where, "report-0") == []
    assert verify(where, "nowhere")[0].what == "the ledger knows no such report"


def test_a_report_without_an_entry_is_found(tmp_path: Path) -> None:
    where = with_reports(tmp_path, 1)
    (where.reports / "other").mkdir()
    (where.reports / "other" / "report.json").write_text("{}")
    assert [problem.where for problem in verify(where)] == ["report other"]


def test_table_files_that_come_or_go_are_named(filled: Workspace) -> None:
    commit = filled.lake / "scores" / "_delta_log" / f"{1:020}.json"
    content = commit.read_bytes()
    added = commit.with_name(f"{2:020}.json")
    commit.rename(added)
    told = {(problem.where, problem.what.partition(";")[0]) for problem in verify(filled)}
    added.unlink()
    commit.write_bytes(content)
    assert told == {
        ("table scores", f"lake/scores/_delta_log/{1:020}.json is missing"),
        ("table scores", f"lake/scores/_delta_log/{2:020}.json is not recorded"),
    }
    assert verify(filled) == []


def test_only_the_files_of_one_report(filled: Workspace) -> None:
    (report,) = ledger.reports(filled)
    part = next((filled.lake / "scores").glob("*.parquet"))
    content = part.read_bytes()
    part.write_bytes(b"")
    assert verify(filled, report.manifest["report_id"]) == []
    assert verify(filled) != []
    part.write_bytes(content)
