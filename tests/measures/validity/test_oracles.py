"""Validity measures against values of independent programs."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from tests.oracles.cases import agree, checks, data


def _subset(frame: pl.DataFrame, rule: str) -> pl.DataFrame:
    if "=" in rule:
        column, value = rule.split("=")
        return frame.filter(pl.col(column) == value)
    return frame


@pytest.mark.parametrize(("case", "check"), checks("pearson", "spearman"))
def test_correlation(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    frame = _subset(data(case), params["subset"])
    estimate = measure(check["statistic"], frame, x=params["x"], y=params["y"])
    assert estimate.interval is not None
    found = {
        **estimate.detail,
        "value": estimate.value,
        "ci_lower": estimate.interval.low,
        "ci_upper": estimate.interval.high,
    }
    for key in check["expected"]:
        agree(check, key, found[key])


@pytest.mark.parametrize(("case", "check"), checks("spearman_ci"))
def test_spearman_interval(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    error = {"fisher_z_1/sqrt(n-3)": "fisher", "fieller_1.06": "fieller", "bonett_wright": "bonett_wright"}[
        params["se"]
    ]
    interval = measure("spearman", data(case), x=params["x"], y=params["y"], standard_error=error).interval
    assert interval is not None
    agree(check, "ci_lower", interval.low)
    agree(check, "ci_upper", interval.high)


@pytest.mark.parametrize(("case", "check"), checks("range_restriction_thorndike2"))
def test_direct_range_restriction(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    estimate = measure("corrected_validity", pl.DataFrame(), correction="direct", r=params["r"], n=200, u=params["u"])
    agree(check, "value", estimate.value)


@pytest.mark.parametrize(("case", "check"), checks("attenuation_correction"))
def test_attenuation(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    estimate = measure("corrected_validity", pl.DataFrame(), correction="attenuation", n=200, **params)
    agree(check, "value", estimate.value)
    agree(check, "criterion_only", estimate.detail["criterion_only"])
