"""Validity among applicants: against other ways to the same number, and what must not matter."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError
from fairpanel.measures.validity import incomplete_normal
from fairpanel.measures.validity.incomplete_normal import fit_normal


def _applicants(n: int, hired: int, seed: int, r: float = 0.5) -> pl.DataFrame:
    """Hired by x + z; the criterion exists for them alone."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    x = 0.4 * z + math.sqrt(0.84) * rng.normal(size=n)
    y = (r - 0.12) * x + 0.3 * z + 0.8 * rng.normal(size=n)
    taken = x + z >= np.sort(x + z)[-hired]
    return pl.DataFrame({"x": x, "z": z, "y": np.where(taken, y, np.nan), "selected": taken})


def test_without_covariates_it_is_case_2() -> None:
    people = _applicants(500, 120, 1)
    em, direct = measure("selection_validity", people), measure("selection_validity", people, method="direct")
    # the two differ in nothing but the divisors n and n - 1
    assert em.value == pytest.approx(direct.value, rel=5e-3)
    assert em.detail["alternatives"]["direct"] == direct.value


def test_indirect_is_case_4_on_the_observed_figures() -> None:
    people = _applicants(500, 120, 1)
    estimate = measure("selection_validity", people, method="indirect", rxx=0.8, ryy=0.6)
    same = measure(
        "corrected_validity", pl.DataFrame(), correction="indirect", r=estimate.detail["r_observed"], n=120,
        u=estimate.detail["u"], rxx=0.8, ryy=0.6,
    )  # fmt: skip
    assert estimate.value == pytest.approx(same.value)
    assert estimate.interval is not None
    assert same.interval is not None
    assert estimate.interval.low == pytest.approx(same.interval.low)


