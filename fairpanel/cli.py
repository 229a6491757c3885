"""The command line: arguments, exit codes, sentences. The work is done elsewhere and imported when it is needed.

Exit codes: 0 done · 1 unexpected failure · 2 wrong usage or configuration · 3 a finding at or above --fail-on ·
4 input refused or too much of it quarantined · 5 verify or reproduce found a difference.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fairpanel import __version__, exit_codes

DEFAULT_WORKSPACE = "fairpanel-workspace"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "measure":
        parser.error(f"unknown argument {' '.join(rest)}; see 'fairpanel {options.command or ''} --help'")
    options.rest = rest
    if options.command is None:
        parser.print_help()
        return exit_codes.USAGE
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    from fairpanel.commands import run

    return run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fairpanel",
        description="Audits how interview panels score candidates: are the scores reliable, do they predict performance, "
        "do they treat groups alike?",
        epilog="Exit codes: 0 done, 1 unexpected failure, 2 wrong usage or configuration, 3 finding at --fail-on, "
        "4 input refused, 5 verification found a difference.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fairpanel {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--workspace",
        type=Path,
        default=Path(os.environ.get("FAIRPANEL_WORKSPACE", DEFAULT_WORKSPACE)),
        metavar="DIR",
        help="the workspace (default: $FAIRPANEL_WORKSPACE or ./fairpanel-workspace)",
    )
    common.add_argument("--json", action="store_true", help="exactly one JSON document on standard output")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, help_: str, shared: bool = True) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=help_, description=help_[0].upper() + help_[1:] + ".", parents=[common] if shared else [],
            allow_abbrev=False,
        )  # fmt: skip

    command("demo", "make a workspace with the bundled sample exports, ingest, audit, say where the report is")
    init = command("init", "make a workspace with a commented fairpanel.toml")
    init.add_argument("directory", type=Path, nargs="?", metavar="DIR", help="where (default: --workspace)")
    init.add_argument(
        "--profile", metavar="NAME", help="policy profile: plain, us, nyc, eu, uk, id, or a .toml file in DIR"
    )
    ingest = command("ingest", "take exported scores, decisions, performance and demographics in")
    ingest.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="files, folders, source files (TOML)")
    ingest.add_argument("--source", default="auto", help="auto, a layout's name, or a mapping file (TOML)")
    ingest.add_argument(
        "--max-quarantine", type=_share, metavar="SHARE", help="exit with 4 above this share of refused rows"
    )
    audit = command("audit", "compute one audit and write its report")
    audit.add_argument("--from", dest="start", type=_date, metavar="DATE", help="first day of the interviews")
    audit.add_argument("--to", dest="end", type=_date, metavar="DATE", help="last day of the interviews")
    audit.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE", help="only rows with this value")
    audit.add_argument(
        "--fail-on", choices=("concern", "alert"), help="exit with 3 for a finding at or above this level"
    )
    backfill = command("backfill", "compute the audits of a range of periods")
    backfill.add_argument("--from", dest="start", required=True, metavar="MONTH", help="first month, as 2024-01")
    backfill.add_argument("--to", dest="end", required=True, metavar="MONTH", help="last month, as 2025-06")
    backfill.add_argument(
        "--every", choices=("week", "month", "quarter", "half-year", "year", "whole"), default="month",
        help="one audit for every …; whole: one for the range itself, to the day (default: month)",
    )  # fmt: skip
    backfill.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=VALUE", help="only rows with this value"
    )
    backfill.add_argument("--each", metavar="COLUMN", help="one audit for each value of job_family, stage, …")
    backfill.add_argument(
        "--reprocess", choices=("missing", "failed", "changed", "all"), default="changed",
        help="missing: what has no report; failed: that and what failed; changed: that and what would be made of other "
        "inputs, configuration or code today (default); all: everything once more",
    )  # fmt: skip
    backfill.add_argument("--max-active", type=_count, metavar="N", help="audits at a time (default: processors)")
    backfill.add_argument("--newest-first", action="store_true")
    backfill.add_argument("--reingest", action="store_true", help="take in what is new in the inbox first")
    backfill.add_argument("--dry-run", action="store_true", help="say what would run, and why")
    report = command("report", "list the reports, say where one is, write the library of all, or open it")
    report.add_argument("action", choices=("list", "show", "library", "open"))
    report.add_argument("report", nargs="?", metavar="REPORT")
    verify = command("verify", "check the ledger and the files of a report, or of all")
    verify.add_argument("report", nargs="?", metavar="REPORT")
    verify.add_argument("--all", action="store_true", help="every report (the default)")
    verify.add_argument(
        "--public-key", action="append", default=[], type=Path, metavar="FILE",
        help="check signatures with this key too; again for further ones",
    )  # fmt: skip
    verify.add_argument(
        "--anchor",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="the ledger still holds what was anchored",
    )
    reproduce = command(
        "reproduce", "compute a report once more from what the ledger recorded, and name every difference"
    )
    reproduce.add_argument("report", nargs="?", metavar="REPORT")
    reproduce.add_argument("--all", action="store_true", help="every report")
    reproduce.add_argument(
        "--tolerance", type=_share, default=0.0, metavar="SHARE",
        help="relative difference of a number that is let pass, as 1e-9 on another kind of machine (default: 0)",
    )  # fmt: skip
    reproduce.add_argument(
        "--strict", action="store_true", help="exit with 5 also where another version of the code explains a difference"
    )
    key = command("key", "make a key for signatures of the ledger")
    key.add_argument("action", choices=("new",))
    key.add_argument("path", type=Path, metavar="PATH", help="where, outside the workspace; PATH.pub is made beside it")
    anchor = command("anchor", "number and hash of the ledger's last entry, to be published or kept elsewhere")
    anchor.add_argument("--out", type=Path, metavar="FILE", help="write it there instead of printing it")
    retention = command("retention", "remove refused rows and earlier table versions that need not be kept any longer")
    retention.add_argument("--dry-run", action="store_true", help="say what would be removed")
    quarantine = command("quarantine", "list the rows that were refused, and why")
    quarantine.add_argument("action", choices=("list",))
    measure = command("measure", "compute any one measure on any CSV or Parquet file")
    measure.add_argument("name", metavar="NAME")
    measure.add_argument("file", type=Path, metavar="FILE")
    measures = command("measures", "the catalogue: what each measure tells, its options and references")
    measures.add_argument("name", nargs="?", metavar="NAME")
    _simulate(command("simulate", "write linked exports with known truth"))
    serve = command("serve", "start a Prefect server, a worker, the deployments and the library of reports on loopback")
    serve.add_argument("--port", type=int, default=4200)
    serve.add_argument(
        "--library-port", type=int, metavar="PORT", help="of the library of reports; 0: none (default: the port after)"
    )
    deploy = command("deploy", "register the deployments and automations with an existing Prefect API")
    deploy.add_argument(
        "--api-url", metavar="URL", help="as https://prefect.example.org/api (default: $PREFECT_API_URL)"
    )
    deploy.add_argument(
        "--code-folder",
        type=Path,
        metavar="DIR",
        help="the folder above flows/ on the worker's machine (default: here)",
    )
    for registering in (serve, deploy):
        registering.add_argument(
            "--take-over", action="store_true", help="also where the deployments there are another workspace's"
        )
    command("doctor", "versions, paths, permissions, key: what is wrong and how to mend it")
    return parser


def _simulate(simulate: argparse.ArgumentParser) -> None:
    simulate.add_argument("--out", type=Path, required=True, metavar="DIR")
    simulate.add_argument(
        "--layout", default="canonical", choices=("canonical", "greenhouse-harvest", "greenhouse-connector")
    )
    simulate.add_argument("--candidates", type=_count, default=3000)
    simulate.add_argument("--interviewers", type=_count, default=150)
    simulate.add_argument("--months", type=_count, default=24)
    simulate.add_argument("--seed", type=_seed, default=1)
    simulate.add_argument("--validity", type=float, help="correlation of ability and later performance")
    simulate.add_argument("--severity", type=float, help="SD of interviewers' severity")
    simulate.add_argument("--gap", type=_deviations, help="how much lower the focal group scores, in SD")
    simulate.add_argument(
        "--bias", type=_deviations, help="how much lower the same ability is scored in the focal group"
    )
    simulate.add_argument(
        "--harsh-panels", type=float, help="0 to 1: how strongly that group meets severe interviewers"
    )
    simulate.add_argument(
        "--damaged", action="store_true", help="break a handful of rows on purpose (canonical layout)"
    )
    simulate.add_argument(
        "--preparation-effect", type=_deviations, help="how far technical practice lifts interview scores, in SD"
    )
    simulate.add_argument("--preparation-gap", type=_share, help="how much smaller women's share with practice is")
    simulate.add_argument("--unanswered", type=_share, help="share of unanswered items")
    simulate.add_argument(
        "--competency-bias", type=_deviations, help="how much lower one competency alone is scored in women, in SD"
    )
    simulate.add_argument("--biased-competency", metavar="NAME", help="which competency that is (default: technical)")
    simulate.add_argument(
        "--slope-gap", type=float, help="how much weaker women's performance goes with ability (off the validity)"
    )
    simulate.add_argument(
        "--cell-bias", type=_deviations, help="how far women of one race are held back in decisions, in SD"
    )
    simulate.add_argument("--biased-race", metavar="NAME", help="which race that is (default: Black)")
    simulate.add_argument(
        "--shift", type=_deviations, help="how far women are held back in decisions in the second half, in SD"
    )
    simulate.add_argument(
        "--rater-gap-spread", type=float, help="SD of the gap that single interviewers see in women's scores"
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, got {text}")
    return value


def _deviations(text: str) -> float:
    value = float(text)
    if not -10 <= value <= 10:
        raise argparse.ArgumentTypeError(f"expected standard deviations between -10 and 10, got {text}")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected a whole number of 0 or above, got {text}")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text}")
    return value


def _date(text: str) -> str:
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a date as 2026-01-31, got {text!r}") from None


if __name__ == "__main__":
    sys.exit(main())
