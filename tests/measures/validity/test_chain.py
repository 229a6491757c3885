"""The chain of validity: every step against another way to the same number, and what must not matter."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate
from fairpanel.measures.validity import chain_bootstrap
from fairpanel.measures.validity.chain_bootstrap import resampled, resampled_correlation
from fairpanel.measures.validity.chain_input import Roles, read_applicants
from fairpanel.measures.validity.chain_steps import _case_4
from fairpanel.measures.validity.incomplete_normal import fit_normal
from fairpanel.measures.validity.poisson_weights import SHARES, blocks, poisson_weights, weight_chunks
from fairpanel.measures.validity.symmetric_sums import rated_panel

STEPS = ("observed", "criterion_corrected", "direct", "indirect", "applicant_pool", "operational", "true_score")
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])


def ratings(
    seed: int, people: int = 300, hired: int = 100, raters: tuple[int, int] = (3, 2), *, unequal: bool = False
) -> pl.DataFrame:
    """Interviewed by `raters` of 12, hired by interview plus HR score, rated by `raters` of 10."""
    rng = np.random.default_rng(seed)
    true, hr_noise, merit_noise = rng.standard_normal((3, people))
    hr = 0.5 * true + hr_noise
    severity = 0.4 * rng.standard_normal(30)
    rows: list[dict[str, Any]] = []
    means = np.empty(people)
    for unit in range(people):
        number = 1 + unit % 4 if unequal else raters[0]
        scores = []
        for rater in rng.choice(12, number, replace=False):
            scores.append(true[unit] + severity[rater] + 0.8 * rng.standard_normal())
            rows.append({"unit": unit, "variable": "interview", "rater": f"i{rater}", "score": scores[-1]})
        means[unit] = np.mean(scores)
        rows.append({"unit": unit, "variable": "hr", "rater": None, "score": hr[unit]})
    merit = 0.5 * true + 0.2 * hr + 0.8 * merit_noise
    taken = np.argsort(-(means + hr))[:hired]
    for unit in taken:
        for rater in rng.choice(10, raters[1], replace=False):
            score = merit[unit] + severity[12 + rater] + 0.5 * rng.standard_normal()
            rows.append({"unit": unit, "variable": "performance", "rater": f"p{rater}", "score": score})
    frame = pl.DataFrame(rows, schema_overrides={"rater": pl.String})
    return frame.with_columns(selected=pl.col("unit").is_in(taken.tolist()))


def steps(estimate: Estimate) -> dict[str, dict[str, Any]]:
    return {row["step"]: row for row in estimate.detail["steps"]}


def wide(frame: pl.DataFrame) -> pl.DataFrame:
    means = frame.group_by("unit", "selected", "variable").agg(pl.col("score").mean())
    return means.pivot("variable", index=["unit", "selected"], values="score").sort("unit")


def by_pairs(unit: np.ndarray, rater: np.ndarray, score: np.ndarray, weight: np.ndarray) -> tuple[float, float, float]:
    """Mean half squared differences by kind of pair, one pair after another."""
    k, load = np.bincount(unit), np.bincount(rater)
    total, number = np.zeros(3), np.zeros(3)
    for a, b in itertools.combinations(range(score.size), 2):
        half = (score[a] - score[b]) ** 2 / 2
        if unit[a] == unit[b]:
            kind, w = 0, weight[unit[a]] / k[unit[a]]
        else:
            w = weight[unit[a]] * weight[unit[b]]
            kind, w = (1, w / load[rater[a]]) if rater[a] == rater[b] else (2, w)
        total[kind] += w * half
        number[kind] += w
    same, one, neither = total / number
    return same, one, neither


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_components_are_those_of_the_pairs(seed: int) -> None:
    """Also with weights, as in a bootstrap sample: copies of a candidate form no pair of different candidates."""
    rng = np.random.default_rng(seed)
    cells = [(u, r) for u in range(12) for r in rng.choice(5, rng.integers(1, 4), replace=False)]
    cells += [(0, 5), (1, 5), (2, 6)]
    unit, rater = np.array(cells).T
    score = rng.normal(size=unit.size) + np.arange(12)[unit] / 4
    weight = rng.poisson(1, 12).astype(float)
    weight[:3] += 1
    panel = rated_panel(unit, rater, score, 12)
    if not panel.tells or not (weight * (np.bincount(unit) - 1)).sum():
        return
    found = panel.variances(weight[:, None])
    same, one, neither = by_pairs(unit, rater, score, weight)
    assert found.within[0] == pytest.approx(same)
    assert found.unit[0] == pytest.approx(neither - same)
    assert found.rater[0] == pytest.approx(neither - one)
    assert found.residual[0] == pytest.approx(same + one - neither)


def test_bootstrap_samples_keep_the_components() -> None:
    """In the mean of samples they are those of the data; with copies paired as different candidates they would not be."""
    rng = np.random.default_rng(12)
    unit = np.repeat(np.arange(40), 3)
    rater = np.concatenate([rng.choice(8, 3, replace=False) for _ in range(40)])
    score = rng.normal(size=40)[unit] + rng.normal(size=8)[rater] + rng.normal(size=120)
    panel = rated_panel(unit, rater, score, 40)
    weights = rng.multinomial(40, np.full(40, 1 / 40), size=4000).T.astype(float)
    whole, samples = panel.variances(np.ones((40, 1))), panel.variances(weights)
    for name in ("unit", "rater", "residual"):
        values = getattr(samples, name)
        assert values.mean() == pytest.approx(getattr(whole, name)[0], abs=4 * values.std() / math.sqrt(4000) + 0.01)
    sums = (panel.by_rater @ weights).reshape(3, panel.shares.size, -1)
    with_copies = (panel.shares @ (sums[0] * sums[2] - sums[1] ** 2)) / (panel.shares @ (sums[0] * (sums[0] - 1)))
    one_rater = float((whole.unit + whole.residual)[0])
    assert with_copies.mean() < 0.96 * one_rater


def test_complete_design_is_the_analysis_of_variance_as_published() -> None:
    """Shrout & Fleiss (1979): between 11.24, raters 32.49, error 1.02; the mean of four consistent raters .91."""
    unit, rater = np.divmod(np.arange(24), 4)
    found = rated_panel(unit, rater, SHROUT_FLEISS.ravel().astype(float), 6).variances(np.ones((6, 1)))
    assert 4 * found.unit[0] + found.residual[0] == pytest.approx(11.24, abs=0.005)
    assert 6 * found.rater[0] + found.residual[0] == pytest.approx(32.49, abs=0.005)
    assert found.residual[0] == pytest.approx(1.02, abs=0.005)
    assert found.reliability[0] == pytest.approx(0.91, abs=0.005)


@pytest.mark.parametrize("unequal", [False, True])
def test_reliability_agrees_with_restricted_maximum_likelihood(unequal: bool) -> None:
    differences = []
    for seed in range(6):
        frame = ratings(seed, 400, 100, unequal=unequal)
        own = measure("validity_chain", frame, interval="none").detail["predictor"]
        reml = measure("g_coefficient", frame.filter(variable="interview"), interval="none")
        assert own["q"] == pytest.approx(reml.detail["q"], abs=1e-9)
        assert own["k"] == pytest.approx(reml.detail["k_harmonic"])
        assert own["var_unit"] == pytest.approx(reml.detail["var_unit"], rel=0.12)
        differences.append(own["reliability"] - reml.value)
    assert np.abs(differences).max() < 0.02
    assert abs(np.mean(differences)) < 0.006


def test_steps_are_the_measures_of_that_name() -> None:
    frame = ratings(1)
    rows = {key: row["plain"] for key, row in steps(measure("validity_chain", frame, interval="none")).items()}
    people = wide(frame)
    hired = people.filter("selected")
    assert rows["observed"] == pytest.approx(measure("pearson", hired, x="interview", y="performance").value)
    alone = measure("selection_validity", people, x="interview", y="performance")
    estimate = measure("validity_chain", frame, covariates=["hr"], interval="none")
    both = measure("selection_validity", people, x="interview", y="performance", covariates=["hr"])
    assert rows["applicant_pool"] == pytest.approx(alone.value, abs=1e-9)
    assert steps(estimate)["applicant_pool"]["plain"] == pytest.approx(both.value, abs=1e-9)
    u, ryy = estimate.detail["u"], (rows["observed"] / rows["criterion_corrected"]) ** 2
    rxx = (rows["operational"] / rows["true_score"]) ** 2
    direct = measure("corrected_validity", hired, x="interview", y="performance", correction="direct", u=u, ryy=ryy)
    assert rows["direct"] == pytest.approx(direct.value, abs=1e-9)
    assert rows["direct"] == pytest.approx(rows["operational"], abs=1e-9)
    indirect = measure(
        "corrected_validity", hired, x="interview", y="performance", correction="indirect", u=u, ryy=ryy,
        rxx=1 - (1 - rxx) / u**2,
    )  # fmt: skip
    assert rows["indirect"] == pytest.approx(indirect.value, abs=1e-9)


def test_case_4_as_published() -> None:
    applicants = 1 - 0.8**2 * (1 - 0.8)
    found = _case_4(np.array([0.3 / math.sqrt(0.8)]), np.array([0.8]), np.array([applicants]))
    assert found[0] == pytest.approx(0.4359516, abs=1e-7)


def test_an_assumed_reliability_does_what_the_raters_own_would() -> None:
    frame = ratings(2)
    own = measure("validity_chain", frame, interval="none")
    ryy = (steps(own)["observed"]["plain"] / steps(own)["criterion_corrected"]["plain"]) ** 2
    single = frame.filter(pl.col("variable") != "performance")
    means = frame.filter(variable="performance").group_by("unit", "variable", "selected").agg(pl.col("score").mean())
    merged = pl.concat([single, means.with_columns(rater=pl.lit("boss")).select(single.columns)])
    assumed = measure("validity_chain", merged, criterion_reliability=ryy, replicates=200)
    assert {"ASSUMED_RELIABILITY"} <= {each.code for each in assumed.cautions}
    for step in STEPS:
        assert steps(assumed)[step]["plain"] == pytest.approx(steps(own)[step]["plain"], abs=1e-9)
    beside = measure("validity_chain", frame, interval="none", criterion_reliability=ryy)
    assert beside.value == pytest.approx(own.value, abs=1e-9)
    assert beside.detail["criterion"]["operational_if_assumed"] == pytest.approx(own.value, abs=1e-9)


def test_unequal_panels_bend_the_line_and_are_straightened() -> None:
    """With one to four raters a person the plain regression is too flat among the best; expected true scores are not."""
    rng = np.random.default_rng(3)
    n = 400_000
    k = rng.integers(1, 5, n)
    unit = np.repeat(np.arange(n), k)
    true = rng.normal(size=n)
    score = true[unit] + 1.2 * rng.normal(size=unit.size)
    x = np.bincount(unit, weights=score) / k
    merit = 0.6 * true + 0.8 * rng.normal(size=n)
    taken = x > np.quantile(x, 0.9)
    hired = np.flatnonzero(taken)
    parts = [
        pl.DataFrame({"unit": unit, "rater": np.arange(unit.size), "score": score, "selected": taken[unit]}),
        *(
            pl.DataFrame({"unit": hired, "rater": n * 5 + j, "score": merit[hired] + 0.1 * rng.normal(size=hired.size),
                          "selected": True}) for j in (1, 2)
        ),
    ]  # fmt: skip
    names = ("interview", "performance", "performance")
    named = [part.with_columns(variable=pl.lit(name)) for part, name in zip(parts, names, strict=True)]
    frame = pl.concat(named, how="vertical_relaxed")
    truth = float(np.corrcoef(x, merit)[0, 1])
    rows = steps(measure("validity_chain", frame, interval="none"))
    plain = measure("selection_validity", pl.DataFrame({"x": x, "y": merit, "selected": taken}), interval="none").value
    assert plain is not None
    assert plain < truth - 0.02
    assert rows["operational"]["plain"] == pytest.approx(truth, abs=0.012)
    assert rows["direct"]["plain"] == pytest.approx(truth, abs=0.012)


def test_weights_are_as_good_as_poisson() -> None:
    """Mean and variance 1 exactly, third and fourth moment within 2 % of Poisson's 5 and 15; drawn with those shares."""
    shares, values = np.array(SHARES) / 256, np.arange(6)
    assert shares.sum() == 1
    assert [float((shares * values**power).sum()) for power in (1, 2)] == [1, 2]
    assert [float((shares * values**power).sum()) for power in (3, 4)] == pytest.approx([5, 15], rel=0.02)
    exact = np.exp(-1) / np.array([math.factorial(j) for j in range(6)])
    assert np.abs(shares - exact).max() < 1.1 / 256
    counts = np.concatenate([poisson_weights(seed, 700, size).ravel() for seed, size in blocks(700, 600, 5)])
    assert counts.size == 700 * 600
    drawn = np.bincount(counts.astype(int), minlength=6) / counts.size
    assert np.abs(drawn - shares).max() < 4 * math.sqrt(0.25 / counts.size)


