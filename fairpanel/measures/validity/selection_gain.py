"""What choosing by a score of a given validity is worth: more successes, better performance, money."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import ndtr, ndtri

from fairpanel.measures.columns import check_choice, check_confidence
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.validity.criterion import complete_pairs, correlation, fisher_interval

_TAYLOR_RUSSELL = ("Taylor, H. C., & Russell, J. T. (1939). Journal of Applied Psychology, 23, 565-578",)
_NAYLOR_SHINE = ("Naylor, J. C., & Shine, L. C. (1965). Journal of Industrial Psychology, 3, 33-42",)
_UTILITY = (
    "Brogden, H. E. (1949). Personnel Psychology, 2, 171-183",
    "Cronbach, L. J., & Gleser, G. C. (1965). Psychological Tests and Personnel Decisions (2nd ed.)",
    "Schmidt, F. L., Hunter, J. E., McKenzie, R. C., & Muldrow, T. W. (1979). Journal of Applied Psychology, 64, 609-626",
)
_RATIOS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_ANGLES, _WEIGHTS = np.polynomial.legendre.leggauss(200)


@dataclass(frozen=True, slots=True)
class _Validity:
    """A validity with the limits it is known within, and how many people it rests on."""

    value: float | None
    limits: tuple[float, float] | None
    method: str
    people: int | None
    cautions: list[Caution]


def taylor_russell(
    data: pl.DataFrame,
    /,
    *,
    base_rate: float | None = None,
    selection_ratio: float | None = None,
    validity: float | None = None,
    n: int | None = None,
    validity_interval: list[float] | None = None,
    x: str = "x",
    y: str = "y",
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """Of the people selected top-down by the score, which share will succeed: Taylor and Russell's table, computed.

    Parameters
    ----------
    data : one row a person, for the validity as Pearson's r of x and y; not looked at where `validity` is given.
    base_rate : share of applicants who would succeed if all were hired, between 0 and 1.
    selection_ratio : share of applicants hired, between 0 and 1.
    validity : correlation among applicants, such as `selection_validity` gives; n, its number of people, or
        validity_interval, its two limits, make an interval possible.
    x, y : columns of score and criterion instead.

    Returns
    -------
    Estimate
        value: success rate among the selected. interval: the validity's limits carried through. n: people behind the
        validity. detail: validity, base_rate, selection_ratio, gain (value - base_rate), correct_decisions (share of
        all applicants rightly hired or rightly rejected), rows (success rate by selection ratio).

    Raises
    ------
    MeasureInputError
        A rate outside (0, 1), a validity outside [-1, 1], or n and validity_interval together.

    Cautions
    --------
    Takes score and performance to be jointly normal, everyone selected to accept, and success to be a cut on
    performance. The interval holds the validity's error alone. Use the validity among applicants, not among the hired.

    Notes
    -----
    P(X > h, Y > k) / selection_ratio with h, k the normal cuts of the two rates.

    References
    ----------
    .. [1] Taylor & Russell 1939.

    No oracle: two published figures to seven digits, and the bivariate normal of scipy.

    Examples
    --------
    >>> round(taylor_russell(pl.DataFrame(), validity=0.5, selection_ratio=0.5, base_rate=0.6).value, 7)
    0.7608728
    """
    base, ratio = _rate(base_rate, "base_rate"), _rate(selection_ratio, "selection_ratio")
    known = _validity(data, x, y, validity, n, validity_interval, interval, confidence)

    def success(r: float, share: float = ratio) -> float:
        return min(1.0, max(0.0, _both_above(-float(ndtri(share)), -float(ndtri(base)), r) / share))

    def detail(r: float) -> dict[str, Any]:
        rate = success(r)
        return {
            "base_rate": base,
            "selection_ratio": ratio,
            "gain": rate - base,
            "correct_decisions": 2 * ratio * rate + 1 - base - ratio,
            "rows": [{"selection_ratio": share, "success_rate": success(r, share)} for share in _RATIOS],
        }

    return _estimate(
        "taylor_russell", "Taylor-Russell, jointly normal", known, success, detail, confidence, _TAYLOR_RUSSELL
    )


def naylor_shine(
    data: pl.DataFrame,
    /,
    *,
    selection_ratio: float | None = None,
    validity: float | None = None,
    n: int | None = None,
    validity_interval: list[float] | None = None,
    criterion_mean: float = 0.0,
    criterion_sd: float = 1.0,
    x: str = "x",
    y: str = "y",
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """How well the people selected top-down by the score will perform on average: Naylor and Shine's table, computed.

    Parameters
    ----------
    data : one row a person, for the validity as Pearson's r of x and y; not looked at where `validity` is given.
    selection_ratio : share of applicants hired, between 0 and 1.
    validity, n, validity_interval, x, y : as in `taylor_russell`.
    criterion_mean, criterion_sd : of performance among applicants; 0 and 1 give standard scores.

    Returns
    -------
    Estimate
        value: mean criterion of the selected. interval: the validity's limits carried through. n: people behind the
        validity. detail: validity, selection_ratio, mean_z (mean standard score of the selected on the predictor),
        mean_criterion_z, cutoff_z, rows (mean_z and mean criterion by selection ratio).

    Cautions
    --------
    Takes a straight regression and normal scores, and everyone selected to accept. The interval holds the validity's
    error alone. Use the validity among applicants, not among the hired.

    Notes
    -----
    mean_z = phi(c) / selection_ratio, c the normal cut; value = criterion_mean + criterion_sd · validity · mean_z.

    References
    ----------
    .. [1] Naylor & Shine 1965.

    No oracle: two published figures to seven digits.

    Examples
    --------
    >>> estimate = naylor_shine(pl.DataFrame(), validity=0.5, selection_ratio=0.2)
    >>> round(estimate.detail["mean_z"], 7), round(estimate.value, 4)
    (1.3998096, 0.6999)
    """
    ratio = _rate(selection_ratio, "selection_ratio")
    mean, spread = _finite(criterion_mean, "criterion_mean"), _finite(criterion_sd, "criterion_sd", over=0)
    known = _validity(data, x, y, validity, n, validity_interval, interval, confidence)

    def average(r: float, share: float = ratio) -> float:
        return mean + spread * r * mean_selected(share)

    def detail(r: float) -> dict[str, Any]:
        return {
            "selection_ratio": ratio,
            "mean_z": mean_selected(ratio),
            "mean_criterion_z": r * mean_selected(ratio),
            "cutoff_z": -float(ndtri(ratio)),
            "rows": [
                {"selection_ratio": share, "mean_z": mean_selected(share), "mean_criterion": average(r, share)}
                for share in _RATIOS
            ],
        }

    return _estimate("naylor_shine", "Naylor-Shine, normal scores", known, average, detail, confidence, _NAYLOR_SHINE)


def utility(
    data: pl.DataFrame,
    /,
    *,
    selection_ratio: float | None = None,
    sd_y: float | None = None,
    hired: int = 1,
    tenure: float = 1.0,
    cost_per_applicant: float = 0.0,
    validity: float | None = None,
    n: int | None = None,
    validity_interval: list[float] | None = None,
    validity_before: float = 0.0,
    x: str = "x",
    y: str = "y",
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """What selecting by the score is worth over the years, less its cost: Brogden, Cronbach and Gleser's utility.

    Parameters
    ----------
    data : one row a person, for the validity as Pearson's r of x and y; not looked at where `validity` is given.
    selection_ratio : share of applicants hired, between 0 and 1.
    sd_y : standard deviation of performance among applicants, in money a year.
    hired : people hired. tenure : mean years they stay. cost_per_applicant : of the procedure, in the same money.
    validity, n, validity_interval, x, y : as in `taylor_russell`.
    validity_before : validity of what is used now; 0 compares with hiring at random.

    Returns
    -------
    Estimate
        value: gain in money over tenure, all hired together. interval: the validity's limits carried through. n:
        people behind the validity. detail: validity, selection_ratio, mean_z, gain_before_cost, cost, per_hire,
        per_hire_and_year, break_even_sd_y (the sd_y at which the gain is 0; None where the validity adds nothing),
        applicants, rows (gain by selection ratio for the same number hired).

    Cautions
    --------
    The interval holds the validity's error alone; sd_y, usually the weakest figure, is taken as known. No discounting,
    taxes or refused offers: those make the gain smaller. Take it as an order of magnitude.

    Notes
    -----
    hired · tenure · (validity - validity_before) · sd_y · mean_z - cost_per_applicant · hired / selection_ratio.

    References
    ----------
    .. [1] Brogden 1949. .. [2] Cronbach & Gleser 1965. .. [3] Schmidt et al. 1979.

    No oracle: checked by hand.

    Examples
    --------
    >>> estimate = utility(pl.DataFrame(), validity=0.4, selection_ratio=0.2, sd_y=10_000, hired=10, tenure=2,
    ...                    cost_per_applicant=100)
    >>> round(estimate.value), estimate.detail["cost"]
    (106985, 5000.0)
    """
    ratio, spread = _rate(selection_ratio, "selection_ratio"), _finite(sd_y, "sd_y", over=0)
    years, price = _finite(tenure, "tenure", over=0), _finite(cost_per_applicant, "cost_per_applicant", least=0)
    before = _correlation(validity_before, "validity_before")
    if isinstance(hired, bool) or not isinstance(hired, int) or hired < 1:
        raise MeasureInputError(f"hired is a whole number of people, at least 1, got {hired!r}")
    known = _validity(data, x, y, validity, n, validity_interval, interval, confidence)

    def gain(r: float, share: float = ratio) -> float:
        return hired * (years * (r - before) * spread * mean_selected(share) - price / share)

    def detail(r: float) -> dict[str, Any]:
        cost = price * hired / ratio
        earned = years * (r - before) * mean_selected(ratio)
        return {
            "selection_ratio": ratio,
            "mean_z": mean_selected(ratio),
            "gain_before_cost": hired * earned * spread,
            "cost": cost,
            "per_hire": gain(r) / hired,
            "per_hire_and_year": gain(r) / hired / years,
            "break_even_sd_y": price / ratio / earned if earned > 0 else None,
            "applicants": hired / ratio,
            "rows": [{"selection_ratio": share, "gain": gain(r, share)} for share in _RATIOS],
        }

    return _estimate("utility", "Brogden-Cronbach-Gleser", known, gain, detail, confidence, _UTILITY)


def mean_selected(selection_ratio: float) -> float:
    """Mean of a standard normal score above the cut that leaves this share.

    Examples
    --------
    >>> round(mean_selected(0.6), 7)
    0.6439042
    """
    cut = float(ndtri(selection_ratio))
    return math.exp(-cut * cut / 2) / math.sqrt(2 * math.pi) / selection_ratio


def _both_above(h: float, k: float, r: float) -> float:
    """P(X > h, Y > k) of standard normal X, Y with correlation r: Plackett's integral over the angle."""
    if r == 1:
        return float(ndtr(-max(h, k)))
    if r == -1:
        return max(0.0, float(ndtr(-h)) + float(ndtr(-k)) - 1)
    half = math.asin(r) / 2
    sine = np.sin(half * (_ANGLES + 1))
    density = np.exp(-(h * h + k * k - 2 * h * k * sine) / (2 * (1 - sine) * (1 + sine)))
    return float(ndtr(-h) * ndtr(-k) + half * (_WEIGHTS @ density) / (2 * math.pi))


