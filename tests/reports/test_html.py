"""The page as a whole: self-contained, the same twice, quick, safe from what exports may hold."""

from __future__ import annotations

import copy
import importlib.resources
import json
import re
import time
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reports.disclosure import protect
from reports.html import render
from tests.reports import sample

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a & b",
    "two\nlines",
    "x" * 10_000,
    "\u202eevil \u202b",
    "نساء",
    "{{ 7 * 7 }}",
    "</style><b>",
    "]]>--><!--",
]


class Structure(HTMLParser):
    """Tags, ids and links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        (importlib.resources.files("schemas") / "report.schema.json").read_text("utf-8")
    )
    return loaded


def renamed(report: dict[str, Any], name: str) -> dict[str, Any]:
    """The same report with a hostile name for a group, a job family, an attribute, a file and a note."""
    text = json.dumps(report)
    for old in ("women", "Sales", "gender", "scores.csv"):
        text = text.replace(f'"{old}"', json.dumps(name + old))
    report = json.loads(text)
    report["inputs"]["scale_notes"] = [name]
    report["inputs"]["batches"][0]["notes"] = [name]
    report["scope"]["where"] = {"job_family": name}
    return report


def test_nothing_is_fetched_and_no_script_is_there(sample_reports: dict[str, dict[str, Any]]) -> None:
    for report in sample_reports.values():
        page = Structure(render(report))
        for tag, attributes in page.tags:
            assert tag not in ("script", "iframe", "object", "embed", "base", "form")
            assert not any(name.startswith("on") for name in attributes)
            for name in ("src", "href", "srcset", "data", "action"):
                value = attributes.get(name) or "#"
                assert value.startswith(("#", "data:")), (tag, value[:80])
        assert not re.search(r"url\((?!\"data:)|@import", render(report))


def test_ids_are_unique_and_links_lead_somewhere(sample_reports: dict[str, dict[str, Any]]) -> None:
    for report in sample_reports.values():
        tags = Structure(render(report)).tags
        ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        for _, attributes in tags:
            for name in ("aria-labelledby",):
                assert attributes.get(name, ids[0]) in ids
            link = attributes.get("href") or ""
            assert not link.startswith("#") or link[1:] in ids


def test_headings_come_in_order(sample_reports: dict[str, dict[str, Any]]) -> None:
    for report in sample_reports.values():
        levels = [int(tag[1]) for tag, _ in Structure(render(report)).tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_same_report_gives_the_same_bytes_in_any_order_of_keys(sample_reports: dict[str, dict[str, Any]]) -> None:
    for report in sample_reports.values():
        reread = json.loads(json.dumps(report, sort_keys=True))
        assert render(report) == render(copy.deepcopy(report)) == render(reread)


def test_a_report_is_drawn_in_time(demo: Path) -> None:
    report = json.loads((demo / "report.json").read_text("utf-8"))
    started = time.perf_counter()
    render(report)
    assert time.perf_counter() - started < 3


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:16]))
def test_names_from_exports_are_only_ever_text(name: str) -> None:
    report = sample.report(
        families={"Sales": {"women": (50, 10), "men": (60, 20)}, "B": {"women": (50, 15), "men": (60, 22)}}
    )
    page = render(protect(renamed(report, name)))
    plain = Structure(render(protect(report)))
    assert {tag for tag, _ in Structure(page).tags} <= {tag for tag, _ in plain.tags} | {"details", "summary"}
    assert "<script" not in page
    assert "<img" not in page
    assert "x" * 500 not in page
    assert ">49<" not in page
    assert "\u202e" not in page


def test_every_sample_report_meets_its_schema(sample_reports: dict[str, dict[str, Any]]) -> None:
    rules = schema()
    jsonschema.Draft202012Validator.check_schema(rules)
    validator = jsonschema.Draft202012Validator(rules)
    for name, report in sample_reports.items():
        problems = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in validator.iter_errors(report)]
        assert not problems, (name, problems[:5])


def mutations() -> list[tuple[str, Any]]:
    def typo(report: dict[str, Any]) -> None:
        report["estimates"][0]["vaule"] = report["estimates"][0].pop("value")

    def extra(report: dict[str, Any]) -> None:
        report["findings"][0]["verdict"] = "fine"

    def state(report: dict[str, Any]) -> None:
        report["findings"][0]["state"] = "ok"

    def subject(report: dict[str, Any]) -> None:
        report["estimates"][0]["subject"]["jobfamily"] = None

    def interval(report: dict[str, Any]) -> None:
        report["estimates"][0]["value"] = None

    def count(report: dict[str, Any]) -> None:
        report["inputs"]["counts"]["hired"] = -1

    def row(report: dict[str, Any]) -> None:
        ratio = next(e for e in report["estimates"] if e["measure"] == "impact_ratio")
        ratio["detail"]["rows"][0]["seleced"] = 3

    def version(report: dict[str, Any]) -> None:
        report["schema_version"] = "2.0"

    return [(change.__name__, change) for change in (typo, extra, state, subject, interval, count, row, version)]


@pytest.mark.parametrize(("name", "change"), mutations())
def test_a_typo_does_not_meet_the_schema(name: str, change: Any) -> None:
    report = protect(sample.report())
    validator = jsonschema.Draft202012Validator(schema())
    assert validator.is_valid(report)
    change(report)
    assert not validator.is_valid(report), name


def test_a_report_names_what_it_supersedes() -> None:
    assert "Supersedes report earlier_1" in render(protect(sample.report(supersedes="earlier_1")))


def test_interviewers_under_the_minimum_and_full_pseudonyms_are_not_on_the_page() -> None:
    page = render(protect(sample.report()))
    assert "aaaaaaaa" in page
    assert "a" * 9 not in page
    assert "cccccccc" not in page
