"""The many-facet Rasch model: oracles, brute force, invariances, anchors, links."""

from __future__ import annotations

import doctest
import importlib
import itertools
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure, option_from_text
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.raters.rasch.anchors import link_calibrations
from tests.measures.raters.rasch_designs import joined, numbers, panel
from tests.oracles.cases import agree, checks, data

ESTIMATORS = ("cml", "mml", "jmle")


def rasch(frame: pl.DataFrame, **options: Any) -> Estimate:
    return measure("many_facet_rasch", frame, **options)


@pytest.mark.parametrize(("case", "check"), checks("rasch_cml", "rating_scale_cml"))
def test_oracle_two_facets(case: str, check: dict[str, Any]) -> None:
    score = "binary" if check["statistic"] == "rasch_cml" else "score"
    options = {"unit": "candidate", "item": "virtual_item", "score": score, "facets": ["unit", "item"]}
    found = rasch(data(case), **options, estimation="cml")
    expected = check["expected"]
    agree(check, "loglik", found.detail["loglik"])
    if "difficulty" in expected:
        agree(check, "difficulty", [found.detail["measures"]["item"][name] for name in expected["items"]])
    if "se" in expected:
        agree(check, "se", [found.detail["se"]["item"][name] for name in expected["items"]])
    if "thresholds" in expected:
        agree(check, "thresholds", found.detail["thresholds"])
    if "npar" in expected:
        assert found.detail["parameters"] == expected["npar"]


@pytest.mark.parametrize(("case", "check"), checks("mfrm_rsm_cml"))
@pytest.mark.parametrize("facets", [["unit", "rater", "item"], ["candidate", "item", "rater"], None])
def test_oracle_three_facets(case: str, check: dict[str, Any], facets: list[str] | None) -> None:
    found = rasch(data(case), unit="candidate", facets=facets, estimation="cml")
    expected = check["expected"]
    agree(check, "item_difficulty", [found.detail["measures"]["item"][name] for name in expected["items"]])
    agree(check, "rater_severity", [found.detail["measures"]["rater"][name] for name in expected["raters"]])
    agree(check, "thresholds", found.detail["thresholds"])
    agree(check, "loglik", found.detail["loglik"])


@pytest.mark.parametrize(("case", "check"), checks("mfrm_dichotomous_mml"))
def test_oracle_marginal(case: str, check: dict[str, Any]) -> None:
    found = rasch(data(case), unit="candidate", score="binary", estimation="mml")
    rater, item = found.detail["measures"]["rater"], found.detail["measures"]["item"]
    at_want = [item[name] + rater["want"] - found.detail["population"]["mean"] for name in check["expected"]["items"]]
    agree(check, "item_difficulty_at_want", at_want)
    agree(check, "severity_do_minus_want", rater["do"] - rater["want"])
    agree(check, "se_do_minus_want", 2 * found.detail["se"]["rater"]["do"])
    agree(check, "sd_person", found.detail["sd_person"])
    agree(check, "loglik", found.detail["loglik"])


@pytest.mark.parametrize(("case", "check"), checks("mfrm_rsm_cml"))
def test_joint_estimates_are_near_the_conditional_ones_once_corrected(case: str, check: dict[str, Any]) -> None:
    """24 ratings a candidate: joint estimates are 4 % too far apart, which (L − 1)/L mends."""
    conditional, joint, corrected = (
        rasch(data(case), unit="candidate", **options).detail
        for options in (
            {"estimation": "cml"},
            {"estimation": "jmle"},
            {"estimation": "jmle", "bias_correction": True},
        )
    )
    levels = list(conditional["measures"]["item"])
    one, two, three = (
        np.array([detail["measures"]["item"][level] for level in levels]) for detail in (conditional, joint, corrected)
    )
    assert one @ two / (one @ one) == pytest.approx(24 / 23, abs=0.01)
    assert np.max(np.abs(three - one)) < 0.02
    assert corrected["bias_correction"] == pytest.approx(23 / 24)
    assert joint["measures"]["rater"]["do"] == pytest.approx(check["expected"]["rater_severity"][1], abs=0.02)


