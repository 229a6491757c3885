"""The own validity among published ones, and each study's shrunken estimate: anchors, invariances, wrong input."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError
from fairpanel.reference import interview_validities

OWN = {"own_r": 0.3, "own_low": 0.2, "own_high": 0.4}


def test_the_published_correlations_give_the_published_figures() -> None:
    studies = interview_validities()
    assert (studies.height, studies["n"].sum()) == (160, 25244)
    found = measure("meta_analysis", studies)
    assert found.detail["estimate_z"] == pytest.approx(0.2373935, abs=5e-7)
    assert found.detail["se"] == pytest.approx(0.0169573, abs=5e-7)
    assert found.detail["tau2"] == pytest.approx(0.0293105, abs=5e-7)
    assert found.detail["q"] == pytest.approx(789.7321, abs=5e-4)
    position = measure("published_position", studies, **OWN)
    assert position.detail["prediction_low"] == pytest.approx(-0.0995, abs=5e-5)
    assert position.detail["prediction_high"] == pytest.approx(0.5187, abs=5e-5)
    assert position.detail["inside"]


def test_structured_interviews_differ_from_unstructured_ones() -> None:
    studies = interview_validities().drop_nulls("structured")
    found = measure("meta_analysis", studies, moderator="structured").detail["moderator"]
    assert found["qm"] == pytest.approx(3.8417, abs=5e-5)
    assert found["qm_p"] == pytest.approx(0.0500, abs=5e-5)
    means = {row["level"]: row["mean_r"] for row in found["levels"]}
    assert means["true"] > means["false"]
    assert (
        interview_validities(structured=True).height + interview_validities(structured=False).height == studies.height
    )


def test_the_contents_of_interviews_are_told_apart() -> None:
    by_type = {content: interview_validities(content=content) for content in ("job", "situational", "psychological")}
    sizes = {name: studies.height for name, studies in by_type.items()}
    assert sizes == {"job": 127, "situational": 16, "psychological": 14}
    means = {name: measure("meta_analysis", studies).value for name, studies in by_type.items()}
    assert means["situational"] > means["job"] > means["psychological"]


def test_the_place_is_that_of_the_predictive_distribution() -> None:
    studies = interview_validities()
    pooled = measure("meta_analysis", studies).detail
    spread = math.sqrt(pooled["tau2"] + pooled["se"] ** 2)
    found = measure("published_position", studies, **OWN)
    assert found.value == pytest.approx(norm.cdf((math.atanh(0.3) - pooled["estimate_z"]) / spread))
    assert found.interval is not None
    assert found.interval.low < found.value < found.interval.high
    at_the_end = measure("published_position", studies, own_r=found.detail["prediction_high"])
    assert at_the_end.value == pytest.approx(0.975)


def test_the_same_corrections_on_both_sides_leave_the_place_alone() -> None:
    studies = interview_validities()
    plain = measure("published_position", studies, own_r=0.3)
    free = 0.3 / math.sqrt(0.6)
    own = free / 0.68 / math.sqrt(1 + free**2 * (1 / 0.68**2 - 1))
    again = measure("published_position", studies, own_r=own, ryy=0.6, u=0.68)
    assert again.value == pytest.approx(plain.value)
    assert again.detail["mean_r"] > plain.detail["mean_r"]
    assert "ASSUMED_RELIABILITY" in {caution.code for caution in again.cautions}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "own_r"),
        ({"own_r": 1.2}, "own_r"),
        ({"own_r": 0.3, "own_low": 0.4, "own_high": 0.5}, "own_low"),
        ({"own_r": 0.3, "own_low": 0.1}, "together"),
        ({"own_r": 0.3, "ryy": 0.0}, "ryy"),
        ({"own_r": 0.3, "u": 1.4}, "u must"),
    ],
)
def test_impossible_input_is_refused(options: dict[str, float], says: str) -> None:
    with pytest.raises(MeasureInputError, match=says):
        measure("published_position", interview_validities(), **options)


def test_thin_studies_give_cautions() -> None:
    one = measure("published_position", pl.DataFrame({"r": [0.2], "n": [50]}), own_r=0.3)
    assert one.value is None
    few = measure("published_position", pl.DataFrame({"r": [0.2, 0.3, None], "n": [50, 60, 70]}), own_r=0.3)
    assert {"SMALL_SAMPLE", "MISSING_DATA", "NO_INTERVAL"} <= {caution.code for caution in few.cautions}
    with pytest.raises(MeasureInputError, match="row 2"):
        measure("published_position", pl.DataFrame({"r": [0.2, 1.3], "n": [50, 50]}), own_r=0.3)


def test_shrunken_estimates_lie_between_own_and_mean_and_keep_their_names() -> None:
    studies = pl.DataFrame(
        {"name": list("abcdef"), "r": [0.5, -0.1, 0.2, 0.35, 0.0, 0.3], "n": [30, 40, 400, 60, 50, 80]}
    )
    for method in ("reml", "hunter_schmidt"):
        found = measure("meta_analysis", studies, study="name", method=method)
        rows = {row["study"]: row for row in found.detail["studies"]}
        assert found.value is not None
        for name, r, n in studies.iter_rows():
            row = rows[name]
            assert (row["r"], row["n"]) == (pytest.approx(r), n)
            assert min(r, found.value) - 0.01 <= row["shrunken"] <= max(r, found.value) + 0.01
            assert row["low"] < row["shrunken"] < row["high"]
        assert abs(rows["a"]["shrunken"] - 0.5) > abs(rows["c"]["shrunken"] - 0.2)  # the small study is drawn further


def test_studies_that_do_not_differ_shrink_far_and_three_do_not_shrink() -> None:
    rng = np.random.default_rng(1)
    alike = pl.DataFrame({"r": np.tanh(0.3 + rng.normal(size=30) / math.sqrt(50)), "n": [53] * 30})
    found = measure("meta_analysis", alike)
    spread = np.std([row["shrunken"] for row in found.detail["studies"]])
    assert spread < 0.5 * np.std(alike["r"].to_numpy())
    assert measure("meta_analysis", alike[:3]).detail["studies"] == []
