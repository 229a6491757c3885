"""An audit end to end, without Prefect: pinned, reproducible, idempotent, recorded."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from fairpanel.analysis.frames import Period
from fairpanel.config import Config
from fairpanel.measures.estimate import MeasureInputError
from fairpanel.pipeline.audit import audit
from fairpanel.pipeline.periods import periods
from fairpanel.pipeline.scope import NothingToAuditError, Scope
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.store import ledger
from fairpanel.store.verification import verify
from fairpanel.workspace import Workspace
from tests.workspaces import take_in, workspace

ALL = Scope(period=Period(None, None), where={})


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("audit")
    simulate(Parameters(candidates=600, interviewers=40, months=12, seed=3), "canonical", folder / "in")
    where = workspace(folder)
    take_in(where, folder / "in")
    return where


def _report(where: Workspace, scope: Scope = ALL, config: Config | None = None) -> dict[str, Any]:
    done = audit(where, scope, config or Config())
    content: dict[str, Any] = json.loads((done.directory / "report.json").read_text())
    return content


def test_the_same_inputs_give_the_same_report_and_no_new_entry(filled: Workspace) -> None:
    first = audit(filled, ALL, Config())
    content = {path.name: path.read_bytes() for path in first.directory.iterdir()}
    entries = len(ledger.entries(filled))
    again = audit(filled, ALL, Config())
    assert (again.report_id, again.unchanged) == (first.report_id, True)
    assert len(ledger.entries(filled)) == entries
    # also when it is computed again: the folder is gone, the entry is there
    for path in first.directory.iterdir():
        path.unlink()
    first.directory.rmdir()
    audit(filled, ALL, Config())
    assert {path.name: path.read_bytes() for path in first.directory.iterdir()} == content
    assert len(ledger.entries(filled)) == entries
    assert verify(filled) == []


def test_another_configuration_gives_another_report(filled: Workspace) -> None:
    stricter = Config.model_validate({"policy": {"reliability_acceptable": 0.9}})
    one, two = audit(filled, ALL, Config()), audit(filled, ALL, stricter)
    assert one.report_id != two.report_id
    assert json.loads((two.directory / "report.json").read_text())["supersedes"] == one.report_id


def test_every_estimate_has_an_interval_or_says_why_not_and_its_n(filled: Workspace) -> None:
    report = _report(filled)
    families = {estimate["family"] for estimate in report["estimates"]}
    assert families == {"reliability", "raters", "validity", "fairness", "quality"}
    for estimate in report["estimates"]:
        assert estimate["n"], estimate["id"]
        if estimate["interval"] is None:
            assert estimate["cautions"], estimate["id"]
    assert len({estimate["id"] for estimate in report["estimates"]}) == len(report["estimates"])


def test_every_finding_rests_on_estimates_of_the_report(filled: Workspace) -> None:
    report = _report(filled)
    known = {estimate["id"] for estimate in report["estimates"]}
    assert report["findings"]
    for finding in report["findings"]:
        assert set(finding["evidence"]) <= known
    assert {finding["question"] for finding in report["findings"]} == {"reliable", "predictive", "alike"}


def test_no_candidate_stands_in_a_report(filled: Workspace) -> None:
    from fairpanel.store import tables

    people = set(tables.pin(filled).read("scores", ["candidate_id"])["candidate_id"])
    text = json.dumps(_report(filled))
    assert not [person for person in people if person in text]


def test_a_small_period_lists_what_it_cannot_estimate(filled: Workspace) -> None:
    (month,) = periods("2024-03", "2024-03", "month")
    report = _report(filled, Scope(period=month, where={"job_family": "Finance"}))
    assert report["too_small"]
    assert report["period"]["first"] >= "2024-03-01"
    assert report["period"]["last"] < "2024-04-01"


def test_an_empty_period_is_a_sentence(filled: Workspace) -> None:
    (month,) = periods("1999-03", "1999-03", "month")
    with pytest.raises(NothingToAuditError, match="the workspace holds interviews from 2024-01-0"):
        audit(filled, Scope(period=month, where={}), Config())


@pytest.mark.parametrize(
    "error", [MeasureInputError("expected candidates, got none"), OverflowError(), np.linalg.LinAlgError()]
)
def test_a_measure_that_refuses_the_data_is_a_result_and_ends_no_audit(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from fairpanel.analysis import estimated as module

    def refusing(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(module, "measure", refusing)
    report = _report(filled, Scope(period=Period(None, None), where={"stage": "user"}), Config.model_validate(
        {"audit": {"seed": hash(type(error)) % 1000, "self_test_replicates": 0}}
    ))  # fmt: skip
    assert {entry["family"] for entry in report["estimates"]} >= {"reliability", "raters", "validity", "fairness"}
    for entry in report["estimates"]:
        assert entry["value"] is None
        assert {caution["code"] for caution in entry["cautions"]} <= {"NOT_ESTIMABLE", "ASSUMED_RELIABILITY"}
    assert all(finding["state"] == "cannot_tell" for finding in report["findings"])


@pytest.mark.slow
def test_a_quarter_gives_no_small_group_of_a_month_back(filled: Workspace) -> None:
    """Reports on months, then on the quarter: what the months show leaves no small rest of the quarter's figures."""
    months = [Scope(period=each, where={}) for each in periods("2024-04", "2024-06", "month")]
    parts = [_report(filled, scope) for scope in months]
    whole = _report(filled, Scope(period=Period(months[0].period.start, months[-1].period.end), where={}))
    minimum = whole["policy"]["disclosure"]["minimum_cell"]
    for estimate in whole["estimates"]:
        if estimate["measure"] != "impact_ratio":
            continue
        same = [e for part in parts for e in part["estimates"] if e["id"] == estimate["id"]]
        for group, n in estimate["detail"]["n"].items():
            shown = [e["detail"]["n"].get(group) for e in same]
            known = [k for k in shown if k is not None]
            if n is not None and known:
                rest = n - sum(known)
                assert rest <= 0 or rest >= minimum, (estimate["id"], group)