def test_conditional_likelihood_by_enumeration() -> None:
    """log P(scores | totals), summing over every pattern with a candidate's total."""
    frame = panel(3, candidates=14, raters=3, items=1, each=3).filter(pl.int_range(pl.len()) != 4)
    found = rasch(frame, estimation="cml")
    severity = found.detail["measures"]["rater"]
    used = sorted(frame["score"].unique().to_list())
    low, top = used[0], used[-1] - used[0]
    kappa = np.zeros(top + 1)
    thresholds = found.detail["thresholds"]
    if None in thresholds:
        pytest.fail("the example must use every category")
    kappa[1:] = -np.cumsum(thresholds)
    total = 0.0
    for _, rows in frame.group_by("unit"):
        deltas = np.array([severity[name] for name in rows["rater"]])
        scores = rows["score"].to_numpy() - low

        def weight(pattern: Any, deltas: Any = deltas) -> float:
            return float(-np.dot(pattern, deltas) + kappa[list(pattern)].sum())

        patterns = itertools.product(range(top + 1), repeat=len(deltas))
        same = [weight(pattern) for pattern in patterns if sum(pattern) == scores.sum()]
        total += weight(tuple(scores.tolist())) - float(np.log(np.sum(np.exp(same))))
    assert found.detail["loglik"] == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize("options", [{}, {"model": "partial_credit"}, {"model": "partial_credit", "steps_by": "rater"}])
def test_marginal_likelihood_by_a_fine_grid(options: dict[str, Any]) -> None:
    frame = panel(4, candidates=150, raters=4, items=3, each=2)
    found = rasch(frame, estimation="mml", **options)
    detail = found.detail
    grid = np.linspace(-9, 9, 2001)
    prior = np.exp(-0.5 * ((grid - detail["population"]["mean"]) / detail["sd_person"]) ** 2)
    prior /= prior.sum()
    steps = detail["thresholds"]
    total = 0.0
    for _, rows in frame.group_by("unit"):
        logs = np.zeros(grid.size)
        for rater, item, score in rows.select("rater", "item", "score").iter_rows():
            own = steps if isinstance(steps, list) else steps[item if item in steps else rater]
            eta = grid - detail["measures"]["rater"][rater] - detail["measures"]["item"][item]
            z = np.arange(5)[:, None] * eta - np.r_[0, np.cumsum(own)][:, None]
            logs += z[score - 1] - np.log(np.exp(z).sum(axis=0))
        total += float(np.log(prior @ np.exp(logs)))
    assert detail["loglik"] == pytest.approx(total, abs=1e-5)


@pytest.mark.parametrize("estimation", ESTIMATORS)
@pytest.mark.parametrize("model", ["rating_scale", "partial_credit"])
def test_observed_totals_are_expected(estimation: str, model: str) -> None:
    """Sufficiency: at the joint maximum every level's and category's total equals its expectation; the conditional and
    marginal maxima are where small changes of any level lower the likelihood."""
    frame = panel(5, candidates=80)
    found = rasch(frame, estimation=estimation, model=model)
    assert found.detail["convergence"]["converged"]
    if estimation == "jmle":
        fit = found.detail
        for rater, observed in fit["observed_average"]["rater"].items():
            rows = frame.filter(pl.col("rater") == rater)
            expected = [
                _expected(fit, *row) for row in rows.select("unit", "rater", "item").iter_rows()
            ]  # fmt: skip
            assert np.mean(expected) == pytest.approx(observed, abs=1e-3)


