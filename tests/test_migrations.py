"""Formats of workspaces: told, never misread, and brought up to date step by step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import write_deltalake

from fairpanel import config, exit_codes, migrations
from fairpanel.cli import main
from fairpanel.migrations import FORMAT, RECORD, Step, bring_up_to_date, record
from fairpanel.store import lake_mark, tables
from fairpanel.store.pseudonyms import of_workspace
from fairpanel.workspace import Workspace, WorkspaceError
from tests.workspaces import stored, take_in, write

ROWS = ["a,r1,overall,4,2024-01-01", "a,r2,overall,3,2024-01-01"]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """With two scores, under a key of its own."""
    monkeypatch.delenv("FAIRPANEL_KEY", raising=False)
    made = Workspace(tmp_path / "w").create()
    of_workspace(made)
    take_in(made, write(tmp_path / "scores.csv", ROWS))
    return made


def test_a_new_workspace_says_its_format_and_its_key(workspace: Workspace) -> None:
    known = record(workspace.root)
    assert known["format"] == FORMAT == 2
    assert known["key"] == lake_mark.read(workspace)
    assert known["made_by"]
    assert bring_up_to_date(workspace) == 0


def test_a_workspace_without_a_record_is_brought_up_to_date(workspace: Workspace) -> None:
    before, rows = record(workspace.root), stored(workspace, "scores")
    for use in (Workspace.existing, Workspace.create):
        (workspace.root / RECORD).unlink()
        assert record(workspace.root)["format"] == 1
        use(workspace)
        assert record(workspace.root) == before
    assert stored(workspace, "scores").equals(rows)


def test_a_newer_workspace_is_refused_untouched(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    written = json.dumps({"format": 7, "made_by": "3.2.1", "something": "new"})
    (workspace.root / RECORD).write_text(written)
    shutil.rmtree(workspace.inbox)
    for argv in (
        ["audit"],
        ["init"],
        ["report", "list"],
        ["verify"],
        ["ingest", str(workspace.root.parent / "scores.csv")],
    ):
        assert main([*argv, "--workspace", str(workspace.root)]) == exit_codes.USAGE, argv
        told = capsys.readouterr().err
        assert "has format 7, made by Fairpanel 3.2.1" in told
        assert "knows formats up to 2" in told
    assert (workspace.root / RECORD).read_text() == written
    assert not workspace.inbox.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "2"}', '{"format": true}', '{"format": 0}', "[" * 100_000])
def test_a_damaged_record_is_a_sentence(workspace: Workspace, text: str) -> None:
    (workspace.root / RECORD).write_text(text)
    for use in (Workspace.existing, Workspace.create):
        with pytest.raises(WorkspaceError, match=r"is damaged\. Put it back from a backup"):
            use(workspace)


def test_steps_are_taken_in_order_and_again_from_the_one_that_was_cut_off(workspace: Workspace) -> None:
    done: list[int] = []

    def step(number: int) -> Step:
        def migrate(_: Workspace, before: Mapping[str, Any]) -> dict[str, Any]:
            if number == 4 and 4 not in done:
                done.append(4)
                raise KeyboardInterrupt
            done.append(number)
            return dict(before) | {f"step {number}": True}

        return Step(number, "a step of a test", migrate)

    steps = (*migrations.STEPS, step(3), step(4))
    with pytest.raises(KeyboardInterrupt):
        bring_up_to_date(workspace, steps)
    assert record(workspace.root)["format"] == 3
    assert bring_up_to_date(workspace, steps) == 1
    assert done == [3, 4, 4]
    known = record(workspace.root)
    assert (known["format"], known["step 3"], known["step 4"]) == (4, True, True)
    assert known["key"] == lake_mark.read(workspace)
    assert bring_up_to_date(workspace, steps) == 0


def test_the_list_of_steps_has_no_gaps() -> None:
    assert [step.to for step in migrations.STEPS] == list(range(2, FORMAT + 1))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda frame: frame.with_columns(pl.lit("x").alias("weight")), "unknown: weight"),
        (lambda frame: frame.drop("stage"), "missing: stage"),
        (lambda frame: frame.with_columns(pl.col("score").cast(pl.String)), "of another type: score"),
    ],
)
def test_tables_with_other_columns_are_refused(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], change: Any, says: str
) -> None:
    frame = tables.pin(workspace).read("scores")
    place = workspace.lake / "scores"
    shutil.rmtree(place)
    write_deltalake(place, change(frame))
    for argv in (["audit"], ["ingest", str(workspace.root.parent / "scores.csv")]):
        assert main([*argv, "--workspace", str(workspace.root)]) == exit_codes.USAGE
        told = capsys.readouterr().err
        assert "the table scores in" in told
        assert says in told
        assert "Nothing was changed" in told


def test_a_full_workspace_with_an_empty_lake_is_told(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As when a share is not mounted: an empty folder is there, and nothing may begin anew in it."""
    share = tmp_path / "share"
    shutil.move(workspace.lake, share)
    workspace.lake.mkdir()
    workspace.config_file.write_text(f'[storage]\nlake = "{share}"\n[ingest]\nbatch_checks = false\n')
    assert stored(workspace, "scores").height == 2
    share.rename(tmp_path / "elsewhere")
    for argv in (["audit"], ["ingest", str(tmp_path / "scores.csv")]):
        assert main([*argv, "--workspace", str(workspace.root)]) == exit_codes.USAGE
        assert "Is it mounted, and is [storage] in fairpanel.toml right?" in capsys.readouterr().err
    shutil.rmtree(share)
    (tmp_path / "elsewhere").rename(share)
    assert main(["ingest", str(tmp_path / "scores.csv"), "--workspace", str(workspace.root)]) == exit_codes.DONE


def test_a_configuration_of_another_format_names_the_versions(tmp_path: Path) -> None:
    (tmp_path / "fairpanel.toml").write_text("format = 3\n[new_section]\nx = 1\n")
    with pytest.raises(config.ConfigError, match=r"format = 3 is none that Fairpanel .* reads; it reads format = 1"):
        config.load(tmp_path / "fairpanel.toml")
    assert config.parse({"format": 1}, "fairpanel.toml").format == 1
