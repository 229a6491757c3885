"""Mappings: wide and long tables of any layout, and what a mistake in one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairpanel.adapters import mapping
from fairpanel.adapters.base import Export, ExportError
from fairpanel.config import Config, ConfigError

LONG = """
name = "house"
empty = ["n/a"]
timezone = "Europe/Berlin"
[[tables]]
table = "scores"
columns = { candidate_id = "person", interviewer_id = ["panel", "seat"], score = "mark", interviewed_at = "day" }
constants = { competency = "overall", stage = "user" }
scale = { minimum = 1, maximum = 4 }
labels = { score = { "Strong yes" = 4, "No" = 1 } }
date_format = "%d.%m.%Y"
"""
WIDE = """
name = "wide"
[[tables]]
table = "scores"
columns = { candidate_id = "#row", interviewed_at = "day" }
wide = [
    { column = "a", interviewer_id = "seat a", competency = "technical" },
    { column = "b", interviewer_id = "seat b", competency = "overall", stage = "hr" },
]
"""


def _read(tmp_path: Path, toml: str, csv: str) -> list[mapping.Delivered]:
    (tmp_path / "m.toml").write_text(toml)
    (tmp_path / "file.csv").write_text(csv)
    return mapping.read(Export("file.csv", (tmp_path / "file.csv",)), Config(), mapping.load(tmp_path / "m.toml"))


def test_long_table_with_labels_seats_and_local_dates(tmp_path: Path) -> None:
    rows = "P1,east,1,Strong yes,31.03.2024\nP2,east,2,2,01.01.2024\nP3,west,1,n/a,01.07.2024\n"
    (table,) = _read(tmp_path, LONG, "person,panel,seat,mark,day\n" + rows)
    frame = table.frame
    assert frame["interviewer_id"].to_list() == ["east/1", "east/2", "west/1"]
    assert frame["score"].to_list() == ["4", "2", None]
    assert frame["score_raw"].to_list() == ["Strong yes", "2", None]
    assert frame["scale_max"].to_list() == ["4.0"] * 3
    assert frame["interviewed_at"].to_list()[0] == "2024-03-31T00:00:00.000000Z"


def test_a_word_that_is_not_mapped_is_set_aside_not_guessed(tmp_path: Path) -> None:
    (table,) = _read(tmp_path, LONG, "person,panel,seat,mark,day\nP1,east,1,Stong yes,31.03.2024\n")
    assert table.frame.is_empty()
    assert table.malformed.rows() == [(2, "unknown_label", "score", "Stong yes")]
    assert table.rows_read == 1


def test_wide_table_without_identifiers(tmp_path: Path) -> None:
    (table,) = _read(tmp_path, WIDE, "a,b,day\n4,3,2024-01-01\n,5,2024-01-02\n")
    rows = table.frame.sort("source_row", "interviewer_id").select(
        "candidate_id", "interviewer_id", "competency_label", "score", "stage"
    )
    assert rows.rows() == [
        ("row 2", "seat a", "a", "4", None),
        ("row 2", "seat b", "b", "3", "hr"),
        ("row 3", "seat a", "a", None, None),
        ("row 3", "seat b", "b", "5", "hr"),
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("interviewer_id =", "interviewer ="), "interviewer is no column of scores"),
        (("date_format", "dateformat"), "unknown key 'tables.0.dateformat'; did you mean 'date_format'"),
        (('competency = "overall", ', ""), "scores needs competency"),
        (('table = "scores"', 'table = "score"'), "tables.0.table"),
        (("minimum = 1, maximum = 4", "minimum = 4, maximum = 1"), "minimum must be below maximum"),
        (('name = "house"', 'name = "../house"'), "name"),
        (('name = "house"', 'name = "house'), "not valid TOML"),
    ],
)
def test_a_mistake_in_a_mapping_is_named(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    (tmp_path / "m.toml").write_text(LONG.replace(*change))
    with pytest.raises(ConfigError, match=says) as error:
        mapping.load(tmp_path / "m.toml")
    assert "m.toml" in str(error.value)


def test_a_column_that_the_file_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="has no column mark, which the mapping house names"):
        _read(tmp_path, LONG, "person,panel,seat,grade,day\nP1,east,1,3,31.03.2024\n")


TIMES = """
name = "times"
timezone = "Europe/Berlin"
[[tables]]
table = "scores"
columns = { candidate_id = "person", interviewer_id = "seat", score = "mark", interviewed_at = "at" }
constants = { competency = "overall" }
"""


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        pytest.param("2024-01-02 10:00", "2024-01-02T09:00:00.000000Z", id="a local time without seconds"),
        pytest.param("2024-07-02T10:00:00", "2024-07-02T08:00:00.000000Z", id="a local time in summer"),
        pytest.param("2024-01-02", "2024-01-02", id="a date stays the same date"),
        pytest.param("2024-01-02T10:00:00Z", "2024-01-02T10:00:00Z", id="its own offset counts"),
        pytest.param("2024-03-31T02:30:00", "2024-03-31T02:30:00 does not exist in Europe/Berlin", id="skipped hour"),
    ],
)
def test_local_times_without_a_format(tmp_path: Path, cell: str, moment: str) -> None:
    (table,) = _read(tmp_path, TIMES, f"person,seat,mark,at\nP1,1,3,{cell}\n")
    assert table.frame["interviewed_at"].to_list() == [moment]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("Europe/Berlin", "Europe/Berlim"), "expected a time zone"),
        (('"at" }', '"at" }\ndate_format = "%Q"'), "date_format"),
    ],
)
def test_a_zone_or_a_format_that_does_not_exist_is_told(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        _read(tmp_path, TIMES.replace(*change), "person,seat,mark,at\n")
