"""Tests of selection rates beside the exact conditional ones: Boschloo's, the two-standard-deviation rule, chi-squared."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import bdtr, chdtrc, ndtr

from fairpanel.measures.columns import check_choice, counts_of_rows, decisions, labels, missing_rows
from fairpanel.measures.estimate import Caution, Estimate, MeasureInputError
from fairpanel.measures.fairness.conditional import conditional_count
from fairpanel.measures.fairness.contingency import (
    Table,
    fourfold,
    no_value,
    one_group_only,
    pooled_z,
    selection_counts,
    two_groups,
)
from fairpanel.measures.fairness.power import detectable_selection_rate
from fairpanel.measures.fairness.unconditional import less_selected

_BOSCHLOO = "Boschloo, R. D. (1970). Statistica Neerlandica, 24, 1-35"
_MORRIS = "Morris, S. B. (2017). In Morris & Dunleavy (eds.), Adverse Impact Analysis, ch. 4"
_CASTANEDA = "Castaneda v. Partida, 430 U.S. 482 (1977), note 17"
_PEARSON = "Pearson, K. (1900). Philosophical Magazine, 50, 157-175"
_YATES = "Yates, F. (1934). Supplement to the Journal of the Royal Statistical Society, 1, 217-235"
_STATISTIC = Caution("NO_INTERVAL", "A test statistic: it has a p value, not an interval. See impact_ratio.")
_EVERYONE = Caution("CONSTANT_INPUT", "Everyone or nobody was selected: there are no rates to compare.")


def boschloo(
    data: pl.DataFrame,
    /,
    *,
    group: str = "group",
    selected: str = "selected",
    focal: str | None = None,
    reference: str | None = None,
    selected_label: str | None = None,
    count: str | None = None,
    fixed: Literal["groups", "decisions"] = "decisions",
) -> Estimate:
    """Whether two groups' selection rates differ by more than chance, exactly, without holding the number hired fixed.

    Parameters
    ----------
    data, group, selected, focal, reference, selected_label, count : as in `fisher_exact`.
    fixed : which margin the leading p values take as given. "groups": so many people of each group, each selected or
        not, the usual test of two independent groups; "decisions": so many places and so many refusals, each falling
        to one group or the other, which is what boschloo_exact gives for a table with a row for each group.

    Returns
    -------
    Estimate
        value: sample odds ratio (focal over reference), without an interval: see `fisher_exact`. n: people, focal,
        reference. detail: focal, reference, the four counts, p_two_sided (twice the smaller one-sided p), p_one_sided,
        p_less (focal selected less), p_greater (these four for the way of `fixed`), fixed, p_groups_fixed and
        p_decisions_fixed (two-sided, both ways), fisher_p_one_sided (never smaller than either), minimum_detectable.

    Cautions
    --------
    Each way keeps its level exactly where its own margin is the one given, and is less cautious than Fisher's test.
    Where groups of given sizes have equal rates, share of samples that p_decisions_fixed rejects at 5 %, reckoned over
    all tables (p_groups_fixed, Fisher's two-sided test): 30 and 30 people, rate .3: 4.9 % (3.7, 2.6); 10 and 25, .4:
    3.8 % (4.4, 2.5); 20 and 20, .1: 3.9 % (1.7, 1.2); 40 and 40, .5: 5.7 % (4.1). For two independent groups read
    p_groups_fixed where the level must not be passed.

    Notes
    -----
    p = max over π of P(Fisher's one-sided p at most the one seen | both rates π). Reckoned by the number selected, in
    time that grows with the people, not with their square.

    References
    ----------
    .. [1] Boschloo 1970.

    Pinned by the oracle boschloo_exact (default: its call has a row for each group, where scipy's samples are the
    columns), scipy.stats.boschloo_exact with a column for each group, and the sum over all tables.

    Examples
    --------
    >>> people = pl.DataFrame({"group": ["f"] * 10 + ["m"] * 25, "selected": [1] * 2 + [0] * 8 + [1] * 15 + [0] * 10})
    >>> detail = boschloo(people).detail
    >>> round(detail["p_two_sided"], 6), round(detail["p_groups_fixed"], 6)
    (0.041804, 0.036603)
    """
    check_choice("fixed", fixed, ("groups", "decisions"))
    comparison = fourfold(data, group, selected, focal, reference, selected_label, count)
    title = f"Boschloo's unconditional exact test, {fixed} fixed"
    table, groups = comparison.table, comparison.groups
    if table is None or groups is None:
        return no_value("boschloo", title, len(data), comparison.cautions, {}, (_BOSCHLOO,))
    cautions = list(comparison.cautions)
    constant = table.selected in (0, table.n)
    below, same, above = (0.0, 1.0, 0.0) if constant else conditional_count(table).tails()
    fisher_less, fisher_greater = min(1.0, below + same), min(1.0, same + above)
    both = {}
    for way, ordered in (("groups", table), ("decisions", _transposed(table))):
        both[way] = (
            1.0 if constant else less_selected(ordered, fisher_less),
            1.0 if constant else less_selected(_rejections(ordered), fisher_greater),
        )
    p_less, p_greater = both[fixed]
    against = table.focal_rejected * table.reference_selected
    value = table.focal_selected * table.reference_rejected / against if against else None
    if 0 in table.to_dict().values():
        cautions.append(Caution("ZERO_CELL", "A cell of the table is empty: the odds ratio lies at an end or nowhere."))
    if constant:
        cautions.append(_EVERYONE)
    if value is not None:
        cautions.append(Caution("NO_INTERVAL", "The test has no interval of its own: see fisher_exact, impact_ratio."))
    return Estimate(
        measure="boschloo",
        method=f"{title}: {groups.focal} over {groups.reference} ({groups.rule})",
        value=value,
        n=_sizes(table),
        cautions=cautions,
        detail={
            "focal": groups.focal,
            "reference": groups.reference,
            **table.to_dict(),
            "p_two_sided": min(1.0, 2 * min(p_less, p_greater)),
            "p_one_sided": min(p_less, p_greater),
            "p_less": p_less,
            "p_greater": p_greater,
            "fisher_p_one_sided": min(fisher_less, fisher_greater),
            "fixed": fixed,
            **{f"p_{way}_fixed": min(1.0, 2 * min(pair)) for way, pair in both.items()},
            "minimum_detectable": _detectable(table),
        },
        references=(_BOSCHLOO,),
    )


def two_proportion_z(
    data: pl.DataFrame,
    /,
    *,
    group: str = "group",
    selected: str = "selected",
    focal: str | None = None,
    reference: str | None = None,
    selected_label: str | None = None,
    count: str | None = None,
    share: float | None = None,
) -> Estimate:
    """By how many standard deviations the focal group's selections miss what equal chances would give.

    Parameters
    ----------
    data, group, selected, focal, reference, selected_label, count : as in `fisher_exact`.
    share : the focal group's share of the people who could have been selected, where these are not in the data (a
        census, a labour market): only the people selected then count, and those of all other groups together are the
        comparison; no reference.

    Returns
    -------
    Estimate
        value: z, negative where the focal group was selected less; its size is the number of standard deviations. n:
        people, focal, reference (with a share: among those selected). detail: focal, reference, p_two_sided,
        p_one_sided (the smaller), z, two_standard_deviations (is |z| over 2?), rates, difference, the four counts and
        minimum_detectable; with a share: share, observed, expected, sd, p_exact (binomial, twice the smaller tail).

    Cautions
    --------
    A normal approximation: under five expected people in a cell use `fisher_exact`, `lancaster_mid_p` or `boschloo`
    (SMALL_SAMPLE). Large numbers make small differences significant: read the ratio beside it. A share from outside is
    taken as known, and as the share of those able and willing.

    Notes
    -----
    z = (p_f - p_r) / sqrt(p (1 - p) (1/n_f + 1/n_r)), p the pooled rate; z² is Pearson's chi-squared. With a share s
    of n selected: (k - n s) / sqrt(n s (1 - s)).

    References
    ----------
    .. [1] Morris 2017. .. [2] Castaneda v. Partida, 1977.

    Pinned by the oracle two_proportion_z (aedt-audit, R), Morris 2017 and Castaneda v. Partida.

    Examples
    --------
    >>> people = pl.DataFrame({"group": ["f"] * 10 + ["m"] * 25, "selected": [1] * 2 + [0] * 8 + [1] * 15 + [0] * 10})
    >>> round(two_proportion_z(people).value, 6)
    -2.138963
    """
    if share is not None:
        return _against_share(data, group, selected, focal, reference, selected_label, count, share)
    comparison = fourfold(data, group, selected, focal, reference, selected_label, count)
    title, references = "two-sample z, pooled variance (two standard deviations)", (_MORRIS, _CASTANEDA)
    table, groups = comparison.table, comparison.groups
    if table is None or groups is None:
        return no_value("two_proportion_z", title, len(data), comparison.cautions, {}, references)
    test = pooled_z(table)
    one, other = table.focal_selected / table.focal_n, table.reference_selected / table.reference_n
    detail = {
        "focal": groups.focal,
        "reference": groups.reference,
        "rates": {groups.focal: one, groups.reference: other},
        "difference": one - other,
        **table.to_dict(),
        "minimum_detectable": _detectable(table),
    }
    least = min(table.selected, table.n - table.selected) * min(table.focal_n, table.reference_n) / table.n
    cautions = [*comparison.cautions, *_few_expected(least)]
    title = f"{title}: {groups.focal} against {groups.reference} ({groups.rule})"
    return _z_estimate(title, None if test is None else test[0], _sizes(table), cautions, detail, references)


def chi_square(
    data: pl.DataFrame,
    /,
    *,
    group: str = "group",
    selected: str = "selected",
    focal: str | None = None,
    reference: str | None = None,
    selected_label: str | None = None,
    count: str | None = None,
) -> Estimate:
    """Whether selection rates differ between groups, two or more, by more than chance.

    Parameters
    ----------
    data, group, selected, selected_label, count : as in `fisher_exact`.
    focal, reference : to compare two groups only; by default all groups in the data are compared at once.

    Returns
    -------
    Estimate
        value: Pearson's chi-squared. n: people, groups. detail: statistic, df, p, p_two_sided (the same), p_one_sided
        (two groups: half of it, else empty), yates and yates_p (two groups), cramers_v, smallest_expected; rates, n
        and selected by group.

    Cautions
    --------
    An approximation: with under five expected people in a cell (SMALL_SAMPLE) use an exact test. With more than two
    groups it says that some rates differ, not which.

    Notes
    -----
    Σ (observed - expected)² / expected, df = groups - 1. Yates takes min(1/2, |observed - expected|) off each
    difference: near Fisher's test, and cautious like it.

    References
    ----------
    .. [1] Pearson 1900. .. [2] Yates 1934.

    Pinned by the oracle chi_square (R chisq.test) and scipy.stats.chi2_contingency (Yates).

    Examples
    --------
    >>> people = pl.DataFrame({"group": ["f"] * 10 + ["m"] * 25, "selected": [1] * 2 + [0] * 8 + [1] * 15 + [0] * 10})
    >>> round(chi_square(people).value, 6)
    4.575163
    """
    found, taken = labels(data, group, "group"), decisions(data, selected, "selected", selected_label)
    weights = counts_of_rows(data, count)
    cautions = missing_rows(found.present & taken.present, f"{group} or {selected}", weights)
    counts = selection_counts(found, taken, weights)
    if focal is not None or reference is not None:
        pair = two_groups(found, counts.sum(axis=1).tolist(), group, focal, reference)
        kept = [] if pair is None else sorted((pair.focal_code, pair.reference_code))
    else:
        kept = list(range(len(found.names)))
    kept = [code for code in kept if counts[code].any()]
    names, cells = [found.names[code] for code in kept], counts[kept]
    title, references = "Pearson's chi-squared", (_PEARSON, _YATES)
    if len(names) < 2:
        return no_value("chi_square", title, len(data), [*cautions, one_group_only(names)], {}, references)
    sizes, people = cells.sum(axis=1), int(cells.sum())
    detail: dict[str, Any] = {
        "rates": dict(zip(names, (cells[:, 1] / sizes).tolist(), strict=True)),
        "n": dict(zip(names, sizes.tolist(), strict=True)),
        "selected": dict(zip(names, cells[:, 1].tolist(), strict=True)),
    }
    expected = sizes[:, None] * cells.sum(axis=0)[None, :] / people
    if not expected.all():
        return no_value("chi_square", title, people, [*cautions, _EVERYONE], detail, references)
    distance, df = np.abs(cells - expected), len(names) - 1
    statistic = float((distance**2 / expected).sum())
    p = float(chdtrc(df, statistic))
    two = len(names) == 2
    yates = float(((distance - np.minimum(0.5, distance)) ** 2 / expected).sum()) if two else None
    detail |= {
        "statistic": statistic,
        "df": df,
        "p": p,
        "p_two_sided": p,
        "p_one_sided": p / 2 if two else None,
        "yates": yates,
        "yates_p": None if yates is None else float(chdtrc(1, yates)),
        "cramers_v": math.sqrt(statistic / people),
        "smallest_expected": float(expected.min()),
    }
    return Estimate(
        measure="chi_square", method=f"{title}, {len(names)} groups", value=statistic,
        n={"people": people, "groups": len(names)}, cautions=[*cautions, *_few_expected(expected.min()), _STATISTIC],
        detail=detail, references=references,
    )  # fmt: skip


def _against_share(
    data: pl.DataFrame, group: str, selected: str, focal: str | None, reference: str | None,
    selected_label: str | None, count: str | None, share: float,
) -> Estimate:  # fmt: skip
    """The focal group among those selected, against its share of those who could have been."""
    if reference is not None:
        raise MeasureInputError(f"give a share or a reference, not both; got share={share!r}, reference={reference!r}")
    if isinstance(share, bool) or not 0 < share < 1:
        raise MeasureInputError(f"share must lie between 0 and 1, such as 0.79, got {share!r}")
    found, taken = labels(data, group, "group"), decisions(data, selected, "selected", selected_label)
    weights = counts_of_rows(data, count)
    cautions = missing_rows(found.present & taken.present, f"{group} or {selected}", weights)
    counts = selection_counts(found, taken, weights)
    title, references = f"binomial z against a given share of {share:g}", (_MORRIS, _CASTANEDA)
    groups = two_groups(found, counts.sum(axis=1).tolist(), group, focal, None) if focal is None else None
    if focal is None and groups is None:
        return no_value("two_proportion_z", title, len(data), [*cautions, one_group_only(found.names)], {}, references)
    name = groups.focal if groups is not None else str(focal)
    if name not in found.names:
        raise MeasureInputError(f"focal={name!r} does not occur in column {group!r}: {', '.join(found.names[:10])}")
    n, observed = int(counts[:, 1].sum()), int(counts[found.names.index(name), 1])
    sd = math.sqrt(n * share * (1 - share))
    lower, upper = (float(bdtr(observed, n, share)), float(bdtr(n - observed, n, 1 - share))) if n else (1.0, 1.0)
    detail = {
        "focal": name,
        "reference": None,
        "share": share,
        "observed": observed,
        "expected": n * share,
        "sd": sd,
        "p_exact": min(1.0, 2 * min(lower, upper)),
    }
    sizes = {"people": n, "focal": observed, "reference": n - observed}
    cautions += _few_expected(n * min(share, 1 - share))
    z = (observed - n * share) / sd if n else None
    return _z_estimate(f"{title}: {name} among those selected", z, sizes, cautions, detail, references)


def _z_estimate(
    title: str, z: float | None, n: dict[str, int], cautions: list[Caution], detail: dict[str, Any],
    references: tuple[str, ...],
) -> Estimate:  # fmt: skip
    one_sided = None if z is None else float(ndtr(-abs(z)))
    detail = detail | {
        "z": z,
        "p_two_sided": None if one_sided is None else 2 * one_sided,
        "p_one_sided": one_sided,
        "two_standard_deviations": None if z is None else abs(z) > 2,
    }
    return Estimate(
        measure="two_proportion_z", method=title, value=z, n=n,
        cautions=[*cautions, _EVERYONE if z is None else _STATISTIC], detail=detail, references=references,
    )  # fmt: skip


def _few_expected(least: float) -> list[Caution]:
    if least >= 5:
        return []
    return [Caution("SMALL_SAMPLE", f"Only {least:.1f} people expected in a cell: the p value is rough; test exactly.")]


def _transposed(table: Table) -> Table:
    return Table(table.focal_selected, table.reference_selected, table.focal_rejected, table.reference_rejected)


def _rejections(table: Table) -> Table:
    return Table(table.focal_rejected, table.focal_selected, table.reference_rejected, table.reference_selected)


def _sizes(table: Table) -> dict[str, int]:
    return {"people": table.n, "focal": table.focal_n, "reference": table.reference_n}


def _detectable(table: Table) -> dict[str, Any]:
    return detectable_selection_rate(table.focal_n, table.reference_n, table.reference_selected / table.reference_n)
