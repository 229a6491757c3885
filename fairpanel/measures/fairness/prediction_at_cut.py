"""Over- or underprediction where it counts: the common line beside each group's own at the score people are accepted at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import stdtr, stdtrit

from fairpanel.measures.columns import (
    Booleans,
    Floats,
    Integers,
    check_choice,
    check_confidence,
    labels,
    missing_rows,
    numbers,
)
from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.fairness.contingency import TwoGroups, no_value, one_group_only, two_groups
from fairpanel.measures.fairness.power import detectable_coefficient

_REFERENCES = (
    "Cleary, T. A. (1968). Journal of Educational Measurement, 5, 115-124",
    "Huber, P. J. (1967). Fifth Berkeley Symposium on Mathematical Statistics and Probability, 1, 221-233",
    "MacKinnon, J. G., & White, H. (1985). Journal of Econometrics, 29, 305-325 (hc3)",
    "Satterthwaite, F. E. (1946). Biometrics Bulletin, 2, 110-114 (degrees of freedom)",
)
_TITLE = "common line less own line at the cut, in reference SDs of performance"
_FEWEST = 3  # people a group needs for a line and an error
_FEW = 20


@dataclass(frozen=True, slots=True)
class _Line:
    """A regression line through (centre, level) and what each row of the whole sample moves it by (hc3)."""

    centre: float
    level: float
    slope: float
    level_moves: Floats
    slope_moves: Floats

    def at(self, x: float) -> float:
        return self.level + self.slope * (x - self.centre)

    def moves(self, x: float) -> Floats:
        moved: Floats = self.level_moves + self.slope_moves * (x - self.centre)
        return moved


@dataclass(frozen=True, slots=True)
class _Sample:
    """Complete rows of all groups, the group's code, and the pair compared."""

    x: Floats
    y: Floats
    code: Integers
    groups: TwoGroups

    def of(self, code: int) -> Booleans:
        return np.asarray(self.code == code)


