"""Exact tests of a fourfold table: was one group selected less often than another by more than chance?"""

from __future__ import annotations

import math
from typing import Any, Literal

import polars as pl

from fairpanel.measures.columns import check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.fairness.conditional import ConditionalCount, conditional_count
from fairpanel.measures.fairness.contingency import Comparison, Table, fourfold, no_value, pooled_z
from fairpanel.measures.fairness.power import detectable_selection_rate

_FISHER = "Fisher, R. A. (1935). Journal of the Royal Statistical Society, 98, 39-82"
_LANCASTER = "Lancaster, H. O. (1961). Journal of the American Statistical Association, 56, 223-234"
_MORRIS = "Morris, S. B. (2017). In Morris & Dunleavy (eds.), Adverse Impact Analysis, ch. 4"


def fisher_exact(
    data: pl.DataFrame,
    /,
    *,
    group: str = "group",
    selected: str = "selected",
    focal: str | None = None,
    reference: str | None = None,
    selected_label: str | None = None,
    count: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """Whether two groups' selection rates differ by more than chance, exactly, and by how much the odds differ.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted, other groups do not count.
    group, selected : columns; `selected` holds 0/1, booleans or two labels (see `selected_label`).
    focal, reference : groups' names. Of two groups the larger is the reference by default; of more the focal group
        must be named.
    count : column of how many people a row stands for; without it every row is one person.

    Returns
    -------
    Estimate
        value: odds ratio (focal over reference), the conditional maximum-likelihood estimate; interval: exact
        (Clopper-Pearson type). n: people, focal, reference. detail: focal, reference, the four counts; or_cmle (may be
        infinite: then value is None), or_sample, p_two_sided (sum of all tables not more probable), p_less (focal
        selected less), p_greater, p_one_sided (the smaller), z and z_p (pooled two-sample test), minimum_detectable.

    Cautions
    --------
    The test is conservative: on small tables it rejects a true null hypothesis in far fewer than 5 % of samples;
    see `lancaster_mid_p`. It needs no large sample and nothing but independent people.

    Notes
    -----
    Given the margins the focal count is noncentral hypergeometric; P(k) ∝ C(n_f, k) C(n_r, m - k) ψ^k.

    References
    ----------
    .. [1] Fisher 1935. .. [2] Cornfield, J. (1956), for the interval.

    Pinned by the oracle fisher_exact (R fisher.test, scipy) and Morris 2017.

    Examples
    --------
    >>> people = pl.DataFrame({"group": ["f"] * 10 + ["m"] * 25, "selected": [1] * 2 + [0] * 8 + [1] * 15 + [0] * 10})
    >>> round(fisher_exact(people).detail["p_two_sided"], 7)
    0.0599078
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    comparison = fourfold(data, group, selected, focal, reference, selected_label, count)
    references = (_FISHER, _MORRIS)
    title = "conditional maximum-likelihood odds ratio, exact test"
    if comparison.table is None:
        return no_value("fisher_exact", title, len(data), comparison.cautions, {}, references)
    law = conditional_count(comparison.table)
    below, same, above = law.tails()
    p_less, p_greater = min(1.0, below + same), min(1.0, same + above)
    detail = _common_detail(comparison, comparison.table) | {
        "or_cmle": None if law.is_degenerate else law.maximum_likelihood(),
        "p_two_sided": law.p_two_sided(),
        "p_less": p_less,
        "p_greater": p_greater,
        "p_one_sided": min(p_less, p_greater),
    }
    ends = None if law.is_degenerate else law.exact_interval(confidence)
    return _odds_estimate(
        "fisher_exact", title, comparison, law, detail["or_cmle"], ends, "exact conditional", interval, confidence,
        detail, references,
    )  # fmt: skip


def lancaster_mid_p(
    data: pl.DataFrame,
    /,
    *,
    group: str = "group",
    selected: str = "selected",
    focal: str | None = None,
    reference: str | None = None,
    selected_label: str | None = None,
    count: str | None = None,
    two_sided: Literal["doubled", "minimum_likelihood"] = "doubled",
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """Whether two groups' selection rates differ by more than chance, with half weight on the table seen.

    Parameters
    ----------
    data, group, selected, focal, reference, selected_label, count : as in `fisher_exact`.
    two_sided : two definitions circulate. "doubled" is twice the smaller one-sided mid-p (epitools), which the
        interval agrees with; "minimum_likelihood" is Fisher's two-sided p less half the probability of the table seen
        (Morris 2017).

    Returns
    -------
    Estimate
        value: median-unbiased odds ratio (focal over reference) with its mid-p interval. detail: focal, reference,
        the four counts, or_mid, or_mid_lower, or_mid_upper, or_sample, p_two_sided (as `two_sided` says),
        p_two_sided_doubled, p_two_sided_minimum_likelihood, p_one_sided (the smaller), p_one_sided_less,
        p_one_sided_greater, z, z_p, minimum_detectable.

    Cautions
    --------
    Not exact: on rare tables it rejects a true null hypothesis slightly more often than its level; far nearer to the
    level than Fisher's test, which is why practice in adverse-impact analysis prefers it.

    Notes
    -----
    p_less = P(K < k) + P(K = k) / 2; the estimate solves p_less(ψ) = .5, the interval's ends .975 and .025.

    References
    ----------
    .. [1] Lancaster 1961. .. [2] Morris 2017, who recommends it for adverse impact.

    Pinned by the oracle fisher_mid_p (epitools: doubled) and Morris 2017 (minimum likelihood).

    Examples
    --------
    >>> people = pl.DataFrame({"group": ["f"] * 10 + ["m"] * 25, "selected": [1] * 2 + [0] * 8 + [1] * 15 + [0] * 10})
    >>> round(lancaster_mid_p(people, two_sided="minimum_likelihood").detail["p_two_sided"], 7)
    0.0436993
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    check_choice("two_sided", two_sided, ("doubled", "minimum_likelihood"))
    comparison = fourfold(data, group, selected, focal, reference, selected_label, count)
    references = (_LANCASTER, _MORRIS)
    title = f"median-unbiased odds ratio, mid-p test (two-sided: {two_sided.replace('_', ' ')})"
    if comparison.table is None:
        return no_value("lancaster_mid_p", title, len(data), comparison.cautions, {}, references)
    law = conditional_count(comparison.table)
    below, same, above = law.tails()
    p_less, p_greater = min(1.0, below + same / 2), min(1.0, same / 2 + above)
    doubled, likelihood = min(1.0, 2 * min(p_less, p_greater)), law.p_two_sided() - same / 2
    detail = _common_detail(comparison, comparison.table) | {
        "p_two_sided": doubled if two_sided == "doubled" else likelihood,
        "p_two_sided_doubled": doubled,
        "p_two_sided_minimum_likelihood": likelihood,
        "p_one_sided": min(p_less, p_greater),
        "p_one_sided_less": p_less,
        "p_one_sided_greater": p_greater,
    }
    centre: float | None = None
    ends: tuple[float, float] | None = None
    if not law.is_degenerate:
        half = (1 - confidence) / 2
        centre = law.mid_p_quantile(0.5)
        ends = law.mid_p_quantile(1 - half), law.mid_p_quantile(half)
        detail |= {"or_mid": centre, "or_mid_lower": ends[0], "or_mid_upper": ends[1]}
    return _odds_estimate(
        "lancaster_mid_p", title, comparison, law, centre, ends, "mid-p", interval, confidence, detail, references,
    )  # fmt: skip


def _common_detail(comparison: Comparison, table: Table) -> dict[str, Any]:
    groups = comparison.groups
    test = pooled_z(table)
    cross, against = table.focal_selected * table.reference_rejected, table.focal_rejected * table.reference_selected
    if against:
        sample: float | None = cross / against
    else:
        sample = math.inf if cross else None
    return {
        "focal": groups.focal if groups else None,
        "reference": groups.reference if groups else None,
        **table.to_dict(),
        "or_sample": sample,
        "z": None if test is None else test[0],
        "z_p": None if test is None else test[1],
        "minimum_detectable": detectable_selection_rate(
            table.focal_n, table.reference_n, table.reference_selected / table.reference_n
        ),
    }


def _odds_estimate(
    name: str,
    title: str,
    comparison: Comparison,
    law: ConditionalCount,
    value: float | None,
    ends: tuple[float, float] | None,
    interval_name: str,
    interval: str,
    confidence: float,
    detail: dict[str, Any],
    references: tuple[str, ...],
) -> Estimate:
    cautions = list(comparison.cautions)
    table, groups = comparison.table, comparison.groups
    if table is None or groups is None:
        raise MeasureInputError(f"{name}: no two groups to compare")
    if 0 in (table.focal_selected, table.focal_rejected, table.reference_selected, table.reference_rejected):
        cautions.append(Caution("ZERO_CELL", "A cell of the table is empty: the odds ratio lies at an end or nowhere."))
    if law.is_degenerate:
        cautions.append(Caution("CONSTANT_INPUT", "Everyone or nobody was selected: the odds cannot be compared."))
    finite = value is not None and math.isfinite(value)
    made = None
    if finite and ends is not None and interval == "analytic":
        made = Interval(low=ends[0], high=ends[1], level=confidence, method=interval_name)
    elif finite:
        cautions.append(Caution("NO_INTERVAL", "No interval was asked for."))
    if not finite and ends is not None:
        detail = detail | {"one_sided_interval": list(ends)}
    return Estimate(
        measure=name,
        method=f"{title}: {groups.focal} over {groups.reference} ({groups.rule})",
        value=value if finite else None,
        interval=made,
        n={"people": table.n, "focal": table.focal_n, "reference": table.reference_n},
        cautions=cautions,
        detail=detail,
        references=references,
    )
