"""Every step from the observed to the operational validity, for many samples of candidates at once.

All that a step needs are sums over candidates with their weights: means and products of the scores of each nested stage,
and the pairs of ratings behind the reliabilities. The whole sample is the case of all weights 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fairpanel.measures.columns import Floats
from fairpanel.measures.validity.symmetric_sums import PairVariances, RatedPanel

AnyFloats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class NestedStages:
    """Scores of candidates (rows) in nested stages (columns, the criterion last), and the panels behind two of them.

    Candidates stand in the order of how far they came: the first reach[j] have columns 0 … j. `predictor` is the column
    of the score whose validity is asked for. `assumed` is the criterion's reliability among the hired, where its own
    raters cannot tell it (NaN: unknown). `expected` is the predictor's true score as its ratings and the earlier scores
    let expect it, `expected_alone` as its ratings alone do, where candidates met different numbers of raters:
    performance is straight in these, not in the mean rating itself.
    """

    scores: Floats
    reach: list[int]
    predictor: int
    predictor_panel: RatedPanel
    criterion_panel: RatedPanel
    assumed: float | None = None
    expected: Floats | None = None
    expected_alone: Floats | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """Figures of each sample (arrays of one length); NaN where the sample does not determine them.

    error: the criterion's error variance. The reliabilities are those among the candidates with the score and among the
    hired.
    """

    steps: dict[str, Floats]
    uncorrected: dict[str, Floats]
    predictor: PairVariances
    criterion: PairVariances
    predictor_reliability: Floats
    criterion_reliability: Floats
    spread_ratio: Floats
    error: Floats


def chain(stages: NestedStages, weights: AnyFloats) -> Chain:
    """All steps for samples given by candidates' weights (candidates by samples)."""
    last, x = len(stages.reach) - 1, stages.predictor
    score, criterion_score = stages.scores[:, x], stages.scores[:, last]
    pair = _products(_moments(np.column_stack((score, criterion_score))[: stages.reach[last]], weights))
    among = _products(_moments(score[: stages.reach[x], None], weights))[:, 0, 0]
    predictor = stages.predictor_panel.variances(weights[: stages.reach[x]])
    criterion = stages.criterion_panel.variances(weights[: stages.reach[last]])
    variance_x, variance_y = pair[:, 0, 0], pair[:, 1, 1]
    covariance, with_x, pool = _applicants(stages, weights)
    slopes, residual = _regression(_products(_moments(_regressors(stages, last), weights)))
    alone, alone_ratio, alone_r = _alone(stages, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        error_x = np.maximum(predictor.error, 0.0)
        own_error = np.maximum(criterion.error, 0.0)
        error_y = own_error if stages.assumed is None else (1 - stages.assumed) * variance_y
        ryy, rxx_with_score, rxx = 1 - error_y / variance_y, 1 - error_x / among, 1 - error_x / pool
        u = np.sqrt(variance_x / among)
        observed = pair[:, 0, 1] / np.sqrt(variance_x * variance_y)
        better = observed / np.sqrt(ryy)
        shared = np.einsum("ri,ri->r", with_x, slopes)
        variance = np.einsum("ri,rij,rj->r", slopes, covariance, slopes) + residual
        plain, operational = shared / np.sqrt(pool * variance), shared / np.sqrt(pool * (variance - error_y))
        steps = {
            "observed": observed,
            "criterion_corrected": better,
            "direct": _case_2(alone / np.sqrt(ryy), alone_ratio) * alone_r,
            "indirect": _case_4(better, u, rxx_with_score),
            "applicant_pool": plain,
            "operational": operational,
            "true_score": operational / np.sqrt(rxx),
        }
        uncorrected = {
            "direct": _case_2(alone, alone_ratio) * alone_r,
            "indirect": _case_4(observed, u, rxx_with_score),
            "true_score": plain / np.sqrt(rxx),
        }
    return Chain(steps, uncorrected, predictor, criterion, rxx_with_score, ryy, u, error_y)


def with_expected_scores(stages: NestedStages) -> NestedStages:
    """Add the expected true scores where candidates met different numbers of raters.

    A mean of two ratings holds more error than one of four, so that at the top, where the hired are, the line of
    performance on the mean is bent. Given earlier scores the expected true score is their regression plus the rest
    times v / (v + e_i), e_i the candidate's error variance and v the unit variance beyond the earlier scores
    (shrinkage as in Kelley 1927). It stays as it is in every sample.
    """
    people, x = stages.reach[stages.predictor], stages.predictor
    raters = stages.predictor_panel.linear[0]
    ones = np.ones((people, 1))
    error = float(stages.predictor_panel.variances(ones).error[0])
    columns = stages.scores[:people, : x + 1]
    slopes, residual = _regression(_products(_moments(columns, ones)))
    true = float(residual[0]) - error
    if raters.min() == raters.max() or not (error > 0 and true > 0):
        return stages
    centre = columns.mean(axis=0)
    own_error = error * stages.predictor_panel.k / raters
    from_earlier = centre[x] + (columns[:, :x] - centre[:x]) @ slopes[0]
    expected = from_earlier + true / (true + own_error) * (columns[:, x] - from_earlier)
    unit = float(columns[:, x].var()) - error
    alone = centre[x] + unit / (unit + own_error) * (columns[:, x] - centre[x])
    return replace(stages, expected=expected, expected_alone=alone)


def _alone(stages: NestedStages, weights: AnyFloats) -> tuple[Floats, Floats, Floats]:
    """For Case II: correlation of expected score and criterion, ratio of its spreads, its correlation with the mean rating.

    Without expected scores those of the mean rating itself.
    """
    people, hired, x = stages.reach[stages.predictor], stages.reach[-1], stages.predictor
    score = stages.scores[:people, x]
    expected = score if stages.expected_alone is None else stages.expected_alone
    within = _products(_moments(np.column_stack((expected[:hired], stages.scores[:hired, -1])), weights))
    among = _products(_moments(np.column_stack((expected, score)), weights))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = within[:, 0, 1] / np.sqrt(within[:, 0, 0] * within[:, 1, 1])
        ratio = np.sqrt(within[:, 0, 0] / among[:, 0, 0])
        link = among[:, 0, 1] / np.sqrt(among[:, 0, 0] * among[:, 1, 1])
    return r, ratio, link


def applicants_covariance(stages: NestedStages) -> Floats:
    """Of predictor and covariates as they are, in the order of the stages, whole sample."""
    covariance: Floats = _applicants(replace(stages, expected=None), np.ones((stages.reach[0], 1)))[0][0]
    return covariance


def _regressors(stages: NestedStages, stage: int) -> Floats:
    """Columns 0 … stage of those who reached it, the predictor as its expected true score."""
    columns = stages.scores[: stages.reach[stage], : stage + 1]
    if stages.expected is not None and stage >= stages.predictor:
        columns = columns.copy()
        columns[:, stages.predictor] = stages.expected[: stages.reach[stage]]
    return columns


def _moments(columns: Floats, weights: AnyFloats) -> Floats:
    """Weighted sums of 1, scores and their products over the first candidates: samples by columns + 1 squared."""
    people, size = columns.shape[0], columns.shape[1] + 1
    columns = np.column_stack((np.ones(people), columns))
    first, second = np.triu_indices(size)
    rows = np.ascontiguousarray((columns[:, first] * columns[:, second]).T.astype(weights.dtype))
    sums = (rows @ weights[:people]).T
    full = np.empty((weights.shape[1], size, size))
    full[:, first, second] = sums
    full[:, second, first] = sums
    return full


def _products(moments: Floats) -> Floats:
    """Covariances (divisor: the sum of weights) from sums."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = moments[:, 1:, 0] / moments[:, :1, 0]
        covariances: Floats = moments[:, 1:, 1:] / moments[:, :1, :1] - mean[:, :, None] * mean[:, None, :]
    return covariances


def _applicants(stages: NestedStages, weights: AnyFloats) -> tuple[Floats, Floats, Floats]:
    """Among all applicants: covariance of the regressors, their covariance with the predictor, and its variance.

    Each column is regressed on those before it among the candidates who have it (Anderson 1957); the predictor itself
    on its expected true score and what came before.
    """
    last, x = len(stages.reach) - 1, stages.predictor
    covariance = np.zeros((weights.shape[1], last, last))
    for j in range(last):
        slopes, residual = _regression(_products(_moments(_regressors(stages, j), weights)))
        with_before = np.einsum("rij,rj->ri", covariance[:, :j, :j], slopes)
        covariance[:, j, :j] = covariance[:, :j, j] = with_before
        covariance[:, j, j] = residual + np.einsum("ri,ri->r", with_before, slopes)
    if stages.expected is None:
        return covariance, covariance[:, :, x], covariance[:, x, x]
    columns = np.column_stack((_regressors(stages, x), stages.scores[: stages.reach[x], x]))
    slopes, residual = _regression(_products(_moments(columns, weights)))
    with_predictor = np.einsum("rij,rj->ri", covariance[:, :, : x + 1], slopes)
    variance = np.einsum("ri,ri->r", with_predictor[:, : x + 1], slopes) + np.maximum(residual, 0.0)
    return covariance, with_predictor, variance


def _regression(products: Floats) -> tuple[Floats, Floats]:
    """Slopes of the last column on the others and the residual variance; NaN where they are collinear."""
    before, with_last, own = products[:, :-1, :-1], products[:, :-1, -1], products[:, -1, -1]
    if not before.shape[1]:
        return with_last, own
    spread = np.sqrt(np.maximum(np.einsum("rii->ri", before), 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = before / (spread[:, :, None] * spread[:, None, :])
    usable = np.isfinite(scaled).all(axis=(1, 2))
    usable[usable] = np.linalg.det(scaled[usable]) > 1e-6
    slopes = np.full(with_last.shape, np.nan)
    slopes[usable] = np.linalg.solve(before[usable], with_last[usable][:, :, None])[:, :, 0]
    return slopes, own - np.einsum("ri,ri->r", slopes, with_last)


def _case_2(r: Floats, u: Floats) -> Floats:
    """Thorndike's Case II."""
    corrected: Floats = r / np.sqrt(u * u + r * r * (1 - u * u))
    return corrected


def _case_4(r: Floats, u: Floats, reliability: Floats) -> Floats:
    """Operational validity by Case IV; `reliability` of the score before selection, u the observed ratio of spreads."""
    true_ratio = np.sqrt((u * u - (1 - reliability)) / reliability)
    restricted = 1 - (1 - reliability) / (u * u)
    corrected: Floats = _case_2(r / np.sqrt(restricted), true_ratio) * np.sqrt(reliability)
    return corrected
