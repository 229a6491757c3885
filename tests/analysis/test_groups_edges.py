"""Groups at the edges: nobody, one, two; all or none selected; hostile names. Right answers or clear cautions, no crash."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fairpanel.analysis.fairness import fairness
from fairpanel.analysis.frames import Period, gather
from fairpanel.analysis.reliability import reliability
from fairpanel.config import AuditConfig, Config
from fairpanel.pipeline.drafting import compose
from fairpanel.pipeline.identity import input_facts
from fairpanel.pipeline.scope import Scope
from fairpanel.store import tables
from reports.disclosure import protect
from reports.group_tables import parts_of, people_tables
from reports.html import render
from tests.workspaces import take_in, workspace

People = list[dict[str, Any]]
ATTRIBUTES = AuditConfig(self_test_replicates=0)
HOSTILE = ("<b>x</b>", "=cmd()", "a / b", "c × d", "é" * 80, "men")


def people(n: int = 60, **columns: Any) -> People:
    """Candidates with a group, a requisition, whether selected and the month of their interview."""
    rng = np.random.default_rng(1)
    rows = [
        {
            "group": ("women", "men")[at % 2],
            "race": ("White", "Asian")[at // 2 % 2],
            "requisition": f"R{at % 4}",
            "selected": bool(rng.random() < 0.4),
            "day": at * 6 % 360,
        }
        for at in range(n)
    ]
    for name, values in columns.items():
        for at, row in enumerate(rows):
            row[name] = values(at) if callable(values) else values
    return rows


def report(folder: Path, rows: People, audit: AuditConfig = ATTRIBUTES) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The report before and after disclosure control, and its page."""
    rng = np.random.default_rng(2)
    start = date(2025, 1, 1)
    scores, decisions, stated = [], [], []
    for at, row in enumerate(rows):
        who, day = f"C{at}", str(start + timedelta(days=row["day"]))
        for rater in rng.choice(6, 2, replace=False):
            for item in ("technical", "team_compatibility", "role_specific", "overall"):
                score = int(np.clip(round(3 + rng.normal()), 1, 5))
                scores.append((who, row["requisition"], f"I{rater}", item, score, day, "user"))
        decisions.append((who, row["requisition"], "accepted" if row["selected"] else "rejected", "user", day))
        for attribute, value in (("gender", row["group"]), ("race", row["race"])):
            if value is not None:
                stated.append((who, attribute, value, "self_reported"))
    columns = ["candidate_id", "requisition_id", "interviewer_id", "competency", "score", "interviewed_at", "stage"]
    inbox = folder / "in"
    inbox.mkdir()
    pl.DataFrame(scores, schema=columns, orient="row").write_csv(inbox / "scores.csv")
    names = ["candidate_id", "requisition_id", "decision", "stage", "decided_on"]
    pl.DataFrame(decisions, schema=names, orient="row").write_csv(inbox / "decisions.csv")
    kinds = {"candidate_id": pl.String, "attribute": pl.String, "category": pl.String, "source": pl.String}
    if stated:
        pl.DataFrame(stated, schema=kinds, orient="row").write_csv(inbox / "demographics.csv")
    where = workspace(folder)
    assert take_in(where, *sorted(inbox.iterdir())).to_dict()["quarantined"] == 0
    pinned = tables.pin(where)
    config = Config(audit=audit)
    material = gather(pinned, Period(None, None), {}, audit)
    analyses = [reliability(material, audit), fairness(material, audit)]
    scope = Scope(period=Period(None, None), where={})
    whole = compose("edges", scope, config, pinned, input_facts(pinned, material), analyses)
    shown = protect(whole)
    return whole, shown, render(shown)


def of(report_: dict[str, Any], measure: str, **subject: Any) -> list[dict[str, Any]]:
    return [
        e
        for e in report_["estimates"]
        if e["measure"] == measure and all(e["subject"].get(k) == v for k, v in subject.items())
    ]


def sound(report_: dict[str, Any]) -> None:
    """Every estimate without a value says why, and none because an option or a column was wrong."""
    for estimate in report_["estimates"]:
        told = " ".join(caution["text"] for caution in estimate["cautions"])
        assert estimate["value"] is not None or told, estimate["id"]
        for wrong in (
            "has no option",
            "there is no measure",
            "there is no column",
            "must be one of",
            "arithmetic failed",
        ):
            assert wrong not in told, (estimate["id"], told)


def accused(report_: dict[str, Any]) -> list[str]:
    return [f["rule"] for f in report_["findings"] if f["question"] == "alike" and f["state"] in ("alert", "concern")]