def prediction_at_cut(
    data: pl.DataFrame,
    /,
    *,
    cut: float | None = None,
    x: str = "x",
    y: str = "y",
    group: str = "group",
    focal: str | None = None,
    reference: str | None = None,
    interval: Literal["analytic", "none"] = "analytic",
    confidence: float = 0.95,
) -> Estimate:
    """How much one line for everybody promises too much (+) or too little (-) of the focal group at the cut score.

    Groups' lines may cross: what is overprediction among high scores can be underprediction at the score where people
    are accepted, and it is there that the prediction decides.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted.
    cut : the score on x at which people are accepted.
    x, y, group : columns of the predictor (interview score), the criterion (performance) and the group.
    focal, reference : the groups compared; of two the larger is the reference, of more the focal group must be named.
        The common line is that of all groups in the data.

    Returns
    -------
    Estimate
        value: common line minus the focal group's own at x = cut, in SDs of the reference group's criterion; positive:
        its performance is overpredicted; interval: delta method with hc3 moves, t. n: people, focal, reference.
        detail: focal, reference, cut, points (the same in points of y: difference, low, high, se, df, p), se, df, sd_y
        (reference group's), sd_x (everybody's), lines (common and by group: n, intercept, slope, lowest and highest x),
        rows, minimum_detectable (in SDs). A row, for either group at cut - sd_x, cut and cut + sd_x: group, at, score,
        own, common, difference (points), low, high, standardized, within_scores (is the score inside the group's?).

    Raises
    ------
    MeasureInputError
        No cut, or one that is not a finite number.

    Cautions
    --------
    RANGE_RESTRICTED: the cut lies beyond the focal group's scores, so that its line is drawn on without data. Performance
    exists for the accepted only: selection on x alone leaves lines as they are, at less precision; selection on more
    than x does not. An unreliable x makes lines differ where groups differ in mean score: see the option reliability of
    `differential_prediction`. The focal group is part of the common line, which therefore misses it less than the
    reference group's line does: see `d_mod`. Other levels than the cut are shown without correction for their number.

    Notes
    -----
    Let c be the common and f the focal line: value = (c(cut) - f(cut)) / s_r. A person moves either line by
    (X'X)^-1 x e / (1 - h), the difference by the difference, s_r by ((y - mean)² - s²) / (2 s n); variance: the sum
    of squared moves. Satterthwaite's degrees of freedom from the parts of each group.

    References
    ----------
    .. [1] Cleary 1968. .. [2] Huber 1967. .. [3] MacKinnon & White 1985. .. [4] Satterthwaite 1946.

    Pinned by least squares written out, hc3 errors of the own line alone, and a bootstrap by person.

    Examples
    --------
    >>> people = pl.DataFrame({
    ...     "x": [1, 2, 3, 4, 1, 2, 3, 4], "y": [2.1, 3.0, 3.9, 5.0, 1.0, 2.1, 2.9, 4.0],
    ...     "group": ["m"] * 4 + ["f"] * 4})
    >>> round(prediction_at_cut(people, cut=3, reference="m").detail["points"]["difference"], 6)
    0.495
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("analytic", "none"))
    if cut is None or isinstance(cut, bool) or not isinstance(cut, int | float) or not math.isfinite(cut):
        raise MeasureInputError(f"cut takes the score on {x!r} at which people are accepted, got {cut!r}")
    sample, n, cautions = _sample(data, x, y, group, focal, reference)
    if sample is None:
        return no_value("prediction_at_cut", _TITLE, n["people"], cautions, {}, _REFERENCES)
    groups = sample.groups
    everyone = np.ones(sample.x.size, dtype=np.bool_)
    common, lines = _line(sample, everyone), {}
    for name, code in ((groups.focal, groups.focal_code), (groups.reference, groups.reference_code)):
        lines[name] = _line(sample, sample.of(code))
    spread = _spread(sample)
    title = f"{_TITLE}: {groups.focal} beside {groups.reference} ({groups.rule})"
    own = lines[groups.focal]
    if common is None or own is None or lines[groups.reference] is None or spread is None:
        why = Caution("CONSTANT_INPUT", "A group has under three people, no spread in x, or no scatter about its line.")
        return Estimate(
            measure="prediction_at_cut", method=title, value=None, n=n, cautions=[*cautions, why], detail={},
            references=_REFERENCES,
        )  # fmt: skip
    sd_y, sd_moves = spread
    difference, moves = common.at(cut) - own.at(cut), common.moves(cut) - own.moves(cut)
    value = difference / sd_y
    value_moves = moves / sd_y - difference / sd_y**2 * sd_moves
    error, df = math.sqrt(float(value_moves @ value_moves)), _satterthwaite(sample, value_moves)
    point_error, point_df = math.sqrt(float(moves @ moves)), _satterthwaite(sample, moves)
    sd_x = float(sample.x.std(ddof=1))
    rows = [
        _row(sample, name, code, lines[name], common, cut + step * sd_x, label, sd_y, confidence)
        for name, code in ((groups.focal, groups.focal_code), (groups.reference, groups.reference_code))
        for step, label in ((-1, "cut - SD"), (0, "cut"), (1, "cut + SD"))
    ]
    detail: dict[str, Any] = {
        "focal": groups.focal, "reference": groups.reference, "cut": float(cut),
        "points": {
            **{key: rows[1][key] for key in ("difference", "low", "high")}, "se": point_error, "df": point_df,
            "p": 2 * float(stdtr(point_df, -abs(difference) / point_error)),
        },
        "se": error, "df": df, "sd_y": sd_y, "sd_x": sd_x,
        "lines": [_described("common", sample.x, common)]
        + [
            _described(name, sample.x[sample.of(code)], lines[name])
            for name, code in ((groups.focal, groups.focal_code), (groups.reference, groups.reference_code))
        ],
        "rows": rows, "minimum_detectable": detectable_coefficient(error, df),
    }  # fmt: skip
    held = sample.x[sample.of(groups.focal_code)]
    if not held.min() <= cut <= held.max():
        cautions.append(
            Caution("RANGE_RESTRICTED", f"The cut {cut:g} lies beyond the scores of {groups.focal} with performance "
                    f"({held.min():g} to {held.max():g}): its line is drawn on.")
        )  # fmt: skip
    if min(n["focal"], n["reference"]) < _FEW:
        cautions.append(Caution("SMALL_GROUP", f"A group has under {_FEW} people: its line is hardly determined."))
    made = None
    if interval == "analytic":
        half = float(stdtrit(df, (1 + confidence) / 2)) * error
        made = Interval(low=value - half, high=value + half, level=confidence, method="delta method, hc3, t")
    else:
        cautions.append(Caution("NO_INTERVAL", "No interval was asked for."))
    return Estimate(
        measure="prediction_at_cut", method=title, value=value, interval=made, n=n, cautions=cautions, detail=detail,
        references=_REFERENCES,
    )  # fmt: skip


def _sample(
    data: pl.DataFrame, x: str, y: str, group: str, focal: str | None, reference: str | None
) -> tuple[_Sample | None, dict[str, int], list[Caution]]:
    predictor, criterion, found = numbers(data, x, "x"), numbers(data, y, "y"), labels(data, group, "group")
    present: Booleans = found.present & ~np.isnan(predictor) & ~np.isnan(criterion)
    cautions = missing_rows(present, f"{x}, {y} or {group}")
    sizes = np.bincount(found.codes[present], minlength=len(found.names)).tolist()
    groups = two_groups(found, sizes, group, focal, reference)
    people = int(present.sum())
    if groups is None or not sizes[groups.focal_code] or not sizes[groups.reference_code]:
        held = [name for name, size in zip(found.names, sizes, strict=True) if size]
        return None, {"people": people}, [*cautions, one_group_only(held)]
    n = {"people": people, "focal": sizes[groups.focal_code], "reference": sizes[groups.reference_code]}
    return _Sample(predictor[present], criterion[present], found.codes[present], groups), n, cautions


def _line(sample: _Sample, mine: Booleans) -> _Line | None:
    """Least squares over some rows; None under three people, without spread in x, or exactly on the line."""
    x, y = sample.x[mine], sample.y[mine]
    if x.size < _FEWEST:
        return None
    centre, level = float(x.mean()), float(y.mean())
    from_centre = x - centre
    squares = float(from_centre @ from_centre)
    if squares <= (1e-13 * float(np.abs(x).max())) ** 2 * x.size:
        return None
    slope = float(from_centre @ (y - level)) / squares
    rest = y - level - slope * from_centre
    if float(rest @ rest) <= (1e-13 * float(np.abs(y).max())) ** 2 * y.size:
        return None
    leverage = 1 / x.size + from_centre**2 / squares
    rest = rest / np.maximum(1 - leverage, 1e-6)
    level_moves, slope_moves = np.zeros(sample.x.size), np.zeros(sample.x.size)
    level_moves[mine], slope_moves[mine] = rest / x.size, from_centre * rest / squares
    return _Line(centre, level, slope, level_moves, slope_moves)


def _spread(sample: _Sample) -> tuple[float, Floats] | None:
    """The reference group's SD of y, and what each row moves it by."""
    mine = sample.of(sample.groups.reference_code)
    y = sample.y[mine]
    if y.size < _FEWEST:
        return None
    sd = float(y.std(ddof=1))
    if sd <= 1e-13 * float(np.abs(y).max()):
        return None
    moves = np.zeros(sample.y.size)
    moves[mine] = ((y - y.mean()) ** 2 - sd**2) / (2 * sd * y.size)
    return sd, moves