def _estimate(
    name: str,
    title: str,
    known: _Validity,
    worth: Callable[[float], float],
    detail: Callable[[float], dict[str, Any]],
    confidence: float,
    references: tuple[str, ...],
) -> Estimate:
    """`worth` does not fall as the validity rises, so that the validity's limits can be carried through."""
    cautions, n = list(known.cautions), {"people": known.people}
    if known.value is None:
        return Estimate(measure=name, method=title, value=None, n=n, cautions=cautions, references=references)
    made = None
    if known.limits is not None:
        low, high = (worth(end) for end in known.limits)
        method = f"{known.method} of the validity, ends carried through"
        made = Interval(low=min(low, high), high=max(low, high), level=confidence, method=method)
    return Estimate(
        measure=name, method=title, value=worth(known.value), interval=made, n=n, cautions=cautions,
        detail={"validity": known.value, **detail(known.value)}, references=references,
    )  # fmt: skip


def _validity(
    data: pl.DataFrame,
    x: str,
    y: str,
    given: float | None,
    n: int | None,
    limits: list[float] | None,
    interval: str,
    confidence: float,
) -> _Validity:
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    if given is None:
        if n is not None or limits is not None:
            raise MeasureInputError(
                "n and validity_interval go with a given validity; with data the people are counted"
            )
        first, second, cautions = complete_pairs(data, x, y)
        people: int | None = first.size
        value = correlation(first, second) if first.size > 2 else None
        if value is None:
            why = (
                Caution("SMALL_SAMPLE", f"{first.size} complete pairs: a validity needs at least three.")
                if first.size < 3
                else Caution("CONSTANT_INPUT", "One of the two columns does not vary: there is no validity.")
            )
            return _Validity(None, None, "", people, [*cautions, why])
    else:
        value, people, cautions = _correlation(given, "validity"), n, []
    if n is not None and limits is not None:
        raise MeasureInputError("give n or validity_interval, not both: each makes an interval by itself")
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 2):
        raise MeasureInputError(f"n is a whole number of people, at least 2, got {n!r}")
    ends, method = None, "limits"
    if limits is not None:
        if len(limits) != 2 or not -1 <= limits[0] <= value <= limits[1] <= 1:
            raise MeasureInputError(
                f"validity_interval holds a low and a high correlation around the validity {value}, got {limits}"
            )
        ends = (limits[0], limits[1])
    elif people is not None and people > 3:
        plain = fisher_interval(value, 1 / math.sqrt(people - 3), confidence, "")
        ends, method = (plain.low, plain.high), "Fisher z"
    if interval == "none" or ends is None:
        ends = None
        why_not = "none was asked for" if interval == "none" else "nothing says how sure the validity is"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why_not}."))
    return _Validity(value, ends, method, people, cautions)


def _rate(value: float | None, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise MeasureInputError(f"{name} is a share between 0 and 1, such as 0.2, got {value!r}")
    return float(value)


def _correlation(value: float, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1 <= value <= 1:
        raise MeasureInputError(f"{name} is a correlation from -1 to 1, got {value!r}")
    return float(value)


def _finite(value: float | None, name: str, *, over: float = -math.inf, least: float = -math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MeasureInputError(f"{name} must be a number, got {value!r}")
    if value <= over or value < least:
        raise MeasureInputError(f"{name} must be {'over' if value <= over else 'at least'} 0, got {value!r}")
    return float(value)
