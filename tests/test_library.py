"""`fairpanel report library` and `report open`, on a workspace with reports whose files a test makes by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairpanel import exit_codes
from fairpanel.cli import main
from fairpanel.library import Library
from fairpanel.store import attempts, ledger
from fairpanel.store.attempts import Attempt
from fairpanel.store.verification import verify
from fairpanel.workspace import Workspace
from reports.disclosure import protect
from tests.reports import sample
from tests.workspaces import workspace

JANUARY = {"from": "2024-01-01", "to": "2024-02-01", "where": {}}


def put(where: Workspace, name: str, scope: dict[str, Any] = JANUARY, **more: Any) -> Path:
    """A report as the ledger knows it, with a real report.json."""
    folder = where.reports / name
    folder.mkdir()
    written = {
        "report.html": f"<title>{name}</title>",
        "report.json": json.dumps(protect(sample.report())),
        "public.html": "public",
    }
    for file, text in written.items():
        (folder / file).write_text(text)
    files = {file: ledger.sha256(text.encode()) for file, text in written.items()}
    manifest = {"report_id": name, "scope": scope, "files": files} | more
    (folder / "manifest.json").write_bytes(ledger.canonical(manifest).encode())
    ledger.append(where, manifest)
    return folder


def test_library_writes_one_page_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = workspace(tmp_path)
    put(where, "first")
    put(where, "second")
    assert main(["report", "library", "--workspace", str(where.root), "--json"]) == exit_codes.DONE
    told = json.loads(capsys.readouterr().out)
    assert told == {"html": str(where.reports / "index.html"), "reports": 2, "opened": False}
    page = Path(told["html"]).read_text("utf-8")
    assert "Superseded by" in page
    assert "./second/report.html" in page
    assert [path.name for path in where.reports.iterdir() if path.name.startswith(".")] == []
    assert verify(where) == []


def test_an_empty_workspace_has_an_empty_library(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = workspace(tmp_path)
    assert main(["report", "open", "--workspace", str(where.root)]) == exit_codes.DONE
    assert "No reports yet." in Path(capsys.readouterr().out.strip()).read_text("utf-8")


def test_open_says_where_a_report_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = workspace(tmp_path)
    folder = put(where, "first")
    arguments = ["report", "open", "first", "--workspace", str(where.root)]
    assert main(arguments) == exit_codes.DONE
    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    (folder / "report.html").unlink()
    assert main(arguments) == exit_codes.USAGE
    assert "its report.html is not there any more" in capsys.readouterr().err
    assert main(["report", "open", "third", "--workspace", str(where.root)]) == exit_codes.USAGE
    assert "there is no such report" in capsys.readouterr().err


def test_other_kinds_of_entries_are_no_reports(tmp_path: Path) -> None:
    where = workspace(tmp_path)
    put(where, "first")
    put(where, "removal", kind="retention")
    assert [entry.manifest["report_id"] for entry in ledger.reports(where)] == ["first"]


def test_the_page_follows_ledger_attempts_and_files(tmp_path: Path) -> None:
    where = workspace(tmp_path)
    library = Library(where)
    empty = library.stamp()
    folder = put(where, "first")
    assert library.stamp() != empty
    assert "./first/report.json" in library.page()
    before = library.stamp()
    attempts.record(
        where, Attempt(scope=JANUARY | {"where": {"job_family": "Sales"}}, state="failed", reason="full disk")
    )
    assert library.stamp() != before
    assert "full disk" in library.page()
    (folder / "report.json").unlink()
    assert "./first/report.json" not in library.page()
    assert "Files not here" in library.page()


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 5000])
def test_an_unreadable_report_is_listed_all_the_same(tmp_path: Path, content: str) -> None:
    where = workspace(tmp_path)
    (put(where, "first") / "report.json").write_text(content)
    assert "Ledger entry 1" in Library(where).page()
