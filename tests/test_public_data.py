"""Two public data sets from file to report, through the mappings that ship with Fairpanel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy.stats import fisher_exact, pearsonr

from fairpanel.analysis.frames import Period
from fairpanel.config import Config
from fairpanel.pipeline.audit import audit
from fairpanel.pipeline.scope import Scope
from tests.workspaces import SAMPLES, SHARED, take_in, workspace

DATASETS = SHARED / "exports" / "datasets"
pytestmark = pytest.mark.skipif(not DATASETS.is_dir(), reason="the public data sets are not beside this checkout")


def _report(tmp_path: Path, file: str, mapping: str) -> tuple[dict[str, Any], dict[str, Any]]:
    where = workspace(tmp_path)
    told = take_in(where, DATASETS / file, source=str(SAMPLES / mapping)).to_dict()
    done = audit(where, Scope(period=Period(None, None), where={}), Config())
    report: dict[str, Any] = json.loads((done.directory / "report.json").read_text())
    return told, report


def _find(report: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    subject_keys = ("stage", "competency", "attribute", "group", "reference")
    for estimate in report["estimates"]:
        facts = estimate | {key: estimate["subject"][key] for key in subject_keys}
        if all(facts[key] == value for key, value in wanted.items()) and estimate["subject"]["job_family"] is None:
            return dict(estimate)
    raise LookupError(wanted)


def test_recruiting(tmp_path: Path) -> None:
    """966 applicants, wide, three seats without identifiers; nothing is known of later performance."""
    told, report = _report(tmp_path, "recruiting.csv", "recruiting.mapping.toml")
    assert (told["rows_read"], told["accepted"], told["quarantined"]) == (4830, 4830, 0)
    raw = pl.read_csv(DATASETS / "recruiting.csv")
    rates = dict(raw.group_by("gender").agg(pl.col("hired").mean()).iter_rows())
    ratio = _find(report, measure="impact_ratio", stage="user")
    assert ratio["value"] == pytest.approx(rates["F"] / rates["M"])
    table = raw.pivot("hired", index="gender", values="gender", aggregate_function="len").sort("gender")
    exact = _find(report, measure="fisher_exact", group="women", reference="men")
    assert exact["detail"]["p_two_sided"] == pytest.approx(
        fisher_exact(table.select("1", "0").to_numpy()).pvalue, rel=1e-6
    )
    assert _find(report, measure="g_coefficient", stage="user")["n"] == {
        "units": 966,
        "scores": 1932,
        "missing": 0,
        "raters": 2,
    }
    hr = _find(report, measure="g_coefficient", stage="hr")
    assert hr["value"] is None
    assert hr["cautions"][0]["code"] == "ONE_RATER"
    predictive = [finding for finding in report["findings"] if finding["question"] == "predictive"]
    assert all(finding["state"] == "cannot_tell" for finding in predictive)


def test_nih(tmp_path: Path) -> None:
    """2,076 applications, 4,555 reviewers, low is good; the final score is known for those discussed only."""
    told, report = _report(tmp_path, "NIH.csv", "nih.mapping.toml")
    assert told["quarantined"] == 0
    assert told["rows_read"] == told["accepted"]
    raw = pl.read_csv(DATASETS / "NIH.csv", null_values=["NA", "ND"], infer_schema_length=None)
    assert report["inputs"]["counts"]["score_rows"] == 6 * raw.height
    people = raw.group_by("ID").agg(pl.col("Score").mean(), pl.col("ScoreFinal").mean()).drop_nulls()
    observed = _find(report, measure="pearson", stage="user", competency="overall")
    assert observed["value"] == pytest.approx(pearsonr(people["Score"], people["ScoreFinal"]).statistic, rel=1e-9)
    pool = _find(report, measure="selection_validity", variant="em", stage="user", competency="overall")
    assert pool["value"] >= observed["value"]
    assert any(caution["code"] == "RANGE_RESTRICTED" for caution in pool["cautions"])
    # only what the preliminary score let through was discussed and scored again, by the same reviewers
    chain = _find(report, measure="validity_chain", variant="all_sources", stage="user")
    steps = {row["step"]: row for row in chain["detail"]["steps"]}
    assert steps["observed"]["value"] == pytest.approx(observed["value"], rel=1e-9)
    assert steps["applicant_pool"]["plain"] == pytest.approx(pool["value"], abs=0.01)
    assert chain["detail"]["u"] < 0.7
    guard = _find(report, measure="same_source_validity", variant="panel", stage="user")
    assert guard["value"] is None
    assert guard["detail"]["same_share"] == 1.0
    page = (tmp_path / "workspace" / "reports" / report["report_id"] / "report.html").read_text()
    assert "most of these ratings come from people who had interviewed the person" in page
    assert "No decisions came with the exports" in page
    gap = _find(report, measure="standardized_difference", attribute="race", competency="overall")
    assert (gap["subject"]["group"], gap["subject"]["reference"]) == ("Black", "White")
    mean = (
        raw.group_by("ID")
        .agg(pl.col("Score").mean(), pl.col("PIRace").first())
        .group_by("PIRace")
        .agg(pl.col("Score").mean())
    )
    by_race = dict(mean.iter_rows())
    # the scale is turned round, so a lower (better) raw score is a higher one here
    assert gap["detail"]["mean_difference"] == pytest.approx(by_race["White"] - by_race["Black"])
    assert report["inputs"]["scale_notes"]
