"""What the audit of groups finds where there is nothing to find, and whether it finds what it says it could.

    python -m benchmarks.ledger_level --replicates 200 [--power 1000] [--only DESIGN]

Organisations without any bias in several designs: the share of data sets with any q < .05 among the tests of groups (the
false-discovery rate, as every discovery is false), the rate of p < .05 of each test, of false concerns of each rule, of
alarms of the watch over time. Then effects of the size that an estimate gives as its minimum detectable one, planted:
80 % of them should give p < .05. Measures that no test and no rule reads are left out.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl

from benchmarks.promised_power import power_table
from fairpanel.analysis import estimated as made
from fairpanel.analysis.fairness import fairness
from fairpanel.analysis.frames import Material, Period, gather
from fairpanel.config import AuditConfig, Config, PolicyConfig
from fairpanel.findings.multiplicity import P_VALUES, adjusted_tests
from fairpanel.findings.rules import RULES, findings
from fairpanel.measures.estimate import Caution, Estimate
from fairpanel.pipeline.ingest import ingest, plan
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.store import tables
from fairpanel.store.pseudonyms import Pseudonyms
from fairpanel.workspace import Workspace
from schemas.results import Estimated, Test

LEVEL = 0.05
PLAIN: dict[str, Any] = {"bias": 0.0, "months": 24}
DESIGNS: dict[str, tuple[str, dict[str, Any], AuditConfig]] = {
    "600": ("600 candidates, 60 interviewers, 24 months", {"candidates": 600, "interviewers": 60}, AuditConfig()),
    "2000": ("2,000 candidates, 100 interviewers, 24 months", {"candidates": 2000, "interviewers": 100}, AuditConfig()),
    "few raters": ("1,000 candidates, 16 interviewers", {"candidates": 1000, "interviewers": 16}, AuditConfig()),
    "100 requisitions": (
        "1,200 candidates in 105 requisitions, 7 months, 60 interviewers",
        {"candidates": 1200, "interviewers": 60, "months": 7},
        AuditConfig(),
    ),
    "gender alone": (
        "1,000 candidates, 60 interviewers, gender alone",
        {"candidates": 1000, "interviewers": 60},
        AuditConfig(attributes=("gender",), crossed=()),
    ),
}
READ = {*P_VALUES, *RULES}
PANEL_DRAWS = 100
"""Of the bootstrap of panels, which takes most of the time; audits draw 400."""


@dataclass(slots=True)
class Seen:
    """Counts over the data sets of a design."""

    sets: int = 0
    any_q: int = 0
    tests: int = 0
    rejected: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    concerns: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    judged: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    with_concern: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    watches: int = 0
    alarms: int = 0
    any_alarm: int = 0


def material(parameters: Parameters, config: AuditConfig) -> Material:
    """A simulated organisation as an audit has it, through files and tables."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        written = [path for path in simulate(parameters, "canonical", root / "in") if path.suffix == ".csv"]
        where = Workspace(root / "workspace").create()
        key = Pseudonyms(b"a key for simulated people, who do not exist")
        ingest(plan(where, written, Config(), key, None, _now(), "auto"))
        return gather(tables.pin(where), Period(None, None), {}, config)


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 6, 1, tzinfo=UTC)


_measure = made.measure


def _only_read(name: str, table: pl.DataFrame, /, **options: Any) -> Estimate:
    """A measure, where a test or a rule reads it."""
    if name not in READ:
        why = Caution("NOT_ESTIMABLE", "No test and no rule reads it.")
        return Estimate(measure=name, method="left out", value=None, n={}, cautions=[why])
    if name == "panel_assignment":
        options["replicates"] = PANEL_DRAWS
    return _measure(name, table, **options)


