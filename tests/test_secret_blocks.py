"""Which secret counts, and that a missing block is a sentence; blocks of a real API: tests/services."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairpanel import doctor, exit_codes, secret_blocks
from fairpanel.adapters.postgresql import Connection
from fairpanel.cli import main
from fairpanel.config import ConfigError
from fairpanel.workspace import Workspace

KEY = "a key for tests only, never in use"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FAIRPANEL_KEY", "FAIRPANEL_KEY_BLOCK", "PREFECT_API_URL", "HR", "HR_BLOCK"):
        monkeypatch.setenv(name, "")  # so that what fill() sets is taken back
        monkeypatch.delenv(name)


def _blocks(monkeypatch: pytest.MonkeyPatch, **held: str) -> list[str]:
    read: list[str] = []

    def value(block: str, named_by: str) -> str:
        read.append(f"{block} by {named_by}")
        return held[block]

    monkeypatch.setattr(secret_blocks, "_read", value)
    return read


def test_a_variable_that_is_set_goes_before_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    read = _blocks(monkeypatch, key=KEY)
    secret_blocks.fill("FAIRPANEL_KEY")
    monkeypatch.setenv("FAIRPANEL_KEY_BLOCK", "key")
    monkeypatch.setenv("FAIRPANEL_KEY", "another key, as long as it has to be")
    secret_blocks.fill("FAIRPANEL_KEY")
    assert read == []
    monkeypatch.delenv("FAIRPANEL_KEY")
    secret_blocks.fill("FAIRPANEL_KEY")
    secret_blocks.fill("FAIRPANEL_KEY")
    assert read == ["key by FAIRPANEL_KEY_BLOCK"]
    assert os.environ["FAIRPANEL_KEY"] == KEY


def test_the_address_of_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    _blocks(monkeypatch, hr="postgresql://h/d")
    with pytest.raises(ConfigError, match="variable HR is not set"):
        secret_blocks.address(Connection(url_from="HR"))
    monkeypatch.setenv("HR_BLOCK", "hr")
    assert secret_blocks.address(Connection(url_from="HR")) == "postgresql://h/d"
    assert secret_blocks.address(Connection(url_block="hr")) == "postgresql://h/d"


def test_the_doctor_says_where_the_key_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path / "w").create()

    def told() -> tuple[bool, str]:
        (check,) = [check for check in doctor.examine(workspace) if check["what"] == "pseudonym key"]
        return check["ok"], check["told"]

    assert "none yet" in told()[1]
    monkeypatch.setenv("FAIRPANEL_KEY_BLOCK", "key")
    assert told() == (
        False,
        "FAIRPANEL_KEY_BLOCK names the Prefect Secret block 'key', but no Prefect API is configured: set PREFECT_API_URL",
    )
    _blocks(monkeypatch, key=KEY)
    assert told() == (True, "from the Prefect Secret block 'key' (FAIRPANEL_KEY_BLOCK)")
    assert told() == (True, "from FAIRPANEL_KEY")
    assert KEY not in str(doctor.examine(workspace))


def test_without_the_block_no_other_key_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d.csv").write_text("candidate_id,decision,decided_on\nc1,accepted,2024-01-01\n")
    monkeypatch.setenv("FAIRPANEL_KEY_BLOCK", "key")
    assert main(["ingest", str(tmp_path / "d.csv"), "--workspace", str(tmp_path / "w")]) == exit_codes.USAGE
    assert "no Prefect API is configured" in capsys.readouterr().err
    assert not (tmp_path / "w" / "secrets" / "pseudonym.key").exists()
