"""Lineage: off unless switched on twice, told to a collector on loopback, and never in a run's way."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from fairpanel import exit_codes, lineage
from fairpanel.cli import main
from fairpanel.config import ConfigError
from fairpanel.store import tables
from fairpanel.store.ledger import reports, sha256
from fairpanel.workspace import Workspace
from tests.flows.serving import free_port
from tests.workspaces import write

CELLS = [f"Ann Archer {n},Rob Rater {n % 3},technical,{n % 4 + 1},2024-0{n % 3 + 1}-05" for n in range(12)]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The events that a collector on loopback gets."""
    pytest.importorskip("openlineage.client", reason="the extra 'lineage' is not installed")
    got: list[dict[str, Any]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("FAIRPANEL_LINEAGE", "1")
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield got
        server.shutdown()
        thread.join()


@pytest.fixture
def where(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "ws").create()
    quick = "[audit]\nself_test_replicates = 0\nchain_replicates = 50\ndecision_replicates = 50\n"
    made.config_file.write_text("format = 1\n[ingest]\nbatch_checks = false\n" + quick)
    return made


def _names(event: dict[str, Any], side: str) -> dict[str, str]:
    return {dataset["name"]: dataset["facets"]["version"]["datasetVersion"] for dataset in event[side]}


def test_from_a_file_to_a_report(collector: list[dict[str, Any]], where: Workspace, tmp_path: Path) -> None:
    export = write(tmp_path / "scores.csv", CELLS)
    assert main(["ingest", str(export), "--workspace", str(where.root)]) == exit_codes.DONE
    assert main(["audit", "--workspace", str(where.root)]) == exit_codes.DONE
    period = ["--from", "2024-01", "--to", "2024-02"]
    assert main(["backfill", "--workspace", str(where.root), *period]) == exit_codes.DONE
    told = [(event["job"]["name"], event["eventType"]) for event in collector]
    assert told == [(job, state) for job in ("ingest", "audit", "backfill") for state in ("START", "COMPLETE")]
    for start, end in zip(collector[::2], collector[1::2], strict=True):
        assert start["run"]["runId"] == end["run"]["runId"]
    _, ingested, _, audited, _, backfilled = collector
    versions = {f"tables/{table}": str(version) for table, version in tables.pin(where).versions.items()}
    assert _names(ingested, "inputs") == {"exports/scores.csv": sha256(export.read_bytes())}
    assert _names(ingested, "outputs") == versions
    assert _names(audited, "inputs") == versions
    made = {f"reports/{entry.manifest['report_id']}": entry.hash for entry in reports(where)}
    assert len(made) == 3
    assert _names(audited, "outputs") | _names(backfilled, "outputs") == made
    everything = json.dumps(collector)
    assert "Ann" not in everything
    assert "Rob" not in everything
    assert str(tmp_path) not in everything


def test_a_failed_run_is_told_as_failed(collector: list[dict[str, Any]], where: Workspace) -> None:
    assert main(["audit", "--workspace", str(where.root)]) == exit_codes.USAGE
    assert [event["eventType"] for event in collector] == ["START", "FAIL"]


def test_a_run_of_which_a_part_failed_is_told_as_failed_with_what_it_made(
    collector: list[dict[str, Any]], where: Workspace
) -> None:
    with lineage.told("backfill", os.environ) as run:
        run.outputs["reports/a"] = "1"
        lineage.reported(run, where, [{"report_id": "a", "state": "made"}, {"state": "failed"}])
    assert [event["eventType"] for event in collector] == ["START", "FAIL"]
    assert _names(collector[1], "outputs") == {"reports/a": "1"}


def test_a_flow_run_keeps_its_id(collector: list[dict[str, Any]]) -> None:
    given = "0197f3c2-3d0b-7a53-a4f5-5d1f3b7a9c11"
    for run_id in (given, "no uuid"):
        with lineage.told("audit", os.environ, run_id):
            pass
    assert [event["run"]["runId"] == given for event in collector] == [True, True, False, False]


def test_a_collector_that_is_down_costs_a_warning(
    where: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("openlineage.client", reason="the extra 'lineage' is not installed")
    monkeypatch.setenv("FAIRPANEL_LINEAGE", "1")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "http")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__RETRY", '{"total": 0}')
    export = write(tmp_path / "scores.csv", CELLS)
    assert main(["ingest", str(export), "--workspace", str(where.root)]) == exit_codes.DONE
    warnings = [r.getMessage() for r in caplog.records if r.name == "fairpanel.lineage"]
    assert len(warnings) == 1
    assert "the collector failed at START with ConnectionError" in warnings[0]


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, False),
        ({"FAIRPANEL_LINEAGE": "1"}, False),
        ({"OPENLINEAGE_URL": "http://127.0.0.1:1"}, False),
        ({"FAIRPANEL_LINEAGE": "0", "OPENLINEAGE_URL": "http://127.0.0.1:1"}, False),
        ({"FAIRPANEL_LINEAGE": "1", "OPENLINEAGE_URL": "http://127.0.0.1:1"}, True),
        ({"FAIRPANEL_LINEAGE": "1", "OPENLINEAGE_CONFIG": "openlineage.yml"}, True),
        ({"FAIRPANEL_LINEAGE": "1", "OPENLINEAGE__TRANSPORT__TYPE": "console"}, True),
    ],
)
def test_it_is_switched_on_twice(environment: dict[str, str], on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "find_spec", lambda _: object())
    assert lineage.switched_on(environment) is on


def test_without_the_client_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'fairpanel\[lineage\]'"):
        lineage.switched_on({"FAIRPANEL_LINEAGE": "1", "OPENLINEAGE_URL": "http://127.0.0.1:1"})
