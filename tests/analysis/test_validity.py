"""Which validity estimates an audit makes, which ratings lead, and whether what was planted is found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fairpanel.analysis.frames import Material, Period, gather
from fairpanel.analysis.sources import leading_criterion
from fairpanel.analysis.validity import validity
from fairpanel.config import AuditConfig
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.write import simulate
from fairpanel.store import tables
from schemas.results import Estimated
from tests.workspaces import take_in, workspace

QUICK = AuditConfig(chain_replicates=300, decision_replicates=100)
STEPS = ("observed", "criterion_corrected", "direct", "indirect", "applicant_pool", "operational", "true_score")
BASE: dict[str, Any] = {"candidates": 4000, "interviewers": 60, "validity": 0.5, "same_rater_bias": 0.0, "seed": 5}


def _material(folder: Path, **change: Any) -> Material:
    simulate(Parameters(**(BASE | change)), "canonical", folder / "in")
    where = workspace(folder)
    take_in(where, folder / "in")
    return gather(tables.pin(where), Period(None, None), {}, QUICK)


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """4,000 candidates; technical practice lifts scores and not performance."""
    return _material(tmp_path_factory.mktemp("organisation"), preparation_effect=0.5)


@pytest.fixture(scope="module")
def estimates(organisation: Material) -> list[Estimated]:
    return validity(organisation, QUICK).estimates


def _one(found: list[Estimated], measure: str, variant: str | None = None, **subject: str | None) -> dict[str, Any]:
    matching = [
        e.result
        for e in found
        if e.result["measure"] == measure
        and (variant is None or e.variant == variant)
        and all(e.subject.get(key) == value for key, value in subject.items())
    ]
    assert matching, (measure, variant, subject)
    return matching[0]


def test_each_correction_stands_beside_the_observed_value(estimates: list[Estimated]) -> None:
    chain = _one(estimates, "validity_chain", "other_source", stage="user")
    steps = {row["step"]: row for row in chain["detail"]["steps"]}
    assert tuple(steps) == STEPS
    for step in STEPS[1:]:
        assert steps[step]["value"] > steps["observed"]["value"]
        assert steps[step]["low"] < steps[step]["value"] < steps[step]["high"]
    assert chain["detail"]["criterion"]["reliability"] > 0.3
    assert chain["interval"]["low"] < 0.41 < chain["interval"]["high"]  # the truth among those interviewed: .40 to .42


def test_all_applicants_and_all_ratings_are_told_apart(estimates: list[Estimated]) -> None:
    lead = _one(estimates, "validity_chain", "other_source", stage="user")
    everyone = _one(estimates, "validity_chain", "all_applicants", stage="user")
    every_rating = _one(estimates, "validity_chain", "all_sources", stage="user")
    assert everyone["n"]["applicants"] > lead["n"]["applicants"]
    assert every_rating["n"]["known"] >= lead["n"]["known"]
    hr = _one(estimates, "validity_chain", "other_source", stage="hr")
    assert hr["detail"]["stages"] == ["hr", "user", "performance"]


@pytest.mark.parametrize(("bias", "least", "most"), [(0.9, 0.15, 1.0), (0.0, -0.15, 0.15)])
def test_an_interviewer_who_rates_performance_carries_the_impression_along(
    tmp_path: Path, bias: float, least: float, most: float
) -> None:
    found = validity(_material(tmp_path, same_rater_bias=bias, validity=0.3), QUICK).estimates
    guard = _one(found, "same_source_validity", "panel", stage="user")
    assert least < guard["value"] < most
    assert guard["detail"]["r_same"] - guard["detail"]["r_different"] == pytest.approx(guard["value"])
    if bias:
        assert guard["interval"]["low"] > 0
        by_all = _one(found, "validity_chain", "all_sources", stage="user")["value"]
        assert _one(found, "validity_chain", "other_source", stage="user")["value"] < by_all


def test_ratings_by_others_lead_only_where_there_are_enough(organisation: Material) -> None:
    assert leading_criterion(organisation, QUICK).source == "other_source"
    strict = QUICK.model_copy(update={"minimum_hired": organisation.performance.height})
    assert leading_criterion(organisation, strict).source == "all_sources"


def test_where_no_interviewer_rates_performance_there_is_nothing_to_compare(tmp_path: Path) -> None:
    # 60 interviewers rate their own team's hires now and then by chance: with none of them asked, few enough remain
    found = validity(_material(tmp_path, same_rater=0.0, candidates=300), QUICK).estimates
    assert not [e for e in found if e.result["measure"] == "same_source_validity"]


def test_competencies_predict_their_own_side(estimates: list[Estimated]) -> None:
    matrix = _one(estimates, "convergent_discriminant", stage="user")
    assert matrix["interval"]["low"] > 0
    assert sum(row["matched"] for row in matrix["detail"]["matrix"]) == 3
    weights = {row["predictor"]: row for row in _one(estimates, "decision_weights", stage="user")["detail"]["weights"]}
    assert set(weights) == {"technical", "team_compatibility", "role_specific", "hr"}
    assert weights["technical"]["implied_low"] > weights["team_compatibility"]["implied_high"]  # .5 against .2
    shares = _one(estimates, "relative_weights", stage="user")["detail"]["predictors"]
    assert shares == ["technical", "team_compatibility", "role_specific", "hr"]
    assert _one(estimates, "incremental_validity", "user_over_hr", stage="user")["detail"]["p"] < 0.05


def test_what_preparation_moves_does_not_predict(estimates: list[Estimated]) -> None:
    found = _one(estimates, "preparation_effect", stage="user")
    items = {row["item"]: row for row in found["detail"]["items"]}
    assert items["technical_practice"]["low"] > 0.2
    assert items["company_research"]["low"] < 0 < items["company_research"]["high"]
    assert found["detail"]["reading"] == "does_not_predict"


def test_the_criterion_is_judged_too(estimates: list[Estimated]) -> None:
    for dimension in ("overall", "technical", "team_compatibility", "role_specific"):
        for measure in ("g_coefficient", "rating_distribution", "rating_stability"):
            result = _one(estimates, measure, criterion=dimension)
            assert result["interval"]["low"] < result["value"] < result["interval"]["high"]
    hazard = _one(estimates, "retention_hazard", stage="user")
    assert hazard["value"] < 1  # better performers stay, and scores go with performance
    assert hazard["n"]["censored"] > 0
    assert _one(estimates, "logistic_validity", "retention", stage="user")["n"]["people"] < hazard["n"]["people"]


def test_use_and_comparisons_follow_from_the_chain(organisation: Material, estimates: list[Estimated]) -> None:
    chain = _one(estimates, "validity_chain", "other_source", stage="user")
    gain = _one(estimates, "naylor_shine", stage="user")
    assert 0 < gain["interval"]["low"] < gain["value"] < gain["interval"]["high"]
    place = _one(estimates, "published_position", "all", stage="user")
    assert place["detail"]["own_r"] == chain["detail"]["steps"][0]["value"]
    corrected = _one(estimates, "published_position", "all, corrected", stage="user")
    assert corrected["detail"]["mean_r"] > place["detail"]["mean_r"]
    families = _one(estimates, "meta_analysis", "job_families_reml", stage="user")
    assert {row["study"] for row in families["detail"]["studies"]} <= set(organisation.ratings["job_family"].unique())
    assert 0.5 < _one(estimates, "decision_consistency", stage="user")["value"] < 1
    rows = _one(estimates, "expectancy_table", stage="user")["detail"]["rows"]
    assert sum(row["n"] for row in rows) > sum(row["n_rated"] for row in rows)
    assert not [e for e in estimates if e.result["measure"] == "utility"]
    paid = QUICK.model_copy(update={"performance_sd_value": 20_000.0})
    money = _one(validity(organisation, paid).estimates, "utility", stage="user")
    assert money["interval"]["low"] < money["value"] < money["interval"]["high"]


def test_too_few_with_performance_gives_no_estimate(organisation: Material) -> None:
    strict = QUICK.model_copy(update={"minimum_hired": organisation.performance.height + 1})
    found = validity(organisation, strict)
    assert not [e for e in found.estimates if e.result["measure"] in ("pearson", "validity_chain")]
    assert {entry["family"] for entry in found.too_small} == {"validity"}


def test_the_order_of_rows_changes_nothing(organisation: Material, estimates: list[Estimated]) -> None:
    turned = {
        name: getattr(organisation, name).reverse()
        for name in ("ratings", "performance_ratings", "performance", "criterion", "preparation", "employment")
    }
    names = {name: getattr(organisation, name) for name in organisation.__slots__}
    again = validity(Material(**(names | turned)), QUICK).estimates
    for one, two in zip(estimates, again, strict=True):
        assert one.identity == two.identity
        if one.result["value"] is not None:
            assert two.result["value"] == pytest.approx(one.result["value"], abs=1e-6), one.identity


def test_employment_of_those_hired_is_known(organisation: Material) -> None:
    statuses = dict(organisation.employment.group_by("status").len().iter_rows())
    assert sum(statuses.values()) == organisation.counts["hired"]
    assert organisation.employment.filter(pl.col("status") == "rated")["months"].null_count() == 0
