"""Lines of JSON: one an event, with the run's id and without anything about people."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fairpanel import exit_codes, logs
from fairpanel.cli import main
from fairpanel.config import ConfigError
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.store import ledger, tables
from fairpanel.workspace import Workspace

QUICK = "format = 1\n[audit]\nself_test_replicates = 0\nchain_replicates = 50\ndecision_replicates = 50\n"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    logs.begin({})


def lines(told: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.splitlines() if line.startswith("{")]


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, str]:
    """A workspace taken in by the command, and what the command said on standard error."""
    simulate(Parameters(candidates=120, interviewers=12, months=2, seed=3), "canonical", tmp_path / "in")
    where = tmp_path / "ws"
    assert main(["init", str(where)]) == exit_codes.DONE
    (where / "fairpanel.toml").write_text(QUICK + "[ingest]\nbatch_checks = false\n")
    command = [sys.executable, "-m", "fairpanel.cli", "ingest", str(tmp_path / "in"), "--workspace", str(where)]
    done = subprocess.run(
        command, env=os.environ | {"FAIRPANEL_LOG": "json"}, capture_output=True, text=True, check=True
    )
    return where, done.stderr


def test_every_batch_is_a_line_with_its_counts(filled: tuple[Path, str]) -> None:
    where, told = filled
    found = lines(told)
    recorded = tables.pin(Workspace(where)).read("batches")
    taken = [line for line in found if line["message"] == "batch taken in"]
    assert {line["batch_id"] for line in taken} == set(recorded["batch_id"])
    assert sum(line["rows_read"] for line in taken) == recorded["rows_read"].sum()
    assert len({line["run_id"] for line in found}) == 1
    for line in found:
        assert (line["level"], line["logger"]) == ("INFO", "fairpanel.pipeline.ingest")
        assert datetime.fromisoformat(line["time"]).utcoffset() == UTC.utcoffset(None)


def test_a_backfill_of_several_processes_is_one_run(filled: tuple[Path, str]) -> None:
    where, _ = filled
    command = [sys.executable, "-m", "fairpanel.cli", "backfill", "--workspace", str(where)]
    period = ["--from", "2023-12", "--to", "2024-02", "--max-active", "2"]
    done = subprocess.run(
        [*command, *period], env=os.environ | {"FAIRPANEL_LOG": "json"}, capture_output=True, text=True, check=True
    )
    found = lines(done.stderr)
    assert len({line["run_id"] for line in found}) == 1
    assert found[0]["run_id"]
    scopes = {line["from"]: line for line in found if line["message"] == "scope audited"}
    assert {day: line["state"] for day, line in scopes.items()} == {
        "2023-12-01": "empty", "2024-01-01": "made", "2024-02-01": "made",
    }  # fmt: skip
    made = {line["report_id"]: line for line in found if line["message"] == "report made"}
    assert set(made) == {entry.manifest["report_id"] for entry in ledger.reports(Workspace(where))}
    for line in made.values():
        assert line["seconds"] > 0
        assert set(line["findings"]) == {"alert", "concern", "cannot_tell", "none_seen"}
    people = tables.pin(Workspace(where)).read("scores")
    for column in ("candidate_id", "interviewer_id"):
        assert not [name for name in people[column].unique() if name in done.stderr]


def test_without_the_variable_nothing_is_said(filled: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    where, _ = filled
    assert main(["audit", "--workspace", str(where)]) == exit_codes.DONE
    assert capsys.readouterr().err == ""


def test_an_exception_is_told_by_its_kind_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.begin({"FAIRPANEL_LOG": "json"}, "run-1") == "run-1"
    try:
        raise ValueError("Ann Archer scored 4\nand more")
    except ValueError:
        logging.getLogger("fairpanel.pipeline").exception("an audit failed:\n%s", "in two lines")
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["error"], told["run_id"], told["message"]) == ("ValueError", "run-1", "an audit failed:\nin two lines")
    assert told["at"][0].startswith("test_an_exception_is_told_by_its_kind_and_place:")
    assert "Ann" not in line


def test_beginning_again_says_nothing_twice_and_text_is_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("flows.backfill")
    for _ in range(2):
        logs.begin({"FAIRPANEL_LOG": "json"})
    logs.tell(logger, "one")
    logs.begin({})
    logs.tell(logger, "two")
    assert [line["message"] for line in lines(capsys.readouterr().err)] == ["one"]
    assert logger.parent is not None
    assert logging.getLogger("flows").propagate


def test_another_form_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="text or json, not 'xml'"):
        logs.begin({"FAIRPANEL_LOG": "xml"})
    monkeypatch.setenv("FAIRPANEL_LOG", "xml")
    assert main(["measures"]) == exit_codes.USAGE
    assert "FAIRPANEL_LOG is text or json" in capsys.readouterr().err
