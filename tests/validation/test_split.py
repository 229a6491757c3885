"""Accepted or refused, with rule, column and value; nothing in between."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairpanel.validation.split import CONTRACTS, split
from fairpanel.validation.summary import of_batch, stability_index
from schemas.columns import COLUMNS
from schemas.rules import QUARANTINE

GOOD = {
    "candidate_id": "a",
    "application_id": "a",
    "interviewer_id": "r",
    "competency": "technical",
    "score": "4",
    "scale_min": "1",
    "scale_max": "5",
    "higher_is_better": "true",
    "interviewed_at": "2024-03-01",
}


def _scores(**change: str | None) -> pl.DataFrame:
    row = GOOD | change
    return pl.DataFrame({name: [value] for name, value in row.items()}, schema=dict.fromkeys(row, pl.String))


@pytest.mark.parametrize(
    ("change", "rule", "column", "value"),
    [
        ({"score": "9"}, "score_outside_scale", "score", "9.0"),
        ({"score": "0"}, "score_outside_scale", "score", "0.0"),
        ({"score": "good"}, "not_a_number", "score", "good"),
        ({"score": "NaN"}, "not_a_number", "score", "NaN"),
        ({"score": "1e999"}, "not_a_number", "score", "1e999"),
        ({"score": "=1+1"}, "not_a_number", "score", "=1+1"),
        ({"candidate_id": None}, "missing_value", "candidate_id", None),
        ({"interviewer_id": None}, "missing_value", "interviewer_id", None),
        ({"competency": "charisma"}, "unknown_label", "competency", "charisma"),
        ({"stage": "lunch"}, "unknown_label", "stage", "lunch"),
        ({"interviewed_at": "31/03/2024"}, "not_a_moment", "interviewed_at", "31/03/2024"),
        ({"interviewed_at": "2024-13-01"}, "not_a_moment", "interviewed_at", "2024-13-01"),
        ({"interviewed_at": None}, "missing_value", "interviewed_at", None),
        ({"interviewed_at": "9999-01-01"}, "moment_implausible", "interviewed_at", None),
        ({"is_deleted": "perhaps"}, "not_a_boolean", "is_deleted", "perhaps"),
        ({"scale_min": "5", "scale_max": "1"}, "scale_upside_down", "scale_min", "5.0"),
    ],
)
def test_refused(change: dict[str, str | None], rule: str, column: str, value: str | None) -> None:
    divided = split("scores", pl.concat([_scores(), _scores(**change), _scores()], how="diagonal"))
    assert divided.accepted.height == 2
    first = divided.failures.filter(pl.col("column") == column).row(0, named=True)
    assert (first["row"], first["rule"]) == (1, rule)
    if value is not None:
        assert first["value"] == value
    assert QUARANTINE[rule].mend


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-03-01", "2024-03-01 00:00:00"),
        ("2024-03-01T10:30", "2024-03-01 10:30:00"),
        ("2024-03-01T10:30:15.250Z", "2024-03-01 10:30:15.250000"),
        ("2024-03-01 10:30:15", "2024-03-01 10:30:15"),
        ("2024-03-01T10:30:15+02:00", "2024-03-01 08:30:15"),
    ],
)
def test_moments(text: str, moment: str) -> None:
    assert (
        str(split("scores", _scores(interviewed_at=text)).accepted["interviewed_at"][0].replace(tzinfo=None)) == moment
    )


def test_an_empty_score_is_an_unanswered_item() -> None:
    assert split("scores", _scores(score=None)).accepted["score"].to_list() == [None]


cells = st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["1", "3", "9", "2024-01-01", "true", "technical"]))


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(GOOD, cells)), min_size=1, max_size=20))
def test_rows_in_are_rows_out_whatever_the_cells(rows: list[dict[str, str | None]]) -> None:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(GOOD, pl.String))
    divided = split("scores", frame)
    assert divided.accepted.height + divided.refused_rows == len(rows)
    assert sum(divided.reasons().values()) == divided.refused_rows
    assert set(divided.failures["rule"]) <= set(QUARANTINE)


def test_every_table_has_a_contract_whose_columns_exist() -> None:
    assert set(CONTRACTS) == set(COLUMNS)
    for table, contract in CONTRACTS.items():
        assert set(contract.to_schema().columns) <= set(COLUMNS[table])


def test_summary_of_a_batch() -> None:
    rows = pl.concat([_scores(score=score, candidate_id=f"c{i}") for i, score in enumerate(["1", "5", None, "5"])])
    accepted = split("scores", rows).accepted
    none = pl.Series(dtype=pl.String)
    first = of_batch("scores", accepted, 5, 1, [], none, none)
    assert (first["share_unanswered"], first["share_refused"]) == (0.25, 0.2)
    assert first["histogram"] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert first["distribution_shift"] is None
    again = of_batch("scores", accepted, 5, 1, [first], pl.Series(["r"]), pl.Series(["c0", "c1"]))
    assert again["distribution_shift"] == pytest.approx(0)
    assert (again["share_known_raters"], again["group_coverage"], again["rows_against_earlier"]) == (1.0, 0.5, 1.0)


def test_stability_index() -> None:
    assert stability_index([10, 10], [10, 10]) == 0
    # (.5 - .25) ln 2 + (.5 - .75) ln(2/3), half a count added to each bin
    assert stability_index([1, 1], [0, 1]) == pytest.approx(0.25 * 0.6931472 + 0.25 * 0.4054651, abs=1e-6)
