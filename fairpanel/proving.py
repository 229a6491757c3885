"""The commands that prove: verify, signatures, anchors."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from fairpanel import exit_codes
from fairpanel.outcome import refuse, say
from fairpanel.workspace import Workspace, WorkspaceError


def verify_files(options: argparse.Namespace) -> int:
    """Whether ledger, report files and table files are as they were recorded."""
    from fairpanel.pipeline.ingest import exclusive
    from fairpanel.store import anchoring, ledger, signing
    from fairpanel.store.verification import verify

    workspace = Workspace(options.workspace).existing()
    keys = [signing.public_key(path) for path in options.public_key]
    anchors = [anchoring.read(path) for path in options.anchor]
    problems = verify(workspace, options.report, keys=keys, anchors=anchors)
    if problems:
        try:
            with exclusive(workspace):  # what somebody was just writing is none
                problems = verify(workspace, options.report, keys=keys, anchors=anchors)
        except WorkspaceError:
            pass  # a copy that cannot be written to: nobody is writing
    chain = ledger.entries(workspace)
    signed = sum(entry.signature is not None for entry in chain)
    unchecked = signed > 0 and not keys
    document = {
        "entries": len(chain),
        "ok": not problems,
        "problems": [{"where": problem.where, "what": problem.what} for problem in problems],
        "signed": signed,
        "signatures": "checked" if keys else "not checked" if signed else "none",
        "anchors": len(anchors),
    }
    told = [f"{problem.where}: {problem.what}" for problem in problems]
    if not problems:
        what = "the files of tables and reports" if options.report is None else f"the files of {options.report}"
        told.append(f"{len(chain)} ledger entries and {what} are as they were recorded.")
    if keys and not problems:
        told.append(f"{signed} of the entries are signed, and the signatures hold.")
    if unchecked:
        told.append(f"{signed} entries are signed; their signatures were not checked: give --public-key FILE.")
    if anchors and not problems:
        told.append(f"What was anchored is there unchanged, up to entry {max(number for number, _ in anchors)}.")
    say(options, document, "\n".join(told))
    return exit_codes.DIFFERENT if problems else exit_codes.DONE


def new_key(options: argparse.Namespace) -> int:
    """A private key for signatures, and its public one."""
    from fairpanel.store import signing

    fingerprint = signing.new(options.path, options.workspace)
    public = f"{options.path}.pub"
    say(
        options,
        {"private": str(options.path), "public": public, "fingerprint": fingerprint},
        f"{options.path} is the private key (fingerprint {fingerprint}): set {signing.SIGNING_KEY} to its path where "
        f"Fairpanel runs.\n{public} is the public key: give it to whoever verifies.",
    )
    return exit_codes.DONE


def print_anchor(options: argparse.Namespace) -> int:
    """The ledger's last entry in a few words that can be published."""
    from fairpanel.store.anchoring import AnchorError, anchor

    workspace = Workspace(options.workspace).existing()
    told, problems = anchor(workspace, datetime.now(UTC))
    if problems:
        first = problems[0]
        return refuse(options, f"the ledger is not whole, {first.where}: {first.what}", exit_codes.DIFFERENT)
    text = json.dumps(told)
    if options.out is not None:
        out: Path = options.out
        if out.resolve().is_relative_to(workspace.root.resolve()):
            raise AnchorError(f"{out} lies inside the workspace, where an anchor holds nothing. Choose another place.")
        out.write_text(text + "\n", encoding="utf-8")
        text = f"{out} holds entry {told['number']}. Keep it where nobody who writes to the workspace can reach it."
    say(options, told, text)
    return exit_codes.DONE
