"""Interviewers' own groups: taken in as a table of their own, restricted, and used for one question only."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from fairpanel.analysis.fairness import fairness
from fairpanel.analysis.frames import Period, gather
from fairpanel.config import AuditConfig
from fairpanel.findings.multiplicity import adjusted_tests
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.store import tables
from schemas.results import Estimated
from tests.workspaces import take_in, workspace


@pytest.fixture(scope="module")
def estimates(tmp_path_factory: pytest.TempPathFactory) -> list[Estimated]:
    folder = tmp_path_factory.mktemp("own")
    simulate(Parameters(candidates=700, interviewers=40, seed=8), "canonical", folder / "in")
    staff = pl.read_csv(folder / "in" / "scores.csv")["interviewer_id"].unique().sort()
    kinds = ["women", "men"] * staff.len()
    groups = pl.DataFrame({"interviewer_id": staff, "attribute": "gender", "category": kinds[: staff.len()]})
    groups.write_csv(folder / "in" / "staff.csv")
    where = workspace(folder)
    take_in(where, folder / "in")
    assert Path(where.restricted / "interviewer_groups").is_dir()
    assert not Path(where.lake / "interviewer_groups").exists()
    config = AuditConfig(attributes=("gender",), crossed=())
    return fairness(gather(tables.pin(where), Period(None, None), {}, config), config).estimates


def test_the_question_is_answered_and_enters_the_ledger(estimates: list[Estimated]) -> None:
    found = next(
        e.result for e in estimates if e.result["measure"] == "rater_group_interaction" and e.subject["stage"] == "user"
    )
    similarity = found["detail"]["similarity"]
    assert similarity["low"] <= similarity["effect"] <= similarity["high"]
    assert similarity["focal"] >= 5
    assert similarity["reference"] >= 5
    assert "own group favoured" in {test.name for test in adjusted_tests(estimates)}
