"""Whether a help such as preparation reaches two groups alike."""

from __future__ import annotations

import math
from typing import Any, Literal

import polars as pl

from fairpanel.measures.columns import check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate, Interval
from fairpanel.measures.fairness.conditional import conditional_count
from fairpanel.measures.fairness.contingency import fourfold, no_value
from fairpanel.measures.fairness.power import detectable_selection_rate
from fairpanel.measures.proportions import wilson

_REFERENCES = (
    "Newcombe, R. G. (1998). Statistics in Medicine, 17, 873-890 (method 10)",
    "Wilson, E. B. (1927). Journal of the American Statistical Association, 22, 209-212",
    "Lancaster, H. O. (1961). Journal of the American Statistical Association, 56, 223-234 (mid-p)",
)
_TITLE = "difference of shares, Newcombe interval, mid-p test"


def access_difference(
    data: pl.DataFrame,
    /,
    *,
    group: str = "group",
    provided: str = "provided",
    focal: str | None = None,
    reference: str | None = None,
    provided_label: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """The share of the focal group that was provided with something, minus that of the reference group.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    group : column of groups; focal, reference : the two compared (of two groups, the larger is the reference).
    provided : column that says who had it: 0/1, booleans or two labels (`provided_label` names the positive one).

    Returns
    -------
    Estimate
        value: between -1 and 1. n: focal, reference. detail: focal, reference (names), shares (by group), p (mid-p,
        two-sided), minimum_detectable.

    Cautions
    --------
    A difference in access says nothing of why: some ask for it, some are offered it. Under ten people in a group the
    interval is wide and the test weak (SMALL_GROUP).

    Notes
    -----
    Limits from the two shares' Wilson limits l, u: d - sqrt((p_f - l_f)² + (u_r - p_r)²) and
    d + sqrt((u_f - p_f)² + (p_r - l_r)²).

    References
    ----------
    .. [1] Newcombe 1998. .. [2] Wilson 1927. .. [3] Lancaster 1961.

    Pinned by Newcombe's published limits (56 of 70 against 48 of 80).

    Examples
    --------
    >>> people = pl.DataFrame({"group": ["f"] * 70 + ["r"] * 80,
    ...                        "provided": [1] * 56 + [0] * 14 + [1] * 48 + [0] * 32})
    >>> found = access_difference(people, focal="f", reference="r")
    >>> round(found.value, 2), round(found.interval.low, 4), round(found.interval.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    comparison = fourfold(data, group, provided, focal, reference, provided_label)
    table, groups = comparison.table, comparison.groups
    if table is None or groups is None:
        return no_value("access_difference", _TITLE, len(data), comparison.cautions, {}, _REFERENCES)
    cautions = list(comparison.cautions)
    one, other = table.focal_selected / table.focal_n, table.reference_selected / table.reference_n
    below, same, above = conditional_count(table).tails()
    detail: dict[str, Any] = {
        "focal": groups.focal,
        "reference": groups.reference,
        "shares": {groups.focal: one, groups.reference: other},
        "p": min(1.0, 2 * min(below + same / 2, same / 2 + above)),
        "minimum_detectable": detectable_selection_rate(table.focal_n, table.reference_n, other),
    }
    if min(table.focal_n, table.reference_n) < 10:
        cautions.append(Caution("SMALL_GROUP", "Under ten people in a group: the test could hardly see a difference."))
    made = None
    if interval == "analytic":
        low_f, high_f = wilson(one, table.focal_n, confidence)
        low_r, high_r = wilson(other, table.reference_n, confidence)
        down, up = math.hypot(one - low_f, high_r - other), math.hypot(high_f - one, other - low_r)
        made = Interval(low=one - other - down, high=one - other + up, level=confidence, method="Newcombe")
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval: none was asked for."))
    return Estimate(
        measure="access_difference", method=_TITLE, value=one - other, interval=made,
        n={"focal": table.focal_n, "reference": table.reference_n}, cautions=cautions, detail=detail,
        references=_REFERENCES,
    )  # fmt: skip
