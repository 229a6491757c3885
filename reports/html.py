"""The report as one HTML file: everything inside, no script, nothing fetched."""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.chapters import chapters
from reports.first_screen import first_screen
from reports.sentences import STATES

FONT = "inter-latin-wght-normal.woff2"


def render(report: dict[str, Any]) -> str:
    """The page of a report that has passed disclosure control; the same report gives the same bytes."""
    page = environment().get_template("report.html.j2")
    return page.render(
        report=report,
        first=first_screen(report),
        chapters=chapters(report),
        states=STATES,
        style=Markup(style()),  # noqa: S704 - the project's own style sheet
    )


@cache
def environment() -> Environment:
    """Templates of the project, everything escaped, no undefined name let through."""
    return Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def style() -> str:
    """The style sheet with the font inside; both are the project's own files."""
    root = files("reports")
    font = base64.b64encode((root / "fonts" / FONT).read_bytes()).decode("ascii")
    return (root / "templates" / "style.css").read_text("utf-8").replace("{{font}}", font)
