"""Coefficients of agreement against the values, errors and intervals of independent programs, and published figures."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate
from tests.measures.reliability.designs import long
from tests.measures.reliability.test_agreement import OBSERVERS
from tests.oracles.cases import agree, checks, data

NAMES = {"gwet_ac1": "gwet_ac", "gwet_ac2": "gwet_ac", "randolph_kappa": "brennan_prediger"}


def _subset(case: str, subset: str) -> pl.DataFrame:
    """The rows a check speaks of; "listwise" keeps the units with all raters."""
    frame = data(case)
    if subset.endswith("listwise"):
        frame = frame.filter(pl.col("item") == subset.split()[0]) if " " in subset else frame
        return frame.filter(pl.len().over("unit") == frame["rater"].n_unique())
    return frame if subset == "all" else frame.filter(pl.col("item") == subset)


def _checked(check: dict[str, Any], found: Estimate) -> None:
    """Every key of the expected values that is a figure of the estimate."""
    assert found.interval is not None
    actual = {
        "value": found.value,
        "se": found.detail["se"],
        "percent_agreement_weighted": found.detail["percent_agreement"],
        "percent_chance": found.detail["percent_chance"],
        "ci_lower": found.interval.low,
        "ci_upper": found.interval.high,
    }
    for key in set(check["expected"]) & set(actual):
        agree(check, key, actual[key])


@pytest.mark.parametrize(
    ("case", "check"),
    checks("fleiss_kappa", "conger_kappa", "brennan_prediger", "gwet_ac1", "gwet_ac2", "randolph_kappa"),
)
def test_oracle(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    name = NAMES.get(check["statistic"], check["statistic"])
    found = measure(name, _subset(case, params["subset"]), weights=params.get("weights", "identity"))
    _checked(check, found)
    again = measure("percent_agreement", _subset(case, params["subset"]), weights=params.get("weights", "identity"))
    assert again.value == found.detail["percent_agreement"]


@pytest.mark.parametrize(("case", "check"), checks("krippendorff_alpha_gwet_weights"))
def test_alpha_with_weights(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    _checked(check, measure("krippendorff_alpha", _subset(case, params["subset"]), weights=params["weights"]))


@pytest.mark.parametrize(("case", "check"), checks("cohen_kappa", "weighted_kappa"))
def test_two_raters(case: str, check: dict[str, Any]) -> None:
    params, frame = check["params"], data(case)
    if "pair" in params:
        pair = [name.removeprefix("r") for name in params["pair"]]
        frame = frame.filter(pl.col("item") == params["item"], pl.col("rater").cast(pl.String).is_in(pair))
    elif params["subset"] != "pooled":
        frame = frame.filter(pl.col("stratum") == params["subset"])
    found = measure("cohen_kappa", frame, weights=params["weights"])
    assert found.interval is not None
    detail = found.detail
    actual = {
        "value": found.value,
        "ase": detail["se"],
        "se_nonnull": detail["se"],
        "se_null": detail["se_null"],
        "var": detail["se"] ** 2,
        "z": detail["z"],
        "p_two_sided": detail["p"],
        "ci_lower": found.interval.low,
        "ci_upper": found.interval.high,
        "percent_agreement": detail["percent_agreement"],
        "n": found.n["paired_units"],
    }
    assert set(check["expected"]) <= set(actual)
    for key in check["expected"]:
        agree(check, key, actual[key])


def test_gwets_four_raters() -> None:
    frame = long(tuple(zip(*OBSERVERS, strict=True)))
    found = measure("gwet_ac", frame)
    assert found.value == pytest.approx(0.77544, abs=5e-6)
    assert found.detail["se"] == pytest.approx(0.14295, abs=5e-6)
    assert "SINGLE_RATINGS" in {caution.code for caution in found.cautions}
