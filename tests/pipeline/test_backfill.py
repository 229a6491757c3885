"""A backfill: what would run and why, several at once, resumable, and one failure stays alone."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairpanel import processes
from fairpanel.config import Config
from fairpanel.pipeline import attempting, crew
from fairpanel.pipeline.backfill import backfill, counted, looked_into, plan
from fairpanel.pipeline.periods import PeriodError, periods
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.store import attempts, ledger
from fairpanel.store.verification import verify
from fairpanel.workspace import Workspace
from tests.workspaces import take_in, workspace, write

QUICK = Config.model_validate({"audit": {"self_test_replicates": 0, "chain_replicates": 50, "decision_replicates": 50}})
STRICTER = QUICK.model_copy(update={"policy": QUICK.policy.model_copy(update={"reliability_acceptable": 0.9})})
QUARTERS = periods("2023-10", "2024-06", "quarter")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("backfill") / "in"
    simulate(Parameters(candidates=300, interviewers=20, months=6, seed=3), "canonical", made)
    return made


@pytest.fixture
def filled(folder: Path, tmp_path: Path) -> Workspace:
    where = workspace(tmp_path)
    take_in(where, folder)
    return where


def run(where: Workspace, config: Config = QUICK, at_once: int = 1, **options: Any) -> list[dict[str, Any]]:
    return backfill(where, plan(where, QUARTERS, config, **options), config, at_once)


def states(results: list[dict[str, Any]]) -> list[str]:
    return [result["state"] for result in results]


def content(where: Workspace) -> dict[str, bytes]:
    return {
        path.relative_to(where.reports).as_posix(): path.read_bytes()
        for path in where.reports.rglob("*.*")
        if path.is_file()
    }


def reports(where: Workspace) -> list[ledger.Entry]:
    return [entry for entry in ledger.entries(where) if entry.manifest.get("kind", "report") == "report"]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """Makes the audits that begin on a day fail; None mends them."""
    real = attempting.audit

    def fail(day: str | None) -> None:
        def audited(where: Workspace, scope: Any, *rest: Any, **more: Any) -> Any:
            if scope.to_dict()["from"] == day:
                raise OSError(28, "No space left on device")
            return real(where, scope, *rest, **more)

        monkeypatch.setattr(attempting, "audit", audited)

    return fail


def test_one_failure_stays_alone_and_the_same_again_makes_what_is_missing(
    filled: Workspace, failing: Callable[[str | None], None]
) -> None:
    failing("2024-01-01")
    results = run(filled)
    assert states(results) == ["empty", "failed", "made"]
    assert "No space left" in results[1]["reason"]
    assert [attempt.reason for attempt in attempts.latest(filled)] == [
        "no score in it", "OSError: No space left on device", None,
    ]  # fmt: skip
    failing(None)
    assert states(run(filled)) == ["empty", "made", "unchanged"]
    before = (content(filled), len(ledger.entries(filled)))
    assert states(run(filled)) == ["empty", "unchanged", "unchanged"]
    assert (content(filled), len(ledger.entries(filled))) == before


def test_each_reprocess_takes_what_the_one_before_takes_and_more(
    filled: Workspace, failing: Callable[[str | None], None]
) -> None:
    failing("2024-01-01")
    run(filled)
    failing(None)
    takes = {
        reprocess: [planned.runs(standing) for standing in planned.standings]
        for reprocess in ("missing", "failed", "changed", "all")
        for planned in [plan(filled, QUARTERS, STRICTER, reprocess=reprocess)]
    }
    # 2023-10 is empty (under a changed policy it is looked at again), 2024-01 failed, 2024-04 was made of another policy
    assert takes == {
        "missing": [True, False, False],
        "failed": [True, True, False],
        "changed": [True, True, True],
        "all": [True, True, True],
    }
    assert states(run(filled, STRICTER, reprocess="missing")) == ["empty", "skipped", "skipped"]
    assert states(run(filled, STRICTER, reprocess="failed")) == ["empty", "made", "skipped"]


def test_a_dry_run_tells_what_is_different(filled: Workspace, tmp_path: Path) -> None:
    run(filled)
    made = len(reports(filled))

    def told(config: Config) -> list[tuple[str, tuple[str, ...]]]:
        planned = looked_into(filled, plan(filled, QUARTERS, config), config)
        return [(standing.state, standing.changes) for standing in planned.standings]

    assert told(QUICK) == [("empty", ()), ("same", ()), ("same", ())]
    assert told(STRICTER)[1:] == [("changed", ("configuration",))] * 2
    late = write(tmp_path / "late.csv", ["C9,R9,technical,4,2024-05-05", "C9,R9,overall,4,2024-05-05"])
    take_in(filled, late)
    assert told(QUICK)[1:] == [("same", ()), ("changed", ("inputs",))]
    assert told(STRICTER)[1:] == [("changed", ("configuration",)), ("changed", ("inputs", "configuration"))]
    assert len(reports(filled)) == made
    assert not [path for path in filled.reports.iterdir() if path.name.startswith(".")]


def test_a_changed_result_supersedes_and_both_are_kept(filled: Workspace) -> None:
    first = run(filled)
    second = run(filled, STRICTER)
    assert states(second) == ["empty", "made", "made"]
    for before, after in zip(first[1:], second[1:], strict=True):
        assert (
            json.loads((filled.reports / after["report_id"] / "report.json").read_text())["supersedes"]
            == before["report_id"]
        )
        assert (filled.reports / before["report_id"] / "report.html").is_file()
    # back under the first policy: the first reports are the answer again, and nothing is added
    entries = len(ledger.entries(filled))
    assert [result.get("report_id") for result in run(filled)] == [result.get("report_id") for result in first]
    assert states(looked_into_results(filled)) == ["empty", "same", "same"]
    assert len(ledger.entries(filled)) == entries


def looked_into_results(where: Workspace) -> list[dict[str, Any]]:
    return [{"state": standing.state} for standing in looked_into(where, plan(where, QUARTERS, QUICK), QUICK).standings]


def test_all_computes_once_more_and_must_come_out_the_same(filled: Workspace) -> None:
    run(filled)
    before = (content(filled), len(ledger.entries(filled)))
    assert states(run(filled, reprocess="all")) == ["empty", "unchanged", "unchanged"]
    assert (content(filled), len(ledger.entries(filled))) == before


def test_what_the_ledger_has_is_not_overwritten_with_something_else(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fairpanel.pipeline import drafting

    run(filled)
    before = content(filled)
    real = drafting.render
    monkeypatch.setattr(drafting, "render", lambda report: real(report) + "\n")
    results = run(filled, reprocess="all")
    assert states(results) == ["empty", "failed", "failed"]
    assert "came out another way than it was recorded (report.html, public.html)" in results[1]["reason"]
    assert content(filled) == before


def test_each_value_of_a_column_is_a_scope_of_its_own(filled: Workspace) -> None:
    planned = plan(filled, QUARTERS[1:], QUICK, each="job_family", where={"stage": "user"}, newest_first=True)
    told = [standing.scope.to_dict() for standing in planned.standings]
    families = [entry["where"]["job_family"] for entry in told if entry["from"] == "2024-01-01"]
    assert families == sorted(families)
    assert len(families) >= 3
    assert [entry["from"] for entry in told] == ["2024-04-01"] * len(families) + ["2024-01-01"] * len(families)
    assert all(entry["where"]["stage"] == "user" for entry in told)
    with pytest.raises(PeriodError, match="not among the conditions"):
        plan(filled, QUARTERS, QUICK, each="job_family", where={"job_family": "Sales"})
    with pytest.raises(PeriodError, match="one audit for each value of a column"):
        plan(filled, QUARTERS, QUICK, each="candidate_id")


def test_several_processes_give_what_one_gives(filled: Workspace, folder: Path, tmp_path: Path) -> None:
    other = workspace(tmp_path / "other")
    take_in(other, folder)
    months = periods("2024-01", "2024-03", "month")
    one = backfill(filled, plan(filled, months, QUICK, each="stage"), QUICK)
    two = backfill(other, plan(other, months, QUICK, each="stage"), QUICK, 2)
    assert counted(two) == {"made": len(two)}
    assert two == one
    assert content(other) == content(filled)
    assert verify(other) == []


def _kill_those_at_work(killed: list[int], until: threading.Event) -> None:
    """Kill the first processes of a crew that this process starts, once."""
    while not killed and not until.wait(0.3):
        for pid, _ in processes.descendants(os.getpid()):
            if b"spawn_main" in (Path("/proc") / str(pid) / "cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_a_killed_process_takes_nothing_along(filled: Workspace) -> None:
    killed: list[int] = []
    over = threading.Event()
    killer = threading.Thread(target=_kill_those_at_work, args=(killed, over))
    killer.start()
    months = periods("2024-01", "2024-02", "month")
    results = backfill(filled, plan(filled, months, QUICK), QUICK, 2)
    over.set()
    killer.join()
    assert killed
    assert states(results) == ["made", "made"]
    assert verify(filled) == []


def _deadly_in_february(scope: Any, again: bool) -> dict[str, Any]:
    """What a process of the crew runs in the test below."""
    if scope.to_dict()["from"] == "2024-02-01":
        os.kill(os.getpid(), signal.SIGKILL)
    ((where, config, read),) = crew._GIVEN
    return attempting.attempt(where, scope, config, read, again)


@pytest.mark.slow
def test_a_scope_that_kills_its_process_takes_no_other_along(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "_attempt", _deadly_in_february)
    months = periods("2024-01", "2024-05", "month")
    results = backfill(filled, plan(filled, months, QUICK), QUICK, 3)
    assert states(results) == ["made", "failed", "made", "made", "made"]
    assert "also where it was alone" in results[1]["reason"]
    assert [note.reason for note in attempts.latest(filled) if note.state == "failed"] == ["process killed"]
    assert len(reports(filled)) == 4
    monkeypatch.undo()
    assert states(run(filled)) == ["empty", "made", "made"]


def test_a_failed_period_is_logged_with_its_place_and_without_its_data(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = "Ann Archer scored 4"

    def failing(*_: Any, **__: Any) -> Any:
        raise ValueError(told)

    monkeypatch.setattr(attempting, "audit", failing)
    run(filled)
    assert "2024-01-01 up to 2024-04-01 failed: ValueError" in caplog.text
    assert "in failing" in caplog.text
    assert "Ann" not in caplog.text
    assert "Ann" not in filled.attempts.read_text()


@pytest.mark.parametrize("at_once", [0, 65])
def test_a_number_at_a_time_has_bounds(filled: Workspace, at_once: int) -> None:
    with pytest.raises(PeriodError, match="between 1 and 64"):
        run(filled, at_once=at_once)


def test_an_unknown_reprocess_is_a_sentence(filled: Workspace) -> None:
    with pytest.raises(PeriodError, match="missing, failed, changed, all, not 'some'"):
        plan(filled, QUARTERS, QUICK, reprocess="some")
