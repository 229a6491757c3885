"""What a correlation would be without unreliable measures and selection: beside the observed one, never instead."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import polars as pl

from fairpanel.measures.columns import check_choice, check_confidence, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.resampling import bootstrap_interval
from fairpanel.measures.validity.criterion import correlation, fisher_interval
from fairpanel.measures.validity.lawley import bootstrap_values, disattenuated, lawley, seen

_REFERENCES = {
    "attenuation": ("Spearman, C. (1904). American Journal of Psychology, 15, 72-101",),
    "direct": ("Thorndike, R. L. (1949). Personnel Selection, ch. 6, Case II",),
    "indirect": (
        "Hunter, J. E., Schmidt, F. L., & Le, H. (2006). Journal of Applied Psychology, 91, 594-612, eqs. 17-22",
    ),
    "bivariate_indirect": (
        "Dahlke, J. A., & Wiernik, B. M. (2020). Applied Psychological Measurement, 44, 415-430",
        "Bryant, N. D., & Gokhale, S. (1972). Educational and Psychological Measurement, 32, 305-310",
    ),
    "multivariate": ("Lawley, D. N. (1943). Proceedings of the Royal Society of Edinburgh A, 62, 28-30",),
}

Correction = Literal["attenuation", "direct", "indirect", "bivariate_indirect", "multivariate"]


def corrected_validity(
    data: pl.DataFrame,
    /,
    *,
    correction: Correction = "attenuation",
    x: str = "x",
    y: str = "y",
    r: float | None = None,
    n: int | None = None,
    u: float | None = None,
    u_y: float | None = None,
    rxx: float | None = None,
    ryy: float | None = None,
    opposed: bool = False,
    selectors: list[str] | None = None,
    interval: Literal["analytic", "bootstrap", "none"] = "analytic",
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 1,
) -> Estimate:
    """What the observed correlation would be with a reliable criterion or without selection on the score.

    Parameters
    ----------
    data : one row a person; not looked at where `r` is given.
    correction : "attenuation" needs rxx, ryy or both; "direct" (selection on x itself, Thorndike's Case II) needs u;
        "indirect" (selection on something correlated with x, Case IV) needs u and rxx; "bivariate_indirect" (on
        something correlated with x and y) needs u and u_y; "multivariate" (on several known variables, Lawley) needs
        selectors, and data of applicants, with x or y empty for those not selected.
    x, y : columns of predictor and criterion. r, n : an observed correlation and its number of people instead.
    u : standard deviation of x among the selected over that among applicants, over 0 and at most 1.
    u_y : the same of y; over 1 where selection spread y.
    opposed : bivariate_indirect: selection favoured high x and low y, or the reverse.
    selectors : multivariate: columns of what selection looked at, known for everyone; x may be one of them.
    interval : "analytic", or "none"; multivariate always bootstraps by person.
    rxx, ryy : reliabilities, over 0 and at most 1; in the restricted group, except rxx with "direct": there it is the
        applicants' and only serves r_true.

    Returns
    -------
    Estimate
        value: attenuation: corrected for what was given; direct and indirect: operational validity (x as it is, the
        criterion without error if ryy is given, among applicants). interval: the observed correlation's Fisher
        interval with its ends carried through the correction. n: people. detail: r_observed, u, rxx, ryy, r_true (x
        without error, too), r_operational, criterion_only (attenuation: corrected for ryy alone); u_y (bivariate);
        u and u_y as estimated, n_applicants (multivariate).

    Raises
    ------
    MeasureInputError
        u outside (0, 1], a reliability outside (0, 1], r outside [-1, 1], or a corrected correlation beyond ±1: then
        the inputs cannot all hold.

    Cautions
    --------
    ASSUMED_RELIABILITY: u and the reliabilities are taken as known; the interval holds the error of r only. Case II
    takes a straight regression with even spread for granted; Case IV, that selection works through the true score.

    Notes
    -----
    attenuation: r / sqrt(rxx ryy). direct: r U / sqrt(1 + r² (U² - 1)), U = 1/u, r first divided by sqrt(ryy).
    indirect: applicants' reliability rxx_a = 1 - u² (1 - rxx); u_T² = (u² - (1 - rxx_a)) / rxx_a; Case II on
    r / sqrt(rxx ryy) with U = 1/u_T gives r_true; times sqrt(rxx_a) the operational validity. bivariate_indirect:
    r u u_y + lambda sqrt(|1 - u²| |1 - u_y²|), over sqrt(ryy_a); lambda is 1 when both ratios are under 1, otherwise
    the mean of sign(1 - u) weighted by min(u, 1/u). multivariate: see `lawley`.

    References
    ----------
    .. [1] Spearman 1904. .. [2] Thorndike 1949. .. [3] Hunter, Schmidt & Le 2006.
    .. [4] Dahlke & Wiernik 2020. .. [5] Lawley 1943.

    Pinned by the oracles attenuation_correction and range_restriction_thorndike2 (psych, psychometric); the indirect
    correction by a published worked example.

    Examples
    --------
    >>> estimate = corrected_validity(pl.DataFrame(), correction="indirect", r=0.3, n=200, u=0.8, rxx=0.8, ryy=0.8)
    >>> round(estimate.value, 7), round(estimate.detail["r_true"], 7)
    (0.4359516, 0.4668528)
    """
    check_confidence(confidence)
    check_choice("correction", correction, tuple(_REFERENCES))
    allowed = ("analytic", "bootstrap", "none") if correction == "multivariate" else ("analytic", "none")
    check_choice("interval", interval, allowed)
    _check_inputs(correction, r, n, u, rxx, ryy)
    _check_two_sided(correction, r, u, u_y, opposed, selectors)
    if correction == "multivariate":
        return _multivariate(data, x, y, selectors or [], rxx, ryy, interval, confidence, replicates, seed)
    cautions: list[Caution] = []
    observed, people = r, n
    title = {
        "attenuation": "corrected for attenuation",
        "direct": "corrected for direct range restriction (Thorndike Case II)",
        "indirect": "corrected for indirect range restriction (Case IV, Hunter-Schmidt-Le)",
        "bivariate_indirect": "corrected for bivariate indirect range restriction (Dahlke-Wiernik)",
    }[correction]
    if observed is None:
        first, second = numbers(data, x, "x"), numbers(data, y, "y")
        present = ~np.isnan(first) & ~np.isnan(second)
        cautions = missing_rows(present, f"{x} or {y}")
        people = int(present.sum())
        observed = correlation(first[present], second[present]) if people > 2 else None
    detail: dict[str, Any] = {"u": u, "rxx": rxx, "ryy": ryy} | ({} if u_y is None else {"u_y": u_y})
    if observed is None:
        why = (
            Caution("SMALL_SAMPLE", f"{people} complete pairs: a correlation needs at least three.")
            if (people or 0) < 3
            else Caution("CONSTANT_INPUT", "One of the two columns does not vary: there is no correlation.")
        )
        return Estimate(
            measure="corrected_validity", method=title, value=None, n={"people": people}, cautions=[*cautions, why],
            detail=detail, references=_REFERENCES[correction],
        )  # fmt: skip
    correct = corrector(correction, u=u, rxx=rxx, ryy=ryy, u_y=u_y, opposed=opposed)
    operational, true = correct(observed)
    if max(abs(operational), abs(true)) > 1 + 1e-12:
        raise MeasureInputError(
            f"the corrected correlation would be {max(operational, true, key=abs):.3f}, beyond 1: an observed r of "
            f"{observed:.3f} cannot go with u={u}, rxx={rxx}, ryy={ryy}; expected higher reliabilities or a larger u"
        )
    value = true if correction == "attenuation" else operational
    detail |= {"r_observed": observed, "r_true": true, "r_operational": operational}
    if correction == "attenuation":
        detail["criterion_only"] = observed / math.sqrt(ryy or 1.0)
    given = [name for name, known in (("u", u), ("u_y", u_y), ("rxx", rxx), ("ryy", ryy)) if known is not None]
    cautions.append(
        Caution(
            "ASSUMED_RELIABILITY",
            f"Taken as known: {', '.join(given)}; the interval holds only the sampling error of the observed r.",
        )
    )
    made = None
    if interval == "analytic" and people is not None and people > 3:
        made, clipped = _carried(observed, people, confidence, correct, correction)
        if clipped:
            cautions.append(
                Caution("BOUNDARY", "An end of the interval, once corrected, lies beyond 1 and was set to 1.")
            )
    if made is None:
        why_not = "none was asked for" if interval == "none" else "the number of people is unknown or under four"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    return Estimate(
        measure="corrected_validity", method=title, value=value, interval=made, n={"people": people},
        cautions=cautions, detail=detail, references=_REFERENCES[correction],
    )  # fmt: skip


def thorndike_case_2(r: float, u: float) -> float:
    """r U / sqrt(1 + r² (U² - 1)) with U = 1/u: the correlation among applicants when selection was on x itself.

    Infinite where no applicants' correlation goes with the input (an r beyond 1 after other corrections, and u over 1).
    """
    square = u * u + r * r * (1 - u * u)
    return r / math.sqrt(square) if square > 0 else math.copysign(math.inf, r)


def corrector(
    correction: Correction,
    *,
    u: float | None,
    rxx: float | None,
    ryy: float | None,
    u_y: float | None = None,
    opposed: bool = False,
) -> Callable[[float], tuple[float, float]]:
    """The correction as a function of the observed correlation: (operational, true) validity.

    Increasing in r, so that an interval's ends can be carried through.
    """
    criterion = math.sqrt(ryy or 1.0)

    def attenuation(r: float) -> tuple[float, float]:
        return r / criterion, r / (criterion * math.sqrt(rxx or 1.0))

    def direct(r: float) -> tuple[float, float]:
        operational = thorndike_case_2(r / criterion, u or 1.0)
        return operational, operational / math.sqrt(rxx or 1.0)

    def indirect(r: float) -> tuple[float, float]:
        ratio, reliability = u or 1.0, rxx or 1.0
        applicants = 1 - ratio**2 * (1 - reliability)
        true_ratio = math.sqrt((ratio**2 - (1 - applicants)) / applicants)
        true = thorndike_case_2(r / (criterion * math.sqrt(reliability)), true_ratio)
        return true * math.sqrt(applicants), true

    def bivariate(r: float) -> tuple[float, float]:
        ratios = (u or 1.0, u_y or 1.0)
        weights = [min(each, 1 / each) for each in ratios]
        direction = sum(math.copysign(weight, 1 - each) for weight, each in zip(weights, ratios, strict=True))
        shared = math.sqrt(math.prod(abs(1 - each**2) for each in ratios)) * direction / sum(weights)
        everyone = r * ratios[0] * ratios[1] + (-shared if opposed else shared)
        return disattenuated(everyone, ratios[0], ratios[1], rxx, ryy)

    return {"attenuation": attenuation, "direct": direct, "indirect": indirect, "bivariate_indirect": bivariate}[
        correction
    ]


def _multivariate(
    data: pl.DataFrame,
    x: str,
    y: str,
    selectors: list[str],
    rxx: float | None,
    ryy: float | None,
    interval: str,
    confidence: float,
    replicates: int,
    seed: int,
) -> Estimate:
    title = "corrected for multivariate range restriction (Lawley)"
    known = np.column_stack([numbers(data, name, "selectors") for name in selectors])
    pair = np.column_stack((numbers(data, x, "x"), numbers(data, y, "y")))
    present = np.asarray(~np.isnan(known).any(axis=1), dtype=np.bool_)
    cautions = missing_rows(present, " or ".join(selectors))
    known, pair = known[present], pair[present]
    if x in selectors:
        pair = np.where(np.isnan(pair[:, 1:]), np.nan, pair)
    rated = int(seen(pair).sum())
    n = {"people": rated, "applicants": len(pair)}
    found = lawley(known, pair)
    if found is None:
        why = (
            Caution("SMALL_SAMPLE", f"{rated} selected people with x and y for {len(selectors)} selectors.")
            if rated < len(selectors) + 3
            else Caution("CONSTANT_INPUT", "A column does not vary among the selected, or the selectors are collinear.")
        )
        return Estimate(
            measure="corrected_validity", method=title, value=None, n=n, cautions=[*cautions, why],
            references=_REFERENCES["multivariate"],
        )  # fmt: skip
    r, observed, u_x, u_y = found
    for name, ratio, reliability in (("rxx", u_x, rxx), ("ryy", u_y, ryy)):
        if reliability is not None and ratio**2 * (1 - reliability) >= 1:
            raise MeasureInputError(f"{name}={reliability} leaves no reliability among applicants (u={ratio:.3f})")
    operational, true = disattenuated(r, u_x, u_y, rxx, ryy)
    if max(abs(operational), abs(true)) > 1 + 1e-12:
        raise MeasureInputError(
            f"the corrected correlation would be {max(operational, true, key=abs):.3f}, beyond 1: expected higher "
            f"reliabilities than rxx={rxx}, ryy={ryy}"
        )
    detail = {"r_observed": observed, "u": u_x, "u_y": u_y, "rxx": rxx, "ryy": ryy, "r_true": true,
        "r_operational": operational, "n_applicants": len(pair)}  # fmt: skip
    if rxx is not None or ryy is not None:
        cautions.append(Caution("ASSUMED_RELIABILITY", "The reliabilities are taken as known."))
    made = None
    if interval != "none":
        values = bootstrap_values(known, pair, rxx, ryy, replicates, seed)
        made = bootstrap_interval(values, estimate=operational, confidence=confidence)
    if made is None:
        why_not = "none was asked for" if interval == "none" else "too few samples determine the correlation"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    return Estimate(
        measure="corrected_validity", method=title, value=operational, interval=made, n=n, cautions=cautions,
        detail=detail, references=_REFERENCES["multivariate"],
    )  # fmt: skip


def _carried(
    r: float, people: int, confidence: float, correct: Callable[[float], tuple[float, float]], correction: str
) -> tuple[Interval, bool]:
    plain = fisher_interval(r, 1 / math.sqrt(people - 3), confidence, "Fisher z")
    which = 1 if correction == "attenuation" else 0
    low, high = correct(plain.low)[which], correct(plain.high)[which]
    clipped = low < -1 or high > 1
    method = "Fisher z, ends carried through the correction"
    return Interval(low=max(low, -1.0), high=min(high, 1.0), level=confidence, method=method), clipped


def _check_inputs(
    correction: str, r: float | None, n: int | None, u: float | None, rxx: float | None, ryy: float | None
) -> None:
    for name, value in (("u", u), ("rxx", rxx), ("ryy", ryy)):
        what = "a ratio of standard deviations (selected over applicants)" if name == "u" else "a reliability"
        if value is not None and not (isinstance(value, int | float) and 0 < value <= 1):
            raise MeasureInputError(f"{name} is {what}, over 0 and at most 1, got {value!r}")
    if r is not None and not (isinstance(r, int | float) and -1 <= r <= 1):
        raise MeasureInputError(f"r is a correlation from -1 to 1, got {r!r}")
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 2):
        raise MeasureInputError(f"n is a whole number of people, at least 2, got {n!r}")
    if n is not None and r is None:
        raise MeasureInputError("n goes with a given r; with data the people are counted")
    needed = {"direct": ("u",), "indirect": ("u", "rxx"), "bivariate_indirect": ("u",)}.get(correction, ())
    absent = [name for name in needed if {"u": u, "rxx": rxx}[name] is None]
    if absent:
        raise MeasureInputError(f"correction={correction!r} needs {' and '.join(absent)}")
    if correction == "attenuation" and rxx is None and ryy is None:
        raise MeasureInputError("correction='attenuation' needs rxx, ryy or both: the reliabilities to correct for")
    if correction == "attenuation" and u is not None:
        raise MeasureInputError("correction='attenuation' takes no u; for range restriction use direct or indirect")


def _check_two_sided(
    correction: str, r: float | None, u: float | None, u_y: float | None, opposed: bool, selectors: list[str] | None
) -> None:
    """What only the bivariate and the multivariate correction take."""
    if u_y is not None and not (isinstance(u_y, int | float) and 0 < u_y < math.inf):
        raise MeasureInputError(
            f"u_y is a ratio of standard deviations (selected over applicants), over 0, got {u_y!r}"
        )
    if (u_y is not None) != (correction == "bivariate_indirect"):
        raise MeasureInputError("correction='bivariate_indirect' needs u and u_y, and no other correction takes u_y")
    if opposed and correction != "bivariate_indirect":
        raise MeasureInputError("opposed goes with correction='bivariate_indirect'")
    if bool(selectors) != (correction == "multivariate"):
        raise MeasureInputError("correction='multivariate' needs selectors, and no other correction takes them")
    if correction == "multivariate" and (r is not None or u is not None):
        raise MeasureInputError("correction='multivariate' takes r and u from the data")
