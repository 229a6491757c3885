"""Reports on organisations with a bias planted in them, as they go out: the analyses of groups and what they rest on."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fairpanel.analysis.fairness import fairness
from fairpanel.analysis.frames import Period, gather
from fairpanel.analysis.reliability import reliability
from fairpanel.config import AuditConfig, Config
from fairpanel.pipeline.drafting import compose
from fairpanel.pipeline.identity import input_facts
from fairpanel.pipeline.scope import Scope
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.store import tables
from reports.chapters import groups
from reports.chapters.alike.why import CANNOT, NOT_SEEN, UNLIKELY, Explanation, explanations
from reports.disclosure import protect
from reports.html import environment
from reports.sentences import STATES
from tests.workspaces import take_in, workspace

QUICK: dict[str, Any] = {"self_test_replicates": 0, "chain_replicates": 50, "decision_replicates": 50}
EVERYTHING = Config(audit=AuditConfig(**QUICK))
GENDER = Config(audit=AuditConfig(**QUICK, attributes=("gender",), crossed=()))
Report = dict[str, Any]
WOMEN = {"attribute": "gender", "stage": "user", "group": "women", "reference": "men"}


def published(folder: Path, config: Config = EVERYTHING, **parameters: Any) -> Report:
    """What a report says of groups after disclosure control."""
    simulate(Parameters(**{"bias": 0.0, "interviewers": 60} | parameters), "canonical", folder / "in")
    where = workspace(folder)
    take_in(where, *sorted((folder / "in").glob("*.csv")))
    pinned = tables.pin(where)
    material = gather(pinned, Period(None, None), {}, config.audit)
    analyses = [reliability(material, config.audit), fairness(material, config.audit)]
    scope = Scope(period=Period(None, None), where={})
    facts = input_facts(pinned, material)
    return protect(compose("planted", scope, config, pinned, facts, analyses))


def chapter(report: Report) -> str:
    """The text of the chapter on groups as a reader has it."""
    page = environment().from_string(
        "{% from 'blocks.html.j2' import block with context %}{% for b in chapter.blocks %}{{ block(b) }}{% endfor %}"
    )
    text = re.sub(r"<[^>]+>", " ", page.render(chapter=groups.chapter(report), states=STATES))
    return re.sub(r"\s+", " ", html.unescape(text))


def by_name(report: Report, about: dict[str, Any] = WOMEN) -> dict[str, Explanation]:
    return {each.name: each for each in explanations(report, about) if each is not None}


def concerns(report: Report, *rules: str) -> set[tuple[str, str | None]]:
    """Rules that raise a concern on a stage as a whole, with the attribute."""
    return {
        (f["rule"], f["subject"]["attribute"])
        for f in report["findings"]
        if f["question"] == "alike" and f["leading"] and f["state"] in ("alert", "concern") and f["rule"] in rules
    }


def ruled_out(found: dict[str, Explanation], but: Iterable[str], untold: Iterable[str] = ()) -> None:
    """Every explanation but the named ones is not seen or unlikely; the untold may also be beyond telling."""
    for name, each in found.items():
        if name not in but:
            allowed = {NOT_SEEN, UNLIKELY, CANNOT} if name in untold else {NOT_SEEN, UNLIKELY}
            assert each.word in allowed, (name, each.word, each.evidence)
