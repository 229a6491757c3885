"""Hand-made results of the measures on prediction: one stage, three competencies, a second dimension of performance."""

from __future__ import annotations

from typing import Any

from tests.reports import sample

WHOLE = sample.subject(competency="overall")
STAGE = sample.subject()
SIDES = ("overall", "technical", "punctuality")
COMPETENCIES = ("technical", "team_compatibility")
FAMILIES = ("Sales", "Support")
ITEMS = ("mock_interview", "reading_list")
STEPS = ("observed", "criterion_corrected", "direct", "indirect", "applicant_pool", "operational", "true_score")
TESTS = {"access_difference": "access to preparation", "incremental_validity": "added validity"}
HAD = {"women": (100, 40), "men": (120, 72)}
"""People by group and those of them who had each item of preparation."""


def report(**changed: Any) -> dict[str, Any]:
    """The sample report with what is known about prediction."""
    told = sample.report(**changed)
    told["inputs"]["counts"] |= {
        "hired": 75, "performance_known": 60, "hired_performance_known": 60, "left_unrated": 7, "too_new": 8, "unrated": 0,
        "prepared_known": 240,
    }  # fmt: skip
    added = [*prediction(), *access()]
    leading = next(e for e in added if e["measure"] == "selection_validity")
    told["estimates"] = [*told["estimates"], *added]
    told["findings"].append(
        sample.finding("predictive", "none_seen", "validity", "predicts", leading, threshold=0.1, detectable={"r": 0.3})
    )
    told["tests_run"] += [
        {
            "estimate": e["id"],
            "family": "prediction",
            "name": TESTS[e["measure"]],
            "p": e["detail"]["p"],
            "q": 1.2 * e["detail"]["p"],
        }
        for e in added
        if e["measure"] in TESTS
    ]
    told["summary"]["findings"]["none_seen"] += 1
    return told


def prediction() -> list[dict[str, Any]]:
    """One estimate at least of each measure."""
    return [
        *correlations(), *chains(), *same_source(), *competencies(), decision_weights(), expectancy(), *gains(),
        consistency(), preparation(), *staying(), *families(), *published(), *ratings(),
    ]  # fmt: skip


def _of(measure: str, value: float | None, ends: tuple[Any, Any] | None, **rest: Any) -> dict[str, Any]:
    return sample.estimate("validity", measure, value, ends, **({"subject": WHOLE} | rest))


def correlations() -> list[dict[str, Any]]:
    """Observed, in ranks, as a slope, and among all candidates by competency."""
    curvature = {
        "quadratic": {"p": 0.4, "slope": 0.01, "t": 0.8, "df": 57},
        "bend": {"p": 0.5, "below": {"slope": 0.31, "low": 0.1, "high": 0.5}, "above": {"slope": 0.28}},
    }  # fmt: skip
    pool = {"r_observed": 0.2, "minimum_detectable": {"r": 0.3}}
    people = {"people": 60}
    return [
        _of("pearson", 0.2, (0.05, 0.35), n=people, detail={"p": 0.01}),
        _of("spearman", 0.19, (0.04, 0.34), n=people),
        _of("criterion_regression", 0.2, (0.05, 0.35), variant="uneven_spread", n=people, detail={"curvature": curvature}),
        _of("criterion_regression", 0.21, (0.06, 0.36), variant="by_manager", n=people | {"clusters": 9}),
        _of("selection_validity", 0.31, (0.14, 0.46), variant="em", n={"applicants": 240, "hired": 60}, detail=pool),
        _of(
            "selection_validity", 0.22, (0.02, 0.4), variant="em", n={"applicants": 240, "hired": 60}, detail=pool,
            subject=sample.subject(competency="technical"),
        ),
    ]  # fmt: skip


