"""The commands that prove: verify, key, anchor."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from fairpanel import exit_codes
from fairpanel.cli import main
from fairpanel.store.signing import SIGNING_KEY
from tests.workspaces import write


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with signed entries and one report; key.pem and key.pem.pub beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAIRPANEL_WORKSPACE", "work")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert main(["init"]) == exit_codes.DONE
    (tmp_path / "work" / "fairpanel.toml").write_text(
        "[ingest]\nbatch_checks = false\n[audit]\nself_test_replicates = 0\n"
    )
    assert main(["key", "new", "key.pem"]) == exit_codes.DONE
    monkeypatch.setenv(SIGNING_KEY, "key.pem")
    chance = random.Random(1)
    rows = [f"c{i},r{j},overall,{chance.randint(1, 5)},2024-01-01" for i in range(40) for j in range(3)]
    assert main(["ingest", str(write(tmp_path / "s.csv", rows))]) == exit_codes.DONE
    assert main(["audit"]) == exit_codes.DONE
    return tmp_path


def _told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_verify_says_what_was_checked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["verify"]) == exit_codes.DONE
    assert "2 entries are signed; their signatures were not checked" in capsys.readouterr().out
    assert main(["verify", "--public-key", "key.pem.pub", "--json"]) == exit_codes.DONE
    assert _told(capsys) == {
        "entries": 2, "ok": True, "problems": [], "signed": 2, "signatures": "checked", "anchors": 0
    }  # fmt: skip


def test_an_anchor_is_written_and_checked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["anchor", "--out", "anchor.json"]) == exit_codes.DONE
    capsys.readouterr()
    assert main(["anchor"]) == exit_codes.DONE
    made = _told(capsys)
    assert made["number"] == 2
    assert made["hash"] == json.loads((home / "anchor.json").read_text())["hash"]
    assert main(["verify", "--anchor", "anchor.json"]) == exit_codes.DONE
    assert "up to entry 2" in capsys.readouterr().out
    (home / "anchor.json").write_text(json.dumps(made | {"hash": "0" * 64}))
    assert main(["verify", "--anchor", "anchor.json", "--json"]) == exit_codes.DIFFERENT
    assert [problem["where"] for problem in _told(capsys)["problems"]] == ["ledger entry 2"]


def test_a_broken_ledger_is_not_anchored(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = home / "work" / "ledger" / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-2])
    assert main(["anchor"]) == exit_codes.DIFFERENT
    assert "the ledger is not whole" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["key", "new", "key.pem"], "exists already"),
        (["key", "new", "work/secrets/key.pem"], "lies inside the workspace"),
        (["verify", "--public-key", "nowhere"], "cannot be read"),
        (["verify", "--public-key", "key.pem"], "holds no public key"),
        (["verify", "--anchor", "s.csv"], "is no anchor"),
        (["anchor", "--out", "work/anchor.json"], "lies inside the workspace"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(arguments) == exit_codes.USAGE
    assert told in capsys.readouterr().err


def test_a_key_that_is_gone_stops_an_audit_before_it_begins(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIGNING_KEY, "nowhere.pem")
    assert main(["audit", "--to", "2024-01-31"]) == exit_codes.USAGE
    assert "FAIRPANEL_SIGNING_KEY (nowhere.pem) cannot be read" in capsys.readouterr().err


def test_doctor_knows_the_signing_key(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> dict[str, Any]:
        capsys.readouterr()
        main(["doctor", "--json"])
        return next(check for check in _told(capsys)["checks"] if check["what"] == "signing key")

    assert told()["ok"]
    assert "fingerprint" in told()["told"]
    (home / "key.pem").chmod(0o644)
    assert told() == {"what": "signing key", "ok": False, "told": "key.pem is readable by others; run chmod 600"}
    monkeypatch.setenv(SIGNING_KEY, "nowhere.pem")
    assert not told()["ok"]
    monkeypatch.delenv(SIGNING_KEY)
    assert "not signed" in told()["told"]
