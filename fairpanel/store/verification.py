"""Whether everything is as the ledger recorded it: the chain itself, its end, signatures, anchors, and every file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairpanel.store import ledger
from fairpanel.store.ledger import Entry
from fairpanel.store.recorded_files import Problem, changed_report, changed_tables, listed, unrecorded_reports
from fairpanel.store.sealing import table_files
from fairpanel.store.signing import PublicKey
from fairpanel.workspace import Workspace


def verify(
    workspace: Workspace,
    report_id: str | None = None,
    *,
    keys: Sequence[PublicKey] = (),
    anchors: Sequence[tuple[int, str]] = (),
) -> list[Problem]:
    """Everything that differs from what was recorded; an empty list where nothing does.

    With a report_id only that report's files are read; the chain is checked whole in any case. With public keys the
    signatures are checked. anchors: numbers and hashes of entries, as they were published.
    """
    present = [] if report_id is not None else listed(workspace)
    lines, rest = ledger.lines(workspace)
    chain, problems = whole(lines, rest)
    problems += ended(workspace, chain)
    if keys:
        problems += _signed(chain, keys)
    problems += _anchored(chain, anchors)
    recorded = [entry for entry in chain if entry.kind == ledger.REPORT]
    for entry in recorded:
        if report_id in (None, entry.manifest["report_id"]):
            written = ledger.canonical(entry.manifest).encode()
            problems += changed_report(workspace.reports, entry.manifest["report_id"], entry.manifest, written)
    names = {str(entry.manifest["report_id"]) for entry in recorded}
    if report_id is not None:
        return problems if report_id in names else [*problems, Problem(report_id, "the ledger knows no such report")]
    return [
        *problems,
        *unrecorded_reports(workspace.reports, names),
        *changed_tables(workspace, table_files(chain), present),
    ]


def whole(lines: Sequence[bytes], rest: bytes) -> tuple[list[Entry], list[Problem]]:
    """The entries of the chain, and what is wrong with the lines themselves."""
    found = [ledger.read_entry(line) for line in lines]
    return [entry for entry in found if entry is not None], [*_chained(lines, found, rest)]


def _chained(lines: Sequence[bytes], found: Sequence[Entry | None], rest: bytes) -> Iterator[Problem]:
    previous, expected = ledger.GENESIS, 1
    for line, entry in zip(lines, found, strict=True):
        if entry is None:
            yield Problem(f"ledger line {expected}", "a line is not readable")
            expected += 1
            continue
        where = f"ledger entry {entry.number}"
        if entry.number != expected:
            yield Problem(where, f"entry {expected} was expected here: entries are missing or out of order")
        if entry.previous != previous:
            yield Problem(where, "it does not continue the entry before it")
        if entry.hash != ledger.entry_hash(entry.number, entry.previous, entry.manifest):
            yield Problem(where, "its content was changed")
        elif line != entry.to_line().encode():
            yield Problem(where, "its line was changed: spaces, spelling or order are not as they were written")
        previous, expected = entry.hash, entry.number + 1
    if rest:
        yield Problem(
            "ledger",
            "behind the last entry stands half a line, as of a process that was killed; the next entry removes it",
        )


def ended(workspace: Workspace, chain: Sequence[Entry]) -> Iterator[Problem]:
    """Whether the chain ends where head.json says; a process may have been killed between the two."""
    where, last = "ledger/head.json", chain[-1] if chain else None
    head = ledger.read_head(workspace)
    if head is None:
        if workspace.head.exists():
            yield Problem(where, "it was changed; the next entry writes it again")
        elif last is not None and last.number > 1:
            yield Problem(
                where, "it is missing, so that entries may be missing at the end; the next entry writes it again"
            )
        return
    number, digest = head
    if last is None or number > last.number:
        ends = "is empty" if last is None else f"ends with entry {last.number}"
        yield Problem("ledger", f"it {ends}, but entry {number} was written: entries are missing at the end")
    elif number < last.number - 1:
        yield Problem(where, f"it names entry {number}, the ledger goes on to {last.number}")
    elif digest not in [entry.hash for entry in chain[-2:] if entry.number == number]:
        yield Problem(where, f"the ledger's entry {number} is not the one that it names")


def _signed(chain: Sequence[Entry], keys: Sequence[PublicKey]) -> Iterator[Problem]:
    by_fingerprint = {key.fingerprint: key for key in keys}
    begun = False
    for entry in chain:
        where = f"ledger entry {entry.number}"
        if entry.signature is None:
            if begun:
                yield Problem(where, "it is not signed, though one before it is")
            continue
        begun = True
        key = by_fingerprint.get(str(entry.key))
        if key is None:
            yield Problem(where, f"it is signed with another key ({str(entry.key)[:16]}) than those given")
        elif not key.signed(entry.hash, entry.signature):
            yield Problem(where, "its signature does not hold")
    if not begun:
        yield Problem("ledger", "no entry is signed")


def _anchored(chain: Sequence[Entry], anchors: Sequence[tuple[int, str]]) -> Iterator[Problem]:
    hashes = {entry.number: entry.hash for entry in chain}
    for number, digest in sorted(anchors):
        if number not in hashes:
            yield Problem("ledger", f"entry {number} was published as an anchor and is not there")
        elif hashes[number] != digest:
            yield Problem(f"ledger entry {number}", "it is not the one that was published as an anchor")
