"""Fairness measures against values of independent programs."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate
from tests.oracles.cases import agree, checks, data


def _with_interval(estimate: Estimate) -> dict[str, Any]:
    assert estimate.interval is not None
    return {**estimate.detail, "ci_lower": estimate.interval.low, "ci_upper": estimate.interval.high}


def _compare(check: dict[str, Any], found: dict[str, Any]) -> None:
    for key in check["expected"]:
        agree(check, key, found[key])


@pytest.mark.parametrize(("case", "check"), checks("four_fifths"))
def test_four_fifths(case: str, check: dict[str, Any]) -> None:
    frame = data(case)
    if check["params"].get("subset") == "groups W and B only":
        frame = frame.filter(pl.col("group").is_in(["W", "B"]))
    estimate = measure("impact_ratio", frame)
    detail = estimate.detail
    found: dict[str, Any] = {
        **detail,
        "min_ratio": estimate.value,
        "groups": list(detail["rates"]),
        "rate": list(detail["rates"].values()),
        "any_below_0.8": not all(detail["four_fifths"].values()),
    }
    if "groups" in check["expected"]:
        for key in ("n", "selected", "impact_ratio_to_highest"):
            found[key] = list(detail[key].values())
    _compare(check, found)


@pytest.mark.parametrize(("case", "check"), checks("impact_ratio_ci"))
def test_impact_ratio_interval(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    estimate = measure("impact_ratio", data(case), method="katz", **params)
    found = _with_interval(estimate) | {"impact_ratio": estimate.value}
    _compare(check, found)
    assert found["katz_ci_lower"] == found["ci_lower"]


@pytest.mark.parametrize(("case", "check"), checks("two_proportion_z"))
def test_two_proportion_z(case: str, check: dict[str, Any]) -> None:
    _compare(check, measure("impact_ratio", data(case), **check["params"]).detail)
    exact = measure("fisher_exact", data(case), **check["params"]).detail
    _compare(check, {"z": exact["z"], "p": exact["z_p"]})


@pytest.mark.parametrize(("case", "check"), checks("fisher_exact"))
def test_fisher_exact(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    frame = data(case)
    if "stratum" in params:
        frame = frame.filter(pl.col("stratum") == params["stratum"])
    estimate = measure("fisher_exact", frame, focal=params["focal"], reference=params["reference"])
    _compare(check, _with_interval(estimate))


@pytest.mark.parametrize(("case", "check"), checks("fisher_mid_p"))
def test_mid_p(case: str, check: dict[str, Any]) -> None:
    _compare(check, measure("lancaster_mid_p", data(case), **check["params"]).detail)


@pytest.mark.parametrize(("case", "check"), checks("mantel_haenszel"))
def test_mantel_haenszel(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    estimate = measure("mantel_haenszel", data(case), focal=params["focal"], reference=params["reference"])
    assert estimate.value == estimate.detail["common_or"]
    assert estimate.n["strata"] == params.get("strata", estimate.n["strata"])
    _compare(check, _with_interval(estimate))


@pytest.mark.parametrize(("case", "check"), checks("breslow_day"))
def test_breslow_day(case: str, check: dict[str, Any]) -> None:
    estimate = measure("breslow_day", data(case), **check["params"])
    assert estimate.value == estimate.detail["statistic"]
    _compare(check, dict(estimate.detail))


@pytest.mark.parametrize(("case", "check"), checks("cohens_d", "hedges_g", "glass_delta", "welch_t"))
def test_standardized_difference(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    kind = {"hedges_g": "g", "glass_delta": "glass"}.get(check["statistic"], "d")
    first, second = params["level1"], params["level2"]
    estimate = measure(
        "standardized_difference", data(case), y=params["y"], group=params["group"], focal=first, reference=second,
        kind=kind,
    )  # fmt: skip
    detail = estimate.detail
    found = _with_interval(estimate) | {
        "value": estimate.value,
        "value.effect": detail["d_maximum_likelihood"],
        "n1": detail["n"][first],
        "n2": detail["n"][second],
        "mean1": detail["means"][first],
        "mean2": detail["means"][second],
    }
    if check["statistic"] == "welch_t":
        found |= {"t": detail["welch_t"], "ci_lower": detail["welch_ci_lower"], "ci_upper": detail["welch_ci_upper"]}
    _compare(check, found)


@pytest.mark.parametrize(("case", "check"), checks("cleary_moderated_regression"))
def test_differential_prediction(case: str, check: dict[str, Any]) -> None:
    params = check["params"]
    columns = {key: params[key] for key in ("x", "y", "group", "reference")}
    frame = data(case)
    if params["y"] == "lwage":
        frame = frame.with_columns(lwage=pl.col("wage").log())
    estimate = measure("differential_prediction", frame, **columns)
    detail = estimate.detail
    found = {
        **detail,
        "n": estimate.n["people"],
        "coef_names": [
            name if name == "(Intercept)" else _r_name(name, params["x"]) for name in detail["coef_names"]
        ],
        "R2_x": detail["r2_x"],
        "R2_x_g": detail["r2_x_g"],
        "R2_full": detail["r2_full"],
        "slope_F": detail["slope_f"],
        "slope_df1": detail["slope_df1"],
        "intercept_F": detail["intercept_f"],
        "omnibus_F": detail["omnibus_f"],
    }  # fmt: skip
    _compare(check, found)


def _r_name(name: str, predictor: str) -> str:
    if name == predictor:
        return "X"
    if name.startswith(f"{predictor}:"):
        return f"X:G{name.removeprefix(f'{predictor}:')}"
    return f"G{name}"
