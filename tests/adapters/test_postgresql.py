"""Source files and single values, without a server; with one: tests/services/test_postgresql_source.py."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from fairpanel.adapters import postgresql
from fairpanel.adapters.base import ExportError
from fairpanel.config import ConfigError

GOOD = '[postgresql]\nurl_from = "HR_URL"\n[tables.decisions]\nquery = "select 1"\n'


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, None),
        ("  a ", "a"),
        (" ", None),
        (True, "true"),
        (False, "false"),
        (2**63, "9223372036854775808"),
        (3.0, "3"),
        (0.1, "0.1"),
        (Decimal("3.50"), "3.5"),
        (Decimal("300"), "300"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.000"), "0"),
        (Decimal("-0.10"), "-0.1"),
        (Decimal("NaN"), "NaN"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, 12, tzinfo=timezone(timedelta(hours=2))), "2024-02-29T10:00:00.000000"),
        (datetime(2024, 2, 29, 12, tzinfo=UTC).replace(tzinfo=None), "2024-02-29T12:00:00.000000"),
    ],
)
def test_a_value_as_a_cell(value: object, cell: str | None) -> None:
    assert postgresql._text(value) == cell


def test_a_value_that_is_no_cell_is_named_by_its_type_only() -> None:
    with pytest.raises(ExportError, match="of type list") as refused:
        postgresql._text(["somebody"])
    assert "somebody" not in str(refused.value)


def test_a_source_file_is_known_by_its_table(tmp_path: Path) -> None:
    for name, text, known in (
        ("a.toml", GOOD, True),
        ("b.toml", 'name = "a mapping"\n', False),
        ("c.toml", "not = [toml", False),
        ("d.csv", GOOD, False),
    ):
        (tmp_path / name).write_text(text)
        assert postgresql.is_source(tmp_path / name) is known
    assert not postgresql.is_source(tmp_path / "none.toml")
    source = postgresql.load(tmp_path / "a.toml")
    assert source.postgresql.url_from == "HR_URL"
    assert source.tables["decisions"].query == "select 1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace("url_from", "url"), "never the address itself"),
        (GOOD.replace('"HR_URL"', '"postgresql://u:hidden@h/d"'), "never the address itself"),
        (GOOD.replace('url_from = "HR_URL"', 'password = "hidden"'), "never the address itself"),
        (GOOD.replace('url_from = "HR_URL"', ""), "name either url_from"),
        (GOOD.replace('"HR_URL"', '"HR_URL"\nurl_block = "hr"'), "name either url_from"),
        (GOOD.replace("decisions", "people"), "people"),
        ('[postgresql]\nurl_from = "A"\n', "tables"),
        ('[postgresql]\nurl_from = "A"\n[tables]\n', "tables"),
        (GOOD.replace("query", "sql"), "unknown key"),
        (GOOD.replace("select 1", "UPDATE a SET b = 1"), "begins with SELECT or WITH"),
        (GOOD.replace("select 1", "-- select\\nDELETE FROM a"), "begins with SELECT or WITH"),
        (GOOD.replace("select 1", "/* select */ COPY a TO '/x'"), "begins with SELECT or WITH"),
        (GOOD.replace("select 1", "selection"), "begins with SELECT or WITH"),
        ("[postgresql\n", "not valid TOML"),
    ],
)
def test_a_mistake_in_a_source_file_is_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "hr.toml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        postgresql.load(tmp_path / "hr.toml")
    assert says in str(refused.value)
    assert "hr.toml" in str(refused.value)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("query", ["-- who\n SELECT 1", "/* a\nb */with x as (select 1) select * from x"])
def test_queries_that_read(query: str) -> None:
    assert postgresql.Query(query=f"{query};").query == query.strip()


@pytest.mark.parametrize("url", ["", "hr", "mysql://u:hidden@h/d", "postgresql://", "postgresql://u:hid#den@h:x/d"])
def test_an_address_of_another_form_is_not_repeated(url: str) -> None:
    with pytest.raises(ExportError, match="not of the form") as refused:
        postgresql._place(url, "hr")
    assert "hid" not in str(refused.value)
    assert postgresql._place("postgres://u:p%40@h/d", "hr") == "h:5432/d"
