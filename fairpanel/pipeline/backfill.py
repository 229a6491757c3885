"""All audits of a range of periods and scopes: planned by what each would be made of, resumable, several at once, and
one that fails does not take the others along."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from fairpanel.analysis.frames import Period
from fairpanel.config import Config
from fairpanel.pipeline.audit import Source, source
from fairpanel.pipeline.crew import Crew
from fairpanel.pipeline.periods import PeriodError
from fairpanel.pipeline.standing import REPROCESS, RUNS, Standing, compared, known, scopes, standings
from fairpanel.store import attempts
from fairpanel.workspace import Workspace

MOST_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every scope of a backfill in the order in which they run, and how it stands."""

    read: Source
    standings: Sequence[Standing]
    reprocess: str

    def runs(self, standing: Standing) -> bool:
        return standing.state in RUNS[self.reprocess]

    @property
    def again(self) -> bool:
        """Whether what exists is computed once more."""
        return self.reprocess == "all"

    def to_dict(self) -> list[dict[str, Any]]:
        return [standing.to_dict() | {"runs": self.runs(standing)} for standing in self.standings]


def plan(
    workspace: Workspace,
    periods: Sequence[Period],
    config: Config,
    *,
    where: Mapping[str, str] | None = None,
    each: str | None = None,
    reprocess: str = "changed",
    newest_first: bool = False,
) -> Plan:
    """What a backfill would do. Raises PeriodError for a column or a reprocess that does not exist.

    All of it reads the tables at the versions they have now, whatever is taken in meanwhile.
    """
    if reprocess not in REPROCESS:
        raise PeriodError(f"reprocess is one of {', '.join(REPROCESS)}, not {reprocess!r}")
    attempts.compact(workspace)
    read = source(workspace, held=True)
    ordered = [*periods][::-1] if newest_first else [*periods]
    wanted = scopes(read, ordered, where or {}, each)
    return Plan(read=read, standings=[*standings(known(workspace), wanted, read, config)], reprocess=reprocess)


def looked_into(
    workspace: Workspace,
    planned: Plan,
    config: Config,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Plan:
    """The plan with every scope that had to be compared compared: what a dry run tells."""
    records = known(workspace)
    done = []
    for number, standing in enumerate(planned.standings):
        progress(str(standing.scope.to_dict()["from"]), number, len(planned.standings))
        unsure = standing.state == "unsure"
        done.append(compared(records, standing, planned.read, config) if unsure else standing)
    progress("", len(done), len(done))
    return Plan(read=planned.read, standings=done, reprocess=planned.reprocess)


def backfill(
    workspace: Workspace,
    planned: Plan,
    config: Config,
    max_active: int = 1,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> list[dict[str, Any]]:
    """One result a scope, in the order of the plan: state made, unchanged, empty, failed or skipped, with the report or
    the reason. At most max_active are computed at a time, each in a process of its own."""
    _require_size(max_active)
    results: dict[int, dict[str, Any]] = {}
    waiting = deque[int]()
    for number, standing in enumerate(planned.standings):
        if planned.runs(standing):
            waiting.append(number)
        else:
            results[number] = left_alone(standing)
    total = len(waiting)
    running: dict[Future[dict[str, Any]], int] = {}
    with (
        Crew(workspace, config, planned.read, min(max_active, max(1, total))) as crew,
        ThreadPoolExecutor(max_active) as threads,
    ):
        while waiting or running:
            while waiting and len(running) < max_active:
                number = waiting.popleft()
                scope = planned.standings[number].scope
                progress(str(scope.to_dict()["from"]), total - len(waiting) - len(running) - 1, total)
                running[threads.submit(copy_context().run, crew.audit, scope, planned.again)] = number
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                results[running.pop(done)] = done.result()
    progress("", total, total)
    return [results[number] for number in range(len(planned.standings))]


def left_alone(standing: Standing) -> dict[str, Any]:
    """The result of a scope that need not run."""
    state = {"same": "unchanged", "empty": "empty"}.get(standing.state, "skipped")
    told = standing.to_dict()
    return standing.scope.to_dict() | {"state": state, "report_id": standing.report_id, "reason": told["says"]}


def counted(results: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many scopes ended in which state, in the order of first occurrence."""
    counts: dict[str, int] = {}
    for result in results:
        counts[result["state"]] = counts.get(result["state"], 0) + 1
    return counts


def _require_size(max_active: int) -> None:
    if not 1 <= max_active <= MOST_AT_ONCE:
        raise PeriodError(f"between 1 and {MOST_AT_ONCE} audits can run at a time, not {max_active}")
