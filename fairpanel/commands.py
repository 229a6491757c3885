"""What each command does: reads environment and configuration, calls the steps, words the outcome.

Results go to standard output (with --json exactly one document), progress and errors to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairpanel import auditing, config, exit_codes, lineage, logs, measuring, proving, retaining
from fairpanel.outcome import progress, refuse, say
from fairpanel.workspace import Workspace, WorkspaceError


def run(options: argparse.Namespace) -> int:
    """Run the command; every failure that a user can mend is one sentence and an exit code."""
    command = COMMANDS[options.command]
    try:
        logs.begin(os.environ)
        return command(options)
    except (config.ConfigError, WorkspaceError) as error:
        return refuse(options, str(error), exit_codes.USAGE)
    except KeyboardInterrupt:
        return refuse(options, "interrupted; run the same command again, nothing is half done", exit_codes.FAILED)
    except Exception as error:  # noqa: BLE001  # the edge: a sentence for the user, the trace where it is asked for
        return _explain(options, error)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how the Rust libraries fail; it is no Exception
            raise
        return _explain(options, RuntimeError(str(error)))


def _explain(options: argparse.Namespace, error: Exception) -> int:
    """The other failures by their kind; their modules are heavy, so they are only now imported."""
    from fairpanel.adapters.base import ExportError
    from fairpanel.measures.estimate import MeasureInputError
    from fairpanel.pipeline.periods import PeriodError
    from fairpanel.pipeline.scope import NothingToAuditError
    from fairpanel.simulation.parameters import SimulationError
    from fairpanel.storage import UnreachableError
    from fairpanel.store.anchoring import AnchorError
    from fairpanel.store.pseudonyms import PseudonymKeyError
    from fairpanel.store.signing import SigningKeyError
    from fairpanel.store.tables import TableDamagedError

    mendable = (
        MeasureInputError, NothingToAuditError, PseudonymKeyError, PeriodError, SimulationError, SigningKeyError, AnchorError,
    )  # fmt: skip
    if isinstance(error, TableDamagedError | UnreachableError):
        return refuse(options, str(error), exit_codes.FAILED)
    if isinstance(error, ExportError):
        return refuse(options, str(error), exit_codes.REFUSED)
    if isinstance(error, mendable):
        return refuse(options, str(error), exit_codes.USAGE)
    if os.environ.get("FAIRPANEL_DEBUG"):
        traceback.print_exc()
    if lost := _lost_api(error):
        return refuse(options, lost, exit_codes.FAILED)
    if isinstance(error, OSError) or "os error" in str(error):
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        where = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
        return refuse(
            options,
            f"the file system refused: {why}{where}. Make room or give access, then run the same command again: nothing is "
            "half done.",
            exit_codes.FAILED,
        )
    told = f"unexpected failure: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    return refuse(options, f"{told} (set FAIRPANEL_DEBUG=1 for the whole trace)", exit_codes.FAILED)


def _lost_api(error: Exception) -> str | None:
    """The sentence where a Prefect API is named and could not be spoken to; None for any other failure."""
    from fairpanel.lost_api import why

    address = os.environ.get(auditing.PREFECT_API)
    sentence = why(address, error) if address else None
    return (
        sentence
        and f"{sentence} Without {auditing.PREFECT_API} the command runs in this process. Nothing is half done."
    )


def _init(options: argparse.Namespace) -> int:
    from fairpanel.template import with_profile

    folder = Path(options.directory or options.workspace)
    if options.profile:
        config.parse({"profile": options.profile}, "--profile", folder)
        if (folder / "fairpanel.toml").exists():
            raise config.ConfigError(
                f"{folder / 'fairpanel.toml'} exists already: set profile = {options.profile!r} in it"
            )
    workspace = Workspace(folder).create()
    if not workspace.config_file.exists():
        workspace.config_file.write_text(with_profile(options.profile), encoding="utf-8")
    say(
        options,
        {"workspace": str(workspace.root), "config": str(workspace.config_file)},
        f"Workspace {workspace.root} is ready. Put exports into {workspace.inbox} or name them:\n"
        f"  fairpanel ingest PATH --workspace {workspace.root}",
    )
    return exit_codes.DONE


def _ingest(options: argparse.Namespace) -> int:
    from fairpanel import secret_blocks
    from fairpanel.pipeline.extracting import extracted, sources, with_failed
    from fairpanel.pipeline.growing import SETTLE
    from fairpanel.pipeline.ingest import ingest, plan
    from fairpanel.store.pseudonyms import of_workspace
    from fairpanel.validation.batch import Judge

    for path in options.paths:
        if not path.exists():
            return refuse(options, f"there is no file or folder {path}", exit_codes.REFUSED)
    if options.source.endswith(".toml"):
        from fairpanel.adapters.mapping import load

        load(Path(options.source))  # a mistake in the mapping is told before anything is made
    found = sources(options.paths, options.source)
    workspace = Workspace(options.workspace)
    settings = config.load(workspace.config_file)
    workspace.create()
    if os.environ.get(auditing.PREFECT_API):
        from flows.ingest import run_ingest

        done = run_ingest(workspace, options.paths, options.source)
    else:
        secret_blocks.fill(secret_blocks.KEY)
        pseudonyms = of_workspace(workspace)
        with (
            lineage.told("ingest", os.environ, logs.run_id()) as run,
            extracted(options.paths, found, secret_blocks.address) as given,
            Judge() if settings.ingest.batch_checks else nullcontext() as judge,
        ):
            planned = plan(
                workspace, given.paths, settings, pseudonyms, judge, datetime.now(UTC), options.source, SETTLE
            )
            done = ingest(with_failed(planned, given.failed), progress("ingest")).to_dict()
            lineage.took_in(run, workspace, done["batches"])
    say(options, done, _ingest_text(done))
    for refused in done["refused"]:
        print(f"fairpanel: refused {refused['file']}: {refused['error']}", file=sys.stderr)
    share = done["quarantined"] / done["rows_read"] if done["rows_read"] else 0.0
    limit = settings.ingest.max_quarantine if options.max_quarantine is None else options.max_quarantine
    if share > limit:
        print(
            f"fairpanel: {share:.1%} of the rows were quarantined, more than {limit:.1%}. "
            "See 'fairpanel quarantine list'.",
            file=sys.stderr,
        )
        return exit_codes.REFUSED
    return exit_codes.REFUSED if done["refused"] else exit_codes.DONE


def _ingest_text(done: Mapping[str, Any]) -> str:
    lines = []
    for batch in done["batches"]:
        lines.append(
            f"{batch['file']} ({batch['adapter']}): {batch['rows_read']} rows read = {batch['accepted']} accepted "
            f"+ {batch['quarantined']} quarantined + {sum(batch['excluded'].values())} excluded"
        )
        lines += [f"  quarantined, {rule}: {count}" for rule, count in batch["reasons"].items()]
        lines += [f"  excluded, {rule}: {count}" for rule, count in batch["excluded"].items()]
        lines += [f"  note: {note}" for note in batch["notes"]]
        for table, verdict in batch["expectations"].get("tables", {}).items():
            lines += [
                f"  batch check not met, {table}: {check['says']} (observed {check['observed']:.3g})"
                for check in verdict["expectations"]
                if check["success"] is False
            ]
    if done["unchanged_files"]:
        lines.append(f"{done['unchanged_files']} unchanged: nothing to do")
    lines += [f"{entry['file']}: skipped, {entry['reason']}" for entry in done["skipped"]]
    return "\n".join(lines)


def _report(options: argparse.Namespace) -> int:
    from fairpanel import library
    from fairpanel.store import ledger

    if options.action in ("library", "open"):
        return library.run(options)
    workspace = Workspace(options.workspace).existing()
    listed = [
        {"report_id": entry.manifest["report_id"], "number": entry.number, "scope": entry.manifest["scope"]}
        | {"html": str(workspace.reports / entry.manifest["report_id"] / "report.html")}
        for entry in ledger.reports(workspace)
    ]
    if options.action == "show":
        listed = [entry for entry in listed if options.report in (None, entry["report_id"])][-1:]
        if not listed:
            return refuse(
                options, f"there is no report {options.report or ''}; see 'fairpanel report list'", exit_codes.USAGE
            )
    text = "\n".join(f"{entry['number']:>4}  {entry['report_id']}  {entry['html']}" for entry in listed)
    say(options, {"reports": listed}, text or "No reports yet. Make one with 'fairpanel audit'.")
    return exit_codes.DONE


def _quarantine(options: argparse.Namespace) -> int:
    from fairpanel.store import tables
    from schemas.rules import QUARANTINE

    rows = tables.pin(Workspace(options.workspace).existing()).read("quarantine")
    counted = rows.group_by("source_file", "table", "rule", "column").len().sort("source_file", "table", "rule")
    listed = [
        entry | {"rows": rows_, "meaning": QUARANTINE[entry["rule"]].meaning, "mend": QUARANTINE[entry["rule"]].mend}
        for *_, rows_, entry in (
            (row["len"], {k: row[k] for k in ("source_file", "table", "rule", "column")})
            for row in counted.iter_rows(named=True)
        )
    ]
    text = "\n".join(
        f"{entry['rows']:>6}  {entry['source_file']}  {entry['table']}.{entry['column'] or '(row)'}  {entry['rule']}: "
        f"{entry['meaning']} {entry['mend']}"
        for entry in listed
    )
    say(options, {"quarantine": listed}, text or "No rows in quarantine.")
    return exit_codes.DONE


def _simulate(options: argparse.Namespace) -> int:
    from fairpanel.simulation.damage import damage
    from fairpanel.simulation.parameters import Parameters
    from fairpanel.simulation.write import simulate

    chosen = {
        name: getattr(options, name)
        for name in (
            "candidates",
            "interviewers",
            "months",
            "seed",
            "validity",
            "severity",
            "gap",
            "bias",
            "harsh_panels",
            "preparation_effect",
            "preparation_gap",
            "unanswered",
            "competency_bias",
            "biased_competency",
            "slope_gap",
            "cell_bias",
            "biased_race",
            "shift",
            "rater_gap_spread",
        )
        if getattr(options, name) is not None
    }
    if options.damaged and options.layout != "canonical":
        return refuse(options, "--damaged breaks rows of the canonical layout only", exit_codes.USAGE)
    written = simulate(Parameters(**chosen), options.layout, options.out)
    if options.damaged:
        damage(options.out / "scores.csv")
    say(
        options,
        {"files": [str(path) for path in written], "truth": str(options.out / "truth.json")},
        "\n".join(str(path) for path in written),
    )
    return exit_codes.DONE


def _demo(options: argparse.Namespace) -> int:
    from fairpanel.demo import demo

    return demo(options.workspace, options.json)


def _serve(options: argparse.Namespace) -> int:
    from fairpanel.serve import serve

    return serve(options.workspace, options.port, options.library_port, take_over=options.take_over)


def _deploy(options: argparse.Namespace) -> int:
    from fairpanel.deploying import deploy

    return deploy(options)


def _doctor(options: argparse.Namespace) -> int:
    from fairpanel.doctor import examine

    checks = examine(Workspace(options.workspace))
    text = "\n".join(f"{'ok ' if check['ok'] else '!! '} {check['what']}: {check['told']}" for check in checks)
    say(options, {"ok": all(check["ok"] for check in checks), "checks": checks}, text)
    return exit_codes.DONE if all(check["ok"] for check in checks) else exit_codes.FAILED


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "demo": _demo,
    "init": _init,
    "ingest": _ingest,
    "audit": auditing.audit_one,
    "backfill": auditing.backfill_range,
    "report": _report,
    "verify": proving.verify_files,
    "reproduce": proving.reproduce_reports,
    "key": proving.new_key,
    "anchor": proving.print_anchor,
    "retention": retaining.remove_old,
    "quarantine": _quarantine,
    "measure": measuring.measure_file,
    "measures": measuring.catalogue,
    "simulate": _simulate,
    "serve": _serve,
    "deploy": _deploy,
    "doctor": _doctor,
}