def test_chunks_are_the_rows_of_the_whole() -> None:
    seed = next(blocks(5000, 200, 3))[0]
    whole = poisson_weights(seed, 5000, 200)
    rows = 0
    for some, chunk in weight_chunks(seed, 5000, 200):
        np.testing.assert_array_equal(whole[some], chunk)
        rows += chunk.shape[0]
    assert rows == 5000


def test_the_same_however_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    roles = Roles(
        unit="unit", variable="variable", rater="rater", score="score", selected="selected", predictor="interview",
        criterion="performance", covariates=("hr",), person=None, when=None,
    )  # fmt: skip
    stages = read_applicants(ratings(4), roles).stages
    many = resampled(stages, 700, 9)
    monkeypatch.setattr(chain_bootstrap, "_THREADS", 1)
    one = resampled(stages, 700, 9)
    for name, values in one.items():
        np.testing.assert_array_equal(values, many[name])


def test_bootstrap_of_a_plain_correlation_has_the_known_error() -> None:
    rng = np.random.default_rng(6)
    x, noise = rng.standard_normal((2, 400))
    y = 0.5 * x + math.sqrt(0.75) * noise
    values = resampled_correlation(x, y, 4000, 1)
    assert values.mean() == pytest.approx(np.corrcoef(x, y)[0, 1], abs=0.004)
    assert np.arctanh(values).std() == pytest.approx(1 / math.sqrt(397), rel=0.1)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 50), shift=st.floats(-100, 100))
