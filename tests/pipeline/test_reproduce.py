"""Reports computed once more from what was recorded: the same where nothing changed, every number named where it did."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from fairpanel import exit_codes
from fairpanel.cli import main
from fairpanel.config import Config
from fairpanel.pipeline import drafting, identity
from fairpanel.pipeline import reproduce as module
from fairpanel.pipeline.audit import audit
from fairpanel.pipeline.periods import scope_of
from fairpanel.pipeline.reproduce import Reproduction, reproduce
from fairpanel.store import ledger
from fairpanel.workspace import Workspace
from tests.workspaces import take_in, workspace, write

SETTINGS = Config.model_validate(
    {
        "audit": {"self_test_replicates": 0, "seed": 7, "minimum_candidates": 20},
        "policy": {"reliability_acceptable": 0.6},
    }
)


def _export(path: Path, name: str, month: int) -> Path:
    chance = random.Random(month)
    rows = [
        f"{name}{i},r{j},{competency},{chance.randint(1, 5)},2024-0{month}-1{i % 9}"
        for i in range(40)
        for j in range(3)
        for competency in ("technical", "communication")
    ]
    return write(path / f"{name}.csv", rows)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A quarter, its first month, and the quarter again after more was taken in."""
    path = tmp_path_factory.mktemp("reproduced")
    where = workspace(path)
    take_in(where, _export(path, "a", 1))
    for end in ("2024-03-31", "2024-01-31"):
        audit(where, scope_of("2024-01-01", end, []), SETTINGS)
    take_in(where, _export(path, "b", 2))
    audit(where, scope_of("2024-01-01", "2024-03-31", []), SETTINGS)
    return where


@pytest.fixture
def copy(made: Workspace, tmp_path: Path) -> Workspace:
    return Workspace(Path(shutil.copytree(made.root, tmp_path / "copy")))


def again(where: Workspace, number: int = 0, tolerance: float = 0.0) -> Reproduction:
    return reproduce(where, ledger.reports(where)[number], tolerance)


def looks(where: Workspace) -> dict[str, tuple[int, bytes]]:
    files = [path for path in where.root.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_every_report_comes_out_the_same_and_nothing_is_written(made: Workspace) -> None:
    before = looks(made)
    for number in range(3):
        told = again(made, number)
        assert (told.state, told.inputs, told.differences, told.reasons) == ("same", True, (), ())
        assert set(told.files) == set(ledger.reports(made)[number].manifest["files"])
        assert set(told.files.values()) == {"same"}
        assert told.compared > 100
    assert looks(made) == before


def test_a_changed_number_is_named(copy: Workspace) -> None:
    report = copy.reports / ledger.reports(copy)[0].manifest["report_id"] / "report.json"
    content = json.loads(report.read_text())
    at = next(n for n, estimate in enumerate(content["estimates"]) if estimate["value"])
    was = content["estimates"][at]["value"]
    content["estimates"][at]["value"] = was * 1.1
    report.write_text(json.dumps(content))
    told = again(copy)
    assert told.state == "different"
    (difference,) = told.differences
    estimate = content["estimates"][at]
    assert difference.path == f"report.json: estimates[{estimate['id']}].value"
    assert difference.measure == estimate["measure"]
    assert (difference.recorded, difference.recomputed) == (was * 1.1, was)
    assert difference.relative == pytest.approx(0.1 / 1.1)
    assert told.files["report.json"] == "same"  # what was recorded comes out again; what lies there is another file
    assert "report.json is not the file that was recorded" in told.reasons
    assert again(copy, tolerance=0.2).differences == ()


def test_a_lost_report_is_compared_by_its_hashes(copy: Workspace) -> None:
    shutil.rmtree(copy.reports / ledger.reports(copy)[1].manifest["report_id"])
    told = again(copy, 1)
    assert (told.state, told.compared) == ("same", 0)
    assert "only its recorded hash was compared" in told.reasons[0]


def test_other_rows_under_the_same_name_are_found(copy: Workspace, tmp_path: Path) -> None:
    """Somebody puts the scores of another organisation in their place, with a log to match."""
    other = workspace(tmp_path)
    take_in(other, _export(tmp_path, "a", 3))
    for table in ("scores", "batches"):
        shutil.rmtree(copy.lake / table)
        shutil.copytree(other.lake / table, copy.lake / table)
    told = again(copy)
    assert told.state in ("different", "impossible")
    assert told.reasons


def test_versions_that_are_gone_are_a_sentence(copy: Workspace) -> None:
    entry = ledger.reports(copy)[0]
    manifest = dict(entry.manifest) | {"table_versions": {"scores": 99, "batches": 0}}
    told = reproduce(copy, ledger.Entry(entry.number, entry.previous, manifest, entry.hash))
    assert told.state == "impossible"
    assert "scores" in told.reasons[0]
    shutil.rmtree(copy.lake / "scores")
    assert again(copy).state == "impossible"


def test_a_configuration_of_another_version_is_a_sentence(copy: Workspace) -> None:
    entry = ledger.reports(copy)[0]
    configuration = dict(entry.manifest["configuration"]) | {"audit": {"what_once_was": 1}}
    manifest = dict(entry.manifest) | {"configuration": configuration, "code": "0.0.9+old"}
    told = reproduce(copy, ledger.Entry(entry.number, entry.previous, manifest, entry.hash))
    assert told.state == "impossible"
    assert "install the recorded one, 0.0.9+old" in told.reasons[0]


def _other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (identity, drafting, module):
        monkeypatch.setattr(place, "code_version", lambda: "9.9.9+other")


def test_another_code_with_the_same_numbers_is_the_same(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    _other_code(monkeypatch)
    told = again(made)
    assert (told.state, told.differences) == ("same", ())
    assert told.to_dict()["code"]["present"] == "9.9.9+other"
    assert "is recomputed by 9.9.9+other" in told.reasons[0]


def test_another_code_with_other_numbers_is_told_by_measure(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    compose = drafting.compose

    def composed(*arguments: Any, **named: Any) -> dict[str, Any]:
        whole = compose(*arguments, **named)
        for estimate in whole["estimates"]:
            if estimate["measure"] == "icc" and estimate["value"]:
                estimate["value"] *= 1.01
        return whole

    monkeypatch.setattr(drafting, "compose", composed)
    assert again(made).state == "different"
    _other_code(monkeypatch)
    told = again(made)
    assert told.state == "by code"
    assert {difference.measure for difference in told.differences} == {"icc"}
    (line,) = told.by_measure()
    assert line.startswith("icc: ")
    assert line.endswith("relative difference up to 0.0099")


def test_the_command(copy: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRPANEL_WORKSPACE", str(copy.root))
    name = ledger.reports(copy)[0].manifest["report_id"]
    assert main(["reproduce", name]) == exit_codes.DONE
    assert f"{name}: the same" in capsys.readouterr().out
    assert main(["reproduce", "--all", "--json"]) == exit_codes.DONE
    told = json.loads(capsys.readouterr().out)
    assert [report["state"] for report in told["reports"]] == ["same"] * 3
    assert main(["reproduce"]) == exit_codes.USAGE
    assert main(["reproduce", "nowhere"]) == exit_codes.USAGE
    page = copy.reports / name / "report.html"
    page.write_text("changed")
    capsys.readouterr()
    assert main(["reproduce", name]) == exit_codes.DIFFERENT
    assert f"not as it was recorded: report {name}: report.html was changed" in capsys.readouterr().out
