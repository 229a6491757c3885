"""How a threshold of selection is named under the profile of a report: by its own name where it has one, else by number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view

Entry = Mapping[str, Any]
FOUR_FIFTHS = 0.8


def wording(report: Entry) -> Entry:
    found: Entry = report["policy"]["profile"]["wording"]
    return found


def mark(report: Entry) -> str:
    """four fifths; the mark of .80"""
    threshold, name = report["policy"]["policy"]["impact_ratio"], wording(report)["mark"]
    return str(name) if name and threshold == FOUR_FIFTHS else f"the mark of {view.coefficient(threshold)}"


def tick(report: Entry) -> str:
    """0.8, beside a line."""
    return f"{report['policy']['policy']['impact_ratio']:g}"


def below(report: Entry) -> str:
    """What a ratio below the mark means here."""
    return _filled(wording(report)["below"], report)


def limit(report: Entry) -> str:
    """What the mark does not mean here."""
    return _filled(wording(report)["limit"], report)


def adviser(report: Entry) -> str:
    return view.label(wording(report)["adviser"], 120)


def minority(report: Entry) -> str:
    return _filled(wording(report)["minority"], report)


def met(estimate: Entry, group: str, report: Entry) -> bool | None:
    """Whether a group's ratio reaches the mark; four fifths in whole numbers, other marks by the ratio itself."""
    detail, threshold = estimate["detail"], report["policy"]["policy"]["impact_ratio"]
    if threshold == FOUR_FIFTHS:
        found: bool | None = (detail.get("four_fifths") or {}).get(group)
        return found
    ratio = (detail.get("ratios") or {}).get(group)
    return None if ratio is None or group == detail.get("reference") else bool(ratio >= threshold)


def _filled(text: str, report: Entry) -> str:
    name = mark(report)
    return view.label(text.replace("{mark_sentence}", view.sentence(name)).replace("{mark}", name), 600)
