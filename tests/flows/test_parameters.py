"""Parameters of the flows: what a form may send, and the sentence for what it may not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from fairpanel.parameters import AuditParameters, BackfillParameters, IngestParameters

MODELS = (IngestParameters, AuditParameters, BackfillParameters)
RANGE = {"workspace": "w", "first_month": "2024-01-01", "last_month": "2024-12-01"}


@pytest.mark.parametrize(
    ("model", "given", "says"),
    [
        (IngestParameters, {}, "Field required"),
        (IngestParameters, {"workspace": "  "}, "at least 1 character"),
        (IngestParameters, {"workspace": "w", "folder": "x"}, "Extra inputs are not permitted"),
        (IngestParameters, {"workspace": "w", "paths": ["a", ""]}, "at least 1 character"),
        (AuditParameters, {"workspace": "w", "previous": "decade"}, "'half-year' or 'year'"),
        (
            AuditParameters,
            {"workspace": "w", "first_day": "2024-02-01", "last_day": "2024-01-31"},
            "the period ends before it begins: from 2024-02-01 to 2024-01-31",
        ),
        (
            AuditParameters,
            {"workspace": "w", "previous": "month", "first_day": "2024-02-01"},
            "choose either the last whole month or a first and last day, not both",
        ),
        (AuditParameters, {"workspace": "w", "last_day": "2024-02-30"}, "day value is outside expected range"),
        (
            BackfillParameters,
            RANGE | {"first_month": "2025-01-01"},
            "the range ends before it begins: from 2025-01-01 to 2024-12-01",
        ),
        (BackfillParameters, RANGE | {"first_month": "0202-01-01"}, "greater than or equal to 1950-01-01"),
        (BackfillParameters, RANGE | {"last_month": "20240-01-01"}, "last_month"),
        (BackfillParameters, RANGE | {"every": "day"}, "'year' or 'whole'"),
    ],
)
def test_mistakes_are_named(model: type[BaseModel], given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(given)
    assert says in str(caught.value)


def test_a_form_sends_text_with_a_line_end_and_dates_as_text() -> None:
    parameters = BackfillParameters.model_validate(RANGE | {"workspace": "w\n", "every": "quarter"})
    assert parameters.workspace == "w"
    assert parameters.first_month == date(2024, 1, 1)


def test_one_day_and_an_open_period_are_periods() -> None:
    day = {"workspace": "w", "first_day": "2024-02-01"}
    assert AuditParameters.model_validate(day | {"last_day": "2024-02-01"}).last_day == date(2024, 2, 1)
    assert AuditParameters.model_validate(day).last_day is None


@pytest.mark.parametrize("model", MODELS)
def test_the_form_titles_every_field_and_refuses_others(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    assert schema["additionalProperties"] is False
    untitled = [name for name, field in schema["properties"].items() if field["title"] == name]
    assert untitled == []
    undescribed = [n for n, f in schema["properties"].items() if "description" not in f and "enum" not in f]
    assert set(undescribed) <= {"newest_first"}
