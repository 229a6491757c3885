"""A workspace whose tables lie in an object store gives what a local one gives, and comes through the store's loss."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from fairpanel import bundled, exit_codes
from fairpanel.storage import UnreachableError
from fairpanel.store import object_store, objects, tables
from fairpanel.store.lake_mark import MARK
from fairpanel.store.pseudonyms import PseudonymKeyError, of_workspace
from fairpanel.workspace import Workspace
from tests.services.seaweedfs import BUCKET, Store, command, seaweedfs
from tests.workspaces import stored

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

KEY = {"FAIRPANEL_KEY": "a key for tests only, never in use"}
QUICK = "[ingest]\nbatch_checks = false\n[audit]\nself_test_replicates = 0\nchain_replicates = 50\ndecision_replicates = 50\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as running:
        yield running


@pytest.fixture
def reachable(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return store


def _workspace(folder: Path, prefix: str | None) -> Workspace:
    made = Workspace(folder)
    folder.mkdir()
    places = {"lake": f"s3://{BUCKET}/{prefix}/lake", "restricted": f"s3://{BUCKET}/{prefix}/restricted"}
    table = "[storage]\n" + "".join(f'{name} = "{place}"\n' for name, place in places.items()) if prefix else ""
    made.config_file.write_text(QUICK + table)
    return made.create()


def test_the_same_report_to_the_last_digit_and_a_lost_store_loses_nothing(store: Store, tmp_path: Path) -> None:
    there, here = _workspace(tmp_path / "there", "equal"), _workspace(tmp_path / "here", None)
    inbox = tmp_path / "exports"
    shutil.copytree(bundled.samples(), inbox, ignore=shutil.ignore_patterns("performance*"))
    known = store.environment | KEY
    ingested = command("ingest", str(inbox), "--workspace", str(there.root), "--json", environment=known)
    assert ingested.returncode == exit_codes.DONE, ingested.stderr
    store.end()
    for argv in (["ingest", str(bundled.samples())], ["audit"]):
        lost = command(*argv, "--workspace", str(there.root), environment=known)
        assert lost.returncode == exit_codes.FAILED
        assert f"the object store of s3://{BUCKET}/equal/" in lost.stderr
        assert "no server answers; check AWS_ENDPOINT_URL" in lost.stderr
        assert "Traceback" not in lost.stderr
    store.start()
    command("ingest", str(inbox), "--workspace", str(here.root), environment=KEY)
    told = []
    for workspace in (there, here):
        rest = command(
            "ingest", str(bundled.samples()), "--workspace", str(workspace.root), "--json", environment=known
        )
        assert rest.returncode == exit_codes.DONE, rest.stderr
        assert json.loads(rest.stdout)["unchanged_files"] == json.loads(ingested.stdout)["files"]
        audited = command("audit", "--workspace", str(workspace.root), "--json", environment=known)
        assert audited.returncode == exit_codes.DONE, audited.stderr
        told.append(json.loads(audited.stdout))
    assert told[0]["report_id"] == told[1]["report_id"]
    written = [(where.reports / told[0]["report_id"] / "report.json").read_bytes() for where in (there, here)]
    assert written[0] == written[1]
    assert objects.names(here.location("lake"))
    assert not [name for name in objects.names(there.root / "lake") if name.endswith(".parquet")]
    assert not objects.names(there.root / "restricted")
    verified = command("verify", "--workspace", str(there.root), environment=known)
    assert verified.returncode == exit_codes.DONE, verified.stdout


def test_a_store_lost_in_the_middle_of_an_ingest(reachable: Store, tmp_path: Path) -> None:
    there, here = _workspace(tmp_path / "there", "middle"), _workspace(tmp_path / "here", None)
    given = ["ingest", str(bundled.samples()), "--workspace"]
    ended: list[subprocess.CompletedProcess[str]] = []
    known = reachable.environment | KEY
    thread = threading.Thread(target=lambda: ended.append(command(*given, str(there.root), environment=known)))
    thread.start()
    log = f"{tables.path(there, 'batches')}/_delta_log"
    while thread.is_alive() and not objects.names(log):
        time.sleep(0.05)
    reachable.end()
    thread.join()
    reachable.start()
    assert ended[0].returncode == exit_codes.FAILED, ended[0].stdout
    assert "no server answers" in ended[0].stderr
    rest = command(*given, str(there.root), "--json", environment=known)
    assert rest.returncode == exit_codes.DONE, rest.stderr
    assert json.loads(rest.stdout)["unchanged_files"] >= 1
    command(*given, str(here.root), environment=KEY)
    for table in ("scores", "decisions", "performance", "demographics", "quarantine"):
        assert stored(there, table).equals(stored(here, table)), table
    assert command("verify", "--workspace", str(there.root), environment=known).returncode == exit_codes.DONE


def test_a_backfill_in_several_processes_reads_the_store(store: Store, tmp_path: Path) -> None:
    there, here = _workspace(tmp_path / "there", "backfill"), _workspace(tmp_path / "here", None)
    told = []
    for workspace in (there, here):
        given = ["--workspace", str(workspace.root)]
        command("ingest", str(bundled.samples()), *given, environment=store.environment | KEY)
        months = ["--from", "2024-01", "--to", "2024-06", "--every", "quarter", "--max-active", "2"]
        done = command("backfill", *months, *given, "--json", environment=store.environment | KEY)
        assert done.returncode == exit_codes.DONE, done.stderr
        told.append([(entry["state"], entry["report_id"]) for entry in json.loads(done.stdout)["periods"]])
    assert told[0] == told[1]
    assert [state for state, _ in told[0]] == ["made", "made"]


def test_names_and_contents_are_those_of_a_folder(reachable: Store, tmp_path: Path) -> None:
    address = f"s3://{BUCKET}/objects"
    for name in ("b", "a/c.parquet", "a/_delta_log/0.json"):
        assert object_store.put_new(address, name, name.encode())
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert objects.names(address) == objects.names(tmp_path) == ["a/_delta_log/0.json", "a/c.parquet", "b"]
    assert objects.names(f"{address}/a") == objects.names(tmp_path / "a")
    assert objects.names(f"{address}/none") == objects.names(tmp_path / "none") == []
    assert objects.content(address, "a/c.parquet") == objects.content(tmp_path, "a/c.parquet")
    for location in (address, tmp_path):
        with pytest.raises(FileNotFoundError):
            objects.content(location, "gone")


def test_writers_at_the_same_time_lose_nothing(reachable: Store, tmp_path: Path) -> None:
    """What the workspace's lock keeps apart, the store's conditional puts keep apart once more."""
    workspace = _workspace(tmp_path / "w", "writers")

    def write(number: int) -> None:
        row = {name: ["x"] if kind == pl.String else [None] for name, kind in tables.BATCHES.items()}
        frame = pl.DataFrame(row | {"batch_id": [f"{number}"], "summary": ['{"_batch": {"tables": {}}}']})
        tables.upsert(workspace, "batches", frame, replacing=False)

    write(0)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pinned = tables.pin(workspace)
    assert sorted(pinned.read("batches")["batch_id"]) == [str(number) for number in range(9)]
    assert pinned.versions["batches"] == 8


def test_a_lake_under_another_key_is_refused(reachable: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = _workspace(tmp_path / "first", "shared"), _workspace(tmp_path / "second", "shared")
    mine = of_workspace(first)
    assert objects.content(first.location("lake"), MARK).decode().strip() == mine.fingerprint
    with pytest.raises(PseudonymKeyError, match="is gone"):
        of_workspace(second)
    monkeypatch.setenv("FAIRPANEL_KEY", "another key, as long as it has to be")
    with pytest.raises(PseudonymKeyError, match="another one"):
        of_workspace(second)
    monkeypatch.setenv("FAIRPANEL_KEY", (first.secrets / "pseudonym.key").read_text())
    assert of_workspace(second).fingerprint == mine.fingerprint


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong", "check AWS_SECRET_ACCESS_KEY"),
        ("AWS_ACCESS_KEY_ID", "nobody", "check AWS_ACCESS_KEY_ID"),
        ("AWS_ALLOW_HTTP", "false", "set AWS_ALLOW_HTTP=true"),
    ],
)
def test_what_keeps_the_store_shut_is_named_and_no_secret_is(
    reachable: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    workspace = _workspace(tmp_path / "w", "shut")
    monkeypatch.setenv(name, value)
    for act in (lambda: tables.pin(workspace), lambda: objects.names(workspace.location("lake"))):
        with pytest.raises(UnreachableError, match=says) as failed:
            act()
        assert reachable.environment["AWS_SECRET_ACCESS_KEY"] not in str(failed.value)


def test_a_bucket_that_is_not_there_is_named(reachable: Store) -> None:
    with pytest.raises(UnreachableError, match="there is no such bucket"):
        objects.names("s3://no-such-bucket/lake")


def test_rows_lost_from_the_store_are_damage_not_an_empty_table(reachable: Store, tmp_path: Path) -> None:
    import obstore
    from obstore.store import from_url

    workspace = _workspace(tmp_path / "w", "damaged")
    of_workspace(workspace)
    empty = pl.DataFrame(schema=tables.BATCHES)
    tables.upsert(workspace, "batches", empty, replacing=False)
    tables.upsert(workspace, "batches", empty, replacing=False)
    obstore.delete(from_url(str(tables.path(workspace, "batches"))), "_delta_log/00000000000000000000.json")
    with pytest.raises(tables.TableDamagedError, match="put those back from a backup"):
        tables.pin(workspace)
