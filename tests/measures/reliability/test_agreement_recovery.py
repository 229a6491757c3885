"""Intervals and tests of the agreement family on simulated panels: the settings of benchmarks/recovery/agreement.py."""

from __future__ import annotations

import doctest
import importlib

import pytest

from benchmarks.recovery.__main__ import run
from fairpanel.measures.catalogue import CATALOGUE

MODULES = ("agreement", "kappa", "krippendorff", "weights", "pairwise", "concordance", "within_group",
           "null_distributions", "internal_consistency", "one_factor")  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"fairpanel.measures.reliability.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.slow
def test_recovery() -> None:
    """Every setting outside LIMITS lies within what 93 to 97 % (3 to 7 %) would give in 300 samples, 3.7 errors aside."""
    recovery = importlib.import_module("benchmarks.recovery.agreement")
    outside = []
    for setting in recovery.SETTINGS:
        result = run(setting, 300, seed=2, conservative=recovery.CONSERVATIVE.get(setting.name))
        low, high = (0.93, 0.97) if setting.kind == "coverage" else (0.03, 0.07)
        room = 3.7 * (low * (1 - low) / 300) ** 0.5
        conservative = setting.name in recovery.CONSERVATIVE
        fewest = low - room if setting.kind == "coverage" or not conservative else 0.0
        most = high + room if setting.kind == "type_1" or not conservative else 1.0
        if not fewest <= result.rate <= most:
            outside.append((setting.name, result.rate))
    assert not outside


def test_the_family_is_in_the_catalogue() -> None:
    names = {"percent_agreement", "cohen_kappa", "fleiss_kappa", "conger_kappa", "brennan_prediger", "gwet_ac"}
    names |= {"krippendorff_alpha", "light_kappa", "pairwise_agreement", "kendall_w", "rwg", "rwg_j", "ad_m"}
    assert names | {"cronbach_alpha", "omega_total"} <= set(CATALOGUE)