def _satterthwaite(sample: _Sample, moves: Floats) -> float:
    """Degrees of freedom of a sum of the groups' parts, each with two fewer than its people."""
    parts = np.bincount(sample.code, moves**2)
    df = np.maximum(np.bincount(sample.code) - 2.0, 1.0)
    below = float((parts**2 / df).sum())
    return float(parts.sum()) ** 2 / below if below > 0 else 1.0


def _row(
    sample: _Sample, name: str, code: int, own: _Line | None, common: _Line, score: float, label: str, sd_y: float,
    confidence: float,
) -> dict[str, Any]:  # fmt: skip
    if own is None:
        return {"group": name, "at": label, "score": score}
    moves = common.moves(score) - own.moves(score)
    difference = common.at(score) - own.at(score)
    half = float(stdtrit(_satterthwaite(sample, moves), (1 + confidence) / 2)) * math.sqrt(float(moves @ moves))
    held = sample.x[sample.of(code)]
    return {
        "group": name, "at": label, "score": score, "own": own.at(score), "common": common.at(score),
        "difference": difference, "low": difference - half, "high": difference + half,
        "standardized": difference / sd_y, "within_scores": bool(held.min() <= score <= held.max()),
    }  # fmt: skip


def _described(name: str, x: Floats, line: _Line | None) -> dict[str, Any]:
    if line is None:
        return {"group": name, "n": x.size}
    return {
        "group": name, "n": x.size, "intercept": line.at(0.0), "slope": line.slope, "lowest_x": float(x.min()),
        "highest_x": float(x.max()),
    }  # fmt: skip
