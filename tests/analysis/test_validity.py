"""Which validity estimates an audit makes, and what the same-source guard sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairpanel.analysis.frames import Period, gather
from fairpanel.analysis.validity import validity
from fairpanel.config import AuditConfig
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.store import tables
from tests.workspaces import take_in, workspace


def _values(tmp_path: Path, **change: float) -> dict[tuple[str, str], float | None]:
    parameters = Parameters(**({"candidates": 4000, "interviewers": 60, "validity": 0.3, "seed": 5} | change))
    simulate(parameters, "canonical", tmp_path / "in")
    where = workspace(tmp_path)
    take_in(where, tmp_path / "in")
    found = validity(gather(tables.pin(where), Period(None, None), {}, AuditConfig()), AuditConfig())
    return {
        (e.result["measure"], e.variant): e.result["value"]
        for e in found.estimates
        if (e.subject["stage"], e.subject["competency"], e.subject["job_family"]) == ("user", "overall", None)
    }


def test_each_correction_stands_beside_the_observed_value(tmp_path: Path) -> None:
    values = _values(tmp_path)
    observed = values["pearson", ""]
    assert observed is not None
    for corrected in (
        ("selection_validity", "em"),
        ("selection_validity", "direct"),
        ("corrected_validity", "attenuation"),
    ):
        value = values[corrected]
        assert value is not None
        assert value > observed


@pytest.mark.parametrize(("bias", "least"), [(0.9, 0.15), (0.0, -0.15)])
def test_an_interviewer_who_rates_performance_carries_the_impression_along(
    tmp_path: Path, bias: float, least: float
) -> None:
    values = _values(tmp_path, same_rater_bias=bias)
    same, other = values["pearson", "same_source"], values["pearson", "other_source"]
    assert same is not None
    assert other is not None
    assert same - other > least
    if not bias:
        assert same - other < 0.15


def test_where_no_interviewer_rates_performance_there_is_no_such_figure(tmp_path: Path) -> None:
    # 60 interviewers rate their own team's hires now and then by chance: with none of them asked, few enough remain
    values = _values(tmp_path, same_rater=0.0, candidates=300)
    assert ("pearson", "same_source") not in values
