"""What interviewers are told about their own scores."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from fairpanel.analysis.calibration import MOST_MISFITS, calibration
from fairpanel.config import AuditConfig
from schemas.results import Estimated


def _rasch(rows: list[dict[str, Any]]) -> Estimated:
    return Estimated(
        family="raters", subject={}, result={"measure": "many_facet_rasch", "detail": {"unexpected": rows}}
    )


def _forms(scores: dict[str, list[float]]) -> pl.DataFrame:
    met = datetime(2025, 3, 9, tzinfo=UTC)
    rows = [(f"u{i}", rater, score, met) for rater, given in scores.items() for i, score in enumerate(given)]
    return pl.DataFrame(rows, schema=["unit", "rater", "score", "interviewed_at"], orient="row")


def test_shares_and_surprising_scores_of_those_with_enough_candidates() -> None:
    forms = _forms({"r": [1.0, 5.0, 5.0, 5.0], "few": [2.0]})
    surprises = [
        {"row": 0, "unit": "u0", "rater": "r", "observed": 1.0, "expected": 4.5, "z": -3.1},
        {"row": 4, "unit": "u0", "rater": "few", "observed": 2.0, "expected": 4.5, "z": -2.1},
    ]
    told = calibration("user", forms, _rasch(surprises), AuditConfig(minimum_candidates_per_rater=3))
    assert told["scale"] == {"1": 0.2, "2": 0.2, "5": 0.6}
    assert set(told["raters"]) == {"r"}
    own = told["raters"]["r"]
    assert own["units"] == 4
    assert own["scale"] == {"1": 0.25, "5": 0.75}
    assert own["misfits"] == [{"month": "2025-03", "item": None, "observed": 1.0, "expected": 4.5, "harsher": True}]
    assert "u0" not in str(told)


def test_only_the_most_surprising_scores_are_told() -> None:
    forms = _forms({"r": [1.0] * 30})
    rows = [{"row": i, "unit": "u", "rater": "r", "observed": 1.0, "expected": 4.0, "z": -3.0} for i in range(30)]
    told = calibration("user", forms, _rasch(rows), AuditConfig())
    assert len(told["raters"]["r"]["misfits"]) == MOST_MISFITS


def test_a_fine_scale_is_told_in_tenths() -> None:
    told = calibration("user", _forms({"r": [float(i) for i in range(101)]}), _rasch([]), AuditConfig())
    assert list(told["scale"]) == ["0", "10", "20", "30", "40", "50", "60", "70", "80", "90"]
    assert sum(told["scale"].values()) == pytest.approx(1)


def test_a_model_that_was_not_estimated_leaves_the_rest() -> None:
    nothing = Estimated(family="raters", subject={}, result={"measure": "many_facet_rasch", "detail": {}})
    assert calibration("user", _forms({"r": [1.0] * 12}), nothing, AuditConfig())["raters"]["r"]["misfits"] == []
