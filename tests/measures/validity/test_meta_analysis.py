"""Meta-analysis of validities: metafor and psychometric, published figures, by hand, invariances, thin data."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from tests.oracles.cases import ORACLES, agree, checks, data


def _run(frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure("meta_analysis", frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _codes(estimate: Estimate) -> set[str]:
    return {caution.code for caution in estimate.cautions}


def _case(case: str) -> tuple[pl.DataFrame, dict[str, Any]]:
    frame = data(case)
    return frame, {"r": "ri", "n": "ni"} if "ri" in frame.columns else {"r": "Rxy", "n": "n"}


def _studies(seed: int, k: int = 12) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    n = rng.integers(20, 200, k)
    r = np.tanh(0.3 + 0.2 * rng.standard_normal(k) + rng.standard_normal(k) / np.sqrt(n - 3))
    return pl.DataFrame({"r": r, "n": n, "kind": [f"k{i % 2}" for i in range(k)]})


@pytest.mark.parametrize(("case", "check"), checks("meta_fisher_z"))
def test_fisher_z(case: str, check: dict[str, Any]) -> None:
    frame, columns = _case(case)
    estimate = _run(frame, method=check["params"]["method"].lower(), **columns)
    detail = estimate.detail
    found = {
        "k": estimate.n["studies"], "estimate_z": detail["estimate_z"], "se": detail["se"],
        "ci_lower": detail["z"]["low"], "ci_upper": detail["z"]["high"], "tau2": detail["tau2"], "I2": detail["i2"],
        "Q": detail["q"], "Q_p": detail["q_p"], "estimate_r": estimate.value,
    }  # fmt: skip
    for key in check["expected"]:
        agree(check, key, found[key])


@pytest.mark.parametrize(("case", "check"), checks("meta_raw_r"))
def test_raw_r(case: str, check: dict[str, Any]) -> None:
    frame, columns = _case(case)
    estimate = _run(frame, scale="r", **columns)
    for key, found in (
        ("estimate_r", estimate.value),
        ("se", estimate.detail["se"]),
        ("tau2", estimate.detail["tau2"]),
    ):
        agree(check, key, found)


@pytest.mark.parametrize(("case", "check"), checks("meta_fisher_z_moderator"))
def test_moderator(case: str, check: dict[str, Any]) -> None:
    frame, columns = _case(case)
    found = _run(frame, moderator=check["params"]["moderator"], **columns).detail["moderator"]
    by_key = {
        "levels": [row["level"] for row in found["levels"]],
        "estimate_z": [row["estimate"] for row in found["levels"]],
        "se": [row["se"] for row in found["levels"]],
        "tau2": found["tau2"],
        "QM": found["qm_all"],
    }
    for key in check["expected"]:
        agree(check, key, by_key[key])


@pytest.mark.parametrize(("case", "check"), checks("meta_fisher_z_subset"))
def test_subset(case: str, check: dict[str, Any]) -> None:
    frame, columns = _case(case)
    part = frame.filter(pl.col(check["params"]["moderator"]) == check["params"]["level"])
    estimate = _run(part, **columns)
    found = estimate.detail | {"k": estimate.n["studies"], "estimate_r": estimate.value}
    for key in check["expected"]:
        agree(check, key, found[key])


@pytest.mark.parametrize(("case", "check"), checks("hunter_schmidt_bare_bones"))
def test_bare_bones(case: str, check: dict[str, Any]) -> None:
    frame, columns = _case(case)
    estimate = _run(frame, method="hunter_schmidt", **columns)
    found = estimate.detail | {
        "var_r": estimate.detail["var_r"],
        "pct_var_error": estimate.detail["percent_error"],
        "mean_r_metafor_HS": estimate.value,
    }
    for key in check["expected"]:
        agree(check, key, found[key])


@pytest.mark.parametrize(("case", "check"), checks("artifact_distribution_meta"))
def test_artifacts(case: str, check: dict[str, Any]) -> None:
    frame, columns = _case(case)
    estimate = _run(frame, method="hunter_schmidt", rxx="Rxx", ryy="Ryy", u="u", **columns)
    detail = estimate.detail
    found = {
        "rbar": detail["mean_r"], "varr": detail["var_r"], "vare": detail["var_e"], "rho_corrected": estimate.value,
        "compound_attenuation": detail["compound_attenuation"],
    }  # fmt: skip
    for key in check["expected"]:
        agree(check, key, found[key])


@pytest.mark.skipif(not ORACLES.is_dir(), reason="the oracle data are not beside this checkout")
def test_employment_interviews_published() -> None:
    """McDaniel et al. 1994: 160 validities of 25,244 people; structured against unstructured interviews."""
    frame, columns = _case("mcdaniel1994")
    estimate = _run(frame, moderator="struct", **columns)
    assert estimate.n == {"studies": 160, "people": 25244}
    assert estimate.detail["estimate_z"] == pytest.approx(0.2373935, abs=5e-8)
    assert estimate.value == pytest.approx(math.tanh(0.2373935), abs=5e-8)
    assert estimate.detail["tau2"] == pytest.approx(0.0293105, abs=5e-8)
    assert estimate.detail["q"] == pytest.approx(789.7321, abs=5e-5)
    assert estimate.detail["prediction_interval"] == pytest.approx({"low": -0.0995, "high": 0.5187}, abs=5e-5)
    assert estimate.detail["moderator"]["qm"] == pytest.approx(3.8417, abs=5e-5)
    assert estimate.detail["moderator"]["qm_p"] == pytest.approx(0.0500, abs=5e-5)


def test_equal_sizes_by_hand() -> None:
    """Equal variances v: the mean of z, tau² = s² - v by every method, Q = sum of squares / v."""
    z = np.array([0.1, 0.2, 0.6])
    frame = pl.DataFrame({"r": np.tanh(z), "n": [53] * 3})
    for method in ("reml", "dl", "he"):
        estimate = _run(frame, method=method)
        assert estimate.detail["tau2"] == pytest.approx(0.07 - 0.02)
        assert estimate.value == pytest.approx(math.tanh(0.3))
        assert estimate.detail["se"] == pytest.approx(math.sqrt(0.07 / 3))
        assert estimate.detail["q"] == pytest.approx(0.14 / 0.02)
        assert estimate.detail["i2"] == pytest.approx(100 * 5 / 7)
    same = _run(frame, test="knapp_hartung")
    assert same.detail["se"] == pytest.approx(math.sqrt(0.07 / 3))
    assert same.interval is not None
    assert same.interval.low == pytest.approx(math.tanh(0.3 - 4.302652729911275 * math.sqrt(0.07 / 3)))
    # Q-profile with equal variances: tau² + v = sum of squares / chi-squared quantile of 2 degrees of freedom
    ends = same.detail["tau2_interval"]
    assert ends["low"] == pytest.approx(max(0.0, 0.14 / (-2 * math.log(0.025)) - 0.02), abs=1e-9)
    assert ends["high"] == pytest.approx(0.14 / (-2 * math.log(0.975)) - 0.02)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), method=st.sampled_from(["reml", "dl", "he", "ee", "hunter_schmidt"]))
def test_order_and_sign(seed: int, method: str) -> None:
    studies = _studies(seed)
    one = _run(studies, method=method, moderator="kind")
    other = _run(studies.sample(fraction=1, shuffle=True, seed=seed), method=method, moderator="kind")
    turned = _run(studies.with_columns(-pl.col("r")), method=method)
    assert other.value == pytest.approx(one.value, abs=1e-12)
    assert turned.value == pytest.approx(-one.value, abs=1e-10)
    assert turned.detail["tau2"] == pytest.approx(one.detail["tau2"], abs=1e-10)
    assert one.interval is not None
    assert one.interval.low < one.value < one.interval.high
    rows = {row["level"]: row["mean_r"] for row in one.detail["moderator"]["levels"]}
    assert set(rows) == {"k0", "k1"}
    predicted = one.detail["prediction_interval"]
    assert predicted["low"] <= one.interval.low + 1e-9
    assert predicted["high"] >= one.interval.high - 1e-9


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_reml_is_the_top_of_the_restricted_likelihood(seed: int) -> None:
    studies = _studies(seed)
    y, v = np.arctanh(studies["r"].to_numpy()), 1 / (studies["n"].to_numpy() - 3)
    found = _run(studies).detail["tau2"]

    def minus_twice(tau2: float) -> float:
        w = 1 / (v + tau2)
        mean = np.average(y, weights=w)
        return float(-np.log(w).sum() + np.log(w.sum()) + (w * (y - mean) ** 2).sum())

    assert all(minus_twice(found) <= minus_twice(other) + 1e-9 for other in np.linspace(0, 0.5, 200))


def test_thin_studies() -> None:
    empty = pl.DataFrame(schema={"r": pl.Float64, "n": pl.Int64})
    assert _run(empty).value is None
    for method in ("reml", "hunter_schmidt"):
        one = _run(pl.DataFrame({"r": [0.3], "n": [50]}), method=method)
        assert one.value == pytest.approx(0.3)
        assert "SMALL_SAMPLE" in _codes(one)
        assert ("NO_INTERVAL" in _codes(one)) == (method == "hunter_schmidt")
    same = _run(pl.DataFrame({"r": [0.3, 0.3], "n": [50, 80]}))
    assert same.detail["tau2"] == 0
    assert "BOUNDARY" in _codes(same)
    odd = _run(pl.DataFrame({"r": [0.3, 1.0, 0.2, None, 0.4], "n": [50, 20, 3, 9, 60]}))
    assert odd.n["studies"] == 2
    assert {"MISSING_DATA", "SMALL_SAMPLE"} <= _codes(odd)
    alone = _run(_studies(1).with_columns(kind=pl.lit("k")), moderator="kind")
    assert alone.detail["moderator"] is None
    holes = _run(_studies(1).with_columns(kind=pl.when(pl.int_range(pl.len()) > 2).then("kind")), moderator="kind")
    assert "MISSING_DATA" in _codes(holes)
    assert sum(row["studies"] for row in holes.detail["moderator"]["levels"]) == 9


@pytest.mark.parametrize(
    ("frame", "options", "match"),
    [
        ({"r": [1.2], "n": [50]}, {}, "from -1 to 1; row 1 holds 1.2"),
        ({"r": [0.2], "n": [50.5]}, {}, "whole number of people"),
        ({"r": [0.2], "n": [0]}, {}, "whole number of people"),
        ({"r": [0.2], "n": [50], "a": [0.8]}, {"rxx": "a"}, "hunter_schmidt"),
        ({"r": [0.2], "n": [50], "a": [1.8]}, {"rxx": "a", "method": "hunter_schmidt"}, "at most 1"),
        ({"r": [0.2], "n": [50]}, {"method": "ml"}, "must be one of reml, dl"),
    ],
)
def test_misuse(frame: dict[str, list[float]], options: dict[str, Any], match: str) -> None:
    with pytest.raises(MeasureInputError, match=match):
        _run(pl.DataFrame(frame), **options)
