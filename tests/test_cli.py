"""The command line as a user meets it: right sentences and exit codes, one JSON document, nothing half done."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from fairpanel import demo, exit_codes
from fairpanel.cli import main
from fairpanel.workspace import Workspace
from tests.workspaces import HEADER, write

GOOD = ["a,r1,overall,4,2024-01-01", "a,r2,overall,3,2024-01-01", "b,r1,overall,2,2024-01-02"]
QUIET = "[ingest]\nbatch_checks = false\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace without the batch judge (a process of its own, tested by itself)."""
    monkeypatch.delenv("FAIRPANEL_KEY", raising=False)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "fairpanel.toml").write_text(QUIET)
    monkeypatch.setenv("FAIRPANEL_WORKSPACE", str(tmp_path / "ws"))
    return tmp_path


def _told(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        pytest.param("s.csv", b"", "is empty", id="empty file"),
        pytest.param("s.csv", b"%PDF-1.4\n", "not a table of text", id="a file that is no export"),
        pytest.param("s.csv", b"colour,shape\nred,round\n", "no export that Fairpanel knows", id="other columns"),
        pytest.param("s.csv", b"candidate_id,interviewer_id,score\na,r,3\n", "has no column competency, interviewed_at",
                     id="missing column"),
        pytest.param("s.json", b'[{"overall_recommendation": 1, "attributes": [', "not valid JSON", id="half a JSON file"),
    ],
)  # fmt: skip
def test_refused_files(home: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, says: str) -> None:
    (home / name).write_bytes(content)
    assert main(["ingest", str(home / name)]) == exit_codes.REFUSED
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        pytest.param([*GOOD, "c,r1,overall,good,2024-01-01"], {"not_a_number": 1}, id="unknown label for a score"),
        pytest.param([*GOOD, "c,r1,charm,3,2024-01-01"], {"unknown_label": 1}, id="unknown competency"),
        pytest.param([*GOOD, "c,r1,overall,6,2024-01-01"], {"score_outside_scale": 1}, id="outside its scale"),
        pytest.param([*GOOD, "c,r1,overall,2024-01-01"], {"wrong_field_count": 1}, id="one field short"),
        pytest.param([*GOOD, "c,r1,overall,3,31/12/2024"], {"not_a_moment": 1}, id="day and month swapped"),
        pytest.param([*GOOD, "c,r1,overall,3,2024-01-01", "c,r1,overall,4,2024-01-01"], {"conflicting_duplicate": 2},
                     id="duplicate scorecards that differ"),
    ],
)  # fmt: skip
def test_quarantined_rows(
    home: Path, capsys: pytest.CaptureFixture[str], rows: list[str], reasons: dict[str, int]
) -> None:
    write(home / "s.csv", rows)
    code = main(["ingest", str(home / "s.csv"), "--json"])
    told = _told(capsys)
    assert told["quarantined"] == sum(reasons.values())
    assert told["rows_read"] == len(rows)
    assert told["accepted"] == len(GOOD)
    assert told["batches"][0]["reasons"] == reasons  # type: ignore[index]
    assert code == exit_codes.REFUSED  # more than the fifth that a workspace allows by default
    assert main(["ingest", str(home / "s.csv"), "--max-quarantine", "0.9"]) == exit_codes.DONE
    capsys.readouterr()
    assert main(["quarantine", "list", "--json"]) == exit_codes.DONE
    assert {entry["rule"] for entry in _told(capsys)["quarantine"]} == set(reasons)  # type: ignore[index]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_files_as_spreadsheet_programs_write_them(
    home: Path, capsys: pytest.CaptureFixture[str], encoding: str, separator: str
) -> None:
    rows = ["Zoë,r1,overall,4,2024-01-01", "b,r1,overall,2,2024-01-02"]
    write(home / "s.csv", [row.replace(",", separator) for row in rows], HEADER.replace(",", separator), encoding)
    assert main(["ingest", str(home / "s.csv"), "--json"]) == exit_codes.DONE
    assert _told(capsys)["accepted"] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["audit", "--from", "yesterday"], "expected a date"),
        (["audit", "--where", "salary=1"], "a condition is COLUMN=VALUE"),
        (["audit", "--sinse", "2024-01-01"], "unknown argument"),
        (["backfill", "--from", "2024-13", "--to", "2025-01"], "expected a month"),
        (["backfill", "--from", "2024-01", "--to", "2025-01", "--every", "day"], "invalid choice"),
        (["measure", "icc2", "x.csv"], "did you mean icc"),
        (["nonsense"], "invalid choice"),
        (["ingest", "s.csv", "--source", "taleo"], "unknown source 'taleo'"),
        (["ingest", "s.csv", "--max-quarantine", "7"], "a share between 0 and 1"),
        (["simulate", "--out", "x", "--seed", "-1"], "0 or above"),
        (["simulate", "--out", "x", "--gap", "inf"], "standard deviations between"),
        (["simulate", "--out", "x", "--validity", "3"], "validity lies between -1 and 1"),
    ],
)
def test_wrong_usage(home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    write(home / "s.csv", GOOD)
    write(home / "x.csv", ["1,2,3"], "unit,rater,score")
    (home / "ws" / "lake").mkdir(exist_ok=True)
    named = [str(home / word) if word in ("s.csv", "x.csv", "x") else word for word in arguments]
    try:
        code = main(named)
    except SystemExit as stop:
        code = int(stop.code or 0)
    assert code == exit_codes.USAGE
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[polcy]\n", "unknown key 'polcy'; did you mean 'policy'"),
        ("[policy]\nimpact_ration = 1\n", "did you mean 'impact_ratio'"),
        ("[audit]\nconfidence = 2\n", "audit.confidence"),
        ("[scale]\nminimum = 5\nmaximum = 1\n", "minimum must be below maximum"),
        ("format = 2\n", "format"),
        ('[audit]\nreview_types = ["manger"]\n', "audit.review_types"),
        ('[audit]\nattributes = ["gender", "gender"]\n', "one of them twice"),
        ("[scale]\nmaximum = inf\n", "scale.maximum"),
        ("[scale\n", "not valid TOML"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(
    home: Path, capsys: pytest.CaptureFixture[str], toml: str, says: str
) -> None:
    (home / "ws" / "fairpanel.toml").write_text(toml)
    write(home / "s.csv", GOOD)
    assert main(["ingest", str(home / "s.csv")]) == exit_codes.USAGE
    assert says in capsys.readouterr().err
    assert not (home / "ws" / "lake").exists()


def test_a_workspace_that_is_a_file_or_missing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home / "s.csv", GOOD)
    (home / "file").write_text("x")
    assert main(["ingest", str(home / "s.csv"), "--workspace", str(home / "file")]) == exit_codes.USAGE
    assert "cannot be a workspace" in capsys.readouterr().err
    assert main(["audit", "--workspace", str(home / "nowhere")]) == exit_codes.USAGE
    assert "there is no workspace" in capsys.readouterr().err


def test_a_workspace_on_a_file_system_that_takes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home / "s.csv", GOOD)
    assert main(["ingest", str(home / "s.csv"), "--workspace", "/proc/fairpanel"]) == exit_codes.USAGE
    assert "cannot be written to" in capsys.readouterr().err


