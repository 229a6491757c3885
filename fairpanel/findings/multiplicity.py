"""The ledger of tests: every significance test of an audit, adjusted together for their number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scipy.stats import false_discovery_control

from schemas.results import CHOSEN_AMONG, Estimated, Test

# The p values of a measure that are tests of a hypothesis an audit asks about; one a measure where several say the same.
P_VALUES = {
    "pearson": {"correlation": "p"},
    "lancaster_mid_p": {"selection": "p_two_sided"},
    "mantel_haenszel": {"selection within requisitions": "p_corrected"},
    "breslow_day": {"homogeneity of requisitions": "p_homogeneity"},
    "standardized_difference": {"score difference": "p"},
    "access_difference": {"access to preparation": "p"},
    "preparation_effect": {"preparation and score": "p"},
    "incremental_validity": {"added validity": "p"},
    "retention_hazard": {"leaving": "p"},
    "differential_prediction": {"prediction lines": "omnibus_p"},
    "differential_validity": {"validity by group": "p"},
    "crossed_rates": {"crossed groups": "p"},
    "panel_assignment": {"panels met": "between_p"},
    "rater_group_interaction": {"interviewers' gaps": "p", "own group favoured": "similarity.p"},
    "dif_mantel_haenszel": {"competency at equal standing": "p"},
    "dif_logistic": {"competency, by standing": "nonuniform_p"},
    "group_monitor": {"change over time": "change.p"},
}
# What a test is about; the ledger is adjusted as a whole, families are for reading.
FAMILIES = {
    "pearson": "prediction",
    "incremental_validity": "prediction",
    "retention_hazard": "prediction",
    "differential_prediction": "prediction by group",
    "differential_validity": "prediction by group",
    "lancaster_mid_p": "selection",
    "mantel_haenszel": "selection",
    "breslow_day": "selection",
    "crossed_rates": "selection",
    "standardized_difference": "scores",
    "panel_assignment": "interviewers and panels",
    "rater_group_interaction": "interviewers and panels",
    "dif_mantel_haenszel": "competencies",
    "dif_logistic": "competencies",
    "access_difference": "preparation",
    "preparation_effect": "preparation",
    "group_monitor": "time",
}


def adjusted_tests(estimates: Sequence[Estimated]) -> list[Test]:
    """All tests in the order of the estimates, with Benjamini–Hochberg q over the whole audit."""
    found = list(_p_values(estimates))
    if not found:
        return []
    adjusted = false_discovery_control([p for *_, p in found], method="bh")
    return [
        Test(estimate=identity, family=family, name=name, p=p, q=float(q))
        for (identity, family, name, p), q in zip(found, adjusted, strict=True)
    ]


def _p_values(estimates: Sequence[Estimated]) -> Iterator[tuple[str, str, str, float]]:
    for estimate in estimates:
        measure = estimate.result["measure"]
        for name, key in P_VALUES.get(measure, {}).items():
            p = _at(estimate.result["detail"], key)
            if isinstance(p, float | int):
                yield estimate.identity, FAMILIES[measure], name, allowing_for_choice(float(p), estimate)


def _at(detail: Mapping[str, Any], key: str) -> Any:
    """A value of the detail, of a part of it by a dotted name."""
    name, _, rest = key.partition(".")
    found = detail.get(name)
    return _at(found, rest) if rest and isinstance(found, Mapping) else None if rest else found


def allowing_for_choice(p: float, estimate: Estimated) -> float:
    """p of a test against a group that the data chose, raised so that the smallest keeps its level.

    Of k groups the k - 1 tests against the one of the highest rate hold the most unlike of k (k - 1) / 2 pairs:
    Bonferroni over all pairs is the adjustment over the tests times k / 2.
    """
    groups = int(estimate.result["detail"].get(CHOSEN_AMONG, 2))
    return min(1.0, p * groups / 2)