def chain(variant: str, start: float) -> dict[str, Any]:
    """A chain whose steps rise by .05 from the observed correlation on; the sixth is its value."""
    steps = [
        {
            "step": step, "value": start + 0.05 * at, "plain": start + 0.05 * at, "low": start - 0.1 + 0.05 * at,
            "high": start + 0.1 + 0.05 * at, "n": 60, "claims": "what it claims", "needs": "raters err independently",
            "why": None, "replicates": 2000,
        }
        for at, step in enumerate(STEPS)
    ]  # fmt: skip
    detail = {
        "steps": steps, "u": 0.64, "selection_ratio": 0.31,
        "criterion": {"reliability": 0.57, "low": 0.42, "high": 0.68, "assumed_reliability": 0.52},
        "sensitivity": [{"partial_r": at / 10, "r": start + 0.25 + at / 20} for at in (-3, -1, 1, 3)],
    }  # fmt: skip
    n = {"applicants": 240, "hired": 75, "known": 60, "with_predictor": 240}
    value = steps[5]["value"]
    return _of("validity_chain", value, (value - 0.1, value + 0.1), variant=variant, n=n, detail=detail)


def chains() -> list[dict[str, Any]]:
    return [chain("other_source", 0.2), chain("all_sources", 0.26), chain("all_applicants", 0.22)]


def same_source() -> list[dict[str, Any]]:
    sides = {
        "same": {"r": 0.35, "low": 0.15, "high": 0.52, "rows": 30, "people": 28},
        "different": {"r": 0.21, "low": 0.05, "high": 0.36, "rows": 80, "people": 55},
    }
    detail = sides | {
        "same_share": 0.27, "r_same": 0.35, "r_different": 0.21, "n_same": 30, "n_different": 80,
        "paired": {"difference": 0.12, "low": -0.1, "high": 0.3, "people": 23, "rows": 23, "r_different": 0.23},
    }  # fmt: skip
    n = {"people_same": 28, "people_different": 55, "people_both": 23, "rows_same": 30, "rows_different": 80}
    return [
        _of("same_source_validity", 0.14, (-0.09, 0.36), variant="panel", n=n, detail=detail),
        _of("same_source_validity", 0.05, (-0.1, 0.2), variant="own_score", n=n, detail=detail),
    ]


def competencies() -> list[dict[str, Any]]:
    """The matrix of competencies and sides, what each score adds, and how the explained share divides."""
    matrix = [
        {"predictor": own, "criterion": f"performance: {side}", "matched": own == side, "n": 60}
        | ({"r": 0.3, "low": 0.05, "high": 0.51} if own == side else {"r": 0.1, "low": -0.16, "high": 0.34})
        for own in COMPETENCIES
        for side in SIDES
    ]
    means = {
        "mean_convergent": {"value": 0.3, "low": 0.05, "high": 0.51},
        "mean_discriminant": {"value": 0.1, "low": 0.0, "high": 0.2},
    }
    told = {"matrix": matrix, "largest": 1} | means
    added = {
        "adjusted_delta_r2": 0.015, "r2_base": 0.03, "r2_full": 0.05, "p": 0.03, "df1": 1, "df2": 56, "f": 5.1,
    }  # fmt: skip
    ends = {"low": 0.001, "high": 0.05, "level": 0.95, "method": "made by hand"}
    shares = {
        "predictors": [*COMPETENCIES, "hr"],
        "raw": [0.02, 0.02, 0.01],
        "rescaled": [0.4, 0.4, 0.2],
        "intervals": [ends, ends, ends],
    }
    n, people = {"people": 60, "matched": 1, "other": 5}, {"people": 60}
    about = sample.subject(competency="technical")
    return [
        _of("convergent_discriminant", 0.2, (0.05, 0.35), n=n, detail=told, subject=STAGE),
        _of("incremental_validity", 0.02, (0.001, 0.06), variant="user_over_hr", n=people, detail=added, subject=STAGE),
        _of("incremental_validity", 0.01, (0.0, 0.04), variant="hr_over_user", n=people, detail=added, subject=STAGE),
        _of(
            "incremental_validity", 0.02, (0.0, 0.05), variant="over_the_others", n=people, detail=added, subject=about
        ),
        _of("relative_weights", 0.05, (0.01, 0.1), n=people, detail=shares, subject=STAGE),
        _of("general_dominance", 0.05, (0.01, 0.1), n=people, detail=shares, subject=STAGE),
    ]