def look(seen: Seen, estimates: Sequence[Estimated]) -> None:
    """Add one data set without bias."""
    about_groups = [each for each in estimates if each.family == "fairness"]
    tests = adjusted_tests(about_groups)
    judged = findings(about_groups, tests, PolicyConfig())
    seen.sets += 1
    seen.tests += len(tests)
    seen.any_q += any(test.q < LEVEL for test in tests)
    for name, values in _by_name(about_groups, tests).items():
        seen.rejected[name].append(sum(p < LEVEL for p in values) / len(values))
    bad = defaultdict(int)
    for finding in judged:
        name = finding.rule if finding.leading else f"{finding.rule}, by job family or competency"
        seen.judged[name] += 1
        if finding.state in ("alert", "concern"):
            seen.concerns[name] += 1
            bad[name] += 1
    for name in [*bad, *(["any"] if bad else []), *(["any leading"] if any("," not in name for name in bad) else [])]:
        seen.with_concern[name] += 1
    watches = [each for each in about_groups if each.result["measure"] == "group_monitor"]
    raised = [(each.result["detail"].get("alarm") or {}).get("alarm_at") is not None for each in watches]
    seen.watches += len(watches)
    seen.alarms += sum(raised)
    seen.any_alarm += any(raised)


def _by_name(estimates: Iterable[Estimated], tests: Iterable[Test]) -> dict[str, list[float]]:
    """The p values of the ledger by test; those of two groups apart from those against one group among several."""
    subject = {each.identity: each.subject for each in estimates}
    found: dict[str, list[float]] = defaultdict(list)
    for test in tests:
        attribute = str(subject[test.estimate].get("attribute"))
        several = attribute != "gender" and test.name in ("selection", "selection within requisitions")
        found[test.name + (", several groups" if several else "")].append(test.p)
    return found


def run(name: str, replicates: int, seed: int) -> Seen:
    _, change, config = DESIGNS[name]
    seen = Seen()
    for at in range(replicates):
        parameters = Parameters(**PLAIN | change, seed=seed + at)
        with patch.object(made, "measure", _only_read):
            look(seen, fairness(material(parameters, config), config).estimates)
    return seen


def _share(hits: int, of: int) -> str:
    if not of:
        return ""
    share = hits / of
    return f"{share:.1%} ± {math.sqrt(share * (1 - share) / of):.1%}"


def _mean(values: Sequence[float]) -> str:
    """A mean over data sets with its Monte Carlo error, which allows for tests that share a data set."""
    n = len(values)
    mean = sum(values) / n
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / max(n - 1, 1) / n)
    return f"{mean:.1%} ± {spread:.1%}"


def tables_of(found: dict[str, Seen]) -> str:
    """The ledger, each test, each rule: a column a design."""
    names = list(found)
    head = [f"| {{}} | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]

    def table(title: str, rows: Iterable[tuple[str, list[str]]]) -> str:
        lines = [head[0].format(title), head[1], *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)]
        return "\n".join(lines)

    seen = list(found.values())
    ledger = [
        ("data sets", [str(s.sets) for s in seen]),
        ("tests in each", [f"{s.tests / s.sets:.0f}" for s in seen]),
        ("with any q < .05", [_share(s.any_q, s.sets) for s in seen]),
        ("watches with an alarm", [_share(s.alarms, s.watches) for s in seen]),
        ("data sets with an alarm of any watch", [_share(s.any_alarm, s.sets) for s in seen]),
    ]
    tests = sorted({name for s in seen for name in s.rejected})
    rules = sorted({name for s in seen for name in s.judged})
    told = [(name, [_mean(s.rejected[name]) if s.rejected.get(name) else "" for s in seen]) for name in tests]
    false = [(name, [_share(s.with_concern[name], s.sets) for s in seen]) for name in ("any leading", "any", *rules)]
    each = [(name, [_share(s.concerns[name], s.judged[name]) for s in seen]) for name in rules]
    return "\n\n".join(
        (
            "\n".join(f"- {name}: {DESIGNS[name][0]}" for name in names),
            table("all tests of groups", ledger),
            table("p < .05 of", told),
            table("data sets with a false concern of", false),
            table("findings that are false concerns", each),
        )
    )


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=200, help="data sets of each design")
    parser.add_argument("--power", type=int, default=1000, help="data sets of each planted effect; 0: none")
    parser.add_argument("--only", default="", help="designs whose name contains this; 'none': only the planted effects")
    parser.add_argument("--seed", type=int, default=1000)
    options = parser.parse_args(arguments)
    chosen = [name for name in DESIGNS if options.only in name]
    if chosen and options.replicates:
        print(tables_of({name: run(name, options.replicates, options.seed) for name in chosen}), flush=True)
    if options.power:
        print(power_table(options.power, options.seed))


if __name__ == "__main__":
    main()
