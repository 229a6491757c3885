"""A small report.json made by hand: one stage, one attribute, figures that add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairpanel.profile import bundled

SHA = "0" * 64
POLICY = {
    "audit": {
        "confidence": 0.95, "seed": 1, "minimum_candidates": 30, "minimum_hired": 20, "minimum_candidates_per_rater": 10,
        "false_discovery_rate": 0.05, "self_test_replicates": 40, "chain_replicates": 2000, "decision_replicates": 400,
        "retention_months": 12, "performance_sd_value": None, "cost_per_candidate": 0.0, "interview_structured": None,
        "attributes": ["gender"], "references": {}, "minimum_share": 0.02, "criterion_reliability": 0.52,
        "performance_dimension": "overall", "review_types": ["manager"], "categories": {}, "crossed": [["gender", "race"]],
        "reference_rule": "highest", "monitoring_period": "quarter",
    },
    "policy": {
        "reliability_acceptable": 0.7, "reliability_alert": 0.5, "validity_useful": 0.1, "validity_of_interest": 0.3,
        "impact_ratio": 0.8, "significance": 0.05, "difference_of_interest": 0.2, "severity_spread": 0.5,
    },
    "disclosure": {"minimum_cell": 5, "public_minimum_cell": 10, "public_edition": True},
    "profile": bundled("plain").model_dump(mode="json"),
    "scale": {"minimum": 1.0, "maximum": 5.0, "higher_is_better": True},
}  # fmt: skip
CELLS = {"women": (100, 25), "men": (120, 42)}


def subject(**told: str | None) -> dict[str, str | None]:
    keys = ("stage", "competency", "job_family", "attribute", "group", "reference", "criterion")
    return {key: told.get(key) for key in keys} | {"stage": told.get("stage", "user")}


def estimate(
    family: str, measure: str, value: float | None, ends: tuple[float, float] | None, **rest: Any
) -> dict[str, Any]:
    about = rest.pop("subject", subject(competency="overall"))
    variant = rest.pop("variant", "")
    interval = None if ends is None else {"low": ends[0], "high": ends[1], "level": 0.95, "method": "made by hand"}
    given = {"n": {}, "detail": {}, "cautions": [], "reference": ["A source (2000)"], "method": measure} | rest
    identity = "/".join([family, measure, variant, *(value or "" for value in about.values())]).removesuffix("/")
    told = {"id": identity, "family": family, "measure": measure, "variant": variant, "subject": about}
    return told | {"value": value, "interval": interval} | given


def finding(question: str, state: str, rule: str, reason: str, on: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
    empty = {"threshold": None, "detectable": None, "p": None, "q": None, "leading": True}
    told = {"question": question, "state": state, "rule": rule, "reason": reason, "evidence": [on["id"]]}
    return empty | {"subject": on["subject"]} | told | rest


def reliability(value: float | None = 0.62, units: int = 240, job_family: str | None = None) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "var_unit": 0.4, "var_rater": 0.1, "var_residual": 0.4, "k_harmonic": 2.0,
        "raters_needed": {"0.70": 4, "0.80": 6, "0.90": None},
        "d_study": [{"raters": k, "g": 0.4 / (0.4 + 0.5 / k)} for k in range(1, 11)],
    }  # fmt: skip
    ends = None if value is None else (value - 0.05, value + 0.05)
    cautions = [] if value is not None else [{"code": "ONE_RATER", "text": "one rater gave all scores"}]
    n = {"units": units, "raters": 12, "scores": 2 * units}
    about = subject(competency="overall", job_family=job_family)
    return estimate("reliability", "g_coefficient", value, ends, n=n, detail=detail, cautions=cautions, subject=about)


def severity() -> dict[str, Any]:
    raters = {"a" * 24: 0.4, "b" * 24: -0.3, "c" * 24: 0.1}
    detail = {
        "severity": raters,
        "se": dict.fromkeys(raters, 0.1),
        "severity_interval": {name: [value - 0.2, value + 0.2] for name, value in raters.items()},
        "units_scored": {"a" * 24: 40, "b" * 24: 30, "c" * 24: 4},
        "component": dict.fromkeys(raters, 0),
        "fair_score": {"somebody": 3.5},
        "var_unit": 0.4,
    }  # fmt: skip
    return estimate("raters", "rater_severity", 0.3, (0.2, 0.5), n={"raters": 3}, detail=detail)


def impact_ratio(
    cells: Mapping[str, tuple[int, int]], job_family: str | None = None, reference: str = "men"
) -> dict[str, Any]:
    """The group with the smallest ratio against the reference."""
    rates = {group: selected / n for group, (n, selected) in cells.items()}
    ratios = {group: rate / rates[reference] for group, rate in rates.items()}
    focal = min((group for group in cells if group != reference), key=ratios.__getitem__)
    rows = [
        {"group": g, "n": n, "selected": s, "rate": rates[g], "ratio": ratios[g], "eligible": True}
        | ({"low": None, "high": None} if g == reference else {"low": 0.6 * ratios[g], "high": 1.5 * ratios[g]})
        for g, (n, s) in cells.items()
    ]
    people = sum(n for n, _ in cells.values())
    detail = {
        "rates": rates, "n": {g: n for g, (n, _) in cells.items()}, "selected": {g: s for g, (_, s) in cells.items()},
        "ratios": ratios, "impact_ratio_to_highest": ratios, "highest": reference, "reference": reference, "focal": focal,
        "four_fifths": {g: ratio >= 0.8 for g, ratio in ratios.items() if g != reference}, "rows": rows,
        "max_difference": max(rates.values()) - min(rates.values()), "p": 0.03, "z": -2.1,
        "minimum_detectable": {"alpha": 0.05, "power": 0.8, "difference": -0.15, "ratio": 0.57},
    }  # fmt: skip
    about = subject(job_family=job_family, attribute="gender")
    n = {"people": people, "focal": cells[focal][0], "reference": cells[reference][0]}
    cautions = [
        {"code": "SMALL_GROUP", "text": f"{g}: {c[0]} of {people} people, under the minimum share."}
        for g, c in cells.items()
        if c[0] < 5
    ]
    ends = (0.6 * ratios[focal], 1.5 * ratios[focal])
    return estimate(
        "fairness", "impact_ratio", ratios[focal], ends, n=n, detail=detail, subject=about, cautions=cautions
    )


def score_gap(cells: Mapping[str, tuple[int, int]], group: str, job_family: str | None = None) -> dict[str, Any]:
    about = subject(competency="overall", job_family=job_family, attribute="gender", group=group, reference="men")
    detail = {
        "means": {group: 3.3, "men": 3.5},
        "sds": {group: 0.8, "men": 0.8},
        "mean_difference": -0.2,
        "p": 0.02,
        "df": 218.0,
    }
    n = {"focal": cells[group][0], "reference": cells["men"][0]}
    return estimate("fairness", "standardized_difference", -0.25, (-0.5, -0.01), n=n, detail=detail, subject=about)


def counts(**changed: int | None) -> dict[str, Any]:
    told = {
        "score_rows": 500, "answered": 480, "unanswered": 20, "candidates": 240, "applications": 240, "interviewers": 12,
        "requisitions": 4, "hr_interviewed": 0, "user_interviewed": 240, "hired": 75, "performance_known": 0,
        "hired_performance_known": 0, "groups_known": 230, "declined": 10, "undecided": 3,
        "left_unrated": 0, "too_new": 0, "unrated": 75, "hired_twice": 0, "prepared_known": 0,
    }  # fmt: skip
    return told | changed


def report(
    cells: Mapping[str, tuple[int, int]] = CELLS,
    families: Mapping[str, Mapping[str, tuple[int, int]]] | None = None,
    units: int = 240,
    **changed: Any,
) -> dict[str, Any]:
    """One stage; impact ratios and score gaps for all job families and for each given one."""
    families = families or {}
    agreement, whole = reliability(units=units), impact_ratio(cells)
    estimates = [agreement, severity(), whole]
    estimates += [score_gap(cells, group) for group in cells if group != "men" and cells[group][0] >= 5]
    for name, part in families.items():
        estimates += [
            reliability(units=sum(n for n, _ in part.values()) + 12, job_family=name),
            impact_ratio(part, name),
        ]
        estimates += [score_gap(part, group, name) for group in part if group != "men"]
    found = [
        finding("reliable", "concern", "reliability", "below_acceptable", agreement, threshold=0.7),
        finding(
            "alike", "concern", "selection", "below_threshold", whole, threshold=0.8, p=0.03,
            subject=whole["subject"] | {"group": whole["detail"]["focal"], "reference": "men"},
            detectable=whole["detail"]["minimum_detectable"],
        ),
    ]  # fmt: skip
    for gap in [e for e in estimates if e["measure"] == "standardized_difference"]:
        leading = gap["subject"]["job_family"] is None
        found.append(
            finding(
                "alike",
                "cannot_tell",
                "score_gap",
                "interval_too_wide",
                gap,
                threshold=0.2,
                p=0.02,
                q=0.04,
                leading=leading,
            )
        )
    tests = [
        {"estimate": e["id"], "family": "scores", "name": "score difference", "p": 0.02, "q": 0.04}
        for e in estimates
        if e["measure"] == "standardized_difference"
    ]
    states = ("alert", "concern", "cannot_tell", "none_seen")
    batch = {
        "batch_id": "b1", "file": "scores.csv", "adapter": "canonical", "sha256": SHA, "rows_read": 503, "accepted": 500,
        "quarantined": 2, "excluded": {"deleted": 1}, "reasons": {"missing_value": 2}, "notes": [],
        "expectations": {"judged": False},
    }  # fmt: skip
    inputs = {
        "table_versions": {"scores": 0},
        "batches": [batch],
        "counts": counts(candidates=units, user_interviewed=units, hired=sum(s for _, s in cells.values()) + 12),
        "scale_notes": [],
        "content": SHA,
    }
    scope = {"from": None, "to": None, "where": {}}
    manifest = {
        "report_id": "begin_now_0123456789ab", "scope": scope, "content": SHA, "inputs": {"b1": SHA},
        "table_versions": {"scores": 0}, "configuration": POLICY, "code": "0.1.0+0", "seed": 1,
    }  # fmt: skip
    told = {
        "schema_version": "1.1", "edition": "internal", "report_id": "begin_now_0123456789ab", "supersedes": None,
        "period": {"from": None, "to": None, "first": "2026-01-01", "last": "2026-06-30"}, "scope": {"where": {}},
        "inputs": inputs, "policy": POLICY, "estimates": estimates, "findings": found, "tests_run": tests,
        "too_small": [
            {"family": "validity", "stage": "user", "competency": "overall", "job_family": None, "performance_known": 0}
        ],
        "suppressed": [], "summary": {"findings": {s: sum(f["state"] == s for f in found) for s in states}},
        "manifest": manifest,
    }  # fmt: skip
    return told | changed