def test_ingest_audit_verify(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"c{i},r{j},overall,{1 + (i * j) % 5},2024-01-0{1 + i % 9}" for i in range(40) for j in range(1, 4)]
    write(home / "s.csv", rows)
    assert main(["ingest", str(home / "s.csv")]) == exit_codes.DONE
    capsys.readouterr()
    assert main(["audit", "--from", "2024-01-01", "--to", "2024-01-31", "--json"]) == exit_codes.DONE
    told = _told(capsys)
    assert set(told) >= {"report_id", "directory", "html", "json", "findings", "seconds"}
    assert Path(str(told["html"])).is_file()
    assert main(["report", "list", "--json"]) == exit_codes.DONE
    assert _told(capsys)["reports"][0]["report_id"] == told["report_id"]  # type: ignore[index]
    assert main(["verify", "--json"]) == exit_codes.DONE
    assert _told(capsys)["ok"] is True
    report = Path(str(told["json"]))
    report.write_bytes(report.read_bytes().replace(b"1", b"2", 1))
    assert main(["verify", "--json"]) == exit_codes.DIFFERENT
    assert _told(capsys)["problems"] == [{"where": f"report {told['report_id']}", "what": "report.json was changed"}]


def test_fail_on(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(1)  # scores without any agreement
    rows = [f"c{i},r{j},overall,{chance.randint(1, 5)},2024-01-01" for i in range(200) for j in range(3)]
    write(home / "s.csv", rows)
    main(["ingest", str(home / "s.csv")])
    assert main(["audit"]) == exit_codes.DONE
    assert main(["audit", "--fail-on", "concern"]) == exit_codes.FINDING


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([f"c{i},r{j},overall,3,2024-01-01" for i in range(40) for j in range(3)], id="all scores equal"),
        pytest.param([f"c{i},r,overall,{i % 5 + 1},2024-01-01" for i in range(40)], id="one rater"),
        pytest.param(["c,r,overall,3,2024-01-01"], id="one score"),
        pytest.param([f"c{i},r{i},overall,{i % 5 + 1},2024-01-01" for i in range(40)], id="a rater each"),
    ],
)
def test_thin_data_are_audited_with_cautions(home: Path, capsys: pytest.CaptureFixture[str], rows: list[str]) -> None:
    write(home / "s.csv", rows)
    main(["ingest", str(home / "s.csv")])
    capsys.readouterr()
    assert main(["audit", "--json"]) == exit_codes.DONE
    report = json.loads(Path(str(_told(capsys)["json"])).read_text())
    assert all(finding["state"] == "cannot_tell" for finding in report["findings"])


