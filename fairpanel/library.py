"""The library of reports of a workspace: gathers what the page shows, writes it beside the reports, opens it."""

from __future__ import annotations

import argparse
import json
import os
import sys
import webbrowser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fairpanel import exit_codes
from fairpanel.outcome import refuse, say
from fairpanel.store import attempts, ledger
from fairpanel.workspace import Workspace
from reports.library import NAME, Shelved, card, render_library

INDEX = "index.html"
INTERNAL = "report.json"
Stamp = tuple[int, int] | None
"""When a file was changed and how long it is: another stamp, another content. None where there is no file."""


class Library:
    """The reports of one workspace as often as they are asked for; report.json is read once per version of the file."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._cards: dict[Path, tuple[Stamp, dict[str, Any] | None]] = {}

    def stamp(self) -> tuple[Stamp, Stamp]:
        """Changes when the ledger or the notes of attempts do."""
        return stamp(self.workspace.ledger), stamp(self.workspace.attempts)

    def page(self) -> str:
        return render_library([*self._shelf()], attempts.latest(self.workspace))

    def _shelf(self) -> Iterator[Shelved]:
        for entry in ledger.reports(self.workspace):
            name = str(entry.manifest["report_id"])
            scope = entry.manifest.get("scope")
            there = files(self.workspace, entry)
            yield Shelved(
                number=entry.number,
                report_id=name,
                scope=scope if isinstance(scope, Mapping) else {},
                files=frozenset(there),
                card=self._card(there[INTERNAL]) if INTERNAL in there else None,
            )

    def _card(self, path: Path) -> dict[str, Any] | None:
        now = stamp(path)
        known = self._cards.get(path)
        if known is None or known[0] != now:
            known = self._cards[path] = (now, _read(path))
        return known[1]


def files(workspace: Workspace, entry: ledger.Entry) -> dict[str, Path]:
    """The files that a ledger entry names, by name, as far as they lie in the report's own folder."""
    name = str(entry.manifest["report_id"])
    if not NAME.fullmatch(name):
        return {}
    folder = workspace.reports / name
    named = {file: folder / file for file in entry.manifest["files"] if NAME.fullmatch(file)}
    return {file: path for file, path in named.items() if path.is_file() and not path.is_symlink()}


def stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return card(found) if isinstance(found, dict) else None


def write(workspace: Workspace) -> Path:
    """Write reports/index.html whole or not at all; returns where it is."""
    path = workspace.reports / INDEX
    draft = workspace.reports / f".{INDEX}.{os.getpid()}"
    try:
        draft.write_text(Library(workspace).page(), encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def run(options: argparse.Namespace) -> int:
    """`fairpanel report library` and `fairpanel report open [REPORT]`."""
    workspace = Workspace(options.workspace).existing()
    if options.action == "library" or options.report is None:
        path = write(workspace)
        number = len(ledger.reports(workspace))
    else:
        found = [entry for entry in ledger.reports(workspace) if entry.manifest["report_id"] == options.report]
        there = files(workspace, found[-1]) if found else {}
        if "report.html" not in there:
            why = "its report.html is not there any more" if found else "there is no such report"
            return refuse(options, f"{options.report}: {why}; see 'fairpanel report list'", exit_codes.USAGE)
        path, number = there["report.html"], 1
    opened = options.action == "open" and not options.json and _can_open() and webbrowser.open(path.resolve().as_uri())
    say(options, {"html": str(path), "reports": number, "opened": opened}, str(path))
    return exit_codes.DONE


def _can_open() -> bool:
    """Whether a browser with windows can be expected: none is started inside a terminal or a script."""
    shown = sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return sys.stdout.isatty() and shown
