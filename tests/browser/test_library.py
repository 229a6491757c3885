"""The library in a real browser: any width, dark, printed, without script, with the keyboard, sorted and filtered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fairpanel.store.attempts import Attempt
from reports.disclosure import protect
from reports.library import Shelved, card, render_library
from tests.browser.test_report import CHROMIUM, QUIET, opened
from tests.reports import sample, sample_panels

pytestmark = pytest.mark.browser
FILES = frozenset({"report.html", "public.html", "calibration.html", "report.json"})
HOSTILE = "<b>wide</b> " + "W" * 300
GRAVE = {"counts": {"alert": 1, "concern": 2, "cannot_tell": 4, "none_seen": 3}, "answers": [], "data": None}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield found
        found.close()


@pytest.fixture(scope="module", params=["full", "hostile", "empty"])
def page_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("library"), request.param)


def written(folder: Path, kind: str) -> Path:
    path = folder / "index.html"
    family = HOSTILE if kind == "hostile" else "Sales"
    cards = [card(protect(sample.report())), card(protect(sample_panels.report())), GRAVE]
    shelf, tried = [], []
    for month in range(1, 12):
        for where in ({}, {"job_family": family}):
            scope = {"from": f"2024-{month:02d}-01", "to": f"2024-{month + 1:02d}-01", "where": where}
            if month % 5 == 0:
                tried.append(
                    Attempt(scope=scope, state="failed" if where else "empty", reason=family, at="2026-01-01T01")
                )
                continue
            for _ in range(1 + (month == 3)):
                told = cards[len(shelf) % 3]
                name = f"report_{len(shelf)}"
                shelf.append(Shelved(number=len(shelf) + 1, report_id=name, scope=scope, files=FILES, card=told))
    path.write_text(render_library([], []) if kind == "empty" else render_library(shelf, tried), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_it_fits_any_width_and_asks_for_nothing(browser: Any, page_file: Path, width: int) -> None:
    page, heard = opened(browser, page_file, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert heard == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser: Any, page_file: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page, _ = opened(browser, page_file, color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["html"][:120] for node in rule["nodes"]][:3]) for rule in found] == []


def test_the_grid_scrolls_in_its_own_box_and_by_keyboard(browser: Any, tmp_path: Path) -> None:
    page, _ = opened(browser, written(tmp_path, "full"), viewport={"width": 320, "height": 800})
    box = page.locator(".wide").first
    assert box.evaluate("b => b.scrollWidth > b.clientWidth")
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(500)  # its policy keeps a test from waiting for a condition in the page
    assert box.evaluate("b => b.scrollLeft") > 0
    first = box.locator("tbody th").first
    assert first.bounding_box()["x"] == pytest.approx(box.bounding_box()["x"], abs=1)


def test_without_script_everything_is_there_and_no_dead_control(browser: Any, tmp_path: Path) -> None:
    page, _ = opened(browser, written(tmp_path, "full"), java_script_enabled=False)
    assert page.locator(".entry:visible").count() == 20
    assert page.locator("form:visible").count() == 0


def test_it_is_sifted_and_sorted(browser: Any, tmp_path: Path) -> None:
    page, heard = opened(browser, written(tmp_path, "full"))
    shown = page.locator(".entry:visible")
    assert shown.count() == 20
    page.get_by_role("searchbox").fill("sales aug")
    assert shown.count() == 1
    assert page.locator("output").inner_text() == "1 of 20 reports"
    page.get_by_role("searchbox").fill("")
    page.get_by_role("combobox", name="Gravest finding").select_option("alert")
    found = shown.evaluate_all("all => all.map(entry => entry.dataset.state)")
    assert found == ["alert"] * len(found) != []
    page.get_by_role("combobox", name="Gravest finding").select_option("")
    page.get_by_label("without superseded").check()
    assert shown.count() == 18
    page.get_by_role("combobox", name="Sort by").select_option("number")
    numbers = [int(number) for number in shown.evaluate_all("all => all.map(entry => entry.dataset.number)")]
    assert numbers == sorted(numbers, reverse=True)
    page.get_by_role("combobox", name="Sort by").select_option("rank")
    ranks = shown.evaluate_all("all => all.map(entry => Number(entry.dataset.rank))")
    assert ranks == sorted(ranks)
    assert ranks[0] < ranks[-1]
    assert heard == []


def test_a_link_to_a_superseded_report_shows_it_though_it_was_sifted_out(browser: Any, tmp_path: Path) -> None:
    page, _ = opened(browser, written(tmp_path, "full"))
    page.get_by_label("without superseded").check()
    past = page.locator(".entry.past").first
    assert not past.is_visible()
    page.get_by_role("link", name="1 superseded").first.click()
    past.wait_for(state="visible")
    assert page.evaluate("document.activeElement.classList.contains('past')")


def test_the_skip_link_is_first(browser: Any, page_file: Path) -> None:
    page, _ = opened(browser, page_file)
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the reports"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "reports"


def test_it_prints_light_and_whole(browser: Any, tmp_path: Path) -> None:
    page, _ = opened(browser, written(tmp_path, "full"), color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("form:visible").count() == 0
    assert 1 <= page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") <= 8
