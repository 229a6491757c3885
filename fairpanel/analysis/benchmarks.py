"""The own figure among published ones, and across the own job families."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import polars as pl

from fairpanel import reference
from fairpanel.analysis.estimated import estimated
from fairpanel.config import AuditConfig
from schemas.results import Estimated

STRUCTURES = ("structured", "unstructured")


def published(subject: dict[str, str | None], found: Sequence[Estimated], config: AuditConfig) -> list[Estimated]:
    """The observed correlation among 160 published ones, all and by structure; then both after the same corrections,
    Case II and unreliability of the criterion. found: what has been estimated of the stage, the leading chain first."""
    chain = next((e for e in found if e.result["measure"] == "validity_chain"), None)
    if chain is None or not chain.result["detail"].get("steps"):
        return []
    steps = {row["step"]: row for row in chain.result["detail"]["steps"]}
    told = []
    sets = {"all": reference.interview_validities()}
    sets |= {name: reference.interview_validities(structured=name == "structured") for name in STRUCTURES}
    sets |= {name: reference.interview_validities(content=name) for name in get_args(reference.Content)}
    for variant, studies in sets.items():
        told += _placed(subject, variant, steps["observed"], studies, {}, config)
    corrections = {"u": chain.result["detail"]["u"], "ryy": chain.result["detail"]["criterion"].get("reliability")}
    if corrections["ryy"] is not None and 0 < corrections["u"] <= 1:
        studies = reference.interview_validities()
        told += _placed(subject, "all, corrected", steps["direct"], studies, corrections, config)
    return told


def _placed(
    subject: dict[str, str | None],
    variant: str,
    own: dict[str, Any],
    studies: pl.DataFrame,
    corrections: dict[str, Any],
    config: AuditConfig,
) -> list[Estimated]:
    if own["value"] is None or own["low"] is None or not own["low"] <= own["value"] <= own["high"]:
        return []
    figures = {"own_r": own["value"], "own_low": own["low"], "own_high": own["high"]} | corrections
    return [
        estimated("validity", subject, "published_position", studies, variant, confidence=config.confidence, **figures)
    ]


def job_families(stage: str, found: Sequence[Estimated], config: AuditConfig) -> list[Estimated]:
    """The observed correlations of the own job families put together: REML and Hunter–Schmidt, with shrunken values."""
    rows = [
        {"study": e.subject["job_family"], "r": e.result["value"], "n": e.result["n"]["people"]}
        for e in found
        if e.result["measure"] == "pearson"
        and e.variant == ""
        and e.subject["job_family"]
        and e.result["value"] is not None
    ]
    if len(rows) < 2:
        return []
    studies = pl.DataFrame(rows)
    options: dict[str, Any] = {"study": "study", "confidence": config.confidence}
    return [
        estimated(
            "validity", {"stage": stage}, "meta_analysis", studies, "job_families_reml", test="knapp_hartung", **options
        ),
        estimated(
            "validity", {"stage": stage}, "meta_analysis", studies, "job_families", method="hunter_schmidt", **options
        ),
    ]