@pytest.mark.parametrize("few", [0, 1, 2, 4])
def test_a_group_of_a_handful_is_never_compared(tmp_path: Path, few: int) -> None:
    rows = people(60, group=lambda at: "women" if at < few else "men", selected=lambda at: at >= few and at % 2 == 0)
    whole, shown, page = report(tmp_path, rows)
    sound(whole)
    assert not [e for e in whole["estimates"] if e["subject"]["group"] == "women"]
    assert not [f for f in whole["findings"] if f["subject"]["attribute"] == "gender"]
    assert bool([e for e in whole["too_small"] if e.get("attribute") == "gender"]) == (few > 0)
    rows_shown = [row for e in shown["estimates"] for row in e["detail"].get("rows") or [] if "group" in row]
    assert {row.get("n") for row in rows_shown if "women" in row["group"]} <= {None}
    assert page


def test_one_group_only_has_nothing_to_compare(tmp_path: Path) -> None:
    whole, _, page = report(tmp_path, people(group="women", race="White"))
    assert not [e for e in whole["estimates"] if e["subject"]["attribute"]]
    assert 'id="groups"' not in page


def test_nobody_stated_a_group(tmp_path: Path) -> None:
    whole, shown, page = report(tmp_path, people(group=None, race=None))
    assert not [e for e in whole["estimates"] if e["subject"]["attribute"]]
    assert shown["findings"]
    assert page


@pytest.mark.parametrize("everyone", [True, False])
def test_everyone_or_nobody_selected_is_told_not_judged(tmp_path: Path, everyone: bool) -> None:
    whole, shown, page = report(tmp_path, people(selected=everyone))
    sound(whole)
    (ratio,) = of(whole, "impact_ratio", attribute="gender", stage="user")
    if everyone:
        assert ratio["value"] == 1
    else:
        assert ratio["value"] is None
    assert not of(whole, "crossed_rates", attribute="gender × race") or not accused(whole)
    assert "selection" not in accused(shown)
    assert page


def test_requisitions_with_one_applicant_say_nothing_within(tmp_path: Path) -> None:
    whole, _, page = report(tmp_path, people(requisition=lambda at: f"R{at}"))
    sound(whole)
    (pooled,) = of(whole, "mantel_haenszel", attribute="gender")
    assert pooled["value"] is None
    (finding,) = [f for f in whole["findings"] if f["rule"] == "selection" and f["subject"]["attribute"] == "gender"]
    assert "lancaster_mid_p" in finding["evidence"][1]
    assert page


def test_a_group_all_in_one_requisition_is_not_compared_within(tmp_path: Path) -> None:
    rows = people(requisition=lambda at: "R-women" if at % 2 == 0 else f"R{at % 4}")
    whole, _, page = report(tmp_path, rows)
    sound(whole)
    (pooled,) = of(whole, "mantel_haenszel", attribute="gender")
    assert pooled["value"] is None
    assert of(whole, "lancaster_mid_p", attribute="gender")[0]["value"] is not None
    assert page


def test_twelve_groups(tmp_path: Path) -> None:
    rows = people(240, group=lambda at: f"group {at % 12:02d}")
    whole, shown, page = report(tmp_path, rows)
    sound(whole)
    (ratio,) = of(whole, "impact_ratio", attribute="gender", stage="user")
    assert ratio["detail"]["over_all_pairs"]["pairs"] == 66
    finding = next(f for f in whole["findings"] if f["rule"] == "selection" and f["subject"]["attribute"] == "gender")
    assert finding["p"] == 1 or finding["p"] > 0.05
    assert "selection" not in accused(shown)
    assert page


def test_hostile_names_are_text_and_stay_apart(tmp_path: Path) -> None:
    rows = people(240, group=lambda at: HOSTILE[at % len(HOSTILE)], selected=lambda at: at % 3 == 0)
    whole, shown, page = report(tmp_path, rows)
    sound(whole)
    (ratio,) = of(whole, "impact_ratio", attribute="gender", stage="user")
    assert len(ratio["detail"]["rates"]) == len(HOSTILE)
    assert {row["n"] for row in ratio["detail"]["rows"]} == {40}
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "é" * 80 not in re.sub(r"<[^>]+>", " ", html.unescape(page))
    assert accused(shown) == accused(whole)


def test_crossed_names_that_hold_the_separator_are_not_mixed_up(tmp_path: Path) -> None:
    """Of a / b × c and a × b / c, neither may be counted as the other."""
    rows = people(
        240,
        group=lambda at: ("a / b", "a")[at % 2],
        race=lambda at: "c" if at % 2 == 0 else "b / c",
        selected=lambda at: at % 4 < 2,
    )
    whole, _, page = report(tmp_path, rows)
    sound(whole)
    (ratio,) = of(whole, "impact_ratio", attribute="gender × race")
    assert ratio["detail"]["n"] == {"a/b / c": 120, "a / b/c": 120}
    singles = [table for table in people_tables(whole) if "×" not in table.slice[0]]
    assert set(ratio["detail"]["n"]) <= set(parts_of("gender × race", singles))
    assert page