def _expected(detail: Any, unit: str, rater: str, item: str) -> float:
    steps = detail["thresholds"] if isinstance(detail["thresholds"], list) else detail["thresholds"][item]
    eta = detail["measures"]["unit"][unit] - detail["measures"]["rater"][rater] - detail["measures"]["item"][item]
    if unit in detail["extreme"]["unit"]:
        return 5.0 if detail["extreme"]["unit"][unit] == "highest" else 1.0
    z = np.arange(5) * eta - np.r_[0, np.cumsum(steps)]
    p = np.exp(z - z.max())
    return float(1 + np.arange(5) @ p / p.sum())


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 10_000), estimation=st.sampled_from(ESTIMATORS))
def test_invariances(seed: int, estimation: str) -> None:
    """Order of rows, names, a shift or a stretch of the scale change nothing; a reversed scale flips every sign."""
    frame = panel(seed % 7, candidates=60)
    before = rasch(frame, estimation=estimation)
    shuffled = rasch(frame.sample(fraction=1, shuffle=True, seed=seed), estimation=estimation)
    assert shuffled.detail["measures"] == before.detail["measures"]
    assert shuffled.value == before.value
    moved = rasch(frame.with_columns(pl.col("score") * 10 - 7), estimation=estimation)
    assert moved.detail["measures"]["rater"] == before.detail["measures"]["rater"]
    assert moved.detail["score_step"] == 10
    names = frame.with_columns(("z" + (9 - pl.col("rater").str.slice(1).cast(pl.Int64)).cast(pl.String)).alias("rater"))
    renamed = rasch(names, estimation=estimation)
    for name, value in before.detail["measures"]["rater"].items():
        assert renamed.detail["measures"]["rater"][f"z{9 - int(name[1:])}"] == pytest.approx(value, abs=1e-5)
    reversed_scale = rasch(frame.with_columns((6 - pl.col("score")).alias("score")), estimation=estimation)
    for facet in ("rater", "item"):
        for name, value in before.detail["measures"][facet].items():
            assert reversed_scale.detail["measures"][facet][name] == pytest.approx(-value, abs=1e-5)
            assert reversed_scale.detail["se"][facet][name] == pytest.approx(before.detail["se"][facet][name], abs=1e-4)
    flipped = [-one for one in reversed(before.detail["thresholds"])]
    assert reversed_scale.detail["thresholds"] == pytest.approx(flipped, abs=1e-5)
    assert reversed_scale.value == pytest.approx(before.value, abs=1e-5)


def test_further_facets_by_name() -> None:
    frame = panel(2, candidates=120, items=2).with_columns(
        (pl.col("unit").str.slice(1).cast(pl.Int64) % 2).alias("mode")
    )
    both = frame.with_columns(mode=pl.int_range(pl.len()) % 3)
    found = rasch(both, facets=["unit", "rater", "item", "mode"])
    assert set(found.detail["measures"]["mode"]) == {"0", "1", "2"}
    assert sum(found.detail["measures"]["mode"].values()) == pytest.approx(0, abs=1e-9)
    confounded = rasch(frame, facets=["unit", "rater", "item", "mode"])
    assert confounded.detail["measures"]["mode"] == {"0": None, "1": None}
    assert "INCOMPLETE_DESIGN" in {caution.code for caution in confounded.cautions}


def test_raters_of_one_competency_each_compare_within_it_only() -> None:
    """A rater who judges one competency is as severe as that competency is hard: nothing tells the two apart."""
    frame = panel(6, candidates=100, raters=6, items=2, each=4)
    own = pl.col("rater").str.slice(1).cast(pl.Int64) % 2 == pl.col("item").str.slice(1).cast(pl.Int64)
    found = rasch(frame.filter(own))
    subset = found.detail["subset"]["rater"]
    assert subset["r0"] == subset["r2"] == subset["r4"] != subset["r1"] == subset["r3"]
    for number in (0, 1):
        members = [found.detail["measures"]["rater"][name] for name, one in subset.items() if one == number]
        assert sum(members) == pytest.approx(0, abs=1e-9)
    assert "UNLINKED_RATERS" in {caution.code for caution in found.cautions}


@pytest.mark.parametrize("estimation", ESTIMATORS)
def test_unlinked_panels_have_origins_of_their_own(estimation: str) -> None:
    """Harsher by three points throughout or not: the second panel's severities stay the same, as candidates take it."""
    one, other = panel(7, candidates=60, level=-0.5), panel(8, candidates=60, level=-0.5)
    found = rasch(joined(one, other), estimation=estimation)
    assert {caution.code for caution in found.cautions} >= {"UNLINKED_RATERS"}
    for suffix in ("", "x"):
        own = {
            name: value
            for name, value in found.detail["measures"]["rater"].items()
            if name.endswith("x") == bool(suffix)
        }
        assert sum(own.values()) == pytest.approx(0, abs=1e-6)
    assert len(set(found.detail["subset"]["rater"].values())) == 2
    assert found.detail["separation"]["rater"]["equality"]["df"] == 10
    if estimation == "jmle":
        return
    moved = rasch(joined(one, panel(8, candidates=60, level=-0.5).with_columns(pl.col("unit").str.replace("u", "v"))))
    assert moved.detail["subset"]["rater"] == found.detail["subset"]["rater"]


