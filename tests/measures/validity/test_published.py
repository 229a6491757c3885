"""Worked examples from the literature and cases reckoned by hand."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from fairpanel.measures.validity.power import detectable_correlation

NO_DATA = pl.DataFrame()


def _corrected(**options: object) -> float | None:
    return measure("corrected_validity", NO_DATA, n=100, **options).value


def test_direct_range_restriction() -> None:
    assert _corrected(correction="direct", r=0.33, u=48.19 / 100.32) == pytest.approx(0.5884233, abs=1e-7)
    assert _corrected(correction="direct", r=0.25, u=5 / 12) == pytest.approx(0.5267416, abs=1e-7)


def test_indirect_range_restriction() -> None:
    estimate = measure("corrected_validity", NO_DATA, correction="indirect", r=0.3, n=100, u=0.8, rxx=0.8, ryy=0.8)
    assert estimate.value == pytest.approx(0.4359516, abs=1e-7)
    assert estimate.detail["r_true"] == pytest.approx(0.4668528, abs=1e-7)


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"correction": "attenuation", "r": 0.3, "ryy": 0.36}, 0.5),
        ({"correction": "attenuation", "r": 0.3, "rxx": 0.25, "ryy": 0.64}, 0.75),
        ({"correction": "attenuation", "r": -0.3, "rxx": 0.36}, -0.5),
        ({"correction": "direct", "r": 0.6, "u": 1.0}, 0.6),
        # r 3/5, U 4/3: .8 / sqrt(1 + .36 * 7/9)
        ({"correction": "direct", "r": 0.6, "u": 0.75}, 0.8 / math.sqrt(1.28)),
        ({"correction": "indirect", "r": 0.3, "u": 1.0, "rxx": 1.0}, 0.3),
        # nothing lost by unreliability: Case IV is Case II
        ({"correction": "indirect", "r": 0.6, "u": 0.75, "rxx": 1.0}, 0.8 / math.sqrt(1.28)),
    ],
)
def test_corrections_by_hand(options: dict[str, object], value: float) -> None:
    assert _corrected(**options) == pytest.approx(value)


def test_interval_ends_are_carried_through() -> None:
    plain = (math.tanh(math.atanh(0.3) - 1.959964 / 10), math.tanh(math.atanh(0.3) + 1.959964 / 10))
    interval = measure("corrected_validity", NO_DATA, correction="attenuation", r=0.3, n=103, ryy=0.25).interval
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((plain[0] * 2, plain[1] * 2), abs=1e-6)


def test_correlations_by_hand() -> None:
    """x 1..5, y 2 1 4 3 5: cross products 8, squares 10; ranks are the scores. r = .8, t = .8 sqrt(3 / .36)."""
    people = pl.DataFrame({"x": [1, 2, 3, 4, 5], "y": [2, 1, 4, 3, 5]})
    for name in ("pearson", "spearman"):
        estimate = measure(name, people)
        assert estimate.value == pytest.approx(0.8)
        assert estimate.detail["t"] == pytest.approx(0.8 * math.sqrt(3 / 0.36))
    assert measure("spearman", people).detail["S"] == pytest.approx(4)
    # ties take their mean rank: 1.5 1.5 3 4 against 1 2 3 4
    tied = measure("spearman", pl.DataFrame({"x": [1, 1, 2, 3], "y": [1, 2, 3, 4]}))
    assert tied.value == pytest.approx(4.5 / math.sqrt(4.5 * 5))


def test_hired_by_hand() -> None:
    """Hired x 2, 3, 4 with y 1, 3, 2: slope .5, residual squares 1.5 over 3; applicants' x 0..4: variance 2."""
    people = pl.DataFrame(
        {"x": [0.0, 1.0, 2.0, 3.0, 4.0, 2.0], "y": [None, None, 1.0, 3.0, 2.0, None], "selected": [0, 0, 1, 1, 1, 0]}
    ).head(5)
    assert measure("selection_validity", people).value is None  # three hired are too few
    people = pl.concat([people, people])
    estimate = measure("selection_validity", people)
    slope, residual, variance = 0.5, 0.5, 2.0
    assert estimate.value == pytest.approx(slope * math.sqrt(variance / (slope**2 * variance + residual)))
    assert estimate.detail["r_observed"] == pytest.approx(0.5)
    assert (estimate.detail["n_hired"], estimate.detail["n_applicants"]) == (6, 10)


def test_minimum_detectable_correlation() -> None:
    """84 people find r = .3 with 80 % (Cohen 1988, table 3.4.1)."""
    assert detectable_correlation(1 / math.sqrt(84 - 3))["r"] == pytest.approx(0.3, abs=0.003)
    people = pl.DataFrame({"x": np.arange(84) % 7, "y": np.arange(84) % 5})
    assert measure("pearson", people).detail["minimum_detectable"]["r"] == pytest.approx(0.3, abs=0.003)
