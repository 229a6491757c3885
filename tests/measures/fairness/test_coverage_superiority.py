"""Who is known, and who is ahead: counted by hand, against scipy, and in thin data."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from scipy.stats import brunnermunzel

from fairpanel.measures.catalogue import measure
from fairpanel.measures.proportions import wilson

PAIR = {"focal": "f", "reference": "r"}


def scores(seed: int = 3, focal_n: int = 30, reference_n: int = 44) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    values = np.concatenate(
        [rng.integers(1, 6, focal_n), rng.integers(1, 6, reference_n) + rng.integers(0, 2, reference_n)]
    )
    return pl.DataFrame({"group": ["f"] * focal_n + ["r"] * reference_n, "y": values})


@pytest.mark.parametrize("seed", range(5))
def test_superiority_against_scipy_and_all_pairs(seed: int) -> None:
    frame = scores(seed)
    found = measure("probability_of_superiority", frame, **PAIR)
    f, r = (frame.filter(pl.col("group") == name)["y"].to_numpy() for name in "fr")
    pairs = np.mean(f[:, None] > r) + np.mean(f[:, None] == r) / 2
    assert found.value == pytest.approx(pairs, abs=1e-12)
    peer = brunnermunzel(f, r)
    assert found.detail["p"] == pytest.approx(peer.pvalue, rel=1e-10)
    assert abs(found.detail["statistic"]) == pytest.approx(abs(peer.statistic), rel=1e-10)
    assert found.interval is not None
    assert found.interval.low < found.value < found.interval.high


def test_superiority_turns_round_with_the_groups_and_keeps_under_any_rising_scale() -> None:
    one = measure("probability_of_superiority", scores(), **PAIR)
    other = measure("probability_of_superiority", scores(), focal="r", reference="f")
    assert one.value + other.value == pytest.approx(1.0)
    assert one.detail["p"] == pytest.approx(other.detail["p"])
    scaled = scores().with_columns(pl.col("y").cast(pl.Float64).exp()).sample(fraction=1, shuffle=True, seed=1)
    again = measure("probability_of_superiority", scaled, **PAIR)
    assert again.value == pytest.approx(one.value)
    assert again.interval.low == pytest.approx(one.interval.low)


def test_quantiles_are_those_of_each_group() -> None:
    found = measure(
        "probability_of_superiority", pl.DataFrame({"group": list("fffffrrrrr"), "y": [1, 2, 3, 4, 5, 2, 2, 2, 2, 9]})
    )
    assert found.detail["quantiles"]["f"]["0.5"] == 3
    assert found.detail["quantiles"]["r"]["0.75"] == 2


@pytest.mark.parametrize(
    ("groups", "values", "code"),
    [
        ([], [], "SMALL_GROUP"),
        (["f", "f"], [1, 2], "SMALL_GROUP"),
        (["f", "r"], [1, 2], "CONSTANT_INPUT"),
        (["f", "f", "r", "r"], [1, 2, 3, 4], "CONSTANT_INPUT"),
        (["f", "f", "r", "r"], [3, 3, 3, 3], "CONSTANT_INPUT"),
        (["f", "f", "r"], [1, 2, 1], "CONSTANT_INPUT"),
    ],
)
def test_thin_scores(groups: list[str], values: list[int], code: str) -> None:
    frame = pl.DataFrame({"group": groups, "y": values}, schema={"group": pl.String, "y": pl.Float64})
    found = measure("probability_of_superiority", frame)
    json.dumps(found.to_dict(), allow_nan=False)
    assert code in {caution.code for caution in found.cautions}
    assert found.interval is None


def test_coverage_by_hand() -> None:
    frame = pl.DataFrame(
        {
            "group": ["a"] * 6 + ["b"] * 4 + ["declined"] * 3 + [None] * 7,
            "selected": [1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, None],
        }
    )
    found = measure("group_coverage", frame)
    assert found.n == {"people": 19, "known": 10, "declined": 3, "unknown": 6}
    assert found.value == pytest.approx(10 / 19)
    assert (found.interval.low, found.interval.high) == pytest.approx(wilson(10 / 19, 19, 0.95))
    assert found.detail["selected"] == {"known": 3, "declined": 2, "unknown": 1}
    assert found.detail["rates"] == {"known": 0.3, "declined": pytest.approx(2 / 3), "unknown": pytest.approx(1 / 6)}
    assert found.cautions[0].code == "MISSING_DATA"


@pytest.mark.parametrize("group", [[None, None], ["declined", "declined"], ["a", "b"]])
def test_coverage_of_nobody_and_everybody(group: list[str | None]) -> None:
    found = measure("group_coverage", pl.DataFrame({"group": pl.Series(group, dtype=pl.String), "selected": [1, 0]}))
    assert found.value == (1.0 if group == ["a", "b"] else 0.0)
    nobody = measure("group_coverage", pl.DataFrame(schema={"group": pl.String, "selected": pl.Int64}))
    assert nobody.value is None
    assert nobody.cautions[0].code == "SMALL_GROUP"
