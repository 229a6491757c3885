"""The share of each group that scores above everyone's median, as New York City's Local Law 144 has it counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from fairpanel.measures.columns import labels, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.fairness.adverse_impact import impact_ratio
from fairpanel.measures.fairness.contingency import no_value

_REFERENCES = (
    "Rules of the City of New York, title 6, sections 5-300 and 5-301 (Local Law 144 of 2021)",
    "Koopman, P. A. R. (1984). Biometrics, 40, 513-517",
)
_TITLE = "share above everyone's median over that of the highest group"


def scoring_rate(
    data: pl.DataFrame,
    /,
    *,
    group: str | Sequence[str] = "group",
    score: str = "score",
    reference: str = "highest",
    focal: str | None = None,
    minimum_share: float = 0.02,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """How a group's share of scores above the median compares with the best group's: the smallest ratio.

    Parameters
    ----------
    data : one row a person.
    group : a column, or two for the intersectional table (their groups are named "one / other").
    score : column of scores, higher is better.
    reference : "highest" (the rules' choice) or a group; focal : the group whose ratio is the value, by default the
        smallest ratio.
    minimum_share : groups with a smaller share of the people are shown but neither benchmarked nor benchmark.

    Returns
    -------
    Estimate
        value: scoring rate of the focal over that of the reference group. n: people (score and group known), scored
        (score known), focal, reference. detail: median, at_median (people who score exactly that), unknown_group
        (people with a score and no group), rates, n, above, ratios, highest, focal, reference, four_fifths,
        shortfall, one_person_shift, rows with an interval per group, excluded (groups under the minimum share),
        by_column (two columns: rates, n and ratios of each alone), minimum_detectable.

    Cautions
    --------
    Above means strictly: with few score points many sit on the median and count as not above (TIES). The share above
    depends on where groups differ, not by how much: read `standardized_difference`. With several groups the smallest
    of several ratios is too small on average: see detail["over_all_pairs"] and `impact_ratio`.

    Notes
    -----
    The median is that of everyone with a score, people of unknown group included. Interval as `impact_ratio`
    (Koopman), with the median taken as given.

    References
    ----------
    .. [1] 6 RCNY 5-301. .. [2] Koopman 1984.

    Pinned by tables counted by hand and by `impact_ratio` on the same people.

    Examples
    --------
    >>> people = pl.DataFrame({"group": list("aaaabbbb"), "score": [1, 5, 6, 7, 2, 3, 4, 8]})
    >>> estimate = scoring_rate(people)
    >>> estimate.detail["median"], round(estimate.value, 6)
    (4.5, 0.333333)
    """
    columns = [group] if isinstance(group, str) else list(group)
    if not 1 <= len(columns) <= 2 or len(set(columns)) != len(columns):
        raise MeasureInputError(f"group takes one column or two different ones, got {group!r}")
    scores = numbers(data, score, "score")
    found = [labels(data, name, "group") for name in columns]
    scored, grouped = ~np.isnan(scores), np.logical_and.reduce([each.present for each in found])
    known = scored & grouped
    cautions = missing_rows(known, f"{score} or {' or '.join(columns)}")
    people = {"people": int(known.sum()), "scored": int(scored.sum())}
    if not known.any():
        why = Caution("SMALL_GROUP", "No row holds a score and a group: there is nothing to compare.")
        return no_value("scoring_rate", _TITLE, 0, [*cautions, why], {}, _REFERENCES)
    median = float(np.median(scores[scored]))
    texts = [[each.names[code] for code in each.codes[known]] for each in found]
    above = pl.Series("selected", scores[known] > median)
    joined = pl.DataFrame({"group": [" / ".join(parts) for parts in zip(*texts, strict=True)], "selected": above})
    rated = impact_ratio(
        joined, reference=reference, focal=focal, minimum_share=minimum_share, interval=interval, confidence=confidence
    )
    at_median = int((scores[scored] == median).sum())
    if at_median > 0.05 * people["scored"]:
        cautions.append(
            Caution("TIES", f"{at_median} of {people['scored']} people score exactly the median: none is above it.")
        )
    detail = _renamed(rated.detail) | {
        "median": median,
        "at_median": at_median,
        "unknown_group": people["scored"] - people["people"],
        "excluded": [name for name, size in rated.detail["n"].items() if size < minimum_share * people["people"]],
    }
    if len(columns) == 2:
        detail["by_column"] = {
            name: _alone(pl.DataFrame({"group": text, "selected": above}), minimum_share)
            for name, text in zip(columns, texts, strict=True)
        }
    pair = {key: size for key, size in rated.n.items() if key in ("focal", "reference")}
    return Estimate(
        measure="scoring_rate",
        method=rated.method.replace("selection rate", f"share above the median of {' and '.join(columns)}"),
        value=rated.value,
        interval=rated.interval,
        n=people | pair,
        cautions=[*cautions, *(_reworded(caution) for caution in rated.cautions)],
        detail=detail,
        references=_REFERENCES,
    )


def _renamed(detail: Any) -> dict[str, Any]:
    """What impact_ratio says of selected people, said of people above the median."""
    kept = {key: value for key, value in detail.items() if key not in ("selected", "rows", "z", "p")}
    renamed = kept | {"above": detail["selected"]}
    if "rows" in detail:
        renamed["rows"] = [
            {"above" if key == "selected" else key: value for key, value in row.items()} for row in detail["rows"]
        ]
    return renamed


def _reworded(caution: Caution) -> Caution:
    text = caution.text.replace("nobody selected or nobody rejected", "nobody or everybody above the median")
    return Caution(caution.code, text.replace("was selected", "scores above the median"))


def _alone(frame: pl.DataFrame, minimum_share: float) -> dict[str, Any]:
    detail = impact_ratio(frame, minimum_share=minimum_share, interval="none").detail
    return {
        "rates": detail["rates"],
        "n": detail["n"],
        "above": detail["selected"],
        "ratios": detail["impact_ratio_to_highest"],
    }
