"""The commands that prove: verify, signatures, anchors, reproduce."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fairpanel import exit_codes
from fairpanel.outcome import progress, refuse, say
from fairpanel.workspace import Workspace, WorkspaceError

if TYPE_CHECKING:
    from fairpanel.pipeline.reproduce import Reproduction

SHOWN = 20
"""Differences of a report that are printed; --json has them all."""


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


def reproduce_reports(options: argparse.Namespace) -> int:
    """Recompute one report or all, and compare with what was recorded."""
    from fairpanel.pipeline.identity import code_version
    from fairpanel.pipeline.reproduce import reproduce
    from fairpanel.store import ledger
    from fairpanel.store.verification import verify

    workspace = Workspace(options.workspace).existing()
    if bool(options.report) == options.all:
        return refuse(options, "name one REPORT, or --all; see 'fairpanel report list'", exit_codes.USAGE)
    wanted = [entry for entry in ledger.reports(workspace) if options.report in (None, entry.manifest["report_id"])]
    if not wanted:
        told = f"there is no report {options.report or ''}; see 'fairpanel report list'"
        return refuse(options, told, exit_codes.USAGE)
    problems = verify(workspace)
    removed = {
        name: entry.number
        for entry in ledger.entries(workspace)
        if entry.kind == ledger.RETENTION
        for name in entry.manifest["reports"]
    }
    done = []
    show = progress("reproduce")
    for number, entry in enumerate(wanted):
        show(str(entry.manifest["report_id"]), number, len(wanted))
        done.append(_as_retained(reproduce(workspace, entry, options.tolerance), removed))
    show("", len(wanted), len(wanted))
    passing = ("same",) if options.strict else ("same", "by code", "removed") if options.all else ("same", "by code")
    ok = not problems and all(report.state in passing for report in done)
    document = {
        "ok": ok,
        "code": code_version(),
        "reports": [report.to_dict() for report in done],
        "problems": [{"where": problem.where, "what": problem.what} for problem in problems],
    }
    told = [line for report in done for line in _reproduced(report)]
    told += [f"not as it was recorded: {problem.where}: {problem.what}" for problem in problems]
    say(options, document, "\n".join(told))
    return exit_codes.DONE if ok else exit_codes.DIFFERENT


def _as_retained(report: Reproduction, removed: Mapping[str, int]) -> Reproduction:
    """A report whose table versions were removed on purpose is not merely impossible."""
    if report.state != "impossible" or report.report_id not in removed:
        return report
    told = f"table versions that it needs were removed by retention (ledger entry {removed[report.report_id]})"
    return dataclasses.replace(report, state="removed", reasons=(told,))


def _reproduced(report: Reproduction) -> list[str]:
    """What became of one report, in lines."""
    near = f", {report.near} of them within the tolerance" if report.near else ""
    says = {
        "same": f"the same: {report.compared} numbers{near}, {len(report.files)} files",
        "different": f"different: {len(report.differences)} places of {report.compared} numbers",
        "by code": f"another code gives other content: {len(report.differences)} places of {report.compared} numbers",
        "impossible": "cannot be recomputed",
        "removed": "cannot be recomputed any more",
    }
    lines = [f"{report.report_id}: {says[report.state]}", *(f"  {reason}" for reason in report.reasons)]
    changed = [name for name, state in report.files.items() if state != "same"]
    if changed:
        lines.append(f"  files that differ: {', '.join(changed)}")
    if report.state == "by code":
        return lines + [f"  by code, {line}" for line in report.by_measure()]
    lines += [f"  {difference}" for difference in report.differences[:SHOWN]]
    if len(report.differences) > SHOWN:
        lines.append(f"  and {len(report.differences) - SHOWN} more; --json names them all")
    return lines
