"""The parts a chapter is made of, as plain data for the templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from reports import view
from reports.figures import Axis, Mark, scale, strip

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A question, the blocks that answer it, how it was computed and what limits it."""

    id: str
    title: str
    question: str
    blocks: Sequence[dict[str, Any]]
    computed: str = ""
    command: str = ""
    limits: Sequence[str] = field(default_factory=tuple)


def heading(text: str) -> dict[str, Any]:
    return {"kind": "heading", "text": text}


def text(*paragraphs: str) -> dict[str, Any]:
    return {"kind": "text", "paragraphs": [p for p in paragraphs if p]}


def points(*items: str) -> dict[str, Any]:
    return {"kind": "points", "items": [item for item in items if item]}


def findings(said: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Findings with their state: (state, text)."""
    return {"kind": "findings", "items": [{"state": state, "text": words} for state, words in said]}


def table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    words: Sequence[int] = (),
    folded: bool = False,
) -> dict[str, Any]:
    """The first column names its row; columns in `words` hold text, all others are numbers set to the right."""
    return {
        "kind": "table",
        "caption": caption,
        "columns": list(columns),
        "rows": [list(row) for row in rows],
        "words": {0, *words},
        "folded": folded,
    }


def matrix(
    caption: str,
    corner: str,
    columns: Sequence[str],
    lines: Sequence[tuple[str, Sequence[tuple[str, str]]]],
    *,
    most: int,
) -> dict[str, Any]:
    """Rows of cells, each a symbol with its word: ▲ and ▼ show both, other symbols keep the word for those who do not
    see them. Rows beyond `most` are folded away."""
    shown = [
        {
            "name": name,
            "cells": [{"symbol": s, "word": word, "flag": s in "▲▼", "said": s == word} for s, word in cells],
        }
        for name, cells in lines
    ]
    return {
        "kind": "matrix",
        "caption": caption,
        "columns": [corner, *columns],
        "rows": shown[:most],
        "folded": shown[most:],
    }


HEAT_LEVELS = 5


def heat_map(
    caption: str,
    corner: str,
    columns: Sequence[str],
    lines: Sequence[tuple[str, Sequence[tuple[float | None, str, bool]]]],
    *,
    full: float,
) -> dict[str, Any]:
    """Rows of figures, the deeper in colour the larger; each cell its value, its text and whether it is set apart.
    full: the size from which the colour is deepest. The text says all that the colour does."""
    shown = [
        {
            "name": name,
            "cells": [{"text": told, "level": _level(value, full), "apart": apart} for value, told, apart in cells],
        }
        for name, cells in lines
    ]
    return {"kind": "heat", "caption": caption, "columns": [corner, *columns], "rows": shown}


def _level(value: float | None, full: float) -> int:
    return 0 if value is None else min(HEAT_LEVELS, round(HEAT_LEVELS * abs(value) / full))


def picture(caption: str, svg: Markup, legend: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    return {"kind": "picture", "caption": caption, "svg": svg, "legend": list(legend)}


def rows(
    caption: str,
    drawn: Sequence[tuple[str, Markup, str]],
    foot: Markup | None = None,
    legend: Sequence[tuple[str, str]] = (),
    more: int = 0,
) -> dict[str, Any]:
    """A chart of rows: name, drawing, figure in words. Rows from `more` on are folded away (0: none)."""
    shown = [{"name": name, "svg": svg, "value": value} for name, svg, value in drawn]
    kept = shown[:more] if more else shown
    return {
        "kind": "rows",
        "caption": caption,
        "rows": kept,
        "folded": shown[len(kept) :],
        "foot": foot,
        "legend": list(legend),
    }


def forest(
    caption: str,
    entries: Sequence[tuple[str, Entry]],
    axis: Axis,
    references: Sequence[tuple[float, str]],
    *,
    kinds: Mapping[str, str] | None = None,
    more: int = 0,
) -> dict[str, Any]:
    """Estimates with their intervals over a common axis. kinds: the style of a mark by estimate id."""
    drawn = []
    for name, estimate in entries:
        interval = estimate["interval"] or {}
        low, high = view.number(interval.get("low")), view.number(interval.get("high"))
        kind = (kinds or {}).get(estimate.get("id", ""), "estimate")
        value = f"{view.coefficient(estimate['value'])} {view.interval(estimate['interval'])}"
        if estimate["value"] is None:
            value = "cannot tell"
        said = f"{value}. " + "; ".join(f"reference line at {view.coefficient(at)}, {what}" for at, what in references)
        drawn.append(
            (name, strip(Mark(name, view.number(estimate["value"]), low, high, kind), axis, references, said), value)
        )
    return rows(caption, drawn, scale(axis, references), more=more)
