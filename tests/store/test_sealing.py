"""Table files in the ledger: each once, none left out, also after a kill."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairpanel.pipeline import ingest
from fairpanel.pipeline.audit import source
from fairpanel.store import ledger, tables
from fairpanel.store.recorded_files import listed
from fairpanel.store.sealing import recorded, seal
from fairpanel.store.verification import verify
from fairpanel.workspace import Workspace
from tests.workspaces import take_in, workspace, write

ROWS = ["a,b,technical,3,2024-01-01", "c,d,technical,4,2024-01-02"]


@pytest.fixture
def where(tmp_path: Path) -> Workspace:
    return workspace(tmp_path)


def test_a_batch_adds_one_entry_with_its_files_and_versions(where: Workspace, tmp_path: Path) -> None:
    take_in(where, write(tmp_path / "a.csv", ROWS))
    take_in(where, write(tmp_path / "b.csv", ["e,f,technical,2,2024-01-03"]))
    first, second = ledger.entries(where)
    assert (first.kind, second.kind) == ("tables", "tables")
    assert second.manifest["versions"] == dict(tables.pin(where).versions)
    assert not set(first.manifest["files"]) & set(second.manifest["files"])
    assert sorted([*first.manifest["files"], *second.manifest["files"]]) == sorted(listed(where))
    assert f"lake/scores/_delta_log/{1:020}.json" in second.manifest["files"]


def test_nothing_new_adds_nothing(where: Workspace, tmp_path: Path) -> None:
    assert seal(where) is None
    assert not where.ledger.exists()
    path = write(tmp_path / "a.csv", ROWS)
    take_in(where, path)
    content = where.ledger.read_bytes()
    take_in(where, path)
    assert seal(where) is None
    source(where)
    assert where.ledger.read_bytes() == content


@pytest.mark.parametrize("by", ["the same file again", "an audit"])
def test_a_run_killed_before_sealing_is_completed(
    where: Workspace, tmp_path: Path, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.csv", ROWS)

    def killed(_: Workspace) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ingest, "seal", killed)
        with pytest.raises(KeyboardInterrupt):
            take_in(where, path)
    assert {problem.where for problem in verify(where)} == {"table scores", "table batches", "table quarantine"}
    take_in(where, path) if by == "the same file again" else source(where)
    assert verify(where) == []
    assert len(ledger.entries(where)) == 1


def test_files_left_by_a_killed_process_are_recorded_too(where: Workspace, tmp_path: Path) -> None:
    take_in(where, write(tmp_path / "a.csv", ROWS))
    (where.lake / "scores" / "part-left.parquet").write_bytes(b"half")
    entry = seal(where)
    assert entry is not None
    assert [*entry.manifest["files"]] == ["lake/scores/part-left.parquet"]
    assert verify(where) == []


def test_a_ledger_that_is_another_one_is_read_anew(where: Workspace, tmp_path: Path) -> None:
    take_in(where, write(tmp_path / "a.csv", ROWS))
    known = dict(recorded(where))
    content = where.ledger.read_bytes()
    take_in(where, write(tmp_path / "b.csv", ["e,f,technical,2,2024-01-03"]))
    assert set(recorded(where)) > set(known)
    where.ledger.write_bytes(content)
    assert recorded(where) == known
    where.ledger.write_bytes(content.replace(b"lake/scores", b"lake/others"))
    assert {name for name in recorded(where) if name.startswith("lake/others")}


def test_the_note_of_the_last_checkpoint_may_be_written_again(where: Workspace, tmp_path: Path) -> None:
    take_in(where, write(tmp_path / "a.csv", ROWS))
    name = "lake/scores/_delta_log/_last_checkpoint"
    for content in (b"1", b"2"):
        (where.root / name).write_bytes(content)
        assert seal(where) is not None
        assert recorded(where)[name] == ledger.sha256(content)
        assert verify(where) == []
    (where.root / name).write_bytes(b"1")
    assert [problem.what for problem in verify(where)] == [f"{name} was changed"]


def test_a_changed_file_is_not_recorded_anew(where: Workspace, tmp_path: Path) -> None:
    take_in(where, write(tmp_path / "a.csv", ROWS))
    commit = where.lake / "scores" / "_delta_log" / f"{0:020}.json"
    commit.write_bytes(commit.read_bytes() + b"\n")
    take_in(where, write(tmp_path / "b.csv", ["e,f,technical,2,2024-01-03"]))
    assert [problem.what for problem in verify(where)] == [f"lake/scores/_delta_log/{0:020}.json was changed"]
