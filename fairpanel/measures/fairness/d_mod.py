"""How far the reference group's prediction line misses the focal group's: d_Mod, signed and unsigned."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.special import ndtr

from fairpanel.measures.columns import Floats, check_choice, check_confidence, labels, missing_rows, numbers
from fairpanel.measures.estimate import Caution, Estimate
from fairpanel.measures.fairness.contingency import no_value, one_group_only, two_groups
from fairpanel.measures.resampling import bootstrap_interval, check_replicates, cluster_bootstrap

_REFERENCES = (
    "Nye, C. D., & Sackett, P. R. (2017). Organizational Research Methods, 20, 640-664",
    "Dahlke, J. A., & Sackett, P. R. (2018). Organizational Research Methods, 21, 216-234 (under, over)",
)
_TITLE = "d_Mod: reference line minus focal line over the focal group's scores, in reference SDs"
_FEWEST = 3  # people a group needs for a line and an error


def d_mod(
    data: pl.DataFrame,
    /,
    *,
    group: str = "group",
    x: str = "x",
    y: str = "y",
    reference: str | None = None,
    focal: str | None = None,
    interval: Literal["bootstrap", "none"] = "bootstrap",
    replicates: int = 1000,
    seed: int = 1,
    confidence: float = 0.95,
) -> Estimate:
    """How far performance is misjudged, on average, when the reference group's line is used for the focal group.

    Parameters
    ----------
    data : one row a person; rows with a missing value are left out and counted, other groups do not count.
    group, x, y : columns of the group, the predictor (interview score) and the criterion (performance).
    reference, focal : the groups; of two the larger is the reference, of more the focal group must be named.
    interval : "bootstrap" draws whole persons `replicates` times from `seed`.

    Returns
    -------
    Estimate
        value: signed d_Mod in standard deviations of the reference group's criterion; positive: its line
        overpredicts the focal group's performance, negative: underpredicts. n: people, focal, reference. detail: focal,
        reference, unsigned, under (<= 0), over (>= 0): signed = under + over, unsigned = over - under, for normally
        distributed focal scores; observed (the same three over the focal scores as they are); lines, focal_mean_x,
        focal_sd_x, reference_sd_y.

    Cautions
    --------
    unsigned, under and over cannot be zero in a sample: lines that are equal look unequal by chance, the more so the
    smaller the groups; hence the interval is the signed figure's. Under 20 people in a group a line is hardly
    determined (SMALL_GROUP). Read `differential_prediction` for the test.

    Notes
    -----
    signed = E[D] / SD_r with D = (a_r - a_f) + (b_r - b_f) x over the focal x. D is normal with mean m and SD s when x
    is: over = (m Φ(m/s) + s φ(m/s)) / SD_r.

    References
    ----------
    .. [1] Nye & Sackett 2017. .. [2] Dahlke & Sackett 2018.

    Pinned by the worked figures of Nye and Sackett (signed -.10, unsigned .1791186) and numerical integration.

    Examples
    --------
    >>> people = pl.DataFrame({
    ...     "x": [1, 2, 3, 4, 1, 2, 3, 4], "y": [1.0, 2.1, 2.9, 4.0, 1.0, 1.6, 1.9, 2.5],
    ...     "group": ["m"] * 4 + ["f"] * 4})
    >>> round(d_mod(people, reference="m", interval="none").value, 4)
    0.5917
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("bootstrap", "none"))
    check_replicates(replicates)
    predictor, criterion, found = numbers(data, x, "x"), numbers(data, y, "y"), labels(data, group, "group")
    present = found.present & ~np.isnan(predictor) & ~np.isnan(criterion)
    cautions = missing_rows(present, f"{x}, {y} or {group}")
    sizes = np.bincount(found.codes[present], minlength=len(found.names)).tolist()
    groups = two_groups(found, sizes, group, focal, reference)
    if groups is None or min(sizes[groups.focal_code], sizes[groups.reference_code]) == 0:
        held = [name for name, size in zip(found.names, sizes, strict=True) if size]
        return no_value("d_mod", _TITLE, int(present.sum()), [*cautions, one_group_only(held)], {}, _REFERENCES)
    used = present & ((found.codes == groups.focal_code) | (found.codes == groups.reference_code))
    # an order of its own, so that the draws do not depend on that of the rows
    place = np.lexsort((criterion[used], predictor[used], found.codes[used]))
    is_focal = (found.codes[used] == groups.focal_code)[place].astype(np.int64)
    # centred at their means: sums of squares keep their digits
    x_used, y_used = predictor[used][place], criterion[used][place]
    centre = np.array([x_used.mean(), y_used.mean()])
    columns = np.stack((x_used - centre[0], y_used - centre[1]))
    lines = _lines(columns, is_focal)
    n = {"people": is_focal.size, "focal": int(is_focal.sum()), "reference": int((1 - is_focal).sum())}
    if lines is None:
        few = Caution("CONSTANT_INPUT", "A group has under three people or no spread in the predictor or criterion.")
        return no_value("d_mod", _TITLE, is_focal.size, [*cautions, few], {}, _REFERENCES)
    value = _mean_difference(lines)
    made = None
    if interval == "bootstrap":

        def drawn_value(drawn: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float | None:
            redrawn = _lines(columns[:, drawn], is_focal[drawn])
            return None if redrawn is None else _mean_difference(redrawn)

        draws = cluster_bootstrap(drawn_value, is_focal.size, replicates=replicates, seed=seed)
        made = bootstrap_interval(draws, estimate=value, confidence=confidence)
    if made is None:
        why = "none was asked for" if interval == "none" else "too few samples held both groups' lines"
        cautions.append(Caution("NO_INTERVAL", f"No interval: {why}."))
    if min(n["focal"], n["reference"]) < 20:
        cautions.append(
            Caution(
                "SMALL_GROUP", f"{n['focal']} and {n['reference']} people: a line is hardly determined by under 20."
            )
        )
    return Estimate(
        measure="d_mod",
        method=f"{_TITLE}: {groups.reference} minus {groups.focal} ({groups.rule})",
        value=value,
        interval=made,
        n=n,
        cautions=cautions,
        detail={
            "focal": groups.focal,
            "reference": groups.reference,
            **_sides(value, abs(float(lines[1, 0] - lines[1, 1])) * float(lines[3, 1]) / float(lines[4, 0])),
            "observed": _observed(lines, columns[0][is_focal == 1]),
            "lines": {
                name: {"intercept": float(lines[0, at] + centre[1] - lines[1, at] * centre[0]), "slope": float(lines[1, at])}
                for at, name in enumerate((groups.reference, groups.focal))
            },
            "focal_mean_x": float(lines[2, 1] + centre[0]),
            "focal_sd_x": float(lines[3, 1]),
            "reference_sd_y": float(lines[4, 0]),
        },
        references=_REFERENCES,
    )  # fmt: skip


def _lines(columns: Floats, is_focal: np.ndarray[Any, np.dtype[np.int64]]) -> Floats | None:
    """Intercept, slope, mean x, SD x, SD y (rows) of the reference and the focal group; None where one has no line."""
    count = np.bincount(is_focal, minlength=2)
    if count.min() < _FEWEST:
        return None
    x, y = columns
    mean_x, mean_y = np.bincount(is_focal, x, 2) / count, np.bincount(is_focal, y, 2) / count
    dx, dy = x - mean_x[is_focal], y - mean_y[is_focal]
    xx, xy, yy = (np.bincount(is_focal, each, 2) for each in (dx * dx, dx * dy, dy * dy))
    scale = np.abs(columns).max(axis=1)
    if xx.min() <= (1e-12 * scale[0]) ** 2 or yy[0] <= (1e-12 * scale[1]) ** 2:
        return None
    slope = xy / xx
    return np.stack((mean_y - slope * mean_x, slope, mean_x, np.sqrt(xx / (count - 1)), np.sqrt(yy / (count - 1))))


def _mean_difference(lines: Floats) -> float:
    gap = lines[0, 0] - lines[0, 1] + (lines[1, 0] - lines[1, 1]) * lines[2, 1]
    return float(gap / lines[4, 0])


def _sides(mean: float, sd: float) -> dict[str, float]:
    """Of a normal difference: mean size, mean of its negative and of its positive part."""
    if sd > 0:
        density = math.exp(-0.5 * (mean / sd) ** 2) / math.sqrt(2 * math.pi)
        over = mean * float(ndtr(mean / sd)) + sd * density
        under = mean * float(ndtr(-mean / sd)) - sd * density
    else:
        over, under = max(mean, 0.0), min(mean, 0.0)
    return {"unsigned": over - under, "under": under, "over": over}


def _observed(lines: Floats, x: Floats) -> dict[str, float]:
    gaps = (lines[0, 0] - lines[0, 1] + (lines[1, 0] - lines[1, 1]) * x) / lines[4, 0]
    over, under = float(np.maximum(gaps, 0).mean()), float(np.minimum(gaps, 0).mean())
    return {"unsigned": over - under, "under": under, "over": over}
