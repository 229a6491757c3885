"""What need not be kept goes, is recorded as gone, and nothing else is touched."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from fairpanel import exit_codes
from fairpanel.cli import main
from fairpanel.config import Config, RetentionConfig
from fairpanel.pipeline.audit import audit
from fairpanel.pipeline.periods import scope_of
from fairpanel.pipeline.retention import retain
from fairpanel.store import ledger, objects, tables
from fairpanel.store.verification import verify
from fairpanel.workspace import Workspace
from tests.workspaces import HEADER, NOW, stored, take_in, workspace, write

SETTINGS = Config.model_validate({"audit": {"self_test_replicates": 0}})
LATER = NOW + timedelta(days=40)
ALL = scope_of(None, None, [])
ROWS = [f"c{i},r{j},technical,{1 + (i * j) % 5},2024-01-0{1 + i % 9}" for i in range(30) for j in range(3)]


@pytest.fixture
def where(tmp_path: Path) -> Workspace:
    """Two batches with a refused row each, the second a newer version of a score; a report after each."""
    made = workspace(tmp_path)
    take_in(made, write(tmp_path / "a.csv", [*ROWS, "c1,r1,technical,9,2024-01-01"]))
    audit(made, ALL, SETTINGS)
    newer = [ROWS[0].replace(",1,", ",5,") + ",2024-06-01", "c1,r1,technical,77,2024-01-01,2024-06-01"]
    take_in(made, write(tmp_path / "b.csv", newer, HEADER + ",updated_at"), now=LATER)
    audit(made, ALL, SETTINGS)
    return made


def test_refused_rows_go_from_the_table_and_from_the_disk(where: Workspace) -> None:
    kept = stored(where, "scores")
    done = retain(where, RetentionConfig(keep_quarantine_days=30), LATER)
    assert (done.rows, len(done.files), done.reports) == (1, 1, ())
    assert stored(where, "quarantine")["value"].to_list() == ["77.0"]
    assert stored(where, "scores").equals(kept)
    parts = [name for name in objects.names(tables.path(where, "quarantine")) if name.endswith(".parquet")]
    assert len(parts) == 1
    assert verify(where) == []
    (entry,) = [entry for entry in ledger.entries(where) if entry.kind == "retention"]
    assert entry.manifest["removed"] == dict(done.files)
    assert all(len(digest) == 64 for digest in entry.manifest["removed"].values())
    lines = where.ledger.read_bytes()
    assert retain(where, RetentionConfig(keep_quarantine_days=30), LATER).to_dict() == {
        "quarantined_rows": 0, "files": [], "reports": []
    }  # fmt: skip
    assert where.ledger.read_bytes() == lines


def test_no_cell_of_a_refused_row_stays_in_the_log(where: Workspace) -> None:
    place = tables.path(where, "quarantine")
    for name in objects.names(place):
        if name.startswith("_delta_log/"):
            assert b"77.0" not in objects.content(place, name)


def test_earlier_versions_go_and_the_reports_that_need_them_are_named(where: Workspace) -> None:
    first, second = (entry.manifest["report_id"] for entry in ledger.reports(where))
    done = retain(where, RetentionConfig(table_history_days=0), LATER)
    assert (done.rows, done.reports) == (0, (first,))
    assert all(name.startswith("lake/scores/") for name in done.files)
    assert verify(where) == []
    assert audit(where, ALL, SETTINGS).report_id == second
    assert main(["reproduce", second, "--workspace", str(where.root)]) == exit_codes.DONE
    assert main(["reproduce", first, "--workspace", str(where.root)]) == exit_codes.DIFFERENT
    assert main(["reproduce", "--all", "--workspace", str(where.root)]) == exit_codes.DONE
    assert main(["reproduce", "--all", "--strict", "--workspace", str(where.root)]) == exit_codes.DIFFERENT


def test_within_the_window_nothing_goes(where: Workspace) -> None:
    lines = where.ledger.read_bytes()
    done = retain(where, RetentionConfig(keep_quarantine_days=41, table_history_days=1), LATER)
    assert done.to_dict() == {"quarantined_rows": 0, "files": [], "reports": []}
    assert where.ledger.read_bytes() == lines


def test_a_dry_run_says_it_and_changes_nothing(where: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    where.config_file.write_text("[retention]\nkeep_quarantine_days = 1\ntable_history_days = 0\n")
    before = {path: path.read_bytes() for path in where.root.rglob("*") if path.is_file()}
    assert main(["retention", "--dry-run", "--json", "--workspace", str(where.root)]) == exit_codes.DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["dry_run"], told["quarantined_rows"], len(told["reports"])) == (True, 2, 1)
    assert {path: path.read_bytes() for path in where.root.rglob("*") if path.is_file()} == before
    assert main(["retention", "--workspace", str(where.root)]) == exit_codes.DONE
    assert "2 refused rows" in capsys.readouterr().out
    assert stored(where, "quarantine").is_empty()
    assert verify(where) == []


def test_without_limits_everything_is_kept(where: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["retention", "--workspace", str(where.root)]) == exit_codes.USAGE
    assert "everything is kept" in capsys.readouterr().err


def test_a_run_killed_before_it_removed_is_completed(where: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from fairpanel.pipeline import retention

    vacuum = retention._vacuum

    def killed(*arguments: object, dry_run: bool) -> list[str]:
        if not dry_run:
            raise KeyboardInterrupt
        return vacuum(*arguments, dry_run=dry_run)  # type: ignore[arg-type]

    limits = RetentionConfig(keep_quarantine_days=30, table_history_days=0)
    with monkeypatch.context() as patched:
        patched.setattr(retention, "_vacuum", killed)
        with pytest.raises(KeyboardInterrupt):
            retain(where, limits, LATER)
    assert all("is not recorded" in problem.what for problem in verify(where))
    done = retain(where, limits, LATER)
    assert len(done.files) == 2
    assert verify(where) == []
