"""Sources in place of their files: private, gone afterwards, and one that fails does not take the others along."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairpanel.adapters.base import ExportError
from fairpanel.adapters.postgresql import Connection, Source
from fairpanel.config import ConfigError
from fairpanel.pipeline.extracting import extracted, sources


def _file(path: Path) -> Path:
    path.write_text('[postgresql]\nurl_from = "URL"\n[tables.decisions]\nquery = "select 1"\n')
    return path


def _address(connection: Connection) -> str:
    return f"of {connection.url_from}"


def test_exports_in_place_of_sources(tmp_path: Path) -> None:
    good, bad, plain = _file(tmp_path / "good.toml"), _file(tmp_path / "bad.toml"), tmp_path / "plain.csv"
    seen = []

    def read(name: str, _source: Source, url: str, folder: Path) -> list[Path]:
        if name == "bad":
            raise ExportError("no answer")
        seen.append((url, folder.parent.stat().st_mode & 0o777))
        (folder / f"{name}.decisions.parquet").write_bytes(b"rows")
        return [folder / f"{name}.decisions.parquet"]

    paths = [good, plain, bad]
    with extracted(paths, sources(paths), _address, read) as given:
        assert [path.name for path in given.paths] == ["plain.csv", "good.decisions.parquet"]
        assert given.paths[1].read_bytes() == b"rows"
        assert given.failed == {bad: "no answer"}
    assert not given.paths[1].exists()
    assert seen == [("of URL", 0o700)]


def test_no_sources_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    _file(tmp_path / "inbox" / "hr.toml")  # whoever may drop a file there may not choose queries
    paths = [tmp_path / "inbox", tmp_path / "plain.csv"]
    assert sources(paths, "greenhouse-harvest") == {}
    with extracted(paths, {}, _address) as given:
        assert list(given.paths) == paths


def test_a_layout_of_files_is_none_of_a_database(tmp_path: Path) -> None:
    assert sources([_file(tmp_path / "hr.toml")], "canonical")
    with pytest.raises(ConfigError, match="without --source"):
        sources([tmp_path / "hr.toml"], "greenhouse-harvest")
