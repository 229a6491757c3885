"""Table files enter the ledger: every data file and every line of a table's own log, once, with its hash. A table file
is never rewritten, so that a hash in the chain holds for good."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fairpanel.store import ledger, signing
from fairpanel.store.recorded_files import REWRITTEN, digests, listed
from fairpanel.workspace import Workspace

COMMIT = re.compile(r"[a-z]+/([a-z_]+)/_delta_log/(\d{20})\.json")

MARKS = (ledger.TABLES_MARK, b'"kind":"retention"')
"""Lines with one of these are read; those of reports are long, and are not."""


def seal(workspace: Workspace) -> ledger.Entry | None:
    """Record the table files that no entry names yet; None where there are none. Call it under the workspace's lock.

    Files that a killed process left behind are recorded with the others: no table refers to them.
    """
    signing.from_environment()  # a key that cannot sign is told before anything is computed
    known = recorded(workspace)
    present = listed(workspace)
    fresh = [name for name in present if name not in known or name.endswith(REWRITTEN)]
    files = {
        name: digest for name, digest in digests(workspace, fresh).items() if digest not in (None, known.get(name))
    }
    if not files:
        return None
    return ledger.append(workspace, {"kind": ledger.TABLES, "versions": versions(present), "files": files})


@dataclass(slots=True)
class _Read:
    """What was read of a ledger: so many bytes with this hash, and the files that they leave."""

    length: int = 0
    digest: str = ledger.sha256(b"")
    files: dict[str, str] = field(default_factory=dict)


_READ: dict[Path, _Read] = {}


def recorded(workspace: Workspace) -> Mapping[str, str]:
    """The newest hash of every table file that the chain names and that was not removed since.

    A process that takes in many batches reads each line once: what it read before is compared by its hash.
    """
    content = b"".join(line + b"\n" for line in ledger.lines(workspace)[0])
    read = _READ.get(workspace.ledger, _Read())
    if ledger.sha256(content[: read.length]) != read.digest:
        read = _Read()
    lines = [line for line in content[read.length :].split(b"\n") if any(mark in line for mark in MARKS)]
    found = (ledger.read_entry(line) for line in lines)
    files = table_files((entry for entry in found if entry is not None), read.files)
    _READ[workspace.ledger] = _Read(len(content), ledger.sha256(content), files)
    return files


def table_files(chain: Iterable[ledger.Entry], before: Mapping[str, str] | None = None) -> dict[str, str]:
    """What these entries, after what there was before, leave of table files, with their hashes."""
    found = dict(before or {})
    for entry in chain:
        if entry.kind == ledger.TABLES:
            found.update(entry.manifest["files"])
        elif entry.kind == ledger.RETENTION:
            for name in entry.manifest["removed"]:
                found.pop(name, None)
    return found


def versions(names: Iterable[str]) -> dict[str, int]:
    """The newest version of every table, by the names of its log."""
    found: dict[str, int] = {}
    for name in names:
        if commit := COMMIT.fullmatch(name):
            found[commit[1]] = max(int(commit[2]), found.get(commit[1], 0))
    return found