def test_anchors_put_two_periods_on_one_scale() -> None:
    first, second = panel(9, candidates=150), panel(10, candidates=150)
    whole = rasch(first).detail["measures"]["rater"]
    held = {"rater": {"r0": whole["r0"] + 1, "r1": whole["r1"] + 1}}
    moved = rasch(first, anchors=held)
    measures = moved.detail["measures"]["rater"]
    assert measures["r0"] == whole["r0"] + 1
    for name in ("r2", "r3", "r4", "r5"):
        assert measures[name] == pytest.approx(whole[name] + 1, abs=1e-5)
    assert moved.detail["anchors"]["rater"]["r0"]["displacement"] == pytest.approx(0, abs=0.2)
    far = rasch(second, anchors={"rater": {"r0": 2.0, "r1": -2.0}})
    assert abs(far.detail["anchors"]["rater"]["r0"]["displacement"]) > 0.5
    for estimation in ESTIMATORS:
        same = rasch(
            first, anchors=[f"rater:{name}={value + 1}" for name, value in whole.items()], estimation=estimation
        )
        assert same.detail["measures"]["rater"]["r3"] == pytest.approx(whole["r3"] + 1)


def test_anchored_raters_link_what_no_candidate_links() -> None:
    frame = joined(panel(7, candidates=60), panel(8, candidates=60))
    found = rasch(frame, anchors={"rater": {"r0": 0.3, "r0x": -0.2}})
    assert set(found.detail["subset"]["rater"].values()) == {0}
    assert "UNLINKED_RATERS" not in {caution.code for caution in found.cautions}


def test_anchors_as_text_and_their_misuse() -> None:
    assert option_from_text("many_facet_rasch", "anchors", "rater:r0=0.5, rater:r1=-1") == [
        "rater:r0=0.5",
        "rater:r1=-1",
    ]
    found = rasch(panel(), anchors=["rater:r0=0.5", "rater:nobody=1"])
    assert found.detail["anchors_absent"] == 1
    assert found.detail["measures"]["rater"]["r0"] == 0.5
    for anchors, words in (
        (["r0=0.5"], "facet:level=value"),
        (["rater:r0=high"], "finite number"),
        ({"unit": {"u001": 1.0}}, "candidates cannot"),
        ({"rater": {"nobody": 1.0}}, "none of the 1 anchored"),
    ):
        with pytest.raises(MeasureInputError, match=words):
            rasch(panel(), anchors=anchors)


def test_linking_finds_the_shift_and_who_moved() -> None:
    rng = np.random.default_rng(0)
    base = rasch(panel(11, candidates=300))
    detail = {"measures": {"rater": dict(base.detail["measures"]["rater"])}, "se": base.detail["se"]}
    for name in detail["measures"]["rater"]:
        detail["measures"]["rater"][name] += 0.7 + rng.normal(0, 0.01)
    detail["measures"]["rater"]["r5"] += 1.5
    other = Estimate(measure="many_facet_rasch", method="", value=base.value, interval=base.interval, detail=detail)
    linked = link_calibrations(base, other)
    assert linked["levels"] == 6
    assert linked["shift"] == pytest.approx(0.7 + 1.5 / 6, abs=0.05)
    assert max(linked["displacement"], key=lambda name: abs(linked["displacement"][name]["displacement"])) == "r5"
    assert linked["displacement"]["r5"]["z"] > 3
    assert (
        link_calibrations(base, other, facet="item")["shift"] == pytest.approx(0)
        if "item" in detail["measures"]
        else True
    )
    with pytest.raises(MeasureInputError, match="facet 'mode'"):
        link_calibrations(base, other, facet="mode")


