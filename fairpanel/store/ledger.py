"""The ledger: one line for each report and for each batch of table files, each chained to the line before, so that nothing
can be changed or left out unseen.

A line's hash covers its manifest and the hash of the line before it. A manifest without a kind is a report's: its files lie
in the report's folder. Kind "tables" names table files with their hashes (`fairpanel.store.sealing`), kind "retention" those
that were removed. ledger/head.json repeats number and hash of the last line, so that a line taken off the end is missed.
`fairpanel.store.verification` checks all of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairpanel.store import signing
from fairpanel.workspace import Workspace

GENESIS = "0" * 64
REPORT, TABLES, RETENTION = "report", "tables", "retention"
TABLES_MARK = b'"kind":"tables"'
"""Within a text the quotes would be escaped: only an entry's kind looks like this."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the chain: its number from 1, the hash of the entry before, its manifest, its own hash; the signature of
    this hash and the fingerprint of the key where there was one."""

    number: int
    previous: str
    manifest: Mapping[str, Any]
    hash: str
    signature: str | None = None
    key: str | None = None

    @property
    def kind(self) -> str:
        return str(self.manifest.get("kind", REPORT))

    def to_line(self) -> str:
        signed = {} if self.signature is None else {"signature": self.signature, "key": self.key}
        told = {"number": self.number, "previous": self.previous, "manifest": self.manifest, "hash": self.hash}
        return canonical(told | signed)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal content, equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def entry_hash(number: int, previous: str, manifest: Mapping[str, Any]) -> str:
    """What an entry's hash has to be."""
    return sha256(canonical({"number": number, "previous": previous, "manifest": manifest}).encode())


def entries(workspace: Workspace) -> list[Entry]:
    """The whole chain, oldest first. A line cut short by a killed process is no entry: it was never recorded."""
    return [found for line in lines(workspace)[0] if (found := read_entry(line)) is not None]


def reports(workspace: Workspace) -> list[Entry]:
    """The entries that stand for reports, oldest first."""
    told = (line for line in lines(workspace)[0] if TABLES_MARK not in line)  # most lines: not read for this
    return [found for line in told if (found := read_entry(line)) is not None and found.kind == REPORT]


def lines(workspace: Workspace) -> tuple[list[bytes], bytes]:
    """The lines as they are on disk, and what stands behind the last line's end."""
    try:
        *whole, rest = workspace.ledger.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], b""
    return whole, rest


def read_entry(line: bytes) -> Entry | None:
    """The entry that a line states, whatever its hash says; None where it is none."""
    try:
        content = json.loads(line.decode())
        names = ("number", "previous", "manifest", "hash")
        entry = Entry(*(content[name] for name in names), content.get("signature"), content.get("key"))
        _check(entry)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return entry


def _check(entry: Entry) -> None:
    """Raises TypeError or KeyError where this is no entry."""
    texts = [entry.previous, entry.hash, entry.manifest.get("kind", REPORT)]
    if entry.kind in (REPORT, TABLES):
        texts += entry.manifest["files"].values()
    if entry.kind == RETENTION:
        texts += [*entry.manifest["removed"], *entry.manifest["reports"]]
    if entry.kind == REPORT:
        texts.append(entry.manifest["report_id"])
    if entry.signature is not None:
        texts += [entry.signature, entry.key]
    if type(entry.number) is not int or not all(isinstance(text, str) for text in texts):
        raise TypeError


def append(workspace: Workspace, manifest: Mapping[str, Any]) -> Entry:
    """Adds an entry and makes sure it is on disk. Call it under the workspace's lock.

    Where lines were taken off the end it goes on behind the one that head.json names: that they are missing stays visible.
    """
    signer = signing.from_environment()
    number, previous = _end(workspace)
    digest = entry_hash(number + 1, previous, manifest)
    signed = (None, None) if signer is None else (signer.sign(digest), signer.fingerprint)
    entry = Entry(number + 1, previous, manifest, digest, *signed)
    workspace.ledger.parent.mkdir(parents=True, exist_ok=True)
    _drop_unfinished_line(workspace.ledger)
    with workspace.ledger.open("ab") as file:
        file.write(entry.to_line().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    _write_head(workspace, entry)
    return entry


def _end(workspace: Workspace) -> tuple[int, str]:
    """Number and hash of the newest entry that ever was."""
    readable = (found for line in reversed(lines(workspace)[0]) if (found := read_entry(line)) is not None)
    last = next(readable, None)
    number, digest = (0, GENESIS) if last is None else (last.number, last.hash)
    head = read_head(workspace)
    return head if head is not None and head[0] >= number else (number, digest)


def read_head(workspace: Workspace) -> tuple[int, str] | None:
    """Number and hash of the entry that was written last; None where the file is missing or is not as it was written."""
    try:
        content = workspace.head.read_bytes()
        told = json.loads(content.decode())
        number, digest = told["number"], told["hash"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    good = type(number) is int and number > 0 and isinstance(digest, str) and content == _head(number, digest)
    return (number, digest) if good else None


def _head(number: int, digest: str) -> bytes:
    return canonical({"number": number, "hash": digest}).encode() + b"\n"


def _write_head(workspace: Workspace, entry: Entry) -> None:
    draft = workspace.head.with_name(".head.draft")
    with draft.open("wb") as file:
        file.write(_head(entry.number, entry.hash))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(workspace.head)


def _drop_unfinished_line(path: Path) -> None:
    """A process killed while writing leaves half a line at the end; it was never an entry."""
    if not path.exists():
        return
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)
