"""The ledger of tests: every significance test of an audit, adjusted together for their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scipy.stats import false_discovery_control

from schemas.results import Estimated, Test

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
}


def adjusted_tests(estimates: Sequence[Estimated]) -> list[Test]:
    """All tests in the order of the estimates, with Benjamini–Hochberg q over the whole audit."""
    found = list(_p_values(estimates))
    if not found:
        return []
    adjusted = false_discovery_control([p for _, _, p in found], method="bh")
    return [
        Test(estimate=identity, name=name, p=p, q=float(q))
        for (identity, name, p), q in zip(found, adjusted, strict=True)
    ]


def _p_values(estimates: Sequence[Estimated]) -> Iterator[tuple[str, str, float]]:
    for estimate in estimates:
        for name, key in P_VALUES.get(estimate.result["measure"], {}).items():
            p = estimate.result["detail"].get(key)
            if isinstance(p, float | int):
                yield estimate.identity, name, float(p)
