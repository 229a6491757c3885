"""From files to tables: counted, versioned, idempotent, and free of names."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from fairpanel.adapters import tabular
from fairpanel.analysis.frames import Period
from fairpanel.config import Config
from fairpanel.pipeline import ingest as module
from fairpanel.pipeline.audit import audit
from fairpanel.pipeline.ingest import Batch, ingest, plan
from fairpanel.pipeline.scope import Scope
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.store import tables
from tests.workspaces import HEADER, KEY, NOW, SAMPLES, stored, take_in, workspace, write

ALL = Scope(period=Period(None, None), where={})
ROWS = [
    "Ann Archer,Bob Boss,technical,4,2024-01-01",
    "Ann Archer,Cy Cole,technical,2,2024-01-01",
    "Dee Dunn,Bob Boss,technical,,2024-01-02",
]


def test_a_file_is_taken_in_once(tmp_path: Path) -> None:
    where, file = workspace(tmp_path), write(tmp_path / "scores.csv", ROWS)
    first = take_in(where, file).to_dict()
    assert (first["rows_read"], first["accepted"], first["quarantined"], first["excluded"]) == (3, 3, 0, {})
    versions = tables.pin(where).versions
    again = take_in(where, file, now=NOW + timedelta(days=1)).to_dict()
    assert (again["unchanged_files"], again["rows_read"], again["batches"]) == (1, 0, [])
    assert tables.pin(where).versions == versions


def test_a_corrected_file_supersedes_its_rows_and_the_history_stays(tmp_path: Path) -> None:
    where, file = workspace(tmp_path), write(tmp_path / "scores.csv", ROWS)
    take_in(where, file)
    before = tables.pin(where)
    write(file, [ROWS[0].replace(",4,", ",5,"), *ROWS[1:]])
    told = take_in(where, file).to_dict()
    assert (told["accepted"], told["excluded"]) == (1, {"duplicate": 2})
    now = stored(where, "scores")
    assert sorted(now["score"].drop_nulls()) == [2.0, 5.0]
    assert now.height == 3
    assert sorted(before.read("scores")["score"].drop_nulls()) == [2.0, 4.0]


def test_a_deletion_withdraws_a_known_row_and_is_counted(tmp_path: Path) -> None:
    where = workspace(tmp_path)
    take_in(where, write(tmp_path / "a.csv", ROWS))
    told = take_in(where, write(tmp_path / "b.csv", [ROWS[0] + ",true"], HEADER + ",is_deleted")).to_dict()
    assert told["excluded"] == {"deleted": 1}
    assert stored(where, "scores").filter(~pl.col("is_deleted")).height == 2


def test_quarantine_keeps_rule_column_value_and_no_name(tmp_path: Path) -> None:
    where = workspace(tmp_path)
    told = take_in(where, write(tmp_path / "s.csv", [*ROWS, "Eve Eaton,Bob Boss,technical,9,2024-01-01", "Fay,4"]))
    assert told.to_dict()["batches"][0]["reasons"] == {"score_outside_scale": 1, "wrong_field_count": 1}
    rows = stored(where, "quarantine").sort("source_row")
    assert rows.select("source_row", "rule", "column", "value").rows() == [
        (5, "score_outside_scale", "score", "9.0"),
        (6, "wrong_field_count", "", "a line of 5 characters"),
    ]
    assert json.loads(rows["record"][0])["competency"] == "technical"


def test_no_name_reaches_any_file_of_the_workspace(tmp_path: Path) -> None:
    where = workspace(tmp_path)
    broken = [
        "Ann Archer,Bob Boss,technical,Ann liked Bob,2024-01-01x",
        "Fay Fox,4",
        "Gil Gray,Bob Boss,lunch,3,2024-01-01",
    ]
    take_in(where, write(tmp_path / "s.csv", [*ROWS, *broken]))
    for path in where.root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for name in (b"Ann Archer", b"Bob Boss", b"Cy Cole", b"Dee Dunn", b"Fay Fox", b"Gil Gray"):
                assert name not in content, path
    for table in ("scores", "quarantine"):
        text = stored(where, table).write_json()
        assert "Archer" not in text
        assert "Boss" not in text


def test_a_refused_file_does_not_take_the_others_along(tmp_path: Path) -> None:
    where = workspace(tmp_path)
    folder = tmp_path / "in"
    write(folder / "good.csv", ROWS)
    write(folder / "bad.csv", ["a,b,3"], "candidate_id,interviewer_id,score")
    write(folder / "notes.csv", ["x,y"], "colour,shape")
    told = take_in(where, folder).to_dict()
    assert told["accepted"] == 3
    assert [(entry["file"], "competency" in entry["error"]) for entry in told["refused"]] == [("bad.csv", True)]
    assert [entry["file"] for entry in told["skipped"]] == ["notes.csv"]


def test_files_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    where = workspace(tmp_path)
    write(tmp_path / "in" / "a" / "s.csv", ROWS)
    write(tmp_path / "in" / "b" / "s.csv", ["Eve,Bob Boss,technical,9,2024-01-01"])
    write(tmp_path / "in" / "c" / "n.csv", ["x,y"], "colour,shape")
    write(tmp_path / "in" / "d" / "n.csv", [], "")
    told = take_in(where, tmp_path / "in").to_dict()
    assert [batch["file"] for batch in told["batches"]] == ["a/s.csv", "b/s.csv"]
    assert stored(where, "quarantine")["source_file"].to_list() == ["b/s.csv"]
    assert [entry["file"] for entry in told["skipped"]] == ["c/n.csv", "d/n.csv"]


def test_the_same_file_named_twice_is_one_file(tmp_path: Path) -> None:
    file = write(tmp_path / "in" / "s.csv", ROWS)
    told = take_in(workspace(tmp_path), file, tmp_path / "in").to_dict()
    assert (told["files"], told["rows_read"]) == (1, 3)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where, file = workspace(tmp_path), write(tmp_path / "s.csv", ROWS)
    real = tabular.read

    def reading(path: Path) -> tabular.TextTable:
        table = real(path)
        with path.open("a") as growing:
            growing.write("Eve,Bob Boss,technical,2,2024-01-01\n")
        return table

    monkeypatch.setattr(tabular, "read", reading)
    told = take_in(where, file).to_dict()
    assert "changed while it was read" in told["refused"][0]["error"]
    assert tables.pin(where).versions == {}
    monkeypatch.undo()
    assert take_in(where, file).to_dict()["accepted"] == 4


def test_a_file_that_vanishes_does_not_take_the_others_along(tmp_path: Path) -> None:
    where = workspace(tmp_path)
    gone, kept = write(tmp_path / "gone.csv", ROWS[:1]), write(tmp_path / "kept.csv", ROWS)
    planned = plan(where, [gone, kept], Config(), KEY, None, NOW)
    gone.unlink()
    told = ingest(planned).to_dict()
    assert told["accepted"] == 3
    assert told["refused"] == [{"file": "gone.csv", "error": "gone.csv cannot be read: No such file or directory."}]


def test_a_first_line_of_data_is_not_repeated_in_the_refusal(tmp_path: Path) -> None:
    told = take_in(workspace(tmp_path), write(tmp_path / "s.csv", ROWS[1:], ROWS[0])).to_dict()
    assert "looks like a row of data" in told["refused"][0]["error"]
    assert "Ann" not in json.dumps(told)


def test_no_stored_word_is_longer_than_a_label(tmp_path: Path) -> None:
    where = workspace(tmp_path)
    rows = [f"{ROWS[0]},{'long ' * 1000},{'4 ' * 500}"]
    take_in(where, write(tmp_path / "s.csv", rows, HEADER + ",job_family,score_raw"))
    row = stored(where, "scores").row(0, named=True)
    assert (len(row["job_family"]), len(row["score_raw"])) == (80, 80)


def test_counts_that_do_not_add_up_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="3 rows read, 2 accounted for"):
        Batch(batch_id="b", file="f", adapter="a", sha256="s", rows_read=3, accepted=2, quarantined=0)


def test_the_bundled_sample_loses_nothing(tmp_path: Path) -> None:
    where = workspace(tmp_path)
    told = take_in(where, SAMPLES / "demo").to_dict()
    assert told["rows_read"] == told["accepted"] + told["quarantined"] + sum(told["excluded"].values())
    assert told["quarantined"] == 6
    reasons = next(batch["reasons"] for batch in told["batches"] if batch["file"] == "scores.csv")
    assert reasons == {
        "score_outside_scale": 1,
        "not_a_number": 1,
        "not_a_moment": 1,
        "unknown_label": 1,
        "missing_value": 1,
        "wrong_field_count": 1,
    }
    lines = (SAMPLES / "demo" / "scores.csv").read_text().count("\n") - 1
    assert next(batch["rows_read"] for batch in told["batches"] if batch["file"] == "scores.csv") == lines


KILL = """
import os, signal, sys
from pathlib import Path
from fairpanel.store import tables
from tests.workspaces import take_in, workspace
calls = 0
def dying(function):
    def wrapper(*arguments, **options):
        global calls
        calls += 1
        if calls == int(sys.argv[2]) and sys.argv[3] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **options)
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapper
tables.upsert = dying(tables.upsert)
tables.replace_batch = dying(tables.replace_batch)
root = Path(sys.argv[1])
take_in(workspace(root), root / "in")
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write_number", [1, 2, 4, 6, 9, 11, 12])
def test_a_killed_ingest_is_completed_by_the_next(tmp_path: Path, write_number: int, moment: str) -> None:
    small = Parameters(candidates=40, interviewers=12, months=6, edited=0.1)
    simulate(small, "canonical", tmp_path / "in")
    arguments = [sys.executable, "-c", KILL, str(tmp_path), str(write_number), moment]
    killed = subprocess.run(
        arguments, env=os.environ | {"PYTHONPATH": "."}, check=False, capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    where = workspace(tmp_path)
    take_in(where, tmp_path / "in")
    undisturbed = workspace(tmp_path / "other")
    take_in(undisturbed, tmp_path / "in")
    for table in ("scores", "decisions", "performance", "demographics", "quarantine", "batches"):
        assert stored(where, table).equals(stored(undisturbed, table)), table


def test_rows_of_an_interrupted_ingest_do_not_count_and_a_corrected_file_takes_them_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, file = workspace(tmp_path), write(tmp_path / "s.csv", ROWS)
    take_in(where, write(tmp_path / "first.csv", ["Zed,Bob Boss,technical,3,2024-01-01"]))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_record", interrupted)
    with pytest.raises(KeyboardInterrupt):
        take_in(where, file)
    monkeypatch.undo()
    assert stored(where, "scores").height == 4
    report = json.loads((audit(where, ALL, Config()).directory / "report.json").read_text())
    assert report["inputs"]["counts"]["score_rows"] == 1
    assert any("s.csv was interrupted" in note for note in report["inputs"]["scale_notes"])
    told = take_in(where, write(file, [*ROWS, "Eve,Bob Boss,technical,2,2024-01-01"])).to_dict()
    assert (told["accepted"], told["excluded"]) == (4, {})
    report = json.loads((audit(where, ALL, Config()).directory / "report.json").read_text())
    assert report["inputs"]["counts"]["score_rows"] == 5
    assert not any("interrupted" in note for note in report["inputs"]["scale_notes"])


STAMPED = HEADER + ",scorecard_id,updated_at,is_deleted"


def _versions(tmp_path: Path, *rows: str) -> list[float]:
    """The scores that count after one file a row."""
    where = workspace(tmp_path)
    for number, row in enumerate(rows):
        take_in(where, write(tmp_path / f"{number}.csv", [row], STAMPED))
    return stored(where, "scores").filter(~pl.col("is_deleted"))["score"].to_list()


def test_an_older_version_does_not_bring_back_what_was_deleted_before_it_came(tmp_path: Path) -> None:
    deleted = "a,r,overall,3,2024-01-01,sc,2024-02-02,true"
    assert _versions(tmp_path, deleted, "a,r,overall,3,2024-01-01,sc,2024-02-01,false") == []


def test_a_version_older_than_the_last_confirmation_does_not_count(tmp_path: Path) -> None:
    row = "a,r,overall,{},2024-01-01,sc,2024-0{}-01,false"
    assert _versions(tmp_path, row.format(3, 2), row.format(3, 4), row.format(4, 3)) == [3.0]
