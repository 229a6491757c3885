"""Item bias: independent programs, published figures, invariances, thin data, recovery."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.recovery.item_bias import SETTINGS
from benchmarks.recovery.setting import Setting
from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.fairness.cumulative_logit import fit_cumulative
from tests.measures.fairness.frames import counted
from tests.measures.fairness.test_published import BERKELEY
from tests.measures.fairness.test_recovery import _plausible
from tests.oracles.cases import agree, checks, data

NAMES = ("dif_mantel_haenszel", "dif_logistic")
PAIR = {"focal": "f", "reference": "r"}


def _people(seed: int, n: int = 120, top: int = 1) -> pl.DataFrame:
    """People with a matching score of 0 to 4 and an item of 0 to top that rises with it."""
    rng = np.random.default_rng(seed)
    matching = rng.integers(0, 5, n)
    item = np.clip(rng.binomial(top, 0.2 + 0.12 * matching), 0, top)
    return pl.DataFrame({"group": rng.choice(["f", "r"], n), "matching": matching, "item": item})


@pytest.mark.parametrize(("case", "check"), checks(*NAMES))
def test_oracle(case: str, check: dict[str, Any]) -> None:
    frame, params = data(case), check["params"]
    total = frame.group_by("candidate").agg(matching=pl.col("binary").sum())
    one = frame.filter(pl.col("virtual_item") == params["item"]).join(total, on="candidate")
    estimate = measure(
        check["statistic"], one, item="binary", focal=params["focal"], reference=params["reference"]
    )  # fmt: skip
    found = {**estimate.detail, "strata": estimate.n.get("strata")}
    for key in check["expected"]:
        agree(check, key, found[key])


def test_berkeley_admissions_matched_on_department() -> None:
    """The common odds ratio of 1973 is .9046968 for men, its corrected chi-square 1.4269462 (Bickel et al. 1975, in R)."""
    people = pl.concat([counted({"women": women, "men": men}, name) for name, (women, men) in BERKELEY.items()])
    people = people.with_columns(matching=pl.col("stratum").rank("dense"))
    found = measure("dif_mantel_haenszel", people, item="selected", focal="women")
    assert found.detail["alpha_mh"] == pytest.approx(0.9046968, abs=5e-8)
    assert found.detail["chi2"] == pytest.approx(1.4269462, abs=5e-7)
    assert found.detail["ets_class"] == "A"


def test_cheese_tasting() -> None:
    """McCullagh & Nelder (1989, 5.3.1): additives A, B, C beside D, nine scores, 52 tasters each."""
    counts = np.array([
        [0, 0, 1, 7, 8, 8, 19, 8, 1], [6, 9, 12, 11, 7, 6, 1, 0, 0], [1, 1, 6, 8, 23, 7, 5, 1, 0],
        [0, 0, 0, 1, 3, 7, 14, 16, 11],
    ])  # fmt: skip
    cheese, score = np.nonzero(counts)
    X = (cheese[:, None] == np.arange(3)[None, :]).astype(np.float64)
    fit = fit_cumulative(X, score.astype(np.int64), counts[cheese, score].astype(np.float64))
    assert fit.converged
    assert fit.coefficients == pytest.approx([-1.613, -4.965, -3.323], abs=6e-4)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx([0.378, 0.474, 0.425], abs=6e-3)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), top=st.sampled_from([1, 3]), scale=st.floats(0.1, 10), shift=st.floats(-50, 50))
def test_row_order_and_units_do_not_matter_and_turning_round_turns_the_sign(
    seed: int, top: int, scale: float, shift: float
) -> None:
    people = _people(seed, top=top)
    other = people.sample(fraction=1, shuffle=True, seed=seed).with_columns(
        matching=pl.col("matching") * scale + shift, item=pl.col("item") * 2 + 1
    )
    for name in NAMES:
        one, same = measure(name, people, **PAIR), measure(name, other, **PAIR)
        turned = measure(name, people, focal="r", reference="f")
        reversed_item = measure(name, people.with_columns(item=-pl.col("item")), **PAIR)
        if one.value is None:
            assert one.cautions
            continue
        assert same.value == pytest.approx(one.value, rel=1e-6, abs=1e-7)
        assert turned.value == pytest.approx(-one.value, rel=1e-6, abs=1e-7)
        assert reversed_item.value == pytest.approx(-one.value, rel=1e-6, abs=1e-7)
        assert turned.detail["p"] == pytest.approx(one.detail["p"], rel=1e-5, abs=1e-9)
        assert one.interval is not None
        assert turned.interval is not None
        assert turned.interval.low == pytest.approx(-one.interval.high, rel=1e-5, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_two_scores_give_the_stratified_odds_ratio(seed: int) -> None:
    people = _people(seed)
    item = measure("dif_mantel_haenszel", people, **PAIR)
    pooled = measure("mantel_haenszel", people, stratum="matching", selected="item", **PAIR)
    assert item.value is not None
    assert pooled.value is not None
    assert item.detail["alpha_mh"] == pytest.approx(1 / pooled.value)
    assert item.detail["log_or_se"] == pytest.approx(pooled.detail["log_or_se"])
    assert item.detail["chi2"] == pytest.approx(pooled.detail["chi2_corrected"])
    assert item.value == pytest.approx(pooled.detail["mh_d_dif"])


def test_error_of_an_ordered_scale_matches_resampling() -> None:
    """The closed standard error beside the spread of 400 samples of new people from the same populations."""
    rng = np.random.default_rng(3)
    logs, errors = [], []
    for _ in range(400):
        found = measure("dif_mantel_haenszel", _people(int(rng.integers(1 << 30)), n=200, top=4), **PAIR)
        logs.append(math.log(found.detail["alpha_mh"]))
        errors.append(found.detail["log_or_se"])
    assert float(np.mean(errors)) == pytest.approx(float(np.std(logs)), rel=0.12)  # three Monte Carlo errors


def test_gradient_and_information_are_those_of_the_likelihood() -> None:
    """A maximum found is one: the likelihood falls on both sides of it, by what the covariance says."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((300, 2))
    category = np.digitize(X @ [0.8, -0.4] + rng.logistic(size=300), [-1.0, 0.5, 1.5]).astype(np.int64)
    weight = np.ones(300)
    full = fit_cumulative(X, category, weight)
    assert full.converged
    for at in range(2):
        error = math.sqrt(full.covariance[at, at])
        kept = fit_cumulative(np.delete(X, at, axis=1), category, weight)
        drop = 2 * (full.likelihood - kept.likelihood)
        assert drop == pytest.approx((full.coefficients[at] / error) ** 2, rel=0.15)
    assert full.coefficients == pytest.approx([0.8, -0.4], abs=0.45)


