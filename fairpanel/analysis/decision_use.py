"""What the score is worth in use: outcomes by fifths, gains over chance, and whether another panel would decide alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from fairpanel.analysis.estimated import estimated
from fairpanel.analysis.frames import Material
from fairpanel.config import AuditConfig
from schemas.results import Estimated


def decision_use(
    subject: dict[str, str | None],
    ratings: pl.DataFrame,
    people: pl.DataFrame,
    chains: Sequence[Estimated],
    material: Material,
    config: AuditConfig,
) -> list[Estimated]:
    """Of a stage's leading score. chains: what has been estimated of the stage, the leading chain first."""
    level: dict[str, Any] = {"confidence": config.confidence}
    scored = people.select("score", "performance")
    roles = {"x": "score", "y": "performance", "among": "everyone"}
    found = [estimated("validity", subject, "expectancy_table", scored, **roles, **level)]
    outcomes = material.outcomes.filter(pl.col("stage") == subject["stage"]).select("unit", "selected").unique("unit")
    if outcomes.height >= config.minimum_candidates and 0 < outcomes["selected"].sum() < outcomes.height:
        found += _gains(
            subject, chains, float(outcomes["selected"].mean() or 0.0), int(outcomes["selected"].sum()), config
        )
        decided = ratings.join(outcomes, on="unit", how="inner", maintain_order="left")
        options = {"unit": "unit", "rater": "rater", "score": "score", "selected": "selected"}
        found.append(estimated("validity", subject, "decision_consistency", decided, **options, **level))
    return found


def _gains(
    subject: dict[str, str | None], chains: Sequence[Estimated], ratio: float, hired: int, config: AuditConfig
) -> list[Estimated]:
    """From the operational validity and its limits, at the share selected."""
    result = chains[0].result if chains else None
    if result is None or result["value"] is None or result["interval"] is None:
        return []
    ends = [float(result["interval"]["low"]), float(result["interval"]["high"])]
    options: dict[str, Any] = {
        "selection_ratio": ratio,
        "validity": float(result["value"]),
        "validity_interval": ends,
        "confidence": config.confidence,
    }
    nobody = pl.DataFrame()
    found = [
        estimated("validity", subject, "taylor_russell", nobody, base_rate=0.5, **options),
        estimated("validity", subject, "naylor_shine", nobody, **options),
    ]
    if config.performance_sd_value is not None:
        money = {"sd_y": config.performance_sd_value, "hired": hired, "cost_per_applicant": config.cost_per_candidate}
        found.append(estimated("validity", subject, "utility", nobody, **money, **options))
    return found