def test_closed_form_and_em_agree_on_nested_stages() -> None:
    values = _applicants(400, 150, 2).select("z", "x", "y").to_numpy().copy()
    values[300:, 1] = np.nan
    values[300:, 2] = np.nan
    closed = fit_normal(values)
    assert closed is not None
    assert closed.method.startswith("closed form")
    scaled = (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
    iterated = incomplete_normal._expectation_maximisation(scaled, ~np.isnan(scaled), [0, 1, 2])
    assert iterated is not None
    assert iterated.converged
    assert iterated.correlation(1, 2) == pytest.approx(closed.correlation(1, 2), abs=2e-6)
    assert iterated.fisher_z_error(1, 2) == pytest.approx(closed.fisher_z_error(1, 2), rel=0.02)


def test_em_finds_the_maximum_of_the_likelihood() -> None:
    values = _applicants(200, 80, 3).select("x", "z", "y").to_numpy().copy()
    values[::5, 1] = np.nan
    fit = fit_normal(values)
    assert fit is not None
    assert fit.method.startswith("EM")
    seen = ~np.isnan(values)

    def negative_log_likelihood(theta: np.ndarray) -> float:
        factor = np.zeros((3, 3))
        factor[np.tril_indices(3)] = theta[3:]
        covariance = factor @ factor.T
        total = 0.0
        for pattern in np.unique(seen, axis=0):
            rows = values[(seen == pattern).all(axis=1)][:, pattern] - theta[:3][pattern]
            block = covariance[np.ix_(pattern, pattern)]
            total += len(rows) * np.linalg.slogdet(block)[1] / 2 + (rows @ np.linalg.inv(block) * rows).sum() / 2
        return total

    start = np.concatenate((np.nanmean(values, axis=0), np.eye(3)[np.tril_indices(3)]))
    best = minimize(negative_log_likelihood, start, method="BFGS").x
    factor = np.zeros((3, 3))
    factor[np.tril_indices(3)] = best[3:]
    covariance = factor @ factor.T
    assert fit.correlation(0, 2) == pytest.approx(
        covariance[0, 2] / math.sqrt(covariance[0, 0] * covariance[2, 2]), abs=1e-4
    )


def test_fiducial_and_bootstrap_intervals_are_alike() -> None:
    people = _applicants(800, 250, 4)
    options = {"covariates": ["z"]}
    one = measure("selection_validity", people, **options).interval
    other = measure("selection_validity", people, interval="bootstrap", replicates=400, **options).interval
    assert one is not None
    assert other is not None
    assert one.low == pytest.approx(other.low, abs=0.05)
    assert one.high == pytest.approx(other.high, abs=0.05)


def test_sensitivity_rows_rise_and_hold_the_estimate() -> None:
    """Hiring by x and an unmeasured variable: the row of its true partial correlation is nearest to the truth."""
    rng = np.random.default_rng(5)
    n = 20_000
    x, v = rng.normal(size=(2, n))
    y = 0.4 * x + 0.5 * math.sqrt(0.84) * v + math.sqrt(0.84 * 0.75) * rng.normal(size=n)
    taken = x + v > 1.5
    people = pl.DataFrame({"x": x, "y": np.where(taken, y, np.nan), "selected": taken})
    estimate = measure("selection_validity", people)
    rows = {row["partial_r"]: row["r"] for row in estimate.detail["sensitivity"]}
    assert list(rows) == sorted(rows)
    assert list(rows.values()) == sorted(rows.values())
    assert estimate.value is not None
    assert estimate.value < 0.25
    assert rows[0.5] == pytest.approx(0.4, abs=0.04)
    assert min(rows.values()) < estimate.value < max(rows.values())


def test_bias_can_be_taken_out() -> None:
    """Case II with 60 of 600 hired: a few hundred samples show the bias of one and none of the other."""
    differences = []
    for seed in range(300):
        rng = np.random.default_rng([11, seed])
        x, noise = rng.standard_normal((2, 600))
        taken = x >= np.sort(x)[-60]
        people = pl.DataFrame({"x": x, "y": 0.4 * x + math.sqrt(0.84) * noise, "selected": taken})
        plain = measure("selection_validity", people, interval="none")
        corrected = measure("selection_validity", people, interval="none", bias_corrected=True)
        assert corrected.value == plain.detail["r_bias_corrected"] == corrected.detail["r_bias_corrected"]
        assert plain.value is not None
        assert corrected.value is not None
        differences.append((plain.value - 0.4, corrected.value - 0.4))
    mean, error = np.mean(differences, axis=0), np.std(differences, axis=0) / math.sqrt(300)
    assert 0.015 < mean[1] - mean[0] < 0.05
    assert abs(mean[1]) < 0.015 + 2 * error[1]


def test_bias_correction_leaves_the_interval_and_refuses_other_methods() -> None:
    people = _applicants(500, 120, 1)
    plain = measure("selection_validity", people, covariates=["z"])
    corrected = measure("selection_validity", people, covariates=["z"], bias_corrected=True)
    assert corrected.interval == plain.interval
    assert corrected.value != plain.value
    with pytest.raises(MeasureInputError, match="goes with method='em', got method='direct'"):
        measure("selection_validity", people, method="direct", bias_corrected=True)


def test_the_same_person_selected_twice_is_refused() -> None:
    people = _applicants(100, 30, 1).with_row_index("who")
    hired = people.filter("selected")["who"].to_list()
    named = people.with_columns(who=pl.when(pl.col("who") == hired[1]).then(hired[0]).otherwise("who"))
    with pytest.raises(MeasureInputError, match=rf"selected 2 times \(who='{hired[0]}'\): keep one"):
        measure("selection_validity", named, person="who")
    assert measure("selection_validity", people, person="who").value == measure("selection_validity", people).value


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 50), shift=st.floats(-100, 100))
def test_order_and_units_do_not_matter(seed: int, scale: float, shift: float) -> None:
    people = _applicants(150, 50, seed)
    one = measure("selection_validity", people, covariates=["z"])
    changed = people.sample(fraction=1, shuffle=True, seed=seed).with_columns(
        pl.col("x") * scale + shift, pl.col("y") / scale
    )
    other = measure("selection_validity", changed, covariates=["z"])
    assert other.value == pytest.approx(one.value, abs=1e-8)
    assert one.interval is not None
    assert other.interval is not None
    assert other.interval.low == pytest.approx(one.interval.low, abs=1e-7)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 50), shift=st.floats(-100, 100))
def test_correlations_have_no_units(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    people = pl.DataFrame({"x": rng.normal(size=30), "y": rng.integers(1, 6, 30)})
    for name in ("pearson", "spearman"):
        one = measure(name, people)
        moved = measure(name, people.with_columns(pl.col("x") * scale + shift).sample(fraction=1, shuffle=True, seed=1))
        turned = measure(name, people.with_columns(-pl.col("x")))
        swapped = measure(name, people, x="y", y="x")
        assert moved.value == pytest.approx(one.value, abs=1e-9)
        assert turned.value == pytest.approx(-one.value, abs=1e-12)
        assert swapped.value == pytest.approx(one.value, abs=1e-12)
    bent = measure("spearman", people.with_columns(pl.col("x").exp()))
    assert bent.value == pytest.approx(one.value, abs=1e-12)