def decision_weights() -> dict[str, Any]:
    rows = [
        {
            "predictor": name, "implied": 0.5, "implied_low": 0.4, "implied_high": 0.6, "optimal": 0.4, "optimal_low": 0.1,
            "optimal_high": 0.7,
        }
        for name in (*COMPETENCIES, "hr")
    ]  # fmt: skip
    names = ("as decided", "implied weights", "equal weights", "optimal weights", "technical alone")
    policies = [
        {"policy": name, "expected": 0.3 - at / 50, "low": 0.1, "high": 0.5, "kept": 1 - at / 10}
        for at, name in enumerate(names)
    ]
    cuts = [
        {"selection_ratio": share, "expected": 0.4, "low": 0.2, "high": 0.6, "own": share == 0.31}
        for share in (0.1, 0.31)
    ]
    n = {"applicants": 240, "selected": 75, "with_criterion": 60}
    detail = {"weights": rows, "policies": policies, "cuts": cuts, "optimism": 0.03}
    return _of("decision_weights", 0.96, (0.8, 0.99), n=n, detail=detail, subject=STAGE)


def expectancy(rated: tuple[int, ...] = (6, 9, 11, 14, 20)) -> dict[str, Any]:
    """Means of 3.0, 3.2, … by fifth, of so many people rated; nobody rated: no mean."""
    rows = [
        {"part": at + 1, "from": 1.0 + at, "to": 1.9 + at, "n": 48, "n_rated": n}
        | ({"value": 3 + at / 5, "low": 2.8 + at / 5, "high": 3.2 + at / 5} if n else dict.fromkeys(("value", "low", "high")))
        for at, n in enumerate(rated)
    ]  # fmt: skip
    known = [(row["value"], row["n_rated"]) for row in rows if row["n_rated"]]
    people = sum(rated)
    detail = {
        "rows": rows, "overall": sum(value * n for value, n in known) / people, "kind": "mean criterion",
        "gap": known[-1][0] - known[0][0], "success": None,
    }  # fmt: skip
    last = rows[-1]
    ends = None if last["value"] is None else (last["low"], last["high"])
    return _of("expectancy_table", last["value"], ends, n={"people": people, "highest": rated[-1]}, detail=detail)


def gains() -> list[dict[str, Any]]:
    nobody = {"n": {"people": None}}
    return [
        _of("taylor_russell", 0.68, (0.6, 0.77), **nobody),
        _of("naylor_shine", 0.45, (0.24, 0.64), **nobody),
        _of("utility", 120_000.0, (60_000.0, 180_000.0), **nobody),
    ]


def consistency() -> dict[str, Any]:
    panels = [{"raters": k, "reliability": 0.4 + k / 10, "consistency": 0.6 + k / 20} for k in (1, 2, 3)]
    detail = {"panels": panels, "near_cut": {"flip": 0.48, "share": 0.29, "within": 0.46}, "cut": 4.0}
    return _of("decision_consistency", 0.76, (0.73, 0.78), n={"units": 240, "raters": 12, "scores": 480}, detail=detail)


def preparation(given: int = 120) -> dict[str, Any]:
    rows = [
        {"item": name, "effect": 0.3, "low": 0.1, "high": 0.5, "n_with": given, "n_without": 240 - given}
        for name in ITEMS
    ]
    slopes = {
        "slope_prepared": {"value": 0.1, "low": -0.2, "high": 0.4},
        "slope_rest": {"value": 0.35, "low": 0.2, "high": 0.5},
    }
    detail = {"items": rows, "p": 0.001, "reading": "cannot_tell"} | slopes
    return _of("preparation_effect", 0.06, (0.02, 0.1), n={"candidates": 240, "with_criterion": 60}, detail=detail)


