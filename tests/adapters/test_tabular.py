"""Reading files row by row: nothing shifted, nothing lost."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairpanel.adapters import tabular
from fairpanel.adapters.base import ExportError


def _file(tmp_path: Path, content: str | bytes, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "rows", "malformed"),
    [
        pytest.param("a,b\n1,2\n3,4\n", [("1", "2", 2), ("3", "4", 3)], [], id="plain"),
        pytest.param("a,b\r\n1,2\r\n", [("1", "2", 2)], [], id="windows line ends"),
        pytest.param("\ufeffa,b\n1,2\n", [("1", "2", 2)], [], id="byte-order mark"),
        pytest.param("a;b\n1;2,5\n", [("1", "2.5", 2)], [], id="semicolons and decimal comma"),
        pytest.param("a\tb\n1\t2\n", [("1", "2", 2)], [], id="tabs"),
        pytest.param("a,b\n1\n2,3\n", [("2", "3", 3)], [2], id="a short row is set aside, not shifted"),
        pytest.param("a,b\n1,2,3\n2,3\n", [("2", "3", 3)], [2], id="a long row"),
        pytest.param("a,b\n1,2\n\n,\n", [("1", "2", 2)], [], id="blank rows at the end"),
        pytest.param('a,b\n"1,5",2\n', [("1,5", "2", 2)], [], id="quoted separator"),
        pytest.param('a,b\n"1\n2",3\n4\n', [("1\n2", "3", 2)], [4], id="line end in a cell"),
        pytest.param("a,b\n 1 ,\n", [("1", None, 2)], [], id="padding and an empty cell"),
        pytest.param("a,b\r1,2\r", [("1", "2", 2)], [], id="line ends of old Macintoshes"),
        pytest.param('a,b\n1,"2\n3,4\n5,6\n', [("3", "4", 3), ("5", "6", 4)], [2], id="a quote that never closes"),
        pytest.param(
            'a,b\n1,"2\n3,4\n5,"6"\n7,8\n',
            [("3", "4", 3), ("5", "6", 4), ("7", "8", 5)],
            [2],
            id="a quote that another one closes",
        ),
        pytest.param('a,b\n1,5" pipe\n"3",4\n', [("1", '5" pipe', 2), ("3", "4", 3)], [], id="inches"),
    ],
)
def test_delimited(tmp_path: Path, content: str, rows: list[tuple[object, ...]], malformed: list[int]) -> None:
    table = tabular.read(_file(tmp_path, content))
    assert table.frame.rows() == rows
    assert table.malformed["source_row"].to_list() == malformed


def test_latin_1_is_read_and_said(tmp_path: Path) -> None:
    table = tabular.read(_file(tmp_path, "a,b\né,1\n".encode("latin-1")))
    assert table.frame["a"].to_list() == ["é"]
    assert "Latin-1" in table.notes[0]


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "scores.csv", "is empty"),
        (b"%PDF-1.7 ...", "scores.csv", "not a table of text"),
        (b"\x89PNG\r\n", "scores.csv", "not a table of text"),
        (b"just some words\n", "scores.csv", "header line"),
        (b"a,b,a\n1,2,3\n", "scores.csv", "several columns called a"),
        (b"not a workbook", "scores.xlsx", "cannot be read as xlsx"),
        (b"not parquet", "scores.parquet", "cannot be read as parquet"),
        (b"words\n", "scores.jsonl", "no JSON object"),
        ("a,b\n1,2\n".encode("utf-16") + b"x", "scores.csv", "begins as UTF-16"),
        ("a,b\n1,2\n".encode("utf-32"), "scores.csv", "not a table of text"),
        (b"{\\rtf1 a,b}\n", "scores.csv", "not a table of text"),
        (b"x" * 200_000 + b",a\n1,2\n", "scores.csv", "field larger than"),
        (b"a,source_row\n1,2\n", "scores.csv", "column called source_row"),
        (b'{"a": 1, "source_row": "x"}\n', "scores.jsonl", "column called source_row"),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path: Path, content: bytes, name: str, says: str) -> None:
    with pytest.raises(ExportError, match=says) as refusal:
        tabular.read(_file(tmp_path, content, name))
    assert name in str(refusal.value)


def test_a_giant_cell_is_one_malformed_row(tmp_path: Path) -> None:
    giant = "x" * 200_000
    table = tabular.read(_file(tmp_path, f'a,b\n"{giant}",1\n"2",3\n'))
    assert table.malformed.height == 1
    assert len(table.malformed["value"][0]) < 80
    assert table.frame["b"].to_list()[-1] == "3"


def test_parquet_and_excel_and_json_lines_give_the_same_cells(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": ["007", "8"], "score": [4.0, None], "when": ["2024-01-02", None]})
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_excel(tmp_path / "t.xlsx")
    frame.write_ndjson(tmp_path / "t.jsonl")
    read = [tabular.read(tmp_path / f"t.{suffix}").frame.drop("source_row") for suffix in ("parquet", "xlsx", "jsonl")]
    assert read[0].rows() == read[1].rows() == [("007", "4", "2024-01-02"), ("8", None, None)]
    assert read[2].rows()[0][0] == "007"


def test_a_half_converted_date_column_refuses_the_workbook(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["1", "2"], "when": ["2024-05-03 00:00:00", "13/05/2024"]}).write_excel(tmp_path / "t.xlsx")
    with pytest.raises(ExportError, match=r"column when is half dates and half text \(text in row 3\)"):
        tabular.read(tmp_path / "t.xlsx")


cell = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters='"'), max_size=8)


@given(st.lists(st.lists(cell, min_size=2, max_size=4), max_size=30))
def test_every_line_comes_out_somewhere(rows: list[list[str]]) -> None:
    lines = [",".join(row) for row in rows]
    text = "\n".join(["one,two,three", *lines])
    frame, malformed = tabular._plain(text, ["one", "two", "three"], ",")
    blank = sum(not line.strip(", \t") for line in lines)
    assert frame.height + malformed.height + blank == len(lines)


def test_json_lines_end_at_line_feeds_only_and_a_line_without_text_is_set_aside(tmp_path: Path) -> None:
    lines = ['{"a": "x\u2028y\x85z", "b": 7.0}', '{"a": "\\ud800", "b": 1}', "[" * 100_000, '{"a": "  ", "b": null}']
    table = tabular.read(_file(tmp_path, "\n".join(lines), "t.jsonl"))
    assert table.frame.select("a", "b").rows() == [("x\u2028y\x85z", "7"), (None, None)]
    assert table.malformed.select("source_row", "rule").rows() == [(2, "not_a_record"), (3, "not_a_record")]


def test_identifiers_do_not_depend_on_the_type_of_a_parquet_column(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": [7, 123_456_789_012_345]})
    frame.with_columns(pl.col("id").cast(pl.Float64).alias("as_float")).write_parquet(tmp_path / "t.parquet")
    read = tabular.read(tmp_path / "t.parquet").frame
    assert read["id"].to_list() == read["as_float"].to_list() == ["7", "123456789012345"]


def test_what_is_not_a_number_in_parquet_is_no_identifier(tmp_path: Path) -> None:
    pl.DataFrame({"id": [float("nan"), 1.5]}).write_parquet(tmp_path / "t.parquet")
    assert tabular.read(tmp_path / "t.parquet").frame["id"].to_list() == [None, "1.5"]


def test_a_nested_column_is_left_out_and_said(tmp_path: Path) -> None:
    pl.DataFrame({"id": [1], "tags": [["a"]]}).write_parquet(tmp_path / "t.parquet")
    table = tabular.read(tmp_path / "t.parquet")
    assert table.columns == ["id"]
    assert "tags" in table.notes[0]
