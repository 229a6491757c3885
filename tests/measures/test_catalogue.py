"""The contract of estimates and the one door to the measures."""

from __future__ import annotations

import doctest
import importlib
import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from fairpanel.measures.catalogue import CATALOGUE, describe, measure, option_from_text
from fairpanel.measures.estimate import CAUTION_CODES, Caution, Estimate, Interval, MeasureInputError, to_json

MINE = [name for name, address in CATALOGUE.items() if address.startswith(("validity.", "fairness."))]
PEOPLE = pl.DataFrame(
    {
        "x": [i * 7 % 23 for i in range(80)],
        "y": [i * 5 % 17 + i % 3 for i in range(80)],
        "group": ["f", "r"] * 40,
        "stratum": ["s", "s", "t", "t"] * 20,
        "selected": [i * 3 % 7 > 2 for i in range(80)],
    }
)


def _options(name: str) -> dict[str, Any]:
    return {
        "corrected_validity": {"ryy": 0.6},
        "incremental_validity": {"base": ["x"], "added": ["selected"]},
        "relative_weights": {"predictors": ["x", "selected"]},
        "general_dominance": {"predictors": ["x", "selected"]},
        "taylor_russell": {"base_rate": 0.5, "selection_ratio": 0.2},
        "naylor_shine": {"selection_ratio": 0.2},
        "utility": {"selection_ratio": 0.2, "sd_y": 1000.0},
        "published_position": {"own_r": 0.2},
        "access_difference": {"provided": "selected"},
        "convergent_discriminant": {"predictors": ["x", "selected"], "criteria": ["y"], "matched": ["x=y"]},
        "preparation_effect": {"prepared": "selected"},
        "decision_weights": {"predictors": ["x", "y"], "y": "n"},
        "decision_consistency": {"unit": "x", "rater": "group", "score": "y", "cut": 8.0},
        "same_source_validity": {"interviewer": "group", "criterion_rater": "group", "unit": "stratum"},
        "rating_distribution": {"scale_min": 0, "scale_max": 20},
        "rating_stability": {"unit": "stratum", "cycle": "x"},
        "logistic_validity": {"y": "selected"},
        "retention_hazard": {"time": "n", "event": "selected"},
        "polyserial": {"y": "selected"},
        "scoring_rate": {"score": "x"},
        "dif_mantel_haenszel": {"item": "selected", "matching": "x", "levels": 4},
        "dif_logistic": {"item": "selected", "matching": "x"},
        "panel_assignment": {"unit": "application", "score": "y", "group": "hired"},
        "rater_group_interaction": {"unit": "application", "score": "y", "group": "hired"},
        "gap_shares": {"predictors": ["x", "y"]},
        "prediction_at_cut": {"cut": 11.0},
        "crossed_rates": {"group": ["group", "stratum"]},
        "decision_flips": {"unit": "application", "score": "y", "group": "hired", "top_n": 7},
        "group_monitor": {"period": "stratum"},
        "selection_tradeoff": {"unit": "application", "item": "variable", "score": "y", "group": "hired", "top_n": 7},
        "validity_chain": {
            "unit": "application",
            "predictor": "a",
            "criterion": "b",
            "score": "x",
            "selected": "hired",
        },
    }.get(name, {})


