"""The library: what it lists, in which words, and that nothing an export says can act in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest

from fairpanel.findings.worst import at_or_above, worst
from fairpanel.store.attempts import Attempt
from reports.disclosure import protect
from reports.library import Shelved, card, render_library, script_source
from tests.reports import sample

CARD = {"counts": {"alert": 0, "concern": 2, "cannot_tell": 40, "none_seen": 5}, "answers": [], "data": None}
FILES = frozenset({"report.html", "public.html", "calibration.html", "report.json"})
HOSTILE = '<script>alert("x")</script>' + "W" * 10_000
JANUARY = {"from": "2024-01-01", "to": "2024-02-01", "where": {}}
MARCH = {"from": "2024-03-01", "to": "2024-04-01", "where": {}}


class Page(HTMLParser):
    """The text of every cell of status grids, the text of every entry, and all links and ids."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.grid: list[list[str]] = []
        self.entries: dict[str, str] = {}
        self.links: list[str] = []
        self.ids: set[str] = set()
        self._cell = False
        self._entry = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids |= {str(told["id"])} if "id" in told else set()
        if tag == "a":
            self.links.append(str(told["href"]))
        if tag == "tr":
            self.grid.append([])
        if tag in ("td", "th"):
            self.grid[-1].append("")
            self._cell = True
        if tag == "li" and "entry" in str(told.get("class")).split():
            self._entry = str(told["id"])
            self.entries[self._entry] = ""

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in ("td", "th")
        self._entry = "" if tag == "ol" else self._entry

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.grid[-1][-1] = " ".join((self.grid[-1][-1] + data).split())
        if self._entry:
            self.entries[self._entry] = " ".join((self.entries[self._entry] + " " + data).split())


def shelved(
    number: int,
    scope: Mapping[str, Any] = JANUARY,
    told: Mapping[str, Any] | None = CARD,
    files: frozenset[str] = FILES,
    name: str = "",
) -> Shelved:
    return Shelved(number=number, report_id=name or f"report_{number}", scope=scope, files=files, card=told)


def test_an_empty_library_says_what_to_do() -> None:
    page = render_library([], [])
    assert "No reports yet." in page
    assert "fairpanel audit" in page
    assert "<table" not in page


def test_the_gravest_finding_stands_for_a_report() -> None:
    assert worst({"alert": 0, "concern": 1, "cannot_tell": 9}) == "concern"
    assert worst({"none_seen": 3}) == "none_seen"
    assert worst({}) is None
    assert at_or_above("concern") == ("alert", "concern")
    with pytest.raises(ValueError):
        at_or_above("grave")


def test_every_state_of_a_period_is_told_in_words() -> None:
    def of(state: str, month: int) -> Attempt:
        scope = {"from": f"2024-{month:02d}-01", "to": f"2024-{month + 1:02d}-01", "where": {}}
        return Attempt(scope=scope, state=state, reason="why")

    alert = {**CARD, "counts": {"alert": 1, "concern": 0, "cannot_tell": 1, "none_seen": 0}}
    shelf = [shelved(1), shelved(2, told=alert), shelved(3, MARCH, told=None, files=frozenset())]
    page = Page(render_library(shelf, [of("failed", 5), of("empty", 6), of("made", 1), of("failed", 3)]))
    head, row = page.grid
    assert head == ["Interviews", *(f"{month} 2024" for month in ("Jun", "May", "Apr", "Mar", "Feb", "Jan"))]
    assert row == [
        "All interviews",
        "– No interviews",
        "× Failed",
        "not audited",
        "Files not here× last try failed",
        "not audited",
        "▲Serious concern1 superseded",
    ]


def test_each_step_has_a_grid_and_each_condition_a_row() -> None:
    quarter = {"from": "2024-01-01", "to": "2024-04-01", "where": {}}
    sales = JANUARY | {"where": {"job_family": "Sales", "stage": "user"}}
    odd = {"from": "2024-01-05", "to": None, "where": {}}
    page = Page(render_library([shelved(n, s) for n, s in enumerate([odd, quarter, sales, JANUARY], 1)], []))
    assert [row[0] for row in page.grid] == [
        "Interviews", "All interviews", "Job family: Sales · Stage: user interview",
        "Interviews", "All interviews",
        "Interviews", "All interviews",
    ]  # fmt: skip


