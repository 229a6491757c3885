"""Hand-made results of the measures on interviewers: four of them, one under the minimum, one of whom nothing is known."""

from __future__ import annotations

from typing import Any

from tests.reports import sample

HARSH, MILD, FEW, UNKNOWN = ("a" * 24, "b" * 24, "c" * 24, "d" * 24)
UNITS = {HARSH: 40, MILD: 30, FEW: 4, UNKNOWN: 2}
CANDIDATE = "zz-person-0001"
ITEMS = {"technical": -0.2, "team_compatibility": 0.0, "role_specific": 0.2}
NO_INTERVAL = {"code": "NO_INTERVAL", "text": "the design is described, not estimated"}
SINGLE = {"code": "SINGLE_RATINGS", "text": "no two raters share enough units"}


def report(**changed: Any) -> dict[str, Any]:
    """The sample report with what is known about interviewers beyond their severity."""
    told = sample.report(**changed)
    return told | {"estimates": [*told["estimates"], *panels()]}


def panels() -> list[dict[str, Any]]:
    """One estimate of each measure."""
    return [
        ordinal(), common("cronbach_alpha"), common("omega_total"), components(), pairs(), advice(), *contrasts(),
        linkage(), rasch(), habits(), drift(), *self_tests(),
    ]  # fmt: skip


def ordinal() -> dict[str, Any]:
    n = {"units": 240, "raters": 12, "scores": 480}
    return sample.estimate("reliability", "gwet_ac", 0.7, (0.66, 0.74), variant="ordinal", n=n)


def common(measure: str) -> dict[str, Any]:
    by_item = {"if_dropped" if measure == "cronbach_alpha" else "loadings": dict.fromkeys(ITEMS, 0.6)}
    detail = {"items": 3, "cards": 480, "se": 0.02} | by_item
    n = {"units": 480, "raters": 12, "scores": 1440}
    return sample.estimate("reliability", measure, 0.67, (0.63, 0.7), n=n, detail=detail, subject=sample.subject())


def components() -> dict[str, Any]:
    plan = [
        {
            "raters": k,
            "items": j,
            "g": k / (k + 2 / j),
            "relative": k / (k + 1.8 / j),
            "phi_absolute": k / (k + 2.1 / j),
        }
        for j in (1, 2, 3)
        for k in range(1, 11)
    ]
    detail = {
        "unit": 0.25, "rater": 0.12, "item": 0.01, "unit:rater": 0.11, "unit:item": 0.3, "rater:item": 0.02, "residual": 0.4,
        "q": 0.4, "d_study": plan,
        "raters_needed": {"0.70": {"1": 5, "2": 3, "3": 2}, "0.80": {"1": 8, "2": 4, "3": 3}, "0.90": {"1": None, "3": 6}},
    }  # fmt: skip
    n = {"units": 240, "raters": 12, "items": 3, "scores": 1440}
    about = sample.subject()
    return sample.estimate("reliability", "variance_components", 0.2, (0.18, 0.23), n=n, detail=detail, subject=about)


def pairs() -> dict[str, Any]:
    rows = [
        {"rater_a": one, "rater_b": two, "shared": 12, "percent_agreement": 0.8, "kappa": 0.4, "gwet_ac": 0.6}
        for one, two in ((HARSH, MILD), (HARSH, FEW), (MILD, UNKNOWN))
    ]
    detail = {"pairs": 3, "quartiles": [0.5, 0.6, 0.7], "shared": 36, "rows": rows, "rows_left_out": 0}
    few = {"code": "SMALL_SAMPLE", "text": "a pair shares as few as 12 units: single pairs say little"}
    n = {"units": 240, "raters": 12, "scores": 480, "pairs": 3}
    return sample.estimate(
        "reliability", "pairwise_agreement", 0.6, None, n=n, detail=detail, cautions=[few, NO_INTERVAL]
    )


def advice() -> dict[str, Any]:
    rows = [
        {"rater": HARSH, "with_raters": [MILD, FEW], "unit": CANDIDATE, "lowers": 0.004, "joins_parts": True},
        {"rater": MILD, "with_raters": [UNKNOWN], "unit": CANDIDATE, "lowers": 0.002, "joins_parts": False},
        {"rater": FEW, "with_raters": [HARSH], "unit": CANDIDATE, "lowers": 0.001, "joins_parts": False},
    ]
    detail = {
        "rows": rows, "random_lowers": 0.003, "se_difference_before": 0.2, "se_difference_after": 0.199,
        "se_logit_g_before": 0.07, "se_logit_g_after": 0.0699, "se_logit_g_random": 0.07,
    }  # fmt: skip
    n = {"units": 240, "raters": 12, "scores": 480}
    return sample.estimate("reliability", "pairing_advice", 0.007, None, n=n, detail=detail, cautions=[NO_INTERVAL])


