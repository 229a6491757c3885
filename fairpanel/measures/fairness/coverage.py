"""For how many people the group is known, and how those fared for whom it is not."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl

from fairpanel.measures.columns import check_choice, check_confidence, decisions, labels
from fairpanel.measures.estimate import Caution, Estimate, Interval
from fairpanel.measures.proportions import wilson

_REFERENCES = (
    "Wilson, E. B. (1927). Journal of the American Statistical Association, 22, 209-212",
    "Rules of the City of New York, title 6, section 5-301 (b)(5) (number of people of an unknown category)",
)


def group_coverage(
    data: pl.DataFrame,
    /,
    *,
    group: str = "group",
    selected: str = "selected",
    declined: str = "declined",
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """What share of the people have a known group: comparisons of groups say nothing about the rest.

    Parameters
    ----------
    data : one row a person; rows without a decision are left out and counted.
    group : column of the group; missing where nobody knows, `declined` where the person chose not to say.
    selected : column of 0/1, booleans or two labels.

    Returns
    -------
    Estimate
        value: share of people with a known group, 0 to 1; interval: Wilson. n: people, known, declined, unknown. detail:
        selected (by status), rates (by status; null where there is nobody).

    Cautions
    --------
    People of unknown group are disclosed, never benchmarked: whoever does not state a group may differ from whoever does.
    MISSING_DATA: rows without a decision. SMALL_GROUP, value None: there is nobody.

    References
    ----------
    .. [1] Wilson 1927. .. [2] 6 RCNY 5-301 (b)(5).

    Pinned by tables counted by hand.

    Examples
    --------
    >>> people = pl.DataFrame({"group": ["a", "b", None, "declined"], "selected": [1, 0, 1, 0]})
    >>> found = group_coverage(people)
    >>> found.value, found.n["unknown"], found.detail["rates"]["known"]
    (0.5, 1, 0.5)
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    found, taken = labels(data, group, "group"), decisions(data, selected, "selected")
    decided = taken.present
    cautions = []
    if not decided.all():
        left = int((~decided).sum())
        cautions.append(
            Caution("MISSING_DATA", f"{left} of {decided.size} rows were left out: {selected} is missing there.")
        )
    refused = np.array([name == declined for name in found.names] + [False])[found.codes]
    status = {"known": found.present & ~refused, "declined": refused, "unknown": ~found.present}
    n = {"people": int(decided.sum())} | {name: int((rows & decided).sum()) for name, rows in status.items()}
    title = "share of people whose group is known"
    if not n["people"]:
        nobody = Caution("SMALL_GROUP", "No row holds a decision: there is nobody to count.")
        return Estimate(
            measure="group_coverage",
            method=title,
            value=None,
            n=n,
            cautions=[*cautions, nobody],
            references=_REFERENCES,
        )
    chosen = {name: int((rows & decided & taken.taken).sum()) for name, rows in status.items()}
    detail: dict[str, Any] = {
        "selected": chosen,
        "rates": {name: chosen[name] / n[name] if n[name] else None for name in status},
    }
    share = n["known"] / n["people"]
    made = None
    if interval == "analytic":
        low, high = wilson(share, n["people"], confidence)
        made = Interval(low=low, high=high, level=confidence, method="Wilson")
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    return Estimate(
        measure="group_coverage", method=title, value=share, interval=made, n=n, cautions=cautions, detail=detail,
        references=_REFERENCES,
    )  # fmt: skip