def test_examples_and_json() -> None:
    for module in ("many_facet_rasch", "rasch.anchors"):
        result = doctest.testmod(importlib.import_module(f"fairpanel.measures.raters.{module}"))
        assert result.attempted > 0
        assert result.failed == 0
    document = json.dumps(rasch(panel()).to_dict(), allow_nan=False)
    assert "NaN" not in document


def test_tables_agree_with_each_other() -> None:
    found = rasch(panel(12, candidates=200), min_units=1)
    detail = found.detail
    assert found.interval is not None
    assert found.value is not None
    assert found.interval.low <= found.value <= found.interval.high
    separation = detail["separation"]["rater"]
    measures = np.array(list(detail["measures"]["rater"].values()))
    error = np.mean(np.array(list(detail["se"]["rater"].values())) ** 2)
    assert separation["reliability"] == pytest.approx(1 - error / measures.var(ddof=1))
    assert separation["separation"] ** 2 / (1 + separation["separation"] ** 2) == pytest.approx(found.value)
    assert sum(row["count"] for row in detail["categories"]) == found.n["scores"]
    averages = [row["average_measure"] for row in detail["categories"]]
    assert averages == sorted(averages)
    for facet in ("rater", "item"):
        ratio = np.array(list(detail["infit"][facet].values())) / list(detail["infit_expected"][facet].values())
        assert ratio.mean() == pytest.approx(1, abs=0.05)
    surprises = [abs(row["z"]) for row in detail["unexpected"]]
    assert surprises == sorted(surprises, reverse=True)
    assert surprises[0] > 2
    harsh = max(detail["measures"]["rater"], key=detail["measures"]["rater"].__getitem__)
    assert min(detail["fair_average"]["rater"], key=detail["fair_average"]["rater"].__getitem__) == harsh
    assert all(np.isfinite(numbers(dict(detail))))


def test_an_erratic_rater_misfits() -> None:
    frame = panel(13, candidates=200, raters=5)
    rng = np.random.default_rng(1)
    noise = pl.Series(rng.integers(1, 6, frame.height))
    erratic = frame.with_columns(pl.when(pl.col("rater") == "r2").then(noise).otherwise(pl.col("score")).alias("score"))
    detail = rasch(erratic).detail
    assert max(detail["infit"]["rater"], key=detail["infit"]["rater"].__getitem__) == "r2"
    assert detail["infit_z"]["rater"]["r2"] > 3
    assert detail["outfit"]["rater"]["r2"] > 1.3


def test_raters_under_the_minimum_are_counted_not_shown() -> None:
    frame = panel(14, candidates=60)
    few = frame.filter((pl.col("rater") != "r0") | (pl.col("unit") < "u010"))
    whole, cut = rasch(few), rasch(few, min_units=8)
    assert "r0" in whole.detail["measures"]["rater"]
    assert "r0" not in json.dumps(cut.to_dict())
    by_rater = rasch(few, min_units=8, model="partial_credit", steps_by="rater", anchors=["rater:r0=1"])
    assert "r0" not in json.dumps(by_rater.to_dict())
    assert cut.detail["raters_left_out"] == 1
    assert "SMALL_GROUP" in {caution.code for caution in cut.cautions}
    assert cut.value == whole.value


def test_one_anchor_fixes_the_origin_and_keeps_raters_together() -> None:
    """Candidates and raters alone: with one rater anchored, differences between raters stay what they were."""
    rng = np.random.default_rng(21)
    unit, rater = np.divmod(np.arange(400), 4)
    logit = rng.normal(size=100)[unit] - np.array([-0.5, 0.0, 0.2, 0.6])[rater]
    score = np.digitize(logit + rng.logistic(size=400), (-1.0, 0.0, 1.0))
    frame = pl.DataFrame({"unit": unit, "rater": rater, "score": score})
    free = measure("many_facet_rasch", frame).detail["measures"]["rater"]
    found = measure("many_facet_rasch", frame, anchors=["rater:2=1.5"])
    assert found.value is not None
    assert set(found.detail["subset"]["rater"].values()) == {found.detail["subset"]["rater"]["2"]}
    for name, value in found.detail["measures"]["rater"].items():
        assert value - 1.5 == pytest.approx(free[name] - free["2"], abs=1e-5)
