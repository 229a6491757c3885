"""Crossed groups: planted and absent interactions, independent likelihoods, invariances, thin tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit
from scipy.stats import norm

from benchmarks.recovery.group_gaps import SETTINGS
from fairpanel.measures.catalogue import measure, option_from_text
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.fairness.crossed_model import Cells, Interaction, additive
from tests.measures.fairness.test_recovery import _plausible

Counts = Mapping[tuple[str, str], tuple[int, int]]


def _people(counts: Counts) -> pl.DataFrame:
    rows = [(one, other, at < yes) for (one, other), (yes, n) in counts.items() for at in range(n)]
    return pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String, "selected": pl.Boolean}, orient="row")


def _crossed(counts: Counts | pl.DataFrame, **options: Any) -> Estimate:
    frame = counts if isinstance(counts, pl.DataFrame) else _people(counts)
    estimate = measure("crossed_rates", frame, **({"group": ["a", "b"], "replicates": 1999} | options))
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _row(estimate: Estimate, name: str) -> dict[str, Any]:
    return next(row for row in estimate.detail["rows"] if row["group"] == name)


PLANTED = {
    (one, other): (round(n * rate), n)
    for one, sizes in (("women", (200, 40, 100, 60)), ("men", (300, 100, 100, 100)))
    for other, n in zip("wxyz", sizes, strict=True)
    for rate in (0.15 if (one, other) == ("women", "x") else 0.4,)
}


def test_a_planted_small_cell_is_found() -> None:
    """Forty women of x at .15 where both attributes promise .40; everyone else at .40."""
    estimate = _crossed(PLANTED)
    assert estimate.detail["flagged"] == ["women / x"]
    assert estimate.detail["p"] < 0.1  # of three contrasts at once
    row = _row(estimate, "women / x")
    assert (row["n"], row["selected"], row["rate"]) == (40, 6, 0.15)
    assert 0.15 < row["pooled"] < row["expected"]
    assert row["departure"] < -0.5
    assert row["shares_p_with"] == ["men / x"]
    assert row["raw_ratio"] == pytest.approx(0.15 / 0.4)
    assert row["raw_ratio_high"] < 0.8


def test_additive_cells_have_no_interaction() -> None:
    counts = {(one, other): (round(200 * expit(i / 2 - j / 3 - 0.3)), 200) for i, one in enumerate("mw")
              for j, other in enumerate("xyz")}  # fmt: skip
    estimate = _crossed(counts)
    assert estimate.value == 0
    assert estimate.interval is not None
    assert estimate.interval.low == 0
    assert estimate.detail["flagged"] == []
    assert estimate.detail["p"] > 0.9
    assert [caution.code for caution in estimate.cautions] == ["BOUNDARY"]


def _random(seed: int, rows: int, columns: int, tau: float) -> Cells:
    rng = np.random.default_rng(seed)
    row, column = (each.ravel() for each in np.indices((rows, columns)))
    n = rng.integers(3, 90, row.size).astype(np.float64)
    log_odds = -0.5 + 0.5 * row - 0.3 * column + tau * rng.standard_normal(row.size)
    return Cells(row, column, rng.binomial(n.astype(int), expit(log_odds)).astype(np.float64), n)


def test_additive_fit_by_general_optimisation() -> None:
    """Main effects with priors of SD 5 (mean: 20) by a quasi-Newton method; without priors hardly different."""
    cells = _random(1, 3, 4, 0.5)
    fit = additive(cells, cells.selected[None, :])

    def loss(beta: np.ndarray) -> float:
        eta = cells.design @ beta
        likelihood = cells.selected @ log_expit(eta) + (cells.n - cells.selected) @ log_expit(-eta)
        return -float(likelihood) + float(beta[1:] @ beta[1:]) / 50 + float(beta[0] ** 2) / 800

    found = minimize(loss, np.zeros(8), method="BFGS", options={"gtol": 1e-7})
    assert fit.rates[0] == pytest.approx(expit(cells.design @ found.x), abs=1e-6)
    free = cells.design[:, [0, 2, 3, 5, 6, 7]]
    plain = minimize(
        lambda b: -float(cells.selected @ log_expit(free @ b) + (cells.n - cells.selected) @ log_expit(-free @ b)),
        np.zeros(6), method="BFGS",
    )  # fmt: skip
    assert fit.rates[0] == pytest.approx(expit(free @ plain.x), abs=2e-3)


def test_likelihood_and_moments_by_quadrature() -> None:
    cells = _random(2, 3, 3, 0.8)
    model = Interaction(cells, additive(cells, cells.selected[None, :]))
    tau = 0.7
    eta = np.linspace(-1, 1, 9)
    total, _, mean, variance = model._integrated(eta, tau, np.zeros(9))
    reference = 0.0
    for at in range(9):
        y, n = cells.selected[at], cells.n[at]

        def law(z: float, power: int = 0, y: float = y, n: float = n, eta: float = eta[at]) -> float:
            theta = eta + tau * z
            return float(np.exp(y * log_expit(theta) + (n - y) * log_expit(-theta)) * norm.pdf(z)) * (tau * z) ** power

        moments = [quad(law, -9, 9, args=(power,), epsabs=0, epsrel=1e-10, limit=300)[0] for power in range(3)]
        reference += np.log(moments[0])
        assert mean[at] == pytest.approx(moments[1] / moments[0], abs=1e-7)
        assert variance[at] == pytest.approx(moments[2] / moments[0] - (moments[1] / moments[0]) ** 2, rel=1e-6)
    assert total == pytest.approx(reference, rel=1e-9)


def test_restricted_likelihood_by_importance_sampling() -> None:
    """Main effects integrated out by 4,000 draws about their mode: what Laplace's method puts in their place."""
    cells = _random(7, 2, 3, 0.7)
    model = Interaction(cells, additive(cells, cells.selected[None, :]))
    rng = np.random.default_rng(1)
    found, sampled = [], []
    for tau in (0.2, 1.0):
        fit = model.fitted(tau, model._at_zero)
        X, precision = cells.design, cells.precision
        _, _, _, variance = model._integrated(X @ fit.coefficients, tau, np.zeros(6))
        spread = np.linalg.inv((X.T * ((1 - variance / tau**2) / tau**2)) @ X + np.diag(precision))
        root = np.linalg.cholesky(spread)
        z = rng.standard_normal((4000, X.shape[1]))
        logs = []
        for step in z:
            beta = fit.coefficients + root @ step
            likelihood = model._integrated(X @ beta, tau, np.zeros(6))[0]
            logs.append(likelihood - precision @ beta**2 / 2 + step @ step / 2)
        found.append(fit.criterion)
        sampled.append(np.log(np.mean(np.exp(np.array(logs) - max(logs)))) + max(logs) + np.log(np.diag(root)).sum())
    assert found[1] - found[0] == pytest.approx(sampled[1] - sampled[0], abs=0.06)


