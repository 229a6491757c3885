"""The many-facet Rasch model (Linacre 1989): candidates, raters and competencies on one logit scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from fairpanel.measures.estimate import Caution, Estimate, Interval, MeasureInputError
from fairpanel.measures.raters.rasch.anchors import place_anchors, read_anchors
from fairpanel.measures.raters.rasch.calibration import Calibration, calibrate
from fairpanel.measures.raters.rasch.cautions import calibration_cautions, missing_caution, why_not
from fairpanel.measures.raters.rasch.conditional import too_long
from fairpanel.measures.raters.rasch.design import Design, read_design
from fairpanel.measures.raters.rasch.fit_statistics import reliability_interval, residuals
from fairpanel.measures.raters.rasch.subsets import DENSE_LIMIT
from fairpanel.measures.raters.rasch.tables import (
    category_rows,
    disordered,
    facet_tables,
    separations,
    thresholds,
    unexpected_rows,
    wright_map,
)
from fairpanel.measures.resampling import check_confidence

BoolArray = npt.NDArray[np.bool_]

REFERENCES = (
    "Linacre, J. M. (1989). Many-facet Rasch measurement. Chicago: MESA Press",
    "Wright, B. D., & Masters, G. N. (1982). Rating scale analysis. Chicago: MESA Press",
    "Andersen, E. B. (1972). Journal of the Royal Statistical Society B, 34, 42-54",
    "Louis, T. A. (1982). Journal of the Royal Statistical Society B, 44, 226-233",
    "Viechtbauer, W. (2007). Statistics in Medicine, 26, 37-52",
)
_MANY_CATEGORIES = 20
_METHODS = {
    "cml": "conditional maximum likelihood",
    "mml": "marginal maximum likelihood (normal candidates)",
    "jmle": "joint maximum likelihood (biased)",
}


def many_facet_rasch(
    data: pl.DataFrame,
    /,
    *,
    unit: str = "unit",
    rater: str = "rater",
    item: str = "item",
    score: str = "score",
    facets: Sequence[str] | None = None,
    model: Literal["rating_scale", "partial_credit"] = "rating_scale",
    steps_by: str | None = None,
    estimation: Literal["cml", "mml", "jmle"] | None = None,
    anchors: Sequence[str] | Mapping[str, Mapping[str, float]] | None = None,
    bias_correction: bool = False,
    nodes: int = 15,
    min_units: int = 1,
    unexpected: int = 50,
    confidence: float = 0.95,
    interval: Literal["analytic", "none"] = "analytic",
) -> Estimate:
    """How severe raters are once candidates' merit and competencies' difficulty are taken out, on one logit scale.

    The value is the separation reliability of the raters (of the first other facet where there are none): the share
    of the variance of their measured severities that is true difference. Near 0, raters are interchangeable; near 1,
    a candidate's score depends on whom he met. A positive measure is a harsher rater, a harder competency, a better
    candidate.

        log P(X = k) / P(X = k − 1) = candidate − rater − competency − … − threshold k

    Parameters
    ----------
    data : one score a row; scores are whole, half or quarter points (categories). Rows without a score or a label are
        left out and counted.
    unit, rater, item, score : column names.
    facets : which facets there are: the roles unit, rater, item, or names of columns. None: unit, rater, and item
        where the data have its column.
    model : one set of thresholds for all (rating_scale), or one for each level of a facet (partial_credit).
    steps_by : that facet with partial_credit; item where there is one, else rater.
    estimation : cml (no assumption on candidates; a candidate informs through differences between his own ratings),
        mml (candidates normal and met by raters regardless of merit), jmle (as Facets; biased, its standard errors too
        small). None: cml, or mml where conditional sums would take too long.
    anchors : measures to keep fixed, {"rater": {"R17": 0.42}} or texts "rater:R17=0.42"; other measures are then on the
        anchors' scale. Levels that do not occur are counted.
    bias_correction : with jmle, multiply measures by (L − 1)/L where every candidate has the same number L of ratings.
    nodes : quadrature points of mml, 5 to 61.
    min_units : raters who scored fewer units are counted but left out of the tables; their scores are used.
    unexpected : how many of the most surprising ratings to list.
    confidence, interval : level and kind ("none" for no interval).

    Returns
    -------
    Estimate
        detail tables facet -> level -> number: measures, se, infit, outfit, infit_z, outfit_z, infit_expected,
        outfit_expected (what a mean square is where the model holds: below 1 with few ratings), observed_average,
        fair_average (expected score where every other facet is average), count, subset (levels of a facet compare
        within one subset only). thresholds, thresholds_se: a list, or level -> list with partial_credit. loglik (of the
        estimator's own likelihood), separation (per facet: reliability, separation, strata, SDs, equality: chi-square
        of "all equal"), categories, disordered, unexpected, wright_map, extreme (facet -> level -> lowest, highest,
        or "no finite estimate": scores always on one side of others', or in one category of its own),
        population and sd_person (mml), anchors (value, displacement), convergence, estimation, score_step.

    Raises
    ------
    MeasureInputError
        A missing column, scores finer than quarter points or with more than 200 categories, an unknown facet, anchor
        or option; cml or mml of a design that is too large for them.

    Cautions
    --------
    UNLINKED_RATERS (several subsets of raters: each has its own origin), INCOMPLETE_DESIGN (another facet falls into
    subsets), BOUNDARY (levels with extreme scores, measured from a score drawn in by .3; or candidates that do not
    differ), ZERO_CELL (a category never used, or nowhere the most probable), SMALL_SAMPLE (categories under 10 ratings;
    joint estimates with few ratings a candidate; fewer than two candidates that inform), SMALL_GROUP (raters left
    out); CONSTANT_INPUT, ONE_RATER, SINGLE_RATINGS, NOT_ESTIMABLE, NOT_CONVERGED (value None); MISSING_DATA,
    NO_INTERVAL.

    Notes
    -----
    Candidates are measured by maximum likelihood given the facets (posterior means under mml). Fit statistics rest on
    the former. All facets but the candidates have mean 0, raters in each of their subsets; thresholds of a group sum
    to 0. Pinned by the oracle cases rasch_cml, rating_scale_cml, mfrm_rsm_cml (eRm, psychotools) and
    mfrm_dichotomous_mml (lme4).

    References
    ----------
    .. [1] Linacre (1989), Many-facet Rasch measurement.
    .. [2] Wright & Masters (1982), Rating scale analysis, chapters 4 and 5.
    .. [3] Andersen (1972), Journal of the Royal Statistical Society B 34, 42-54.
    .. [4] Louis (1982), Journal of the Royal Statistical Society B 44, 226-233.
    .. [5] Viechtbauer (2007), Statistics in Medicine 26, 37-52.

    Examples
    --------
    >>> ratings = pl.DataFrame(
    ...     {
    ...         "unit": [u for u in range(8) for _ in "ab"],
    ...         "rater": list("ab") * 8,
    ...         "score": [3, 2, 2, 2, 3, 1, 1, 2, 2, 1, 3, 3, 2, 1, 3, 2],
    ...     }
    ... )
    >>> found = many_facet_rasch(ratings)
    >>> found.detail["measures"]["rater"]["b"] > 0 > found.detail["measures"]["rater"]["a"]
    True
    """
    check_confidence(confidence)
    _check_options(model, steps_by, estimation, nodes, min_units, unexpected, interval)
    if not isinstance(bias_correction, bool) or (bias_correction and estimation != "jmle"):
        raise MeasureInputError(f"expected bias_correction true only with estimation jmle, got {bias_correction!r}")
    roles = {"unit": unit, "rater": rater, "item": item}
    steps = _step_facet(data, roles, facets, model, steps_by)
    design = read_design(data, roles=roles, facets=facets, score=score, steps=steps)
    places, absent = place_anchors(design, read_anchors(anchors))
    n = _counts(design)
    cautions = missing_caution(design)
    why = why_not(design)
    if why is not None:
        return _none(n, [*cautions, why])
    chosen = estimation or ("mml" if design.top >= _MANY_CATEGORIES or too_long(design) else "cml")
    if chosen != "jmle" and design.parameters + int(design.used.sum()) > DENSE_LIMIT:
        raise MeasureInputError(
            f"expected at most {DENSE_LIMIT} levels and thresholds for estimation {chosen}, got {design.parameters} "
            "levels: use estimation jmle"
        )
    found = calibrate(design, estimation=chosen, nodes=nodes, anchors=places, correct=bias_correction)
    if isinstance(found, Caution):
        return _none(n, [*cautions, found])
    detail, hidden = _detail(found, chosen, min_units, unexpected, absent)
    cautions += calibration_cautions(found, chosen, hidden, min_units)
    main = design.facet_names[0]
    own = detail["separation"].get(main)
    if not found.converged:
        text = f"the search ended with a step of {found.last_step:.2g} logits: some levels may have no finite estimate"
        own, cautions = None, [*cautions, Caution("NOT_CONVERGED", text)]
    elif own is None:
        text = f"no two levels of {main} can be compared: nothing links them, or their scores are extreme"
        cautions.append(Caution("UNLINKED_RATERS", text))
    between: Interval | None = None
    if own is not None:
        between, note = _interval(found, chosen, own["reliability"], interval, confidence)
        cautions += note
    stepped = "one rating scale" if design.step_facet is None else f"partial credit by {design.step_facet}"
    return Estimate(
        measure="many_facet_rasch",
        method=f"separation reliability of the facet {main}; {stepped}; {_METHODS[chosen]}; positive = harsher, harder",
        value=None if own is None else own["reliability"],
        interval=between,
        n=n,
        cautions=cautions,
        detail=detail,
        references=REFERENCES,
    )


def _check_options(
    model: str, steps_by: str | None, estimation: str | None, nodes: int, min_units: int, unexpected: int, interval: str
) -> None:
    if model not in ("rating_scale", "partial_credit"):
        raise MeasureInputError(f"expected model rating_scale or partial_credit, got {model!r}")
    if steps_by is not None and model != "partial_credit":
        raise MeasureInputError(f"steps_by needs model partial_credit, got {model!r}")
    if estimation not in (None, *_METHODS):
        raise MeasureInputError(f"expected estimation {', '.join(_METHODS)} or none, got {estimation!r}")
    if interval not in ("analytic", "none"):
        raise MeasureInputError(f"expected interval analytic or none, got {interval!r}")
    for name, number, low, high in (
        ("nodes", nodes, 5, 61), ("min_units", min_units, 1, 10**9), ("unexpected", unexpected, 0, 10**6),
    ):  # fmt: skip
        if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
            raise MeasureInputError(f"expected {name}, a whole number from {low} to {high}, got {number!r}")


def _step_facet(
    data: pl.DataFrame, roles: dict[str, str], facets: Sequence[str] | None, model: str, steps_by: str | None
) -> str | None:
    if model == "rating_scale" or steps_by is not None:
        return steps_by
    if facets is None:
        return "item" if roles["item"] in data.columns else "rater"
    named = [facets] if isinstance(facets, str) else list(facets)
    for role in ("item", "rater"):
        for name in named:
            if name in (role, roles[role]):
                return name
    raise MeasureInputError(f"expected steps_by, the facet with steps of its own, as there is no item in {named}")


def _counts(design: Design) -> dict[str, int]:
    plural = {"rater": "raters", "item": "items"}
    return {
        "units": len(design.unit_labels),
        "scores": int(design.score.size),
        "missing": design.missing,
        **{plural.get(name, name): len(labels) for name, labels in zip(design.facet_names, design.facet_labels, strict=True)},
    }  # fmt: skip


def _none(n: Mapping[str, Any], cautions: Sequence[Caution]) -> Estimate:
    return Estimate(
        measure="many_facet_rasch",
        method="separation reliability of raters",
        value=None,
        n=n,
        cautions=cautions,
        references=REFERENCES,
    )


def _hidden(design: Design, min_units: int) -> dict[str, BoolArray]:
    """Levels of the first facet that scored too few candidates."""
    if min_units <= 1:
        return {}
    name = design.facet_names[0]
    part = design.facet(name)
    pairs = np.unique(np.column_stack([design.levels[0], design.unit]), axis=0)[:, 0]
    return {name: np.bincount(pairs, minlength=part.stop) < min_units}


def _detail(
    found: Calibration, chosen: str, min_units: int, unexpected: int, absent: int
) -> tuple[dict[str, Any], dict[str, BoolArray]]:
    design = found.design
    hidden = _hidden(design, min_units)
    left = residuals(found)
    tau, tau_errors = thresholds(found, hidden)
    everywhere = found.anchored | np.isfinite(found.beta)
    detail: dict[str, Any] = facet_tables(found, left, hidden)
    detail |= {
        "thresholds": tau,
        "thresholds_se": tau_errors,
        "loglik": found.loglik,
        "separation": separations(found),
        "categories": category_rows(found, left, hidden),
        "disordered": disordered(found, hidden),
        "unexpected": unexpected_rows(found, left, hidden, unexpected),
        "wright_map": wright_map(found, hidden),
        "extreme": _extreme(found, hidden),
        "raters_left_out": int(sum(np.count_nonzero(one) for one in hidden.values())),
        "estimation": chosen,
        "bias_correction": found.correction,
        "score_step": design.step,
        "parameters": int(np.count_nonzero(everywhere & ~found.anchored & (found.extreme == 0)))
        + found.steps.free
        - found.origins.sums.shape[1],
        "convergence": {
            "iterations": found.iterations,
            "converged": found.converged,
            "last_step": found.last_step,
        },
    }
    if found.population:
        detail["population"] = dict(found.population)
        detail["sd_person"] = found.population["sd"]
    if found.anchored.any():
        detail["anchors"] = _anchor_table(found, hidden)
        detail["anchors_absent"] = absent
    return detail, hidden


def _extreme(found: Calibration, hidden: dict[str, BoolArray]) -> dict[str, dict[str, str]]:
    design = found.design
    words = {-1: "lowest", 1: "highest", 2: "no finite estimate"}
    table = {
        design.unit_name: {
            design.unit_labels[place]: words[int(found.unit_extreme[place])]
            for place in np.flatnonzero(found.unit_extreme).tolist()
        }
    }
    for name, labels in zip(design.facet_names, design.facet_labels, strict=True):
        own = found.extreme[design.facet(name)]
        table[name] = {
            labels[place]: words[int(own[place])]
            for place in np.flatnonzero(own).tolist()
            if not (name in hidden and hidden[name][place])
        }
    return table


def _anchor_table(found: Calibration, hidden: dict[str, BoolArray]) -> dict[str, dict[str, dict[str, float | None]]]:
    table: dict[str, dict[str, dict[str, float | None]]] = {}
    for name, labels in zip(found.design.facet_names, found.design.facet_labels, strict=True):
        part = found.design.facet(name)
        shown = found.anchored[part] & ~hidden.get(name, np.zeros(len(labels), dtype=np.bool_))
        for place in np.flatnonzero(shown).tolist():
            moved = float(found.displacement[part][place])
            table.setdefault(name, {})[labels[place]] = {
                "value": float(found.beta[part][place]),
                "displacement": moved if np.isfinite(moved) else None,
            }
    return table


def _interval(
    found: Calibration, chosen: str, value: float, interval: str, confidence: float
) -> tuple[Interval | None, list[Caution]]:
    if interval == "none":
        return None, [Caution("NO_INTERVAL", "none was asked for")]
    if chosen == "jmle":
        text = "joint estimates are biased and their standard errors too small: use estimation cml or mml"
        return None, [Caution("NO_INTERVAL", text)]
    part = np.arange(found.design.parameters)[found.design.facet(found.design.facet_names[0])]
    part = part[found.estimated[part] & (found.se[part] > 0)]
    between = reliability_interval(
        found.beta[part], found.se[part], found.origins.subset[part], value, confidence
    )  # fmt: skip
    if between is None:
        return None, [Caution("NO_INTERVAL", "no two levels compare")]
    return between, []