def test_superseding_is_told_in_both_directions() -> None:
    page = Page(render_library([shelved(1), shelved(2, MARCH), shelved(4), shelved(7)], []))
    assert "Superseded by entry 4" in page.entries["entry-1"]
    assert "Superseded by entry 7" in page.entries["entry-4"]
    assert "supersedes entry 1" in page.entries["entry-4"]
    assert "supersedes entry 4" in page.entries["entry-7"]
    assert "uperseded by" not in page.entries["entry-7"] + page.entries["entry-2"]
    assert {link[1:] for link in page.links if link.startswith("#entry")} <= page.ids
    assert list(page.entries) == ["entry-2", "entry-7", "entry-4", "entry-1"]


def test_it_links_to_the_files_that_are_there_and_to_no_others() -> None:
    hostile = [shelved(9, name="javascript:alert(1)"), shelved(10, name="../secrets"), shelved(11, name=".draft")]
    page = Page(render_library([shelved(1, files=frozenset({"report.html", "report.json"})), *hostile], []))
    assert [link for link in page.links if not link.startswith("#")] == [
        "./report_1/report.html",
        "./report_1/report.json",
    ]


def test_counts_and_answers_say_what_the_report_says() -> None:
    told = card(protect(sample.report()))
    assert [answer["question"] for answer in told["answers"]] == ["Reliable?", "Predictive?", "Alike for groups?"]
    entry = Page(render_library([shelved(1, told=told)], [])).entries["entry-1"]
    for state, words in {"concern": "concern", "cannot_tell": "cannot tell"}.items():
        assert not told["counts"][state] or f"{told['counts'][state]} {words}" in entry
    for answer in told["answers"]:
        assert f"{answer['question']}" in entry
        assert answer["word"] in entry


@pytest.mark.parametrize("report", [{}, {"summary": None}, {"summary": {"findings": {"alert": "many"}}}])
def test_a_report_of_another_version_is_listed_by_what_can_be_read(report: dict[str, Any]) -> None:
    told = card(report)
    assert told == {"counts": {}, "answers": [], "data": None}
    assert "No findings" in render_library([shelved(1, told=told)], [])


def test_what_an_export_says_cannot_act() -> None:
    hostile = JANUARY | {"where": {"job_family": HOSTILE, HOSTILE: HOSTILE}}
    failed = Attempt(scope=hostile | {"to": HOSTILE}, state="failed", reason=HOSTILE, at=HOSTILE)
    told = CARD | {"answers": [{"question": HOSTILE, "state": "alert", "word": HOSTILE}], "data": None}
    page = render_library([shelved(1, hostile, told=told, name=HOSTILE)], [failed])
    assert page.count("<script>") == 1
    assert "alert(&#34;x&#34;)" in page
    rows = Page(page).grid
    assert max(len(cell) for row in rows for cell in row) < 400
    assert len(page) < len(render_library([], [])) + 30_000


def test_only_the_bundled_script_may_run() -> None:
    page = render_library([shelved(1)], [])
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert policy[1].replace("&#39;", "'").endswith(f"script-src {script_source()}")
    assert "default-src &#39;none&#39;" in policy[1]
    assert not re.search(r"https?://", page)


def test_a_reason_is_told_once_for_all_its_periods() -> None:
    scopes = [{"from": f"2024-{m:02d}-01", "to": f"2024-{m + 1:02d}-01", "where": {}} for m in range(1, 12)]
    page = render_library(
        [], [Attempt(scope=s, state="failed", reason="no space", at="2026-01-02T03:04:05") for s in scopes]
    )
    assert page.count("no space") == 1
    assert "and 4 more" in page
    assert "last tried 2026-01-02 03:04 UTC" in page


def test_equal_input_gives_equal_bytes() -> None:
    shelf, tried = [shelved(1), shelved(2, MARCH)], [Attempt(scope=MARCH, state="unchanged")]
    assert render_library(shelf, tried) == render_library(shelf, tried)
