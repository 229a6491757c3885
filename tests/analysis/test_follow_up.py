"""Who has performance ratings and why the others have none; scales and cycles of ratings."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from fairpanel.analysis.frames import Material, Period, gather
from fairpanel.config import AuditConfig
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.world import draw
from fairpanel.store import tables
from tests.workspaces import take_in, workspace, write

SCORES = "candidate_id,application_id,interviewer_id,competency,score,interviewed_at"
DECISIONS = "candidate_id,application_id,decision,decided_on"
PERFORMANCE = "candidate_id,performance_rater_id,dimension,rating,scale_min,scale_max,status,rated_on,hired_on,left_on"


def _material(tmp_path: Path, people: str, decisions: list[str], performance: list[str]) -> Material:
    where = workspace(tmp_path)
    scores = [f"{who},{who}1,r,overall,3,2024-01-01" for who in people]
    files = [
        write(tmp_path / "scores.csv", scores, SCORES),
        write(tmp_path / "decisions.csv", decisions, DECISIONS),
        write(tmp_path / "performance.csv", performance, PERFORMANCE),
    ]
    assert take_in(where, *files).to_dict()["quarantined"] == 0
    return gather(tables.pin(where), Period(None, None), {}, AuditConfig())


def test_those_without_a_rating_have_a_reason(tmp_path: Path) -> None:
    decisions = [f"{who},{who}1,accepted,2024-02-01" for who in "abdef"] + ["c,c1,rejected,2024-02-01"]
    performance = [
        "a,m,overall,4,1,5,final,2025-01-01,2024-03-01,",
        "b,m,overall,3,1,5,final,2025-02-01,2024-03-01,2025-03-01",
        "d,,overall,,1,5,in_progress,2025-02-01,2024-03-01,2024-05-01",
        "e,,overall,,1,5,in_progress,2025-02-01,2025-01-15,",
    ]
    found = _material(tmp_path, "abcdef", decisions, performance)
    assert found.employment.group_by("status").len().sort("status").rows() == [
        ("left", 1),
        ("rated", 2),
        ("too_new", 1),
        ("unrated", 1),
    ]
    assert (found.counts["hired"], found.counts["left_unrated"], found.counts["too_new"]) == (5, 1, 1)
    left = found.employment.filter("left").sort("months")["months"].to_list()
    assert left == pytest.approx([61 / 30.4375, 365 / 30.4375])
    stayed = found.employment.filter(~pl.col("left"))["months"].drop_nulls().sort().to_list()
    assert stayed == pytest.approx([45 / 30.4375, 365 / 30.4375])  # to the last day recorded of anybody


def test_cycles_of_one_manager_count_once_and_scales_are_joined(tmp_path: Path) -> None:
    decisions = [f"{who},{who}1,accepted,2024-02-01" for who in "ab"]
    performance = [
        "a,m,overall,5,1,5,final,2025-01-01,2024-03-01,",
        "a,m,overall,3,1,5,final,2026-01-01,2024-03-01,",
        "a,n,overall,1,1,5,final,2026-01-01,2024-03-01,",
        "b,m,quality,7,1,7,final,2026-01-01,2024-03-01,",
        "a,m,quality,5,1,5,final,2026-01-01,2024-03-01,",
    ]
    found = _material(tmp_path, "ab", decisions, performance)
    assert found.performance.select("performance", "raters").rows() == [(2.5, 2)]
    quality = found.criterion.filter(pl.col("dimension") == "quality")["score"].to_list()
    assert quality == [1.0, 1.0]
    assert any("several scales" in note for note in found.scale_notes)
    months = found.criterion.filter(pl.col("dimension") == "overall")["months"].sort()
    assert months[0] == pytest.approx(306 / 30.4375)


def test_people_accepted_twice_are_left_out_and_counted(tmp_path: Path) -> None:
    where = workspace(tmp_path)
    scores = [f"{who},{who}{k},r,overall,3,2024-01-01" for who in "ab" for k in (1, 2)]
    verdicts = {"a1": "accepted", "a2": "accepted", "b1": "accepted", "b2": "rejected"}
    decisions = [f"{which[0]},{which},{verdict},2024-02-01" for which, verdict in verdicts.items()]
    performance = [f"{who},m,overall,4,1,5,final,2025-01-01,2024-03-01," for who in "ab"]
    files = [
        write(tmp_path / "scores.csv", scores, SCORES),
        write(tmp_path / "decisions.csv", decisions, DECISIONS),
        write(tmp_path / "performance.csv", performance, PERFORMANCE),
    ]
    take_in(where, *files)
    found = gather(tables.pin(where), Period(None, None), {}, AuditConfig())
    assert found.performance.height == 1
    assert found.counts["hired_twice"] == 1
    assert any("more than once" in note for note in found.scale_notes)


def test_simulated_careers_hold_what_was_planted() -> None:
    world = draw(Parameters(candidates=20_000, interviewers=200, retention=0.6, preparation_effect=0.5, seed=3))
    reviewed = world.performance.drop_nulls("rating")
    overall = reviewed.filter(pl.col("dimension") == "overall").group_by("candidate").agg(pl.col("rating").mean())
    stayed = overall.join(world.employment, on="candidate").with_columns(pl.col("left").is_null().alias("stayed"))
    rate = stayed.group_by(pl.col("rating") >= 4).agg(pl.col("stayed").mean()).sort("rating")["stayed"].to_list()
    assert rate[1] > rate[0] + 0.05
    unreviewed = world.performance.filter(pl.col("rating").is_null()).join(world.employment, on="candidate")
    assert unreviewed["left"].null_count() > 0  # too new
    assert unreviewed["left"].drop_nulls().len() > 0  # left before
    practised = world.preparation.filter(pl.col("item") == "technical_practice").select("candidate", "provided")
    scores = world.forms.filter(pl.col("stage") == "user").group_by("candidate").agg(pl.col("technical").mean())
    means = scores.join(practised, on="candidate").group_by("provided").agg(pl.col("technical").mean())
    by = dict(means.iter_rows())
    assert by[True] - by[False] == pytest.approx(0.5 * 0.9, abs=0.06)
