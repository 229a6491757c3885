"""Berkeley's admissions of 1973 told as what they are: a gap over everyone that turns round within departments."""

from __future__ import annotations

import html
import re
from typing import Any

import polars as pl
import pytest

from fairpanel.analysis.groups.grouping import Grouping
from fairpanel.analysis.groups.selection import selection
from fairpanel.config import AuditConfig, PolicyConfig
from fairpanel.findings.multiplicity import adjusted_tests
from fairpanel.findings.rules import findings
from fairpanel.measures.estimate import to_json
from reports.chapters.alike.why import explanations
from reports.disclosure import protect
from reports.html import render
from tests.oracles.cases import ORACLES, data
from tests.reports import sample


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    if not ORACLES.is_dir():
        pytest.skip("the admissions come with the oracle data, which lie beside the checkout")
    named = data("ucb_admissions").with_columns(
        pl.col("group").replace_strict({"Male": "men", "Female": "women"}),
        pl.col("stratum").alias("requisition"),
        pl.lit("Graduate school").alias("job_family"),
    )
    subject: dict[str, str | None] = {"stage": "user", "competency": None, "job_family": None, "attribute": "gender"}
    found = selection(subject, named, Grouping("gender", ("gender",), named), AuditConfig())
    tests = adjusted_tests(found)
    judged = findings(found, tests, PolicyConfig())
    told = sample.report()
    units = named.height + 200
    agreement = sample.reliability(units=units)
    accepted = int(named["selected"].sum())
    told |= {
        "estimates": [agreement, *(e.to_dict() for e in found)],
        "findings": [f.to_dict() for f in judged],
        "tests_run": [t.to_dict() for t in tests],
    }
    told["inputs"]["counts"] = sample.counts(candidates=units, user_interviewed=units, hired=accepted + 50)
    plain: dict[str, Any] = to_json(told)
    return protect(plain)


def test_the_reversal_is_named(report: dict[str, Any]) -> None:
    page = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", render(report))).split())
    assert "the direction turns round once requisitions are kept apart" in page
    assert "Simpson's paradox" in page
    assert "odds ratio is .54, within requisitions 1.11" in page


def test_where_people_applied_is_what_the_data_point_to(report: dict[str, Any]) -> None:
    about = {"attribute": "gender", "stage": "user", "group": "women", "reference": "men"}
    found = {each.name: each for each in explanations(report, about) if each is not None}
    assert found["Where people applied"].word == "points to it"
    assert "turns round within requisitions" in found["Where people applied"].evidence
