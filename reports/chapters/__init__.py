"""The chapters of a report, in the order of reading; a chapter without data is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.blocks import Chapter
from reports.chapters import agreement, groups, inputs, prediction, raters, standards, tested


def chapters(report: Mapping[str, Any]) -> list[Chapter]:
    """Every chapter that this report has data for."""
    made = (
        inputs.chapter(report),
        agreement.chapter(report),
        raters.chapter(report),
        prediction.chapter(report),
        groups.chapter(report),
        tested.chapter(report),
    )
    present = [chapter for chapter in made if chapter is not None]
    return [*present, standards.chapter(report, {chapter.id for chapter in present})]