def _studies(frame: pl.DataFrame) -> pl.DataFrame:
    """Each person's numbers read as a study's correlation and size as well."""
    long = {"application": pl.int_range(pl.len()) // 4, "hired": pl.int_range(pl.len()) // 4 % 2}
    place = pl.int_range(pl.len()) % 4
    ratings = {"variable": pl.when(place < 2).then(pl.lit("a")).otherwise(pl.lit("b")), "rater": place % 2}
    return frame.with_columns(r=pl.col("x") / 30, n=pl.col("y") + 10, **long, **ratings)


@pytest.mark.parametrize("name", MINE)
def test_every_measure_gives_plain_json(name: str) -> None:
    estimate = measure(name, _studies(PEOPLE), **_options(name))
    document = json.loads(json.dumps(estimate.to_dict(), allow_nan=False))
    assert document["measure"] == name
    assert document["reference"]
    assert all(caution["code"] in CAUTION_CODES for caution in document["cautions"])


@pytest.mark.parametrize("name", MINE)
def test_every_measure_is_described(name: str) -> None:
    entry = describe(name)
    assert entry.family == CATALOGUE[name].split(".")[0]
    assert len(entry.summary) > 20
    for section in ("Parameters", "Returns", "Cautions", "References", "Examples"):
        assert f"\n{section}\n---" in entry.documentation


@pytest.mark.parametrize(
    "module",
    sorted(
        {CATALOGUE[name] for name in MINE}
        | {"fairness.exact_tests", "fairness.power", "fairness.errors_in_variables", "validity.power", "proportions"}
    ),
)
def test_examples_run(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(f"fairpanel.measures.{module}"))
    assert outcome.attempted
    assert not outcome.failed


@pytest.mark.parametrize("name", MINE)
def test_missing_rows_are_counted(name: str) -> None:
    holes = PEOPLE.with_columns(
        pl.when(pl.int_range(pl.len()) < 4).then(None).otherwise(pl.col(column)).alias(column)
        for column in ("x", "y", "group", "selected")
    )
    estimate = measure(name, _studies(holes), **_options(name))
    left_out = [caution.text for caution in estimate.cautions if caution.code == "MISSING_DATA"]
    assert left_out[0].startswith("4 of 80 rows")


def test_unknown_names_and_options() -> None:
    with pytest.raises(MeasureInputError, match="did you mean pearson"):
        measure("pearsn", PEOPLE)
    with pytest.raises(MeasureInputError, match="did you mean 'confidence'"):
        measure("pearson", PEOPLE, confidense=0.9)
    with pytest.raises(MeasureInputError, match="takes a polars DataFrame, got dict"):
        measure("pearson", {"x": [1]})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "option", "text", "value"),
    [
        ("pearson", "confidence", "0.9", 0.9),
        ("pearson", "interval", "bootstrap", "bootstrap"),
        ("impact_ratio", "reference", "highest", "highest"),
        ("corrected_validity", "u", "0.7", 0.7),
        ("corrected_validity", "n", "none", None),
        ("selection_validity", "covariates", "hr, test", ["hr", "test"]),
        ("lancaster_mid_p", "two_sided", "minimum_likelihood", "minimum_likelihood"),
    ],
)
def test_options_from_text(name: str, option: str, text: str, value: Any) -> None:
    assert option_from_text(name, option, text) == value


def test_options_from_wrong_text() -> None:
    with pytest.raises(MeasureInputError, match="one of analytic, bootstrap, none"):
        option_from_text("pearson", "interval", "exact")
    with pytest.raises(MeasureInputError, match="expected a number"):
        option_from_text("pearson", "confidence", "high")


def test_interval_refuses_nonsense() -> None:
    for low, high, level in ((math.nan, 1, 0.95), (2, 1, 0.95), (0, 1, 95)):
        with pytest.raises(ValueError, match=r"interval|level"):
            Interval(low=low, high=high, level=level, method="m")
    assert Interval(low=-math.inf, high=1, level=0.95, method="m").to_dict()["low"] == "-Infinity"


def test_estimate_keeps_its_promises() -> None:
    with pytest.raises(ValueError, match="needs a caution"):
        Estimate(measure="m", method="m", value=None)
    with pytest.raises(ValueError, match="NaN is not a value"):
        Estimate(measure="m", method="m", value=math.nan)
    with pytest.raises(ValueError, match="NO_INTERVAL"):
        Estimate(measure="m", method="m", value=1.0)
    with pytest.raises(ValueError, match="without a value"):
        Estimate(
            measure="m", method="m", value=None, cautions=[Caution("SMALL_SAMPLE", "few")],
            interval=Interval(low=0, high=1, level=0.95, method="m"),
        )  # fmt: skip
    with pytest.raises(ValueError, match="unknown caution code"):
        Caution("ODD", "no such code")  # type: ignore[arg-type]


def test_to_json_is_plain() -> None:
    mixed = {"a": np.float64(1.5), 2: (np.int64(3), math.nan), "c": np.array([[True]]), "d": -math.inf}
    assert to_json(mixed) == {"a": 1.5, "2": [3, None], "c": [[True]], "d": "-Infinity"}
