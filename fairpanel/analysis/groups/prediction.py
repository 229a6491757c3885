"""Does a score promise the same performance in every group: lines, what unreliability does to them, and the cut."""

from __future__ import annotations

from typing import Any

import polars as pl

from fairpanel.analysis.estimated import estimated, noted
from fairpanel.analysis.frames import Material
from fairpanel.analysis.groups.grouping import focal_groups
from fairpanel.config import AuditConfig
from schemas.results import Estimated

MOST_PEOPLE, DRAWS = 5000, 400
"""Beyond them d_Mod, whose interval is a bootstrap of so many draws, rests on a seeded random sample; the method says so."""
Subject = dict[str, str | None]


def prediction(
    subject: Subject,
    people: pl.DataFrame,
    reference: str,
    material: Material,
    reliability: float | None,
    config: AuditConfig,
) -> list[Estimated]:
    """Among those with performance, for each group with enough of them. reliability: of the mean score, if it is known."""
    known = people.filter("known")
    sizes = dict(known["group"].value_counts().iter_rows())
    if sizes.get(reference, 0) < config.minimum_hired:
        return []
    cut = cut_score(people, material, str(subject["stage"]))
    level: dict[str, Any] = {"confidence": config.confidence}
    found: list[Estimated] = []
    for focal in focal_groups(people, reference, config):
        if sizes.get(focal, 0) < config.minimum_hired:
            continue
        pair = known.filter(pl.col("group").is_in([focal, reference]))
        about = subject | {"group": focal, "reference": reference}
        roles = {"x": "score", "y": "performance", "focal": focal, "reference": reference}
        lines: dict[str, Any] = {"covariance": "hc3"}
        if reliability is not None and 0 < reliability < 1:
            lines["reliability"] = reliability
        found.append(estimated("fairness", about, "differential_prediction", pair, **roles, **lines, **level))
        some = pair.sample(MOST_PEOPLE, seed=config.seed) if pair.height > MOST_PEOPLE else pair
        note = "" if some is pair else f"; a random sample of {MOST_PEOPLE} people"
        d_mod = estimated("fairness", about, "d_mod", some, seed=config.seed, replicates=DRAWS, **roles, **level)
        found.append(noted(d_mod, note))
        found.append(estimated("fairness", about, "differential_validity", pair, **roles, **level))
        if cut is not None:
            found.append(estimated("fairness", about, "prediction_at_cut", pair, cut=cut, **roles, **level))
    return found


def cut_score(people: pl.DataFrame, material: Material, stage: str) -> float | None:
    """The score that as many reach as were selected; None where nobody or everybody was."""
    chosen = material.outcomes.filter(pl.col("stage") == stage).group_by("candidate").agg(pl.col("selected").max())
    decided = people.join(chosen, on="candidate", how="inner")
    share = decided["selected"].mean()
    if not isinstance(share, float) or not 0 < share < 1:
        return None
    return float(decided["score"].quantile(1 - share, interpolation="linear") or 0.0)
