"""Gaps over periods: enumerated small tables, closed forms, looks that stay as they were, invariances, thin data."""

from __future__ import annotations

import itertools
import json
import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import comb
from scipy.stats import norm
from scipy.stats import t as student

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from fairpanel.measures.fairness import count_course
from fairpanel.measures.fairness.count_course import Counts
from fairpanel.measures.fairness.gap_course import Evidence, change, trend
from fairpanel.measures.fairness.sequential import cusum, cusum_limit, detectable_shift, running_limit

PAIR = {"focal": "f", "reference": "r"}


def _selected(
    seed: int, periods: int = 12, size: int = 30, log_odds_ratio: float = 0.0, jump: float = 0.0
) -> pl.DataFrame:
    """Half of `size` in either group; selection rates wander; the log odds ratio jumps halfway."""
    rng = np.random.default_rng(seed)
    period, focal = np.repeat(np.arange(periods), size), np.tile(np.arange(size) % 2 == 0, periods)
    logit = -1 + 0.4 * rng.standard_normal(periods)[period] + focal * (log_odds_ratio + jump * (period >= periods // 2))
    taken = rng.random(period.size) < 1 / (1 + np.exp(-logit))
    return pl.DataFrame({"period": period, "group": np.where(focal, "f", "r"), "selected": taken})


def _scored(seed: int, periods: int = 12, size: int = 30, jump: float = 0.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    period, focal = np.repeat(np.arange(periods), size), np.tile(np.arange(size) % 2 == 0, periods)
    score = rng.standard_normal(period.size) + rng.standard_normal(periods)[period] - 0.4 * focal
    score += jump * focal * (period >= periods // 2)
    return pl.DataFrame({"period": period, "group": np.where(focal, "f", "r"), "score": score})


def _run(frame: pl.DataFrame, **options: Any) -> Estimate:
    estimate = measure("group_monitor", frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


def _tables(counts: tuple[int, ...], focal: list[int], reference: list[int], chosen: list[int]) -> Counts:
    a, n1, n2, m = (np.array(each, dtype=np.float64) for each in (counts, focal, reference, chosen))
    return Counts(a, n1 - a, m - a, n2 - m + a)


FOCAL, REFERENCE, CHOSEN = [4, 3, 5], [3, 5, 4], [3, 4, 2]


def _weights() -> dict[tuple[int, ...], float]:
    """Every possible triple of counts with its weight under equal odds."""
    ranges = [range(max(0, m - r), min(m, f) + 1) for f, r, m in zip(FOCAL, REFERENCE, CHOSEN, strict=True)]
    return {
        triple: math.prod(
            comb(f, a) * comb(r, m - a) for a, f, r, m in zip(triple, FOCAL, REFERENCE, CHOSEN, strict=True)
        )
        for triple in itertools.product(*ranges)
    }


@pytest.mark.parametrize("odds_ratio", [0.3, 1.0, 2.5])
def test_looks_have_mean_zero_variance_one_and_no_correlation(odds_ratio: float) -> None:
    """Over all tables of three small periods, whatever the constant odds ratio."""
    weights = {triple: w * odds_ratio ** sum(triple) for triple, w in _weights().items()}
    told, chance = [], []
    for triple, weight in weights.items():
        found = count_course.innovations(_tables(triple, FOCAL, REFERENCE, CHOSEN))
        assert found[0] is None
        told.append([0.0 if each is None else each for each in found[1:]])
        chance.append(weight / sum(weights.values()))
    scores, p = np.array(told), np.array(chance)
    known = np.array([sum(t) for t in weights])
    assert p @ scores == pytest.approx([0, 0], abs=1e-9)
    assert float(p @ (scores[:, 0] * scores[:, 1])) == pytest.approx(0, abs=1e-9)
    middle = (known >= 2) & (known <= 7)  # totals that leave the last period a choice
    assert float((p * scores[:, 1] ** 2)[middle].sum() / p[middle].sum()) == pytest.approx(1, abs=1e-9)


def test_draws_follow_the_law_given_the_total() -> None:
    weights = {triple: w for triple, w in _weights().items() if sum(triple) == 4}
    tables = _tables((2, 1, 1), FOCAL, REFERENCE, CHOSEN)
    found = count_course.evidence(tables, 20_000, seed=1)
    assert found is not None
    expected, _ = count_course.moments(tables, np.full(3, found.common))
    drawn = np.round(found.drawn + expected).astype(int)
    assert set(drawn.sum(axis=1)) == {4}
    for triple, weight in weights.items():
        share = float((drawn == triple).all(axis=1).mean())
        assert share == pytest.approx(weight / sum(weights.values()), abs=0.015)


def test_p_by_draws_is_the_enumerated_one() -> None:
    tables, x = _tables((3, 1, 0), FOCAL, REFERENCE, CHOSEN), np.arange(3.0)
    found = count_course.evidence(tables, 9999, seed=3)
    assert found is not None
    weights = {triple: w for triple, w in _weights().items() if sum(triple) == 4}
    expected, information = count_course.moments(tables, np.full(3, found.common))
    centred = x - information @ x / information.sum()

    def pull(triple: tuple[int, ...]) -> float:
        return abs(float((np.array(triple) - expected) @ centred))

    exact = sum(w for t, w in weights.items() if pull(t) >= pull((3, 1, 0)) * (1 - 1e-9)) / sum(weights.values())
    tested = trend(found, x)
    assert tested is not None
    assert tested.p == pytest.approx(exact, abs=0.015)


def test_statistics_by_hand() -> None:
    """Scores 1, 1, -2 with information 1, 2, 3: splits and line worked out on paper."""
    found = Evidence(np.array([1.0, 1.0, -2.0]), np.array([1.0, 2.0, 3.0]), np.zeros((9, 3)), 0.0)
    jump, line = change(found), trend(found, np.array([0.0, 1.0, 2.0]))
    assert jump is not None
    assert line is not None
    assert jump.at == 2
    assert jump.statistic == pytest.approx(2**2 / (3 * 3 / 6))
    assert line.statistic == pytest.approx((1 - 4) ** 2 / (14 - 64 / 6))
    assert jump.p == line.p == 0.1


def test_selection_agrees_with_mantel_haenszel_and_logistic_regression() -> None:
    frame = _selected(5, jump=-0.8)
    found = _run(frame, **PAIR)
    pooled = measure("mantel_haenszel", frame, stratum="period", **PAIR)
    assert found.value == pytest.approx(pooled.value)
    assert found.interval is not None
    assert pooled.interval is not None
    assert found.interval.to_dict() == pytest.approx(pooled.interval.to_dict())
    since = frame.filter(pl.col("period") >= int(found.detail["change"]["period"]))
    late = measure("mantel_haenszel", since, stratum="period", **PAIR)
    assert found.detail["change"]["after"] == pytest.approx(late.value)
    big = _selected(5, size=3000, jump=-0.8)
    slope = _run(big, **PAIR).detail["trend"]["slope"]
    assert slope == pytest.approx(_logistic_slope(big), rel=0.01)


def _logistic_slope(frame: pl.DataFrame) -> float:
    """Unconditional maximum likelihood with a level for every period, by Newton's method."""
    period, y = frame["period"].to_numpy(), frame["selected"].to_numpy().astype(float)
    focal = (frame["group"] == "f").to_numpy().astype(float)
    x = np.column_stack([np.eye(period.max() + 1)[period], focal, focal * period])
    beta = np.zeros(x.shape[1])
    for _ in range(20):
        p = 1 / (1 + np.exp(-x @ beta))
        beta += np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]), x.T @ (y - p))
    return float(beta[-1])


def test_scores_agree_with_least_squares() -> None:
    frame = _scored(2)
    found = _run(frame, score="score", **PAIR)
    period, y = frame["period"].to_numpy(), frame["score"].to_numpy()
    focal = (frame["group"] == "f").to_numpy()
    levels = np.eye(12)[period]
    slope = np.linalg.lstsq(np.column_stack([levels, focal]), y, rcond=None)[0][-1]
    cells = np.column_stack([levels, levels * focal[:, None]])
    residual = y - cells @ np.linalg.lstsq(cells, y, rcond=None)[0]
    spread = math.sqrt(residual @ residual / (y.size - 24))
    assert found.value == pytest.approx(slope / spread)
    assert found.interval is not None
    assert found.interval.low < found.value < found.interval.high
    one = measure("standardized_difference", frame.filter(pl.col("period") == 0), y="score", **PAIR)
    only = _run(frame.filter(pl.col("period") == 0), score="score", **PAIR)
    assert only.value == pytest.approx(one.value)
    assert only.interval is not None
    assert one.interval is not None
    assert (only.interval.low, only.interval.high) == pytest.approx((one.interval.low, one.interval.high))


def test_second_score_is_that_of_a_welch_t() -> None:
    """The change from the first to the second period in the difference of means, each group's variance its own."""
    frame = _scored(3, periods=2, size=12)
    found = _run(frame, score="score", **PAIR).detail["alarm"]["by_period"][0]["score"]
    f, r = (frame.filter(pl.col("group") == name) for name in "fr")
    means = [part.group_by("period").agg(pl.mean("score")).sort("period")["score"].to_list() for part in (f, r)]
    var_f, var_r = (float(np.mean(part.group_by("period").agg(pl.var("score"))["score"].to_list())) for part in (f, r))
    departure = (means[0][1] - means[1][1]) - (means[0][0] - means[1][0])
    t = departure / math.sqrt((var_f + var_r) * 2 / 6)
    df = (var_f + var_r) ** 2 / (var_f**2 / 10 + var_r**2 / 10)
    assert found == pytest.approx(norm.ppf(student.cdf(t, df)))


@pytest.mark.parametrize("kind", ["selected", "score"])
def test_a_new_period_changes_no_earlier_look(kind: str) -> None:
    frame = _selected(7) if kind == "selected" else _scored(7)
    whole = _run(frame, **{kind: kind}, **PAIR).detail
    for upto in (3, 6, 11):
        part = _run(frame.filter(pl.col("period") < upto), **{kind: kind}, **PAIR).detail
        for alarm in ("alarm", "gap_alarm"):
            assert part[alarm]["limit"] == whole[alarm]["limit"]
            rows = whole[alarm]["by_period"][: len(part[alarm]["by_period"])]
            for one, same in zip(part[alarm]["by_period"], rows, strict=True):
                assert one == pytest.approx(same, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), score=st.booleans())
def test_order_and_labels_do_not_matter(seed: int, score: bool) -> None:
    frame = _scored(seed) if score else _selected(seed)
    kind = {"score": "score"} if score else {}
    other = frame.sample(fraction=1, shuffle=True, seed=seed).with_columns(
        group=pl.col("group").replace({"f": "z", "r": "a"}), period=pl.col("period") * 10 - 35
    )
    if score:
        other = other.with_columns(score=pl.col("score") * 3 + 100)
    one, same = _run(frame, **PAIR, **kind), _run(other, focal="z", reference="a", **kind)
    swapped = _run(frame, focal="r", reference="f", **kind)
    assert same.value == pytest.approx(one.value)
    for key in ("up", "down"):
        mine = [row[key] for row in one.detail["alarm"]["by_period"]]
        assert [row[key] for row in same.detail["alarm"]["by_period"]] == pytest.approx(mine, abs=1e-8)
        mirror = "down" if key == "up" else "up"
        assert [row[mirror] for row in swapped.detail["alarm"]["by_period"]] == pytest.approx(mine, abs=1e-8)
    assert same.detail["trend"]["p"] == pytest.approx(one.detail["trend"]["p"], abs=1e-9)
    assert same.detail["change"]["p"] == pytest.approx(one.detail["change"]["p"], abs=1e-9)
    if one.value is not None and swapped.value is not None:
        assert swapped.value == pytest.approx(-one.value if score else 1 / one.value)


def test_a_planted_jump_is_found_and_dated() -> None:
    found = _run(_selected(1, periods=24, size=100, log_odds_ratio=-0.2, jump=-1.2), **PAIR)
    assert found.detail["alarm"]["direction"] == "down"
    assert 12 <= int(found.detail["alarm"]["alarm_at"]) <= 18
    assert abs(int(found.detail["change"]["period"]) - 12) <= 2
    assert found.detail["change"]["p"] < 0.01
    assert found.detail["change"]["after"] < 0.6 * found.detail["change"]["before"]
    assert "HETEROGENEOUS_STRATA" in {each.code for each in found.cautions}
    scored = _run(_scored(1, periods=24, size=60, jump=-0.9), score="score", **PAIR)
    assert scored.detail["alarm"]["direction"] == "down"
    assert abs(int(scored.detail["change"]["period"]) - 12) <= 2
    assert scored.detail["trend"]["high"] < 0


def test_a_constant_gap_is_no_change() -> None:
    found = _run(_selected(2, periods=24, size=100, log_odds_ratio=-1.2), **PAIR)
    assert found.detail["alarm"]["alarm_at"] is None
    assert found.detail["gap_alarm"]["direction"] == "down"


def test_limits_of_pocock_and_their_level() -> None:
    for looks, limit in ((1, 1.960), (2, 2.178), (5, 2.413), (10, 2.555)):
        assert running_limit(looks, 0.05) == pytest.approx(limit, abs=0.02)
    rng = np.random.default_rng(9)
    paths = rng.standard_normal((3000, 23))
    alarms = [max(map(max, cusum(path))) > cusum_limit(23, 0.05) for path in paths.tolist()]
    assert 0.035 < np.mean(alarms) < 0.065
    assert detectable_shift(24, 0.05, 0.8) < detectable_shift(12, 0.05, 0.8)


def test_normal_laws_stand_for_exact_ones_where_counts_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _selected(4, size=600, log_odds_ratio=-0.3)
    exact = _run(frame, **PAIR).detail
    monkeypatch.setattr(count_course, "EXACT_LIMIT", 10)
    normal = _run(frame, **PAIR).detail
    for one, same in zip(exact["alarm"]["by_period"], normal["alarm"]["by_period"], strict=True):
        assert one["score"] == pytest.approx(same["score"], abs=0.06)
    for one, same in zip(exact["gap_alarm"]["by_period"], normal["gap_alarm"]["by_period"], strict=True):
        assert one["statistic"] == pytest.approx(same["statistic"], abs=0.06)
    for key in ("trend", "change"):
        assert exact[key]["p"] == pytest.approx(normal[key]["p"], abs=0.05)


def test_periods_of_dates() -> None:
    frame = _selected(6)
    start = date(2024, 1, 15)
    dated = frame.with_columns(
        period=pl.Series([start + timedelta(days=30 * int(each)) for each in frame["period"]])
    )  # fmt: skip
    by_month = _run(dated, every="month", **PAIR)
    assert [row["period"] for row in by_month.detail["periods"]][:2] == ["2024-01", "2024-02"]
    assert by_month.value == pytest.approx(_run(frame, **PAIR).value)
    as_text = _run(dated.with_columns(pl.col("period").cast(pl.String)), every="quarter", **PAIR)
    assert [row["period"] for row in as_text.detail["periods"]] == ["2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4"]
    assert [row["period"] for row in _run(dated, every="year", **PAIR).detail["periods"]] == ["2024"]
    numbers = [row["period"] for row in _run(frame, **PAIR).detail["periods"]]
    assert numbers == [str(each) for each in range(12)]  # 2 before 10
    with pytest.raises(MeasureInputError, match=r"row 1 holds 0"):
        _run(frame, every="month")


def test_ordered_categories_keep_their_order() -> None:
    frame = _selected(6, periods=3).with_columns(
        period=pl.col("period").replace_strict({0: "spring", 1: "summer", 2: "autumn"}, return_dtype=pl.String)
    )
    ordered = frame.with_columns(pl.col("period").cast(pl.Enum(["spring", "summer", "autumn"])))
    assert [row["period"] for row in _run(ordered, **PAIR).detail["periods"]] == ["spring", "summer", "autumn"]
    assert [row["period"] for row in _run(frame, **PAIR).detail["periods"]] == ["autumn", "spring", "summer"]


@pytest.mark.slow
def test_the_detectable_shift_is_detected_in_four_of_five() -> None:
    """Scores of 30 a month and group; the shift comes halfway through 24 months."""
    d = _run(_scored(1, periods=24, size=60), score="score", **PAIR).detail["minimum_detectable"]["d"]
    seen = [
        _run(_scored(seed, periods=24, size=60, jump=-d), score="score", **PAIR).detail["alarm"]["direction"] == "down"
        for seed in range(300)
    ]
    assert 0.72 < np.mean(seen) < 0.88


THIN: list[tuple[list[int], list[str], list[int | None]]] = [
    ([], [], []),
    ([1, 1], ["f", "f"], [0, 1]),
    ([1, 2], ["f", "r"], [0, 1]),
    ([1, 1, 2, 2], list("frfr"), [0, 1, 1, 0]),
    ([1, 1, 2, 2, 3, 3], list("frfrfr"), [1, 1, 1, 1, 1, 1]),
    ([1, 1, 2, 2, 3, 3], list("frfrfr"), [0, 0, 0, 0, 0, 0]),
    ([1, 1, 2, 2, 3, 3], list("frfrfr"), [0, 1, 0, 1, 0, 1]),
    ([1, 1, 2, 2, 3, 3, 4], list("frfrfrf"), [0, 1, 1, 0, 0, 1, 1]),
    ([1, 1, 2, 2, 3, 4], list("frfrrr"), [0, 1, 1, None, 0, 1]),
    ([1, 1, 1, 1, 2, 2, 2, 2], list("ffrrffrr"), [0, 1, 0, 1, 1, 1, 0, 0]),
]


@pytest.mark.parametrize(("period", "group", "outcome"), THIN)
@pytest.mark.parametrize("kind", ["selected", "score"])
def test_thin_data(period: list[int], group: list[str], outcome: list[int | None], kind: str) -> None:
    frame = pl.DataFrame(
        {"period": period, "group": group, kind: outcome},
        schema={"period": pl.Int64, "group": pl.String, kind: pl.Float64}, strict=False,
    )  # fmt: skip
    found = _run(frame, **{kind: kind})
    assert found.value is not None or found.cautions
    if found.detail:
        assert found.detail["alarm"]["alarm_at"] is None


def test_a_period_without_one_group_is_shown_but_not_compared() -> None:
    frame = _selected(8).filter(~((pl.col("period") == 4) & (pl.col("group") == "f")))
    found = _run(frame, **PAIR)
    row = found.detail["periods"][4]
    assert (row["n_focal"], row["gap"], row["compared"]) == (0, None, False)
    assert found.n["periods"] == 12
    assert found.n["periods_compared"] == 11
    assert found.detail["periods_dropped"] == 1
    assert found.detail["alarm"]["looks"] == 10


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"selected": "selected", "score": "selected"}, "either selected or score"),
        ({"horizon": 11}, "the data hold 12"),
        ({"horizon": 1}, "at least 2"),
        ({"alpha": 5}, "alpha must be"),
        ({"every": "week"}, "every must be one of"),
        ({"period": "perod"}, "did you mean period='period'"),
        ({"focal": "x"}, "does not occur"),
    ],
)
def test_misuse_is_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(MeasureInputError, match=match):
        measure("group_monitor", _selected(1), **options)


def test_a_first_period_of_one_person_each_leaves_the_change_without_a_spread_of_its_own() -> None:
    rows = [(0, "f", 2.0), (0, "r", 5.0)]
    rows += [(period, group, float(3 + (period + at) % 3)) for period in (1, 2, 3) for at in range(8) for group in "fr"]
    people = pl.DataFrame(rows, schema=["period", "group", "score"], orient="row")
    found = measure("group_monitor", people, score="score", focal="f", reference="r")
    assert found.detail["change"]["period"] == "1"
    assert found.detail["change"]["before"] < -2
    assert found.detail["change"]["after"] == 0
    assert found.interval is not None