def access(had: dict[str, tuple[int, int]] = HAD, reference: str = "men") -> list[dict[str, Any]]:
    """Every group against the reference, item by item."""
    shares = {group: taken / n for group, (n, taken) in had.items()}
    return [
        sample.estimate(
            "fairness",
            "access_difference",
            shares[group] - shares[reference],
            (shares[group] - shares[reference] - 0.13, shares[group] - shares[reference] + 0.13),
            variant=item,
            subject=sample.subject(attribute="gender", group=group, reference=reference),
            n={"focal": had[group][0], "reference": had[reference][0]},
            detail={
                "focal": group, "reference": reference, "p": 0.003, "minimum_detectable": {"difference": -0.19},
                "shares": {group: shares[group], reference: shares[reference]},
            },
        )
        for item in ITEMS
        for group in had
        if group != reference
    ]  # fmt: skip


def staying() -> list[dict[str, Any]]:
    rows = [
        {"half": half, "months": months, "retention": 0.9, "low": 0.8, "high": 0.97, "at_risk": 30}
        for half in ("lower", "upper")
        for months in (6, 12)
    ]
    hazard = {"retention": rows, "p": 0.3}
    return [
        _of("retention_hazard", 0.88, (0.7, 1.1), n={"people": 75, "events": 12, "censored": 63}, detail=hazard),
        _of("logistic_validity", 1.1, (0.8, 1.5), variant="retention", n={"people": 70}, detail={"base_rate": 0.9}),
    ]


def families() -> list[dict[str, Any]]:
    rows = [
        {"study": name, "n": 30, "r": 0.2 + at / 5, "shrunken": 0.25 + at / 10, "low": 0.05, "high": 0.45}
        for at, name in enumerate(FAMILIES)
    ]
    detail = {"studies": rows, "percent_error": 80.0, "sd_rho": 0.05}
    n = {"studies": 2, "people": 60}
    return [
        _of("meta_analysis", 0.28, (0.05, 0.48), variant="job_families_reml", n=n, detail=detail, subject=STAGE),
        _of("meta_analysis", 0.27, (0.1, 0.44), variant="job_families", n=n, detail=detail, subject=STAGE),
    ]


def published() -> list[dict[str, Any]]:
    found = []
    for variant in ("all", "structured", "unstructured", "all, corrected"):
        corrected = variant.endswith("corrected")
        detail = {"mean_r": 0.23, "prediction_low": -0.1, "prediction_high": 0.52, "own_r": 0.2, "inside": True}
        detail |= {"u": 0.64, "ryy": 0.57} if corrected else {"u": None, "ryy": None}
        n = {"studies": 160, "people": 25244}
        found.append(_of("published_position", 0.42, (0.22, 0.64), variant=variant, n=n, detail=detail))
    return found


def ratings() -> list[dict[str, Any]]:
    """What the performance ratings themselves are like, by dimension."""
    found = []
    for side in SIDES:
        about = sample.subject(criterion=side, stage=None)
        rest: dict[str, Any] = {"subject": about}
        change = {"mean": 0.1, "low": 0.02, "high": 0.18, "se": 0.04}
        spread = {"share_top_two": 0.59, "relative_sd": 0.7}
        found += [
            sample.estimate("quality", "g_coefficient", 0.7, (0.6, 0.78), n={"units": 60, "raters": 9}, **rest),
            sample.estimate("quality", "rating_distribution", 0.68, (0.6, 0.7), n={"units": 60}, detail=spread, **rest),
            sample.estimate("quality", "rating_stability", 0.9, (0.8, 0.95), n={"people": 40}, detail={"change": change},
                **rest),
            sample.estimate(
                "quality", "criterion_regression", 0.05, (0.01, 0.09), variant="time_since_hire", n={"people": 60}, **rest
            ),
        ]  # fmt: skip
    return found
