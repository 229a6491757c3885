"""A day of operations, end to end: a schedule fires, an auditor starts a backfill from the form, a program one of eight
quarters through the REST API, and the reports stand in the library, as a browser shows it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fairpanel import exit_codes
from fairpanel.cli import main
from fairpanel.store import ledger
from fairpanel.workspace import Workspace
from tests.faults.disturbed import CONFIGURATION
from tests.flows.serving import PATIENCE, Served, served, workspace_with_samples

pytestmark = [pytest.mark.service, pytest.mark.timeout(900)]

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
EIGHT_QUARTERS = {"first_month": "2024-01-01", "last_month": "2025-12-31", "every": "quarter", "max_active": 2}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = workspace_with_samples(tmp_path_factory.mktemp("operations") / "ws")
    (folder / "fairpanel.toml").write_text(CONFIGURATION)
    with served(folder) as running:
        yield running


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page(viewport={"width": 1280, "height": 1600})
        browser.close()


def _reports(server: Served) -> set[str]:
    recorded = ledger.entries(Workspace(server.workspace))
    return {e.manifest["report_id"] for e in recorded if e.manifest.get("kind", "report") == "report"}


def test_a_schedule_then_the_form_then_the_api_then_the_library(server: Served, page: Any, tmp_path: Path) -> None:
    _a_schedule_takes_the_inbox_in(server)
    first = _from_the_form(server, page)
    assert first["state"]["type"] == "COMPLETED", first["state"]
    quarters = _reports(server)
    assert len(quarters) == 4
    second = server.run("backfill/backfill", **EIGHT_QUARTERS)
    assert second["state"]["type"] == "COMPLETED", second["state"]
    reports = _reports(server)
    assert len(reports) == 8
    assert quarters < reports
    _in_the_library(server, page, reports)
    page.screenshot(path=Path(os.environ.get("FAIRPANEL_SCREENSHOTS", tmp_path)) / "library.png", full_page=True)
    entries = Workspace(server.workspace).ledger.read_bytes()
    assert server.run("backfill/backfill", **EIGHT_QUARTERS)["state"]["type"] == "COMPLETED"
    assert Workspace(server.workspace).ledger.read_bytes() == entries
    assert main(["verify", "--workspace", str(server.workspace)]) == exit_codes.DONE


def _a_schedule_takes_the_inbox_in(server: Served) -> None:
    place = f"/deployments/{server.deployment('ingest/nightly-ingest')['id']}/schedules"
    (made,) = server.ask("POST", place, json=[{"active": True, "schedule": {"interval": 15}}])
    deadline = time.monotonic() + PATIENCE
    fired: list[dict[str, Any]] = []
    while not fired and time.monotonic() < deadline:
        time.sleep(1)
        done = server.filtered("flow_runs", flow_runs={"state": {"type": {"any_": ["COMPLETED", "FAILED"]}}})
        fired = [run for run in done if run["auto_scheduled"]]
    server.ask("DELETE", f"{place}/{made['id']}")
    assert [run["state_type"] for run in fired[:1]] == ["COMPLETED"]


def _from_the_form(server: Served, page: Any) -> dict[str, Any]:
    """As an auditor does it: the form as it stands (four quarters of 2024), and Submit."""
    deployment = server.deployment("backfill/backfill")
    page.goto(f"http://127.0.0.1:{server.port}/deployments/deployment/{deployment['id']}/run")
    page.get_by_text("One audit for each (Optional)").wait_for(timeout=60_000)
    assert page.get_by_text("Make again (Optional)").is_visible()
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("One audit for each (Optional)").wait_for(state="detached", timeout=60_000)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = server.filtered("flow_runs", deployments={"id": {"any_": [deployment["id"]]}})
        if found:
            return server.wait(found[0]["id"], {"COMPLETED", "FAILED", "CRASHED"})
        time.sleep(0.5)
    raise TimeoutError("the form started no run")


def _in_the_library(server: Served, page: Any, reports: set[str]) -> None:
    failures: list[str] = []
    page.on("requestfailed", lambda request: failures.append(request.url))
    page.goto(f"http://127.0.0.1:{server.library}/")
    links = page.locator("a[href$='/report.html']")
    shown = {links.nth(number).get_attribute("href") for number in range(links.count())}
    assert {name for name in reports if any(name in str(href) for href in shown)} == reports
    assert page.get_by_text("8 current reports").is_visible()
    links.first.click()
    page.wait_for_load_state()
    assert page.locator("h1").is_visible()
    assert any(name in page.url for name in reports)
    page.go_back()
    assert failures == []
