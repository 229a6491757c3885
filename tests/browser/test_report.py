"""The report in a real browser: alone, narrow, dark, printed, without script, and for those who do not see it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.disclosure import protect
from reports.html import render
from tests.reports import sample, sample_panels, sample_validity

pytestmark = pytest.mark.browser
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = "<b>wide</b> " + "W" * 300
FAMILIES = {"Sales": {"women": (50, 10), "men": (60, 20)}, "Support": {"women": (50, 15), "men": (60, 22)}}
THIN = {"women": (100, 25), "men": (120, 42), "nonbinary": (30, 3)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield found
        found.close()


@pytest.fixture(scope="module", params=["families", "withheld", "panels", "hostile names", "hostile panels"])
def page_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    reports = {
        "families": sample.report(families=FAMILIES, supersedes="earlier"),
        "withheld": sample.report(THIN, units=300),
        "panels": sample_panels.report(),
        "validity": sample_validity.report(),
        "hostile names": sample.report(
            {HOSTILE: (100, 25), "men": (120, 42)}, {HOSTILE: {HOSTILE: (90, 20), "men": (90, 30)}}
        ),
    }
    text = json.dumps(sample_panels.report())
    for name in ("technical", "2026-Q2", "contrast", "direct_supervisor"):
        text = text.replace(json.dumps(name), json.dumps(HOSTILE + name))
    reports["hostile panels"] = json.loads(text)
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(protect(reports[request.param])), encoding="utf-8")
    return path


def opened(browser: Any, path: Path, **options: Any) -> tuple[Any, list[str]]:
    """A page, and what it asked for or complained about."""
    heard: list[str] = []
    page = browser.new_context(**options).new_page()
    page.on(
        "request", lambda request: heard.append(request.url) if request.url.startswith(("http", "ws", "ftp")) else None
    )
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.goto(path.as_uri())
    return page, heard


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_it_fits_any_width_and_asks_for_nothing(browser: Any, page_file: Path, width: int) -> None:
    page, heard = opened(browser, page_file, viewport={"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert heard == []


def test_the_bundled_font_is_used(browser: Any, page_file: Path) -> None:
    page, _ = opened(browser, page_file)
    assert page.evaluate("document.fonts.ready.then(() => [...document.fonts].map(f => f.status))") == ["loaded"]


def test_it_reads_the_same_without_script(browser: Any, page_file: Path) -> None:
    page, _ = opened(browser, page_file, java_script_enabled=False)
    for question in ("Reliable?", "Predictive?", "Alike for groups?"):
        assert page.get_by_role("heading", name=question, exact=True).first.is_visible()
    assert page.get_by_role("heading", name="Next step").is_visible()


def test_the_skip_link_is_first_and_shows_when_focused(browser: Any, page_file: Path) -> None:
    page, _ = opened(browser, page_file)
    page.keyboard.press("Tab")
    link = page.locator(":focus")
    assert link.inner_text() == "Skip to the answers"
    box = link.bounding_box()
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "answers"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser: Any, page_file: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page, _ = opened(browser, page_file, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["html"][:120] for node in rule["nodes"]][:3]) for rule in found] == []


def test_dark_is_dark_and_print_is_not(browser: Any, page_file: Path) -> None:
    page, _ = opened(browser, page_file, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(22, 24, 27)"
    page.emulate_media(media="print")
    assert page.evaluate(background) == "rgb(255, 255, 255)"


def test_it_prints_on_a_few_pages(browser: Any, page_file: Path, tmp_path: Path) -> None:
    page, heard = opened(browser, page_file)
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    assert printed.startswith(b"%PDF-")
    assert 2 <= printed.count(b"/Type /Page\n") <= 25
    assert heard == []


def test_pictures_are_told_to_those_who_do_not_see_them(browser: Any, page_file: Path) -> None:
    page, _ = opened(browser, page_file)
    pictures = page.locator("svg[role=img]")
    assert pictures.count() >= 4
    untold = "els => els.filter(e => !e.querySelector('title')?.textContent || !e.querySelector('desc')).length"
    assert pictures.evaluate_all(untold) == 0
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("th:not([scope])").count() == 0


def test_the_matrix_of_habits_scrolls_by_itself_and_speaks(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(protect(sample_panels.report())), encoding="utf-8")
    page, _ = opened(browser, path, viewport={"width": 320, "height": 800})
    matrix = page.locator("table.matrix")
    assert matrix.count() == 1
    assert matrix.get_by_text("▲ harsher").is_visible()
    assert matrix.get_by_role("img", name="not flagged").count() >= 2
    assert matrix.evaluate("m => m.scrollWidth > m.parentElement.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
