"""Long ratings as arrays."""

from __future__ import annotations

import polars as pl
import pytest

from fairpanel.measures.estimate import MeasureInputError
from fairpanel.measures.panel import long_ratings


def test_codes_follow_sorted_labels_and_missing_rows_are_counted() -> None:
    frame = pl.DataFrame(
        {
            "who": ["b", "a", None, "c", "a"],
            "by": [10, 9, 9, 10, 11],
            "points": [3.0, None, 4.0, float("nan"), 5.0],
        }
    )
    found = long_ratings(frame, unit="who", rater="by", score="points")
    assert found.units == ("a", "b")
    assert found.raters == ("10", "11")
    assert found.unit.tolist() == [1, 0]
    assert found.rater.tolist() == [0, 1]
    assert found.missing == 3
    assert found.counts() == {"units": 2, "scores": 2, "missing": 3, "raters": 2}
    assert [caution.code for caution in found.missing_caution()] == ["MISSING_DATA"]


def test_rows_left_out_leave_no_trace_in_the_others() -> None:
    whole = {"who": ["b", "a", "c"], "by": [10, 9, 11], "points": [3, 4, 5]}
    roles = {"unit": "who", "rater": "by", "score": "points"}
    alone = long_ratings(pl.DataFrame(whole), **roles)
    gaps = {"who": [None, "z"], "by": [8, 8], "points": [1, None]}
    among = long_ratings(pl.DataFrame({name: values + gaps[name] for name, values in whole.items()}), **roles)
    assert (alone.missing, among.missing) == (0, 2)
    for name in ("score", "unit", "rater"):
        assert getattr(alone, name).tolist() == getattr(among, name).tolist()
    assert (alone.units, alone.raters) == (among.units, among.raters)


def test_selected_rows_are_coded_anew() -> None:
    frame = pl.DataFrame({"unit": ["a", "b", "c"], "rater": ["x", "y", "x"], "score": [1, 2, 3]})
    found = long_ratings(frame, unit="unit", rater="rater", score="score")
    kept = found.select(found.score > 1)
    assert kept.units == ("b", "c")
    assert kept.unit.tolist() == [0, 1]
    assert kept.raters == ("x", "y")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "nobody"}, "column 'nobody' for the role unit; the data have unit, rater, score"),
        ({"rater": "unit"}, "different columns"),
        ({"score": "rater", "rater": None}, "expected numbers in the score column"),
    ],
)
def test_misuse_is_named(options: dict[str, str | None], message: str) -> None:
    frame = pl.DataFrame({"unit": ["a"], "rater": ["x"], "score": [1]})
    roles = {"unit": "unit", "rater": "rater", "score": "score"} | options
    with pytest.raises(MeasureInputError, match=message):
        long_ratings(frame, **roles)  # type: ignore[arg-type]


def test_infinite_scores_are_refused() -> None:
    frame = pl.DataFrame({"unit": ["a"], "rater": ["x"], "score": [float("inf")]})
    with pytest.raises(MeasureInputError, match="finite"):
        long_ratings(frame, unit="unit", rater="rater", score="score")