def _run(name: str, frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure(name, frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("group", "matching", "item", "code"),
    [
        ([], [], [], "SMALL_GROUP"),
        (["f", "f"], [1, 2], [0, 1], "SMALL_GROUP"),
        (["f", "r"] * 3, [1, 1, 2, 2, 3, 3], [1] * 6, "CONSTANT_INPUT"),
        (["f", "r"] * 60, list(range(60)) * 2, list(range(120)), "NOT_ESTIMABLE"),
        (["f", "r"], [None, 1], [1, None], "MISSING_DATA"),
    ],
)
def test_thin_data(name: str, group: list[str], matching: list[Any], item: list[Any], code: str) -> None:
    frame = pl.DataFrame(
        {"group": group, "matching": matching, "item": item},
        schema={"group": pl.String, "matching": pl.Float64, "item": pl.Float64}, strict=False,
    )  # fmt: skip
    estimate = _run(name, frame)
    assert estimate.value is None
    assert code in {caution.code for caution in estimate.cautions}


def test_separated_scores_have_no_finite_maximum() -> None:
    frame = pl.DataFrame({"group": ["f", "r"] * 10, "matching": list(range(20)), "item": [0] * 10 + [1] * 10})
    assert {each.code for each in _run("dif_logistic", frame).cautions} >= {"NOT_CONVERGED"}
    assert _run("dif_logistic", frame).value is None
    alone = _run("dif_mantel_haenszel", frame)
    assert alone.value is None
    assert "CONSTANT_INPUT" in {each.code for each in alone.cautions}


def test_nobody_against_the_trend_has_no_delta() -> None:
    frame = pl.DataFrame({"group": ["f", "r"] * 10, "matching": [1, 1, 2, 2] * 5, "item": [0, 1] * 10})
    found = _run("dif_mantel_haenszel", frame)
    assert found.value is None
    assert "ZERO_CELL" in {each.code for each in found.cautions}
    assert _run("dif_logistic", frame).value is None


def test_matching_that_does_not_vary_matches_nobody() -> None:
    frame = _people(1).with_columns(matching=pl.lit(3.0))
    assert _run("dif_logistic", frame, **PAIR).value is None
    assert _run("dif_mantel_haenszel", frame, **PAIR).n["strata"] == 1


def test_matching_on_many_values_asks_for_levels() -> None:
    frame = _people(2).with_columns(matching=pl.col("matching") + pl.int_range(pl.len()) // 2 / 1000)
    assert "SMALL_SAMPLE" in {each.code for each in _run("dif_mantel_haenszel", frame, **PAIR).cautions}
    by_levels = _run("dif_mantel_haenszel", frame, levels=5, **PAIR)
    assert by_levels.n["strata"] == 5
    assert "SMALL_SAMPLE" not in {each.code for each in by_levels.cautions}


def test_difference_that_changes_with_standing_is_told() -> None:
    rng = np.random.default_rng(4)
    matching, focal = rng.integers(-3, 4, 800), rng.random(800) < 0.5
    item = rng.random(800) < 1 / (1 + np.exp(-0.8 * matching * np.where(focal, -0.2, 1)))
    frame = pl.DataFrame({"group": np.where(focal, "f", "r"), "matching": matching, "item": item})
    found = _run("dif_logistic", frame, **PAIR)
    assert found.detail["nonuniform_p"] < 1e-4
    assert found.detail["b_product"] < 0
    assert "HETEROGENEOUS_STRATA" in {each.code for each in found.cautions}


def test_misuse_is_refused() -> None:
    people = _people(1)
    with pytest.raises(MeasureInputError, match="same column"):
        measure("dif_logistic", people, item="matching", **PAIR)
    with pytest.raises(MeasureInputError, match="levels must be"):
        measure("dif_mantel_haenszel", people, levels=1, **PAIR)
    with pytest.raises(MeasureInputError, match="name the two to compare"):
        measure("dif_logistic", pl.concat([people, people.head(5).with_columns(group=pl.lit("o"))]))


@pytest.mark.parametrize("delta_odds", [0.0, math.log(3)])
def test_classes_follow_the_size(delta_odds: float) -> None:
    rng = np.random.default_rng(11)
    focal = rng.random(4000) < 0.5
    matching = rng.integers(-2, 3, 4000)
    item = rng.random(4000) < 1 / (1 + np.exp(-(0.5 * matching + delta_odds * focal)))
    frame = pl.DataFrame({"group": np.where(focal, "f", "r"), "matching": matching, "item": item})
    found = _run("dif_mantel_haenszel", frame, **PAIR)
    assert found.detail["ets_class"] == ("C" if delta_odds else "A")
    assert found.detail["favours"] == ("f" if delta_odds else None)
    assert found.value == pytest.approx(2.35 * delta_odds, abs=0.6)


@pytest.mark.parametrize("setting", SETTINGS[2:4], ids=lambda each: each.name)
def test_recovery_in_brief(setting: Setting) -> None:
    _plausible(setting, 60)
