"""Pairs of raters: oracles of Light's kappa, every pair against Cohen's kappa, designs without pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from fairpanel.measures.catalogue import measure
from fairpanel.measures.reliability.pairwise import pairwise_table
from tests.measures.reliability.designs import incomplete_panels, long, shuffled
from tests.oracles.cases import agree, checks, data


@pytest.mark.parametrize(("case", "check"), checks("light_kappa", "light_weighted_kappa"))
def test_oracle(case: str, check: dict[str, Any]) -> None:
    frame = data(case).filter(pl.col("item") == check["params"]["item"])
    found = measure("light_kappa", frame, weights=check["params"].get("weights", "identity"))
    agree(check, "value", found.value)


@pytest.mark.parametrize("weighting", ["identity", "linear", "quadratic"])
@settings(deadline=None, max_examples=20)
@given(frame=incomplete_panels())
def test_each_pair_is_cohens(weighting: str, frame: pl.DataFrame) -> None:
    """Every pair of raters, by filtering them out one pair at a time."""
    scale = [1, 2, 3, 4, 5]
    table = pairwise_table(frame, weights=weighting, categories=scale, min_shared=2)
    raters = sorted(frame["rater"].unique().to_list())
    expected = 0
    for i, a in enumerate(raters):
        for b in raters[i + 1 :]:
            pair = frame.filter(pl.col("rater").is_in([a, b])).filter(pl.len().over("unit") == 2)
            if pair["unit"].n_unique() < 2:
                continue
            expected += 1
            row = table.row(by_predicate=(pl.col("rater_a") == a) & (pl.col("rater_b") == b), named=True)
            assert row["shared"] == pair["unit"].n_unique()
            cohen = measure("cohen_kappa", pair, weights=weighting, categories=scale)
            gwet = measure("gwet_ac", pair, weights=weighting, categories=scale)
            assert row["percent_agreement"] == pytest.approx(gwet.detail["percent_agreement"], abs=1e-12)
            assert row["gwet_ac"] == pytest.approx(gwet.value, abs=1e-10)
            if cohen.value is None:
                assert row["kappa"] is None
            else:
                assert row["kappa"] == pytest.approx(cohen.value, abs=1e-10)
    assert table.height == expected
    assert pairwise_table(shuffled(frame), weights=weighting, categories=scale, min_shared=2).equals(table)


def test_median_and_rows() -> None:
    rng = np.random.default_rng(3)
    scores = np.clip(np.round(3 + rng.normal(0, 1, (40, 1)) + rng.normal(0, 0.7, (40, 4))), 1, 5)
    found = measure("pairwise_agreement", long(tuple(map(tuple, scores.tolist()))), max_rows=4)
    assert found.detail["pairs"] == 6
    assert len(found.detail["rows"]) == 4
    assert found.detail["rows_left_out"] == 2
    assert found.detail["quartiles"][1] == found.value
    kappas = pairwise_table(long(tuple(map(tuple, scores.tolist()))))["kappa"]
    assert found.value == pytest.approx(kappas.median())


def test_panels_without_shared_candidates() -> None:
    """One rater each, or too few shared: no pair, and the reason."""
    alone = pl.DataFrame({"unit": [1, 2, 3], "rater": list("abc"), "score": [1, 2, 3]})
    found = measure("pairwise_agreement", alone)
    assert found.value is None
    assert "SINGLE_RATINGS" in {caution.code for caution in found.cautions}
    assert pairwise_table(alone).is_empty()


def test_many_raters_make_no_square_table() -> None:
    """100,000 raters in panels of two: a table of raters by raters would take 80 GB."""
    pairs = 50_000
    unit = np.repeat(np.arange(3 * pairs), 2)
    rater = np.repeat(np.arange(pairs) * 2, 6) + np.tile([0, 1], 3 * pairs)
    score = (unit * 7 + rater) % 5 + 1
    table = pairwise_table(pl.DataFrame({"unit": unit, "rater": rater, "score": score}), min_shared=3)
    assert table.height == pairs
    assert table["shared"].unique().to_list() == [3]


def test_a_rater_who_scored_twice_is_not_compared_there() -> None:
    twice = pl.DataFrame({"unit": [1, 1, 1, 2, 2], "rater": list("aabab"), "score": [1, 2, 1, 3, 3]})
    assert pairwise_table(twice, min_shared=1)["shared"].to_list() == [1]
