"""Validities of several studies, stages or job families pooled: their mean, and how much they truly differ."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import chdtrc, ndtri, stdtrit

from fairpanel.measures.columns import Floats, check_choice, check_confidence, labels, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.validity.psychometric_meta import hunter_schmidt
from fairpanel.measures.validity.random_effects import Pooled, pool, q_profile
from fairpanel.measures.validity.shrunken import shrunken

_REFERENCES = (
    "Viechtbauer, W. (2005). Journal of Educational and Behavioral Statistics, 30, 261-293 (REML)",
    "DerSimonian, R., & Laird, N. (1986). Controlled Clinical Trials, 7, 177-188",
    "Viechtbauer, W. (2007). Statistics in Medicine, 26, 37-52 (Q-profile)",
    "Higgins, J. P. T., & Thompson, S. G. (2002). Statistics in Medicine, 21, 1539-1558 (I²)",
    "Knapp, G., & Hartung, J. (2003). Statistics in Medicine, 22, 2693-2710",
    "Schmidt, F. L., & Hunter, J. E. (2015). Methods of Meta-Analysis (3rd ed.), chs. 3-4",
    "Morris, C. N. (1983). Journal of the American Statistical Association, 78, 47-55 (shrunken estimates)",
)
_TITLES = {
    "reml": "random effects, REML", "dl": "random effects, DerSimonian-Laird", "he": "random effects, Hedges-Olkin",
    "ee": "equal effects", "hunter_schmidt": "Hunter-Schmidt",
}  # fmt: skip

Method = Literal["reml", "dl", "he", "ee", "hunter_schmidt"]


def meta_analysis(
    data: pl.DataFrame,
    /,
    *,
    r: str = "r",
    n: str = "n",
    method: Method = "reml",
    scale: Literal["z", "r"] = "z",
    test: Literal["normal", "knapp_hartung"] = "normal",
    moderator: str | None = None,
    study: str | None = None,
    rxx: str | None = None,
    ryy: str | None = None,
    u: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """The mean validity of several studies or job families, how much they truly differ, and where the next may lie.

    Parameters
    ----------
    data : one row a study; rows without r or n are left out and counted.
    r, n : columns of the correlation and the number of people.
    method : between-study variance by "reml", "dl" (DerSimonian & Laird), "he" (Hedges & Olkin), none ("ee"), or
        "hunter_schmidt": people-weighted mean of the raw r.
    scale : "z" pools Fisher's z with variance 1 / (n - 3); "r" the raw r with (1 - r²)² / (n - 1). Not for
        hunter_schmidt, which has its own.
    test : "normal" quantiles, or "knapp_hartung": t quantiles and an error from the studies' spread; prefer it with
        fewer than about 20 studies.
    moderator : column of categories; means by level under one common tau², and a test of their difference.
    study : column that names the studies, for the rows of shrunken estimates.
    rxx, ryy, u : hunter_schmidt only: columns of reliabilities and range-restriction ratios, empty where unknown;
        their distributions correct the mean.

    Returns
    -------
    Estimate
        value: mean r (in r, also where z is pooled; corrected, where artifacts are given). n: studies, people. detail:
        estimate_z, se (on the scale pooled), mean_r, tau2, tau2_interval (Q-profile), tau, q, q_df, q_p, i2 (per cent),
        prediction_interval (in r: of the true validity of one more study), scale, z (mean, interval and prediction on
        the z scale), moderator (levels, qm and qm_p for their difference, qm_all for all means zero, tau2, qe).
        hunter_schmidt: var_r, var_e, percent_error, var_rho, sd_rho, credibility_interval (80 per cent), and with
        artifacts compound_attenuation and rho. studies (up to 200, without moderator): rows study, r, n, shrunken, low,
        high: each study's own true validity, drawn to the mean as far as its people are few (empirical Bayes; not
        with artifacts).

    Raises
    ------
    MeasureInputError
        r beyond ±1, n below 1 or not whole, artifacts with another method or outside (0, 1].

    Cautions
    --------
    The mean says little where tau is large: read the prediction interval. Studies of under 4 people, or with r of ±1,
    cannot be pooled. Several r of one sample are not independent (not detected here). With few studies the normal
    interval is too short (SMALL_SAMPLE under ten).

    Notes
    -----
    Weights 1 / (v + tau²). Prediction: mean ± q sqrt(se² + tau²), on the pooled scale, then in r. I² = tau² over tau²
    plus the typical variance; with ee (Q - df) / Q. Hunter-Schmidt: error variance mean of (1 - mean²)² / (n - 1),
    weighted by n; standard error sqrt(var_r / k).

    References
    ----------
    .. [1] Viechtbauer 2005. .. [2] DerSimonian & Laird 1986. .. [3] Viechtbauer 2007. .. [4] Higgins & Thompson 2002.
    .. [5] Knapp & Hartung 2003. .. [6] Schmidt & Hunter 2015. .. [7] Morris 1983 (shrunken estimates).

    Pinned by the oracles meta_fisher_z, meta_fisher_z_moderator, meta_fisher_z_subset and meta_raw_r (metafor), and
    hunter_schmidt_bare_bones and artifact_distribution_meta (psychometric).

    Examples
    --------
    >>> studies = pl.DataFrame({"r": [0.1, 0.3, 0.5], "n": [103, 103, 103]})
    >>> estimate = meta_analysis(studies, method="dl")
    >>> round(estimate.value, 4), round(estimate.detail["i2"], 1)
    (0.3093, 80.2)
    """
    check_confidence(confidence)
    check_choice("method", method, tuple(_TITLES))
    check_choice("scale", scale, ("z", "r"))
    check_choice("test", test, ("normal", "knapp_hartung"))
    check_choice("interval", interval, ("analytic", "none"))
    artifacts = {role: name for role, name in (("rxx", rxx), ("ryy", ryy), ("u", u)) if name is not None}
    if artifacts and method != "hunter_schmidt":
        raise MeasureInputError(f"{', '.join(artifacts)} go with method='hunter_schmidt', got method={method!r}")
    values, people, levels, names, columns, cautions = _studies(data, r, n, moderator, study, artifacts, method)
    title = _TITLES[method] + ("" if method == "hunter_schmidt" else f", {'Fisher z' if scale == 'z' else 'raw r'}")
    counts = {"studies": values.size, "people": int(people.sum())}
    if not values.size:
        why = Caution("SMALL_SAMPLE", "No study can be used: each needs a correlation within ±1 and four people.")
        return Estimate(
            measure="meta_analysis", method=title, value=None, n=counts, cautions=[*cautions, why],
            references=_REFERENCES,
        )  # fmt: skip
    if method == "hunter_schmidt":
        mean, ends, detail = hunter_schmidt(values, people, columns, confidence)
        if levels is not None:
            detail["moderator"] = _separately(values, people, levels, confidence)
        if not artifacts:
            error = (1 - mean**2) ** 2 / (people - 1)
            detail["studies"] = shrunken(values, error, mean, detail["var_rho"], people, confidence, False, names)
        interval_method = "normal, sqrt(var_r / studies)"
        if artifacts:
            cautions.append(Caution("ASSUMED_RELIABILITY", "The artifacts' means are taken as known."))
    else:
        mean, ends, detail = _random_effects(values, people, method, scale, test, confidence)
        if levels is not None:
            detail["moderator"] = _moderated(values, people, levels, method, scale, test, confidence)
        if levels is None and values.size > 1:
            y, v = _scaled(values, people, scale)
            centre = detail["estimate_z"] if scale == "z" else mean
            detail["studies"] = shrunken(y, v, centre, detail["tau2"], people, confidence, scale == "z", names)
        interval_method = "Wald" if test == "normal" else "Knapp-Hartung"
        if detail["tau2"] == 0 and method != "ee" and values.size > 1:
            cautions.append(Caution("BOUNDARY", "The studies differ no more than by chance: tau² is estimated as 0."))
    if values.size < 10:
        cautions.append(Caution("SMALL_SAMPLE", f"{values.size} studies: tau² and the intervals are rough."))
    made = None
    if interval == "analytic" and ends is not None:
        made = Interval(low=ends[0], high=ends[1], level=confidence, method=interval_method)
    if made is None:
        why_not = "none was asked for" if interval == "none" else "one study says nothing of how they differ"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    return Estimate(
        measure="meta_analysis", method=title, value=mean, interval=made, n=counts, cautions=cautions, detail=detail,
        references=_REFERENCES,
    )  # fmt: skip


def _studies(
    data: pl.DataFrame,
    r: str,
    n: str,
    moderator: str | None,
    study: str | None,
    artifacts: dict[str, str],
    method: str,
) -> tuple[Floats, Floats, list[str | None] | None, list[str] | None, dict[str, Floats], list[Caution]]:
    values, people = numbers(data, r, "r"), numbers(data, n, "n")
    present = ~np.isnan(values) & ~np.isnan(people)
    cautions = missing_rows(present, f"{r} or {n}")
    _refuse(present & (np.abs(values) > 1), values, r, "a correlation from -1 to 1")
    _refuse(present & ((people < 1) | (people != np.round(people))), people, n, "a whole number of people")
    usable = present & (people > 3) & ((np.abs(values) < 1) | (method == "hunter_schmidt"))
    dropped = int((present & ~usable).sum())
    if dropped:
        cautions.append(Caution("SMALL_SAMPLE", f"{dropped} studies left out: under four people, or r of ±1."))
    columns = {}
    for role, name in artifacts.items():
        column = numbers(data, name, role)
        _refuse(~np.isnan(column) & ((column <= 0) | (column > 1)), column, name, f"a {role} over 0 and at most 1")
        columns[role] = column[usable]
    levels = None
    if moderator is not None:
        found = labels(data, moderator, "moderator")
        levels = [found.names[code] if code >= 0 else None for code in found.codes[usable]]
        without = levels.count(None)
        if without:
            text = f"{without} studies without {moderator} are in the mean, not in the comparison."
            cautions.append(Caution("MISSING_DATA", text))
    order = np.lexsort((people[usable], values[usable]))  # the same figures in any order of rows
    ordered = None if levels is None else [levels[at] for at in order]
    arranged = {role: column[order] for role, column in columns.items()}
    names = None
    if study is not None:
        called = labels(data, study, "study")
        each = [called.names[code] if code >= 0 else "" for code in called.codes[usable]]
        names = [each[at] for at in order]
    return values[usable][order], people[usable][order], ordered, names, arranged, cautions


def _refuse(wrong: Any, column: Floats, name: str, expected: str) -> None:
    rows = np.flatnonzero(wrong)
    if rows.size:
        row = int(rows[0])
        raise MeasureInputError(f"column {name!r} must hold {expected}; row {row + 1} holds {column[row]:g}")


def _scaled(values: Floats, people: Floats, scale: str) -> tuple[Floats, Floats]:
    if scale == "z":
        return np.arctanh(values), 1 / (people - 3)
    return values, (1 - values**2) ** 2 / (people - 1)


def _limits(centre: float, error: float, fit: Pooled, test: str, confidence: float) -> tuple[float, float]:
    level = (1 + confidence) / 2
    half = error * float(ndtri(level) if test == "normal" else stdtrit(fit.df, level))
    return centre - half, centre + half


def _in_r(ends: tuple[float, float], scale: str) -> tuple[float, float]:
    if scale == "z":
        return math.tanh(ends[0]), math.tanh(ends[1])
    return max(-1.0, ends[0]), min(1.0, ends[1])


def _errors(fit: Pooled, test: str) -> Floats:
    factor = fit.spread if test == "knapp_hartung" else 1.0
    errors: Floats = np.sqrt(np.diag(fit.covariance) * factor)
    return errors


def _random_effects(
    values: Floats, people: Floats, method: Any, scale: str, test: str, confidence: float
) -> tuple[float, tuple[float, float] | None, dict[str, Any]]:
    y, v = _scaled(values, people, scale)
    design = np.ones((y.size, 1))
    fit = pool(y, v, design, method)
    centre, error = float(fit.coefficients[0]), float(_errors(fit, test)[0])
    mean = math.tanh(centre) if scale == "z" else centre
    detail: dict[str, Any] = {"scale": scale, "estimate_z": centre if scale == "z" else math.atanh(mean),
        "mean_r": mean, "se": error, "tau2": fit.tau2, "tau": math.sqrt(fit.tau2),
        "q": fit.q, "q_df": fit.df}  # fmt: skip
    if not fit.df:
        ends = _in_r(_limits(centre, error, fit, "normal", confidence), scale) if test == "normal" else None
        return mean, ends, detail | {"q_p": None, "i2": None, "tau2_interval": None, "prediction_interval": None}
    ends = _limits(centre, error, fit, test, confidence)
    predicted = _limits(centre, math.sqrt(error**2 + fit.tau2), fit, test, confidence)
    low, high = q_profile(y, v, design, confidence)
    detail |= {
        "q_p": float(chdtrc(fit.df, fit.q)),
        "i2": _i2(fit, method),
        "tau2_interval": {"low": low, "high": high},
        "prediction_interval": dict(zip(("low", "high"), _in_r(predicted, scale), strict=True)),
    }
    if scale == "z":
        detail["z"] = {"mean": centre, "se": error, "low": ends[0], "high": ends[1],
            "prediction_low": predicted[0], "prediction_high": predicted[1]}  # fmt: skip
    return mean, _in_r(ends, scale), detail


def _i2(fit: Pooled, method: str) -> float:
    """Per cent."""
    if method == "ee":
        return 100 * max(0.0, (fit.q - fit.df) / fit.q) if fit.q > 0 else 0.0
    return 100 * fit.tau2 / (fit.tau2 + (fit.typical_variance or math.inf))


def _moderated(
    values: Floats, people: Floats, levels: list[str | None], method: Any, scale: str, test: str, confidence: float
) -> dict[str, Any] | None:
    """Means by level under a common tau²; None with fewer than two levels or no study to spare."""
    known = np.array([level is not None for level in levels], dtype=bool)
    names = sorted({level for level in levels if level is not None})
    if len(names) < 2 or known.sum() <= len(names):
        return None
    codes = np.array([names.index(level) for level in levels if level is not None])
    y, v = _scaled(values[known], people[known], scale)
    design = (codes[:, None] == np.arange(len(names))).astype(np.float64)
    fit = pool(y, v, design, method)
    errors = _errors(fit, test)
    rows = []
    for at, name in enumerate(names):
        centre, error = float(fit.coefficients[at]), float(errors[at])
        ends = _in_r(_limits(centre, error, fit, test, confidence), scale)
        rows.append({"level": name, "studies": int((codes == at).sum()), "people": int(people[known][codes == at].sum()),
            "mean_r": math.tanh(centre) if scale == "z" else centre, "estimate": centre, "se": error,
            "low": ends[0], "high": ends[1]})  # fmt: skip
    weights = errors**-2
    mean = np.average(fit.coefficients, weights=weights)
    qm = float((weights * (fit.coefficients - mean) ** 2).sum())
    return {
        "levels": rows, "tau2": fit.tau2, "qe": fit.q, "qe_df": fit.df, "qe_p": float(chdtrc(fit.df, fit.q)),
        "qm": qm, "qm_df": len(names) - 1, "qm_p": float(chdtrc(len(names) - 1, qm)),
        "qm_all": float((weights * fit.coefficients**2).sum()), "qm_all_df": len(names),
    }  # fmt: skip


def _separately(values: Floats, people: Floats, levels: list[str | None], confidence: float) -> dict[str, Any] | None:
    """Hunter-Schmidt means by level, each with its own variance."""
    names = sorted({level for level in levels if level is not None})
    if len(names) < 2:
        return None
    rows: list[dict[str, Any]] = []
    for name in names:
        at = np.array([level == name for level in levels])
        mean, ends, detail = hunter_schmidt(values[at], people[at], {}, confidence)
        rows.append({"level": name, "studies": int(at.sum()), "people": int(people[at].sum()), "mean_r": mean,
            "low": None if ends is None else ends[0], "high": None if ends is None else ends[1],
            "sd_rho": detail["sd_rho"]})  # fmt: skip
    return {"levels": rows}
