"""From tables to what measures take: scales, directions, stages, outcomes."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from fairpanel.analysis.frames import Material, Period, gather
from fairpanel.config import AuditConfig
from fairpanel.store import tables
from tests.workspaces import take_in, workspace, write

SCORES = "candidate_id,interviewer_id,stage,competency,score,scale_min,scale_max,higher_is_better,interviewed_at"
DECISIONS = "candidate_id,stage,decision,decided_on"


def _material(
    tmp_path: Path, scores: list[str], decisions: list[str] | None = None, performance: list[str] | None = None
) -> Material:
    where = workspace(tmp_path)
    files = [write(tmp_path / "scores.csv", scores, SCORES)]
    if decisions:
        files.append(write(tmp_path / "decisions.csv", decisions, DECISIONS))
    if performance:
        header = (
            "candidate_id,rating,rated_on,performance_rater_id,review_type,status,higher_is_better,scale_min,scale_max"
        )
        files.append(write(tmp_path / "performance.csv", performance, header))
    assert take_in(where, *files).to_dict()["quarantined"] == 0
    return gather(tables.pin(where), Period(None, None), {}, AuditConfig())


def test_low_is_good_is_turned_round(tmp_path: Path) -> None:
    found = _material(tmp_path, ["a,r,user,overall,1,1,9,false,2024-01-01", "b,r,user,overall,9,1,9,false,2024-01-01"])
    assert sorted(found.ratings["score"]) == [1.0, 9.0]
    best = found.ratings.filter(pl.col("score") == 9.0)["unit"][0]
    assert found.ratings.filter(pl.col("unit") == best).height == 1
    assert any("turned round" in note for note in found.scale_notes)


def test_two_scales_of_one_competency_are_put_on_their_own_scale(tmp_path: Path) -> None:
    found = _material(tmp_path, ["a,r,user,overall,4,1,4,true,2024-01-01", "b,r,user,overall,4,1,5,true,2024-01-01"])
    assert sorted(found.ratings["score"]) == pytest.approx([0.75, 1.0])


def test_a_composite_stands_for_a_missing_overall_score(tmp_path: Path) -> None:
    rows = ["a,r,user,technical,5,1,5,true,2024-01-01", "a,r,user,role_specific,3,1,5,true,2024-01-01"]
    found = _material(tmp_path, rows)
    assert found.ratings.filter(pl.col("competency") == "composite")["score"].to_list() == [0.75]


def test_outcomes_by_stage(tmp_path: Path) -> None:
    scores = [f"{who},r,{stage},overall,3,1,5,true,2024-01-0{day}" for who, stages in
              {"a": "hu", "b": "hu", "c": "h", "d": "h", "e": "hu"}.items()
              for day, stage in ((1, "hr"), (2, "user")) if stage[0] in stages]  # fmt: skip
    decisions = ["a,,accepted,2024-02-01", "b,user,rejected,2024-02-01", "c,hr,rejected,2024-02-01",
                 "d,,withdrawn,2024-02-01", "e,,pending,2024-02-01"]  # fmt: skip
    found = _material(tmp_path, scores, decisions)
    passed = found.outcomes.filter(pl.col("stage") == "hr")["selected"]
    assert (passed.sum(), passed.len()) == (3, 4)  # a, b and e went on; c did not; d withdrew
    final = found.outcomes.filter(pl.col("stage") == "user")["selected"]
    assert (final.sum(), final.len()) == (1, 2)
    assert found.counts["undecided"] == 1


def test_where_everybody_met_both_stages_the_first_selected_nobody(tmp_path: Path) -> None:
    scores = [f"{who},r,{stage},overall,3,1,5,true,2024-01-01" for who in "ab" for stage in ("hr", "user")]
    found = _material(tmp_path, scores, ["a,,accepted,2024-02-01", "b,,rejected,2024-02-01"])
    assert found.outcomes["stage"].unique().to_list() == ["user"]


def test_only_final_manager_reviews_count_and_raters_are_averaged(tmp_path: Path) -> None:
    performance = [
        "a,4,2025-01-01,m1,manager,final,true,1,5",
        "a,2,2025-01-01,m2,manager,final,true,1,5",
        "a,5,2025-01-01,m3,peer,final,true,1,5",
        "a,5,2025-02-01,m1,manager,draft,true,1,5",
        "b,1,2025-01-01,m1,manager,final,false,1,5",
    ]
    scores = [f"{who},r,user,overall,3,1,5,true,2024-01-01" for who in "ab"]
    found = _material(tmp_path, scores, None, performance)
    assert sorted(found.performance.select("performance", "raters").rows()) == [(3.0, 2), (5.0, 1)]


def test_a_rating_from_before_the_interview_is_no_later_performance(tmp_path: Path) -> None:
    scores = [f"{who},r,user,overall,3,1,5,true,2024-03-01T09:00:00" for who in ("early", "same", "late")]
    performance = [
        f"{who},3,{day},m,manager,final,true,1,5"
        for who, day in (("early", "2024-02-28"), ("same", "2024-03-01"), ("late", "2025-01-01"))
    ]
    found = _material(tmp_path, scores, None, performance)
    assert found.counts["performance_known"] == 2
    assert any("before a candidate's first interview" in note for note in found.scale_notes)
