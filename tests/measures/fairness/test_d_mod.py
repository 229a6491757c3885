"""d_Mod: the published figures, numerical integration, invariances and thin groups."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError

SIDES = ("unsigned", "under", "over")


def _standard(n: int, mean: float) -> np.ndarray:
    """Scores with exactly that mean and standard deviation 1."""
    x = norm.ppf((np.arange(n) + 0.5) / n)
    return np.asarray((x - x.mean()) / x.std(ddof=1) + mean)


def _published(n: int = 400) -> pl.DataFrame:
    """Lines -.05 + .5 x (criterion SD 1) and -.05 + .3 x, focal x of mean -.5 and SD 1; errors not correlated with x."""
    reference, focal = _standard(n, 0.0), _standard(n, -0.5)
    error = np.cos(np.arange(n) * np.pi)
    error = error - np.polyval(np.polyfit(reference, error, 1), reference)
    error *= np.sqrt(0.75) / error.std(ddof=1)
    y = np.concatenate((-0.05 + 0.5 * reference + error, -0.05 + 0.3 * focal))
    return pl.DataFrame({"group": ["r"] * n + ["f"] * n, "x": np.concatenate((reference, focal)), "y": y})


def _people(seed: int, n: int = 60) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    focal = np.arange(n) < n // 3
    x = rng.standard_normal(n)
    y = 0.4 * x - 0.3 * focal * x + rng.standard_normal(n)
    return pl.DataFrame({"group": np.where(focal, "f", "r"), "x": x, "y": y})


def test_nye_and_sackett_2017() -> None:
    estimate = measure("d_mod", _published(), reference="r", interval="none")
    assert estimate.value == pytest.approx(-0.10, abs=1e-9)
    assert estimate.detail["unsigned"] == pytest.approx(0.1791186, abs=1e-7)
    assert estimate.detail["reference_sd_y"] == pytest.approx(1)
    assert estimate.detail["observed"]["unsigned"] == pytest.approx(0.1791, abs=2e-3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_closed_form_is_the_integral(seed: int) -> None:
    estimate = measure("d_mod", _people(seed), interval="none")
    detail = estimate.detail
    reference, focal = detail["lines"]["r"], detail["lines"]["f"]

    def gap(x: float) -> float:
        height = reference["intercept"] - focal["intercept"] + (reference["slope"] - focal["slope"]) * x
        return float(height / detail["reference_sd_y"])

    mean, sd = detail["focal_mean_x"], detail["focal_sd_x"]
    crossing = (focal["intercept"] - reference["intercept"]) / (reference["slope"] - focal["slope"])
    ends = (mean - 9 * sd, mean + 9 * sd)

    def integral(part: Callable[[float], float]) -> float:
        density = norm(mean, sd).pdf
        cuts = sorted({*ends, *[at for at in (mean, crossing) if ends[0] < at < ends[1]]})
        return sum(quad(lambda x: part(gap(x)) * density(x), low, high)[0] for low, high in pairwise(cuts))

    assert estimate.value == pytest.approx(integral(lambda d: d), abs=1e-8)
    assert detail["unsigned"] == pytest.approx(integral(abs), abs=1e-8)
    assert detail["over"] == pytest.approx(integral(lambda d: max(d, 0.0)), abs=1e-8)
    assert detail["under"] == pytest.approx(integral(lambda d: min(d, 0.0)), abs=1e-8)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 50), shift=st.floats(-50, 50))
def test_units_and_row_order_do_not_matter(seed: int, scale: float, shift: float) -> None:
    people = _people(seed)
    moved = people.with_columns(x=pl.col("x") * scale + shift, y=pl.col("y") * scale - shift)
    moved = moved.sample(fraction=1, shuffle=True, seed=seed)
    one, other = (measure("d_mod", each, replicates=50) for each in (people, moved))
    assert one.value == pytest.approx(other.value, abs=1e-8)
    assert [one.detail[key] for key in SIDES] == pytest.approx([other.detail[key] for key in SIDES], abs=1e-8)
    assert one.interval is not None
    assert other.interval is not None
    assert (one.interval.low, one.interval.high) == pytest.approx((other.interval.low, other.interval.high), abs=1e-8)
    assert one.value == pytest.approx(one.detail["under"] + one.detail["over"], abs=1e-12)
    turned = measure("d_mod", people.with_columns(y=-pl.col("y")), interval="none")
    assert turned.value == pytest.approx(-(one.value or 0.0), abs=1e-10)
    assert turned.detail["over"] == pytest.approx(-one.detail["under"], abs=1e-10)


def test_parallel_lines_are_one_sided() -> None:
    """Lines half a reference SD apart everywhere: all of it is overprediction."""
    base = _people(3).filter(pl.col("group") == "r")
    lower = base.with_columns(group=pl.lit("f"), y=pl.col("y") - 0.5 * pl.col("y").std())
    estimate = measure("d_mod", pl.concat([base, lower]), reference="r", interval="none")
    assert estimate.value == pytest.approx(0.5)
    assert [estimate.detail[key] for key in SIDES] == pytest.approx([0.5, 0, 0.5], abs=1e-12)


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame(schema={"group": pl.String, "x": pl.Float64, "y": pl.Float64}),
        _people(1).filter(pl.col("group") == "r"),
        _people(1).with_columns(x=pl.lit(1.5)),
        _people(1).with_columns(y=pl.lit(0.1)),
        pl.concat([_people(1).filter(pl.col("group") == "r"), _people(1).head(2)]),
        _people(1).with_columns(y=pl.lit(None, dtype=pl.Float64)),
    ],
)
def test_thin_data_give_no_value(frame: pl.DataFrame) -> None:
    estimate = measure("d_mod", frame)
    json.dumps(estimate.to_dict(), allow_nan=False)
    assert estimate.value is None
    assert {caution.code for caution in estimate.cautions} & {"SMALL_GROUP", "CONSTANT_INPUT"}


def test_small_groups_are_told() -> None:
    estimate = measure("d_mod", _people(1, 24), replicates=50)
    assert estimate.value is not None
    assert "SMALL_GROUP" in {caution.code for caution in estimate.cautions}


def test_misuse() -> None:
    with pytest.raises(MeasureInputError, match="replicates"):
        measure("d_mod", _people(1), replicates=3)
    with pytest.raises(MeasureInputError, match="same group"):
        measure("d_mod", _people(1), focal="f", reference="f")