def test_restricted_likelihood_tends_to_that_without_interaction() -> None:
    cells = _random(3, 4, 3, 0.3)
    model = Interaction(cells, additive(cells, cells.selected[None, :]))
    assert model.criterion(1e-3) == pytest.approx(model.criterion(0.0), abs=1e-4)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_invariances(seed: int) -> None:
    """Order of rows, which attribute comes first, and what the levels are called; refusals mirror selections."""
    cells = _random(seed, 2, 3, 0.6)
    counts = {
        ("pq"[i], "xyz"[j]): (int(yes), int(n))
        for i, j, yes, n in zip(cells.row, cells.column, cells.selected, cells.n, strict=True)
    }
    people = _people(counts)
    one = _crossed(people, replicates=200)
    assert _crossed(people.sample(fraction=1, shuffle=True, seed=seed), replicates=200).to_dict() == one.to_dict()
    turned = _crossed(people, group=["b", "a"], replicates=200)
    named = _crossed(people.with_columns(b=pl.col("b").replace({"x": "zz"})), replicates=200)
    mirrored = _crossed(people.with_columns(~pl.col("selected")), replicates=200)
    for other in (turned, named, mirrored):
        assert other.value == pytest.approx(one.value, abs=1e-3)
        assert other.detail["pearson"] == pytest.approx(one.detail["pearson"], rel=1e-5)
        assert other.detail["p"] == pytest.approx(one.detail["p"], abs=0.15)
    for row in one.detail["rows"]:
        first, second = row["levels"]
        assert _row(turned, f"{second} / {first}")["pooled"] == pytest.approx(row["pooled"], abs=1e-5)
        assert _row(mirrored, row["group"])["pooled"] == pytest.approx(1 - row["pooled"], abs=1e-5)


def test_one_person_has_a_wide_interval() -> None:
    row = _row(_crossed({**PLANTED, ("women", "x"): (1, 1)}), "women / x")
    assert row["rate"] == 1
    assert abs(row["pooled"] - row["expected"]) < 0.1
    assert logit(row["pooled_high"]) - logit(row["pooled_low"]) > 1


