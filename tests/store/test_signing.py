"""Signatures and anchors: what somebody who can write to the workspace cannot make anew."""

from __future__ import annotations

import json
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairpanel.store import anchoring, ledger, signing
from fairpanel.store.verification import verify
from fairpanel.workspace import Workspace
from tests.store.chains import add, with_reports

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    signing.new(tmp_path / "signing.pem", tmp_path / "workspace")
    return tmp_path / "signing.pem"


@pytest.fixture
def signed(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """One entry without a signature, two with."""
    where = with_reports(tmp_path, 1)
    monkeypatch.setenv(signing.SIGNING_KEY, str(key))
    add(where, "signed-1", b"1")
    monkeypatch.setenv(signing.SIGNING_KEY, key.read_text())
    add(where, "signed-2", b"2")
    monkeypatch.delenv(signing.SIGNING_KEY)
    return where


def told(where: Workspace, *keys: Path) -> list[tuple[str, str]]:
    found = verify(where, keys=[signing.public_key(Path(f"{path}.pub")) for path in keys])
    return [(problem.where, problem.what) for problem in found]


def rewritten(where: Workspace, resigned: bool) -> None:
    """The whole chain made anew behind a changed report, as somebody with write access would."""
    content = b"another verdict"
    (where.reports / "signed-1" / "report.json").write_bytes(content)
    chain = ledger.entries(where)
    where.ledger.unlink()
    where.head.unlink()
    for entry in chain:
        name = entry.manifest["report_id"]
        files = {"report.json": ledger.sha256(content)} if name == "signed-1" else entry.manifest["files"]
        manifest = dict(entry.manifest) | {"files": files}
        (where.reports / name / "manifest.json").write_bytes(ledger.canonical(manifest).encode())
        ledger.append(where, manifest)
    if not resigned:
        made = [json.loads(line) for line in where.ledger.read_bytes().splitlines()]
        for line, entry in zip(made, chain, strict=True):
            line |= {} if entry.signature is None else {"signature": entry.signature, "key": entry.key}
        where.ledger.write_text("".join(ledger.canonical(line) + "\n" for line in made))


def test_signatures_stand_outside_of_what_is_hashed(signed: Workspace, key: Path) -> None:
    first, *others = ledger.entries(signed)
    assert (first.signature, first.key) == (None, None)
    assert {entry.key for entry in others} == {signing.public_key(Path(f"{key}.pub")).fingerprint}
    for entry in others:
        assert entry.hash == ledger.entry_hash(entry.number, entry.previous, entry.manifest)
    assert told(signed, key) == []


def test_the_same_signature_by_another_program(signed: Workspace, key: Path, tmp_path: Path) -> None:
    entry = ledger.entries(signed)[-1]
    (tmp_path / "hash").write_text(entry.hash)
    (tmp_path / "signature").write_bytes(bytes.fromhex(str(entry.signature)))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f"{key}.pub", "-rawin", "-in", tmp_path / "hash"]
    try:
        done = subprocess.run([*command, "-sigfile", tmp_path / "signature"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no openssl here")
    assert done.returncode == 0, done.stderr


def test_a_chain_written_anew_without_the_key_is_found(signed: Workspace, key: Path) -> None:
    rewritten(signed, resigned=True)
    assert verify(signed) == []  # what hashes alone cannot show
    assert told(signed, key) == [("ledger", "no entry is signed")]


def test_old_signatures_under_a_new_chain_do_not_hold(signed: Workspace, key: Path) -> None:
    rewritten(signed, resigned=False)
    assert told(signed) == []
    assert told(signed, key) == [(f"ledger entry {number}", "its signature does not hold") for number in (2, 3)]


def test_every_changed_bit_of_a_signature_is_found(signed: Workspace, key: Path) -> None:
    content = signed.ledger.read_bytes()
    entry = ledger.entries(signed)[-1]
    for text in (str(entry.signature), str(entry.key)):
        begin = content.rindex(text.encode())
        for place in range(begin, begin + len(text)):
            for bit in (0, 5):  # 5: the case of a letter, which means the same number
                changed = bytes([content[place] ^ (1 << bit)])
                signed.ledger.write_bytes(content[:place] + changed + content[place + 1 :])
                assert told(signed, key), f"bit {bit} of byte {place - begin} of {text}"
    signed.ledger.write_bytes(content)
    assert told(signed, key) == []


def test_an_entry_without_signature_behind_a_signed_one(signed: Workspace, key: Path) -> None:
    add(signed, "unsigned", b"")
    assert told(signed) == []
    assert told(signed, key) == [("ledger entry 4", "it is not signed, though one before it is")]


def test_a_new_key_after_the_old_one_was_lost(
    signed: Workspace, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    fingerprint = signing.new(other, signed.root)
    monkeypatch.setenv(signing.SIGNING_KEY, str(other))
    add(signed, "later", b"")
    assert told(signed, key, other) == []
    assert told(signed, key) == [("ledger entry 4", f"it is signed with another key ({fingerprint}) than those given")]


def test_a_key_is_private_outside_of_the_workspace_and_never_overwritten(key: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    content = key.read_bytes()
    with pytest.raises(signing.SigningKeyError, match="exists already"):
        signing.new(key, tmp_path / "workspace")
    with pytest.raises(signing.SigningKeyError, match="lies inside the workspace"):
        signing.new(tmp_path / "workspace" / "secrets" / "key", tmp_path / "workspace")
    with pytest.raises(signing.SigningKeyError, match="cannot be written"):
        signing.new(tmp_path / "nowhere" / "key", tmp_path / "workspace")
    assert key.read_bytes() == content


@pytest.mark.parametrize("given", ["nowhere.pem", "text", "-----BEGIN PRIVATE KEY-----\nnothing", "rsa"])
def test_a_key_that_cannot_sign_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    where = with_reports(tmp_path, 1)
    content = where.ledger.read_bytes()
    (tmp_path / "text").write_text("no key")
    other = generate_private_key(SECP256R1())
    (tmp_path / "rsa").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    monkeypatch.setenv(signing.SIGNING_KEY, given if given.startswith("-") else str(tmp_path / given))
    with pytest.raises(signing.SigningKeyError, match="FAIRPANEL_SIGNING_KEY"):
        ledger.append(where, {"report_id": "x", "files": {}})
    assert where.ledger.read_bytes() == content


def test_an_anchor_holds_the_chain_up_to_its_entry(tmp_path: Path) -> None:
    where = with_reports(tmp_path)
    made, problems = anchoring.anchor(where, NOW)
    assert problems == []
    assert made == {"number": 3, "hash": ledger.entries(where)[2].hash, "at": "2026-03-01T00:00:00+00:00"}
    (tmp_path / "anchor.json").write_text(json.dumps(made))
    kept = anchoring.read(tmp_path / "anchor.json")
    add(where, "later", b"")
    assert verify(where, anchors=[kept]) == []


def test_a_chain_written_anew_or_cut_misses_its_anchor(signed: Workspace) -> None:
    made, _ = anchoring.anchor(signed, NOW)
    kept = (made["number"], made["hash"])
    rewritten(signed, resigned=True)
    assert [problem.where for problem in verify(signed, anchors=[kept])] == ["ledger entry 3"]
    lines = signed.ledger.read_bytes().splitlines(keepends=True)
    signed.ledger.unlink()
    signed.head.unlink()
    for line in lines[:2]:
        entry = ledger.read_entry(line)
        assert entry is not None
        ledger.append(signed, entry.manifest)
    for path in (signed.reports / "signed-2").iterdir():
        path.unlink()
    assert verify(signed) == []
    told = [(problem.where, problem.what) for problem in verify(signed, anchors=[kept])]
    assert told == [("ledger", "entry 3 was published as an anchor and is not there")]


def test_a_broken_chain_and_a_broken_anchor_are_told(tmp_path: Path) -> None:
    where = with_reports(tmp_path)
    where.ledger.write_bytes(where.ledger.read_bytes().replace(b'"number":2', b'"number":7'))
    assert anchoring.anchor(where, NOW)[1]
    for text in ("", "[]", "{}", '{"number": "1", "hash": "00"}', '{"number": 1, "hash": "00"}'):
        (tmp_path / "anchor.json").write_text(text)
        with pytest.raises(anchoring.AnchorError, match="is no anchor"):
            anchoring.read(tmp_path / "anchor.json")
    with pytest.raises(anchoring.AnchorError, match="cannot be read"):
        anchoring.read(tmp_path / "nowhere")
