"""A database as a source: what it gives equals what a file gives, its mistakes are sentences, its password is nowhere."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from fairpanel import exit_codes
from fairpanel.adapters.base import ExportError
from fairpanel.adapters.postgresql import Source, UnavailableError, extract
from fairpanel.cli import main
from fairpanel.store import tables
from fairpanel.workspace import Workspace
from tests.flows.serving import free_port, served, workspace_with_samples
from tests.services.postgresql import PASSWORD, Database, postgresql

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

TABLES = (
    "CREATE TYPE judged AS ENUM ('technical', 'overall')",
    """CREATE TABLE marks (person uuid, rater bigint, judged judged, mark numeric(4, 2), met timestamptz, day date,
       weight double precision, seen boolean, note text, tags text[], more jsonb)""",
    """INSERT INTO marks SELECT md5(n::text)::uuid, 9007199254740993 + n % 3, 'technical', 1 + n % 5, '2024-03-01 10:00+02',
       date '2024-03-01' + n, n / 4.0, n % 2 = 0, 'private', ARRAY['x'], '{}' FROM generate_series(0, 49) n""",
    "CREATE TABLE outcomes (person uuid, outcome text, day date)",
    "INSERT INTO outcomes SELECT person, CASE WHEN mark > 3 THEN 'accepted' ELSE 'rejected' END, day FROM marks",
    "CREATE ROLE reader LOGIN PASSWORD 'reads-only-this'",
    "GRANT SELECT ON outcomes TO reader",
)
SCORES = (
    "SELECT person AS candidate_id, rater AS interviewer_id, judged AS competency, mark AS score, met AS interviewed_at "
    "FROM marks"
)
DECISIONS = "SELECT person AS candidate_id, outcome AS decision, day AS decided_on FROM outcomes"


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with postgresql() as running:
        running.execute(*TABLES)
        yield running


@pytest.fixture
def home(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("FAIRPANEL_", "PREFECT_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "fairpanel.toml").write_text("[ingest]\nbatch_checks = false\n")
    monkeypatch.setenv("FAIRPANEL_WORKSPACE", str(tmp_path / "ws"))
    monkeypatch.setenv("HR_DATABASE_URL", database.url())
    return tmp_path


def _file(folder: Path, **queries: str) -> Path:
    path = folder / "hr.toml"
    text = '[postgresql]\nurl_from = "HR_DATABASE_URL"\n'
    path.write_text(text + "".join(f"[tables.{table}]\nquery = '''{query}'''\n" for table, query in queries.items()))
    return path


def _source(**queries: str) -> Source:
    named = {table: {"query": query} for table, query in queries.items()}
    return Source.model_validate({"postgresql": {"url_from": "X"}, "tables": named})


def test_what_a_database_gives_is_what_a_file_gives(
    home: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    source = _file(home, scores=SCORES, decisions=DECISIONS)
    assert main(["ingest", str(source), "--json"]) == exit_codes.DONE
    told = json.loads(capsys.readouterr().out)
    assert {batch["file"]: batch["accepted"] for batch in told["batches"]} == {
        "hr.scores.parquet": 50,
        "hr.decisions.parquet": 50,
    }
    there = tables.pin(Workspace(home / "ws")).read("scores")
    assert there["interviewed_at"].dt.strftime("%FT%T%:z").unique().to_list() == ["2024-03-01T08:00:00+00:00"]
    assert sorted(there["score"].unique()) == [1, 2, 3, 4, 5]
    assert there["interviewer_id"].n_unique() == 3
    database.execute("UPDATE marks SET note = note")  # the server now gives its rows in another order
    assert main(["ingest", str(source), "--json"]) == exit_codes.DONE
    assert json.loads(capsys.readouterr().out)["unchanged_files"] == 2
    database.execute("UPDATE marks SET mark = 5 WHERE day = '2024-03-01'")
    assert main(["ingest", str(source), "--json"]) == exit_codes.DONE
    again = json.loads(capsys.readouterr().out)
    assert (again["unchanged_files"], len(again["batches"])) == (1, 1)
    database.execute("UPDATE marks SET mark = 1 WHERE day = '2024-03-01'")


def test_kinds_of_values_as_cells(database: Database, tmp_path: Path) -> None:
    query = (
        "SELECT 1::numeric(9, 3) AS candidate_id, 12345678901234567890.120::numeric AS application_id, '  '::text AS stage, "
        "'2024-05-01'::date AS decided_on, 'x'::varchar AS decision, 2.0::float8 AS requisition_id"
    )
    (path,) = extract(_source(decisions=query), database.url(), tmp_path, "one")
    assert pl.read_parquet(path).row(0, named=True) == {
        "candidate_id": "1",
        "application_id": "12345678901234567890.12",
        "stage": None,
        "decided_on": "2024-05-01",
        "decision": "x",
        "requisition_id": "2",
    }


def test_many_rows_come_in_one_order_and_no_rows_are_an_empty_table(database: Database, tmp_path: Path) -> None:
    rows = "FROM generate_series(1, 45000) n ORDER BY random()"
    query = f"SELECT n AS candidate_id, 'accepted' AS decision, '2024-01-01'::date AS decided_on {rows}"
    written = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (path,) = extract(_source(decisions=query), database.url(), tmp_path / name, "hr")
        written.append(path.read_bytes())
        assert [file.name for file in (tmp_path / name).iterdir()] == ["hr.decisions.parquet"]
    assert written[0] == written[1]
    assert pl.read_parquet(written[0])["candidate_id"].n_unique() == 45_000
    (empty,) = extract(_source(decisions=f"{DECISIONS} WHERE false"), database.url(), tmp_path, "none")
    assert pl.read_parquet(empty).shape == (0, 3)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT person AS candidate_id FROM outcomes", "has no column decision, decided_on"),
        (DECISIONS.replace("outcome AS decision", "outcome AS decisoin"), "Call it decision"),
        (DECISIONS.replace("SELECT", "SELECT 1 AS full_name,"), "leave it out of the query"),
        ("SELECT tags AS candidate_id, 'a' AS decision, day AS decided_on FROM marks", "Cast it in the query"),
        ("SELECT more AS candidate_id, 'a' AS decision, day AS decided_on FROM marks", "of type jsonb"),
        (
            "SELECT person AS candidate_id, 'a' AS decision, day AS decided_on FROM mraks",
            'relation "mraks" does not exist',
        ),
        ("SELECT person AS candidate_id, outcom AS decision, day AS decided_on FROM outcomes", "does not exist"),
        ("SELECT person AS candidate_id FROM", "syntax error"),
        (
            "SELECT 1 AS candidate_id, 'a' AS decision, '2024-01-01' AS decided_on; DROP TABLE marks",
            "cannot insert multiple",
        ),
        (
            "WITH gone AS (DELETE FROM outcomes RETURNING *) SELECT person AS candidate_id, outcome AS decision, "
            "day AS decided_on FROM gone",
            "the query writes",
        ),
        (
            "SELECT person AS candidate_id, outcome::int::text AS decision, day AS decided_on FROM outcomes",
            "fails on the data (InvalidTextRepresentationError",
        ),
    ],
)
def test_a_query_that_cannot_be_taken_is_a_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], query: str, says: str
) -> None:
    assert main(["ingest", str(_file(home, decisions=query))]) == exit_codes.REFUSED
    told = capsys.readouterr().err
    assert says.lower() in told.lower()
    assert "refused hr.toml: hr: tables.decisions:" in told
    assert "accepted" not in told.partition("fails on the data")[2]


def test_what_does_not_read_is_refused_before_anything_is_asked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ingest", str(_file(home, decisions="DELETE FROM outcomes RETURNING *"))]) == exit_codes.USAGE
    assert "begins with SELECT or WITH" in capsys.readouterr().err


def test_a_source_that_fails_does_not_take_the_files_along(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "more.csv").write_text("candidate_id,decision,decided_on\nc1,accepted,2024-01-01\n")
    source = _file(home, decisions="SELECT 1 AS candidate_id")
    assert main(["ingest", str(source), str(home / "more.csv"), "--json"]) == exit_codes.REFUSED
    told = json.loads(capsys.readouterr().out)
    assert [batch["file"] for batch in told["batches"]] == ["more.csv"]
    assert [entry["file"] for entry in told["refused"]] == ["hr.toml"]


def test_an_address_that_leads_nowhere_is_a_sentence_without_the_password(
    home: Path, database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _file(home, decisions=DECISIONS)
    for url, says in (
        (database.url(password="wrong-password"), "refused the user or the password"),
        (database.url(name="nowhere", password=PASSWORD), "no such database"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:{free_port()}/hr", "does not answer"),
        (f"postgresql://u:{PASSWORD}@no-such-host.invalid/hr", "does not answer"),
        (f"postgresql://u:{PASSWORD}#@127.0.0.1:x/hr", "not of the form"),
        (f"mysql://u:{PASSWORD}@127.0.0.1/hr", "not of the form"),
        (database.url(user="reader", password="reads-only-this"), ""),
    ):
        monkeypatch.setenv("HR_DATABASE_URL", url)
        code = main(["ingest", str(source)])
        told = capsys.readouterr()
        assert code == (exit_codes.REFUSED if says else exit_codes.DONE), told.err
        assert says in told.err
        for secret in (PASSWORD, "wrong-password", "reads-only-this"):
            assert secret not in told.out + told.err
    monkeypatch.setenv("HR_DATABASE_URL", database.url(user="reader", password="reads-only-this"))
    assert main(["ingest", str(_file(home, scores=SCORES))]) == exit_codes.REFUSED
    assert "permission denied" in capsys.readouterr().err
    monkeypatch.delenv("HR_DATABASE_URL")
    assert main(["ingest", str(source)]) == exit_codes.USAGE
    assert "environment variable HR_DATABASE_URL is not set" in capsys.readouterr().err


def test_a_server_that_accepts_and_says_nothing_is_given_up(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairpanel.adapters.postgresql.PATIENCE", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(UnavailableError, match="does not answer"):
            extract(_source(decisions=DECISIONS), Database(silent.getsockname()[1]).url(), tmp_path, "hr")
    with pytest.raises(ExportError, match="no such database"):
        extract(_source(decisions=DECISIONS), database.url("nowhere"), tmp_path, "hr")


def test_a_run_takes_a_source_in_with_address_and_key_from_secret_blocks(database: Database, tmp_path: Path) -> None:
    """And nothing that Prefect keeps holds the password or the key."""
    workspace = workspace_with_samples(tmp_path / "ws")
    source = tmp_path / "hr.toml"
    text = _file(tmp_path, decisions=DECISIONS).read_text()
    key = "a key that lies in a block, for tests"
    more = {"HR_DATABASE_URL_BLOCK": "hr-database", "FAIRPANEL_KEY_BLOCK": "fairpanel-key"}
    with served(workspace, more=more) as server:
        source.write_text(text)
        missing = server.run("ingest/nightly-ingest", paths=[str(source)])
        assert missing["state"]["type"] == "FAILED"
        assert "there is no Prefect Secret block 'fairpanel-key'" in missing["state"]["message"]
        assert not (workspace / "secrets" / "pseudonym.key").exists()
        kind = server.ask("GET", "/block_types/slug/secret")["id"]
        schema = server.filtered("block_schemas", block_schemas={"block_type_id": {"any_": [kind]}})[0]["id"]
        for name, value in (("hr-database", database.url()), ("fairpanel-key", key)):
            block = {"name": name, "data": {"value": value}, "block_type_id": kind, "block_schema_id": schema}
            server.ask("POST", "/block_documents/", json=block)
        run = server.run("ingest/nightly-ingest", paths=[str(source)])
        assert run["state"]["type"] == "COMPLETED", run["state"]
        text = source.read_text()
        source.write_text(text.replace("outcome AS decision", "outcome AS decisoin"))
        assert server.run("ingest/nightly-ingest", paths=[str(source)])["state"]["type"] == "FAILED"
        kept = json.dumps([server.filtered(what) for what in ("artifacts", "flow_runs", "task_runs", "logs")])
        logs = "".join(log.read_text() for log in (workspace / ".prefect").glob("*.log")) + server.printed.read_text()
    assert "read hr" in kept
    for secret in (PASSWORD, key):
        assert secret not in kept + logs
    assert tables.pin(Workspace(workspace)).read("decisions").height == 50
    assert not (workspace / "secrets" / "pseudonym.key").exists()