def contrasts() -> list[dict[str, Any]]:
    restricted = {"code": "RANGE_RESTRICTED", "text": "100 units were scored in one condition only"}
    past_one = {"code": "BOUNDARY", "text": "the estimate passes 1 in size, which by chance it may: read it as 1"}
    unseen = {"code": "SINGLE_RATINGS", "text": "direct_supervisor: every unit has one rater"}
    n = {"units": 240, "raters": 12, "scores": 480}
    stages = {"variant": "user against hr", "subject": sample.subject(competency="overall") | {"stage": None}, "n": n}
    roles = {"variant": "direct_supervisor against team_member", "n": n}
    seen = {"observed": 0.48, "observed_interval": [0.44, 0.51]}
    by_stage, by_role = (
        {"first": "user", "second": "hr"},
        {"first": "direct_supervisor", "second": "team_member"},
    )
    return [
        sample.estimate(
            "raters", "condition_difference", -0.33, (-0.47, -0.19), detail=by_stage, cautions=[restricted], **stages
        ),
        sample.estimate("raters", "condition_difference", -0.09, (-0.26, 0.08), detail=by_role, **roles),
        sample.estimate(
            "reliability", "condition_correlation", 1.08, (0.89, 1.27), detail=by_stage | seen,
            cautions=[restricted, past_one], **stages,
        ),
        sample.estimate(
            "reliability", "condition_correlation", None, None, detail=by_role | seen, cautions=[unseen], **roles
        ),
    ]  # fmt: skip


def linkage() -> dict[str, Any]:
    tables = {name: dict.fromkeys(UNITS, 1) for name in ("component", "shared_units", "partners")}
    detail = tables | {
        "components": [
            {"component": 0, "raters": 9, "units": 200, "ratings": 400},
            {"component": 1, "raters": 3, "units": 40, "ratings": 80},
        ],
        "units_scored": dict(UNITS),
        "linking_raters": [{"rater": HARSH, "component": 0, "cut_off": 2}, {"rater": FEW, "component": 0, "cut_off": 3}],
        "linking_units": [{"unit": CANDIDATE, "component": 0, "cut_off": 1}],
        "unit_component": {CANDIDATE: 0}, "single_units": [CANDIDATE], "unlinked_raters": 1, "raters_left_out": 0,
    }  # fmt: skip
    apart = {"code": "UNLINKED_RATERS", "text": "the design falls into 2 parts"}
    n = {"units": 240, "raters": 12, "scores": 480}
    return sample.estimate("raters", "rater_linkage", 0.75, None, n=n, detail=detail, cautions=[apart, NO_INTERVAL])


def rasch() -> dict[str, Any]:
    measures = {HARSH: 0.6, MILD: -0.5, FEW: 1.9, UNKNOWN: -1.8}
    facets: dict[str, dict[str, Any]] = {"rater": measures, "item": dict(ITEMS), "unit": {CANDIDATE: 1.0}}
    tables = {
        name: {facet: dict.fromkeys(levels, 1.0) for facet, levels in facets.items()}
        for name in ("se", "infit", "outfit", "infit_z", "outfit_z", "observed_average", "fair_average", "count")
    }
    bins = [
        {"facet": "unit", "from": at / 4, "to": (at + 1) / 4, "count": n}
        for at, n in ((-8, 1), (-6, 2), (-2, 20), (0, 40), (2, 20), (7, 1))
    ]
    levels = [
        {"facet": facet, "level": level, "measure": at, "subset": 0}
        for facet in ("rater", "item")
        for level, at in facets[facet].items()
    ]
    scores = [
        {
            "score": k,
            "count": n,
            "share": n / 480,
            "threshold": at,
            "threshold_se": None if at is None else 0.1,
            "outfit": 1.0,
        }
        for k, n, at in ((1, 30, None), (2, 10, -0.4), (3, 200, -1.0), (4, 240, 1.2))
    ]
    detail = tables | {
        "measures": facets,
        "subset": {"rater": {HARSH: 0, MILD: 0, FEW: 0, UNKNOWN: 0}, "item": dict.fromkeys(ITEMS, 0)},
        "extreme": {"rater": {FEW: "highest"}, "item": {}}, "wright_map": bins + levels, "categories": scores,
        "disordered": ["2"], "thresholds": [-0.4, -1.0, 1.2], "thresholds_se": [0.1] * 3,
        "separation": {
            "rater": {"reliability": 0.9, "true_sd": 0.5}, "unit": {"reliability": 0.7, "true_sd": 0.8}, "item": None,
        },
        "unexpected": [
            {"rater": HARSH, "unit": CANDIDATE, "item": "technical", "row": 7, "observed": 1, "expected": 4.2, "z": -4.0},
        ],
        "anchors": [{"facet": "unit", "level": CANDIDATE, "value": 0.0}],
    }  # fmt: skip
    n = {"units": 240, "raters": 12, "scores": 1440}
    return sample.estimate(
        "raters", "many_facet_rasch", 0.9, (0.85, 0.93), n=n, detail=detail, subject=sample.subject()
    )