def test_groups_of_two_people_nobody_hired_and_people_without_scores(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = range(60)
    write(home / "s.csv", [f"c{i},r{j},overall,{1 + (i + j) % 5},2024-01-01" for i in people for j in range(3)])
    write(home / "d.csv", [f"c{i},rejected,2024-02-01" for i in people], "candidate_id,decision,decided_on")
    groups = [f"c{i},gender,{'rare' if i < 2 else 'women' if i % 2 else 'men'}" for i in people] + [
        "ghost,gender,women"
    ]
    write(home / "g.csv", groups, "candidate_id,attribute,category")
    assert main(["ingest", *(str(home / name) for name in ("s.csv", "d.csv", "g.csv"))]) == exit_codes.DONE
    capsys.readouterr()
    assert main(["audit", "--json"]) == exit_codes.DONE
    report = json.loads(Path(str(_told(capsys)["json"])).read_text())
    # two people are a group that may not be shown, and what would give them back by subtraction goes with them
    assert report["suppressed"]
    shown = [e for e in report["estimates"] if "rare" in (e["subject"]["group"], e["subject"]["reference"])]
    assert not shown
    ratio = next(e for e in report["estimates"] if e["measure"] == "impact_ratio")
    assert {ratio["detail"][what]["rare"] for what in ("n", "rates", "ratios", "four_fifths")} == {None}
    assert all(finding["state"] == "cannot_tell" for finding in report["findings"] if finding["question"] == "alike")
    assert report["inputs"]["counts"]["hired"] == 0


def test_measure_is_the_catalogue_on_a_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = [
        [9, 2, 5, 8],
        [6, 1, 3, 2],
        [8, 4, 6, 8],
        [7, 1, 2, 6],
        [10, 5, 6, 9],
        [6, 2, 4, 7],
    ]  # Shrout & Fleiss 1979
    rows = [f"t{i},j{j},{score}" for i, row in enumerate(table) for j, score in enumerate(row)]
    write(home / "sf.csv", rows, "target,judge,points")
    arguments = ["measure", "icc", str(home / "sf.csv"), "--unit", "target", "--rater", "judge", "--score=points"]
    assert main([*arguments, "--form", "A,1", "--json"]) == exit_codes.DONE
    assert _told(capsys)["value"] == pytest.approx(0.2897638, abs=1e-7)
    assert main([*arguments, "--form", "Z,1"]) == exit_codes.USAGE
    assert main([*arguments, "--form"]) == exit_codes.USAGE
    assert main(["measure", "icc", str(home / "nowhere.csv")]) == exit_codes.REFUSED
    assert main(["measures"]) == exit_codes.DONE
    assert "g_coefficient" in capsys.readouterr().out


def test_init_writes_a_configuration_that_is_valid_and_kept(home: Path) -> None:
    from fairpanel.config import Config, load

    assert main(["init", str(home / "new")]) == exit_codes.DONE
    path = home / "new" / "fairpanel.toml"
    assert load(path) == Config()
    uncommented = "\n".join(line.removeprefix("# ") if " = " in line and line.startswith("# ") else line
                            for line in path.read_text().splitlines())  # fmt: skip
    path.write_text(uncommented.split("[greenhouse]")[0])
    assert load(path) == Config()
    path.write_text("[scale]\nmaximum = 7\n")
    assert main(["init", str(home / "new")]) == exit_codes.DONE
    assert load(path).scale.maximum == 7


def test_help_costs_no_heavy_import() -> None:
    probe = (
        "import sys\nfrom fairpanel.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('polars', 'numpy', 'prefect', 'pydantic') if m in sys.modules], file=sys.stderr)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert time.perf_counter() - started < 5  # the promise is half a second; a loaded machine is given ten times that


def test_another_key_or_a_lost_one_is_refused_before_everybody_counts_twice(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / "s.csv", GOOD)
    write(home / "t.csv", ["c,r1,overall,4,2024-01-01"])
    assert main(["ingest", str(home / "s.csv")]) == exit_codes.DONE
    monkeypatch.setenv("FAIRPANEL_KEY", "quite another key than before")
    assert main(["ingest", str(home / "t.csv")]) == exit_codes.USAGE
    assert "everybody counts twice" in capsys.readouterr().err
    assert main(["doctor"]) == exit_codes.FAILED
    monkeypatch.delenv("FAIRPANEL_KEY")
    key = home / "ws" / "secrets" / "pseudonym.key"
    text = key.read_text()
    key.unlink()
    assert main(["ingest", str(home / "t.csv")]) == exit_codes.USAGE
    assert not key.exists()
    key.write_bytes(b"\xff" * 40)
    assert main(["ingest", str(home / "t.csv")]) == exit_codes.USAGE
    key.write_text(text)
    assert main(["ingest", str(home / "t.csv")]) == exit_codes.DONE


def test_a_condition_that_nothing_meets_says_what_there_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home / "s.csv", GOOD)
    main(["ingest", str(home / "s.csv")])
    assert main(["audit", "--where", "stage=hr"]) == exit_codes.USAGE
    assert "no score has stage 'hr'; it is user" in capsys.readouterr().err


def test_a_full_disk_is_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fairpanel.store import tables

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "lake")

    write(home / "s.csv", GOOD)
    monkeypatch.setattr(tables, "upsert", full)
    assert main(["ingest", str(home / "s.csv")]) == exit_codes.FAILED
    told = capsys.readouterr().err
    assert "No space left on device (lake)" in told
    assert "unexpected" not in told


def test_measures_on_parquet_that_is_none_or_nested(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "bad.parquet").write_bytes(b"PAR1xx")
    pl.DataFrame({"unit": ["a"], "rater": [[1]], "score": [1]}).write_parquet(home / "nested.parquet")
    assert main(["measure", "icc", str(home / "bad.parquet")]) == exit_codes.REFUSED
    assert main(["measure", "icc", str(home / "nested.parquet")]) == exit_codes.USAGE
    assert "unexpected" not in capsys.readouterr().err


def test_the_demo_accounts_for_every_row() -> None:
    rows = {"rows_read": 100, "accepted": 80, "quarantined": 6, "excluded": {"deleted": 10, "unsubmitted": 4}}
    document = {"audit": {"findings": {"cannot_tell": 3}, "html": "report.html"}, "seconds": 1.0}
    told = demo.summary(Workspace(Path("ws")), document, rows)
    assert told.startswith("100 rows read = 80 accepted + 14 excluded by a named rule + 6 quarantined")
    nothing = demo.summary(Workspace(Path("ws")), document, rows | {"rows_read": 0})
    assert nothing.startswith("The exports were taken in before")
