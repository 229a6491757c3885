"""Thin, empty and wrong data: a caution or a sentence, never a crash and never NaN."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, MeasureInputError
from tests.measures.fairness.frames import counted

SELECTION = ("impact_ratio", "fisher_exact", "lancaster_mid_p", "mantel_haenszel", "breslow_day")


def _run(name: str, frame: pl.DataFrame, **options: Any) -> Estimate:
    if name in ("mantel_haenszel", "breslow_day") and "stratum" not in frame.columns:
        frame = frame.with_columns(stratum=pl.lit("s"))
    estimate = measure(name, frame, **options)
    json.dumps(estimate.to_dict(), allow_nan=False)
    return estimate


@pytest.mark.parametrize("name", SELECTION)
@pytest.mark.parametrize(
    "cells",
    [
        {},
        {"f": (3, 2)},
        {"f": (5, 0), "r": (9, 0)},
        {"f": (0, 5), "r": (0, 9)},
        {"f": (1, 0), "r": (0, 1)},
        {"f": (0, 1), "r": (1, 0)},
        {"f": (1, 0), "r": (2, 3)},
        {"f": (0, 2), "r": (2, 3)},
        {"f": (0, 50), "r": (25, 25)},
        {"f": (50, 0), "r": (25, 25)},
        {"f": (25, 25), "r": (0, 80)},
    ],
)
def test_thin_tables(name: str, cells: dict[str, tuple[int, int]]) -> None:
    estimate = _run(name, counted(cells))
    assert estimate.value is not None or estimate.cautions


@pytest.mark.parametrize("name", SELECTION)
def test_all_decisions_missing(name: str) -> None:
    frame = pl.DataFrame({"group": ["f", "r", "f", "r"], "selected": pl.Series([None] * 4, dtype=pl.Int64)})
    estimate = _run(name, frame)
    assert estimate.value is None
    assert {caution.code for caution in estimate.cautions} >= {"MISSING_DATA", "SMALL_GROUP"}


def test_one_group_has_no_decisions() -> None:
    frame = pl.DataFrame({"group": ["f", "r", "f", "r"], "selected": [None, 1, None, 0]})
    estimate = _run("fisher_exact", frame, focal="f", reference="r")
    assert estimate.value is None


def test_nobody_of_the_focal_group_selected_has_a_one_sided_interval() -> None:
    estimate = _run("impact_ratio", counted({"f": (0, 40), "r": (20, 20)}))
    assert estimate.value == 0
    assert estimate.interval is not None
    assert estimate.interval.low == 0
    assert 0 < estimate.interval.high < 0.8
    assert "ZERO_CELL" in [caution.code for caution in estimate.cautions]


def test_small_groups_are_shown_not_benchmarked() -> None:
    estimate = _run("impact_ratio", counted({"a": (60, 140), "b": (50, 150), "tiny": (3, 0)}))
    assert estimate.detail["highest"] == "a"
    assert estimate.detail["focal"] == "b"
    assert estimate.detail["rates"]["tiny"] == 1
    assert [caution.code for caution in estimate.cautions] == ["SMALL_GROUP"]


@pytest.mark.parametrize("name", ["fisher_exact", "lancaster_mid_p", "mantel_haenszel", "standardized_difference"])
def test_more_than_two_groups_must_be_named(name: str) -> None:
    frame = counted({"a": (5, 5), "b": (4, 6), "c": (3, 7)}).with_columns(y=pl.int_range(pl.len()))
    with pytest.raises(MeasureInputError, match="holds 3 groups"):
        _run(name, frame)
    assert _run(name, frame, focal="c", reference="a").value is not None


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"focal": "women"}, "does not occur"),
        ({"focal": "f", "reference": "f"}, "same group"),
        ({"group": "grup"}, "did you mean group='group'"),
        ({"confidence": 95}, "between 0 and 1"),
    ],
)
@pytest.mark.parametrize("name", SELECTION[:4])
def test_misuse_is_named(name: str, options: dict[str, Any], match: str) -> None:
    with pytest.raises(MeasureInputError, match=match):
        _run(name, counted({"f": (5, 5), "r": (6, 4)}), **options)


def test_decision_labels() -> None:
    numbers = counted({"f": (4, 6), "r": (9, 3)})
    expected = _run("fisher_exact", numbers, focal="f").value
    for yes, no in (("Hired", "Rejected"), ("yes", "no"), ("1", "0")):
        words = numbers.with_columns(selected=pl.when(pl.col("selected") == 1).then(pl.lit(yes)).otherwise(pl.lit(no)))
        assert _run("fisher_exact", words, focal="f").value == expected
    assert _run("fisher_exact", numbers.cast({"selected": pl.Boolean}), focal="f").value == expected
    odd = numbers.with_columns(selected=pl.when(pl.col("selected") == 1).then(pl.lit("up")).otherwise(pl.lit("out")))
    with pytest.raises(MeasureInputError, match=r"'out', 'up'.*selected_label"):
        _run("fisher_exact", odd, focal="f")
    assert _run("fisher_exact", odd, focal="f", selected_label="up").value == expected
    with pytest.raises(MeasureInputError, match="must hold 0 and 1; row 1 holds 2"):
        _run("fisher_exact", numbers.with_columns(selected=pl.lit(2)), focal="f")


@pytest.mark.parametrize("scores", [[], [1.0], [1.0, 2.0], [1.0, 2.0, 3.0], [5.0, 5.0, 5.0, 5.0], [None] * 4])
@pytest.mark.parametrize("kind", ["d", "g", "glass"])
def test_thin_scores(scores: list[float | None], kind: str) -> None:
    group = ["f", "r", "f", "r"][: len(scores)]
    frame = pl.DataFrame({"group": group, "y": scores}, schema={"group": pl.String, "y": pl.Float64})
    estimate = _run("standardized_difference", frame, kind=kind)
    assert estimate.value is None
    assert estimate.cautions


def test_two_people_a_group_have_a_wide_interval() -> None:
    frame = pl.DataFrame({"group": ["f", "f", "r", "r"], "y": [1.0, 2.0, 3.0, 5.0]})
    estimate = _run("standardized_difference", frame, focal="f")
    assert estimate.interval is not None
    assert estimate.interval.low < 0 < estimate.interval.high
    assert "SMALL_SAMPLE" in [caution.code for caution in estimate.cautions]


def test_text_among_numbers_is_named() -> None:
    frame = pl.DataFrame({"group": ["f", "r", "f"], "y": ["3", "n/a", "4"]})
    with pytest.raises(MeasureInputError, match="row 2 of the data holds 'n/a'"):
        _run("standardized_difference", frame)


@pytest.mark.parametrize("covariance", ["classical", "hc3"])
@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame(schema={"x": pl.Float64, "y": pl.Float64, "group": pl.String}),
        pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 2.5], "group": ["f"] * 3}),
        pl.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0], "group": ["f", "r"]}),
        pl.DataFrame({"x": [1.0] * 8, "y": [1.0, 2.0] * 4, "group": ["f"] * 4 + ["r"] * 4}),
        pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0] * 2, "y": [5.0] * 8, "group": ["f"] * 4 + ["r"] * 4}),
        pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0] * 2, "y": [1.0, 2.0, 3.0, 4.0] * 2, "group": ["f"] * 4 + ["r"] * 4}),
        pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0] * 2, "y": [None] * 8, "group": ["f"] * 4 + ["r"] * 4}),
    ],
)
def test_no_lines(frame: pl.DataFrame, covariance: str) -> None:
    estimate = _run("differential_prediction", frame, covariance=covariance)
    assert estimate.value is None
    assert estimate.cautions


def test_groups_too_small_for_a_line_are_left_out() -> None:
    frame = pl.DataFrame(
        {
            "x": [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 2.0, 3.0],
            "y": [1.0, 2.2, 2.9, 4.1, 1.0, 1.4, 2.1, 2.4, 9.0, 9.0],
            "group": ["r"] * 4 + ["f"] * 4 + ["tiny"] * 2,
        }
    )
    estimate = _run("differential_prediction", frame, reference="r")
    assert estimate.detail["focal"] == "f"
    assert any("tiny" in caution.text for caution in estimate.cautions)
    assert _run("differential_prediction", frame, reference="r", focal="tiny").value is None
    with pytest.raises(MeasureInputError, match="give both or neither"):
        _run("differential_prediction", frame, covariance="cluster")


def test_too_few_clusters() -> None:
    frame = pl.DataFrame(
        {
            "x": [1.0, 2.0, 3.0, 4.0] * 4,
            "y": [i * 5 % 11 / 3 for i in range(16)],
            "group": ["f", "r"] * 8,
            "panel": [1, 1, 2, 3] * 4,
        }
    )
    estimate = _run("differential_prediction", frame, covariance="cluster", cluster="panel")
    assert estimate.value is None
    assert "clusters are too few" in estimate.cautions[-1].text