def test_order_and_units_do_not_matter(seed: int, scale: float, shift: float) -> None:
    frame = ratings(seed, 150, 60, unequal=True)
    one = measure("validity_chain", frame, covariates=["hr"], replicates=100)
    of = {"interview": (scale, shift), "performance": (1 / scale, -shift), "hr": (1.0, 3.0)}
    moved = pl.coalesce(pl.when(variable=name).then(pl.col("score") * a + b) for name, (a, b) in of.items())
    other = measure(
        "validity_chain", frame.with_columns(score=moved).sample(fraction=1, shuffle=True, seed=seed),
        covariates=["hr"], replicates=100,
    )  # fmt: skip
    for step, row in steps(one).items():
        again = steps(other)[step]
        for key in ("plain", "value", "low", "high"):
            assert (row[key] is None) == (again[key] is None), (step, key)
            if row[key] is not None:
                assert again[key] == pytest.approx(row[key], abs=1e-8 if key == "plain" else 2e-3), (step, key)
    assert other.detail["predictor"]["var_rater"] == pytest.approx(
        one.detail["predictor"]["var_rater"] * scale**2, rel=1e-6
    )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_criterion_turned_round_turns_every_step(seed: int) -> None:
    frame = ratings(seed, 150, 60)
    turned = frame.with_columns(score=pl.when(variable="performance").then(-pl.col("score")).otherwise(pl.col("score")))
    one, other = (steps(measure("validity_chain", each, interval="none")) for each in (frame, turned))
    for step, row in one.items():
        assert (row["plain"] is None) == (other[step]["plain"] is None)
        if row["plain"] is not None:
            assert other[step]["plain"] == pytest.approx(-row["plain"], abs=1e-9)


def test_error_free_ratings_leave_nothing_to_correct() -> None:
    frame = ratings(5)
    means = frame.group_by("unit", "variable", "selected").agg(pl.col("score").mean())
    twice = pl.concat([means.with_columns(rater=pl.lit(name)) for name in "ab"])
    rows = steps(measure("validity_chain", twice, interval="none"))
    assert rows["criterion_corrected"]["plain"] == pytest.approx(rows["observed"]["plain"])
    for step in ("direct", "indirect", "operational", "true_score"):
        assert rows[step]["plain"] == pytest.approx(rows["applicant_pool"]["plain"])


def test_bias_of_a_complete_correlation_is_the_known_one() -> None:
    """-r (1 - r²) / (2 n) (Hotelling 1953)."""
    rng = np.random.default_rng(8)
    x, noise = rng.standard_normal((2, 2000))
    fit = fit_normal(np.column_stack((x, 0.5 * x + math.sqrt(0.75) * noise)))
    assert fit is not None
    r = fit.correlation(0, 1)
    assert fit.correlation_bias(0, 1) == pytest.approx(-r * (1 - r * r) / 4000, rel=0.01)