def test_empty_cells_and_cells_the_others_do_not_speak_of() -> None:
    counts = dict(PLANTED)
    del counts[("men", "x")], counts[("men", "y")]
    estimate = _crossed(counts)
    assert estimate.detail["empty"] == ["men / x", "men / y"]
    assert _row(estimate, "women / x")["p"] is None
    assert _row(estimate, "women / x")["flagged"] is False
    assert _row(estimate, "women / w")["shares_p_with"] == ["men / w", "men / z", "women / z"]
    assert estimate.detail["df"] == 1


def test_a_level_with_nobody_selected() -> None:
    estimate = _crossed({**PLANTED, ("women", "x"): (0, 40), ("men", "x"): (0, 100)})
    row = _row(estimate, "women / x")
    assert 0 < row["pooled"] < 0.1
    assert row["raw_ratio"] == 0
    assert row["flagged"] is False


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({}, "SMALL_GROUP"),
        ({("a", "x"): (1, 2)}, "SMALL_GROUP"),
        ({("a", "x"): (1, 2), ("a", "y"): (2, 3)}, "SMALL_GROUP"),
        ({("a", "x"): (1, 2), ("b", "y"): (2, 3)}, "NOT_ESTIMABLE"),
        ({("a", "x"): (1, 2), ("b", "y"): (2, 3), ("a", "y"): (1, 5)}, "NOT_ESTIMABLE"),
        ({(one, other): (0, 5) for one in "ab" for other in "xy"}, "CONSTANT_INPUT"),
        ({(one, other): (5, 5) for one in "ab" for other in "xy"}, "CONSTANT_INPUT"),
    ],
)
def test_no_value(counts: Counts, code: str) -> None:
    estimate = _crossed(counts)
    assert estimate.value is None
    assert estimate.cautions[-1].code == code


@pytest.mark.parametrize("n", [1, 2])
def test_tiny_cells(n: int) -> None:
    estimate = _crossed({("a", "x"): (1, n), ("a", "y"): (0, n), ("b", "x"): (0, n), ("b", "y"): (n, n)})
    assert estimate.value is not None
    assert estimate.detail["p"] > 0.01
    assert "SMALL_GROUP" in [caution.code for caution in estimate.cautions]


def test_reference_and_text_options() -> None:
    assert _crossed(PLANTED, reference="women / w").detail["reference"] == "women / w"
    assert option_from_text("crossed_rates", "group", "sex, ethnicity") == ["sex", "ethnicity"]
    small = _crossed({**PLANTED, ("men", "v"): (5, 5), ("women", "v"): (2, 5)})
    assert _row(small, "men / v")["eligible"] is False
    assert small.detail["reference"] != "men / v"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"group": None}, "two different"), ({"group": ["a"]}, "two different"), ({"group": ["a", "a"]}, "two diff"),
        ({"reference": "women / q"}, "does not occur"), ({"minimum_share": 0.9}, "minimum_share"),
        ({"replicates": 3}, "at least 50"), ({"group": ["a", "c"]}, "no column"),
    ],
)  # fmt: skip
def test_misuse(options: dict[str, Any], match: str) -> None:
    with pytest.raises(MeasureInputError, match=match):
        _crossed(PLANTED, **options)


def test_level_in_brief() -> None:
    _plausible(next(each for each in SETTINGS if each.name == "crossed_rates, test, two by two"), 40)


def test_only_the_cell_unlike_its_neighbours_is_flagged_and_not_those_it_drags_along() -> None:
    counts = {
        ("women", "a"): (60, 200), ("women", "b"): (60, 200), ("women", "c"): (10, 120), ("men", "a"): (75, 250),
        ("men", "b"): (75, 250), ("men", "c"): (45, 150), ("others", "a"): (3, 10), ("others", "b"): (3, 10),
        ("others", "c"): (1, 3),
    }  # fmt: skip
    rows = [(sex, origin, at < yes) for (sex, origin), (yes, n) in counts.items() for at in range(n)]
    people = pl.DataFrame(rows, schema=["sex", "origin", "selected"], orient="row")
    found = measure("crossed_rates", people, group=["sex", "origin"])
    small = {row["group"] for row in found.detail["rows"] if row["q"] is not None and row["q"] < 0.05}
    assert small > {"women / c"}
    assert found.detail["flagged"] == ["women / c"]