def habits() -> dict[str, Any]:
    def judged(shrunken: float, *, flagged: bool) -> dict[str, Any]:
        return {
            "estimate": shrunken, "se": 0.1, "usual": 0.0, "shrunken": shrunken, "low": shrunken - 0.2,
            "high": shrunken + 0.2, "q": 0.01 if flagged else 0.8, "flagged": flagged,
        }  # fmt: skip

    named = {
        "severity": (0.0, None, 2), "halo": (0.2, [0.1, 0.3], 0), "contrast": (-0.12, [-0.2, -0.04], 0),
        "copying": (0.0, None, 0),
    }  # fmt: skip
    table = {
        name: {
            "centre": centre, "centre_interval": ends, "spread": 0.3, "judged": 2, "flagged": flagged, "unit": "score points",
            "high": f"{name}: scores lie lower than those of other raters", "low": "",
        }
        for name, (centre, ends, flagged) in named.items()
    }  # fmt: skip
    raters = {
        rater: {
            "units": UNITS[rater],
            "flags": ["severity"],
            "habits": {"severity": judged(at, flagged=True), "halo": judged(0.1, flagged=False)},
        }
        for rater, at in ((HARSH, 0.6), (MILD, -0.5), (FEW, 1.9), (UNKNOWN, -1.8))
    }
    influence = {
        rater: {"shared_units": 20, "mean_change": 0.3, "mean_change_sd": 0.4, "g_change_without": -0.01}
        for rater in UNITS
    }
    detail = {"habits": table, "raters": raters, "influence": influence, "raters_left_out": 2, "raters_flagged": 2}
    n = {"units": 240, "raters": 12, "raters_judged": 2, "forms": 480, "scores": 1440}
    about = sample.subject()
    return sample.estimate(
        "raters", "rater_habits", 1.0, None, n=n, detail=detail, subject=about, cautions=[NO_INTERVAL]
    )


def drift() -> dict[str, Any]:
    periods = ["2026-Q1", "2026-Q2", "2026-Q3"]
    raters = {
        rater: {
            "units": units, "slope": -0.2, "se": 0.04, "shrunken": -0.15, "low": -0.2, "high": -0.1, "q": 0.01,
            "flagged": rater != MILD,
            "periods": [
                {"period": period, "units": 10, "severity": 0.1 * at, "low": 0.1 * at - 0.2, "high": 0.1 * at + 0.2}
                for at, period in enumerate(periods)
            ],
        }
        for rater, units in UNITS.items()
    }  # fmt: skip
    detail = {
        "periods": periods, "usual_slope": 0.01, "usual_slope_interval": [-0.02, 0.04], "spread_of_slopes": 0.05,
        "spread_of_periods": 0.1, "raters": raters,
    }  # fmt: skip
    n = {"units": 240, "raters": 12, "raters_judged": 2, "scores": 480}
    return sample.estimate("raters", "rater_drift", 0.5, None, n=n, detail=detail, cautions=[NO_INTERVAL])


def self_tests() -> list[dict[str, Any]]:
    seen = {
        "severity none": 0, "severity 0.5": 9, "severity 1": 39, "halo none": 1, "halo 0.9": 32, "group none": 3,
        "group 0.2": 20,
    }  # fmt: skip
    made = []
    for name, hits in seen.items():
        kind, size = name.split()
        share = hits / 40
        ends = (max(0.0, share - 0.1), min(1.0, share + 0.1))
        detail = {"kind": kind, "size": 0.0 if size == "none" else float(size), "seen": hits, "draws": 40}
        about = {"variant": name, "detail": detail, "n": {"draws": 40}, "subject": sample.subject()}
        made.append(sample.estimate("quality", "self_test", share, ends, **about))
    return made
