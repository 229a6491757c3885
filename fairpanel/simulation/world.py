"""Draws an organisation: candidates, interviewers, panels, scores, decisions, performance. Vectorised and seeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fairpanel.simulation.constants import ELEMENTS, GENDERS, MIDDLE, RACES, SPREAD
from fairpanel.simulation.later import later
from fairpanel.simulation.parameters import Parameters
from fairpanel.simulation.planted import apart, gaps_seen, held_back
from fairpanel.simulation.preparation import preparation, prepare

FAMILIES = ("Engineering", "Sales", "Operations", "Finance", "Support")
FAMILY_SHARES = (0.35, 0.25, 0.2, 0.1, 0.1)
TEAM_PATTERN = (0, 1, 2, 3, 4, 0, 1, 2, 0, 1, 2, 0, 1, 3, 0, 1, 2, 4, 0, 0)
"""Families in the order in which interviewers join them: small organisations too have every family."""
GENDER_SHARES = (0.43, 0.56, 0.01)
RACE_SHARES = (0.55, 0.18, 0.12, 0.12, 0.03)
WEIGHTS = np.array([0.5, 0.2, 0.3])
"""What performance draws on; the composite ability is the weighted sum, standardised."""
PANEL_SIZES = (2, 3, 4)
PANEL_SHARES = (0.35, 0.45, 0.2)
RECRUITER_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class World:
    """candidates, forms, interviewers, what was provided before the interview, reviews and employment as frames (indices,
    not yet identifiers), and the truth."""

    candidates: pl.DataFrame
    interviewers: pl.DataFrame
    forms: pl.DataFrame
    performance: pl.DataFrame
    employment: pl.DataFrame
    preparation: pl.DataFrame
    truth: dict[str, Any]


def draw(parameters: Parameters) -> World:
    """One organisation. The same parameters give the same organisation."""
    rng = np.random.default_rng(parameters.seed)
    n, months = parameters.candidates, parameters.months
    gender = rng.choice(len(GENDERS), n, p=GENDER_SHARES)
    race = rng.choice(len(RACES), n, p=RACE_SHARES)
    family = rng.choice(len(FAMILIES), n, p=FAMILY_SHARES)
    day = np.sort(rng.integers(0, int(months * 30.4), n))
    rho = parameters.ability_correlation
    common = rng.normal(size=(n, 1))
    ability = np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.normal(size=(n, len(ELEMENTS)))
    women = (gender == 0).astype(float)
    ability -= parameters.gap * women[:, None]
    composite = (ability + parameters.gap * women[:, None]) @ WEIGHTS
    composite /= np.sqrt(WEIGHTS @ (rho + (1 - rho) * np.eye(len(ELEMENTS))) @ WEIGHTS)
    requisition = family * 1000 + (day // 30) * 3 + rng.integers(0, 3, n)
    staff = _interviewers(parameters, rng)
    hr = _hr_forms(parameters, rng, ability, women, day, staff)
    hr_mean = hr.group_by("candidate").agg(pl.col("overall").mean()).sort("candidate")["overall"].to_numpy()
    passed = _top(hr_mean + 0.3 * rng.normal(size=n), parameters.pass_hr, requisition)
    prepared = prepare(parameters, women)
    taught = ability + parameters.preparation_effect * (prepared - prepared.mean())[:, None]
    user = _user_forms(parameters, rng, taught, women, family, day, np.flatnonzero(passed), staff)
    mean = user.group_by("candidate").agg(pl.col("overall").mean()).sort("candidate")
    decision = np.full(n, np.nan)
    decision[mean["candidate"].to_numpy()] = mean["overall"].to_numpy()
    met = ~np.isnan(decision)
    hired = np.zeros(n, dtype=bool)
    judged = decision - SPREAD * held_back(parameters, women, race, day)
    hired[met] = _top(judged[met] + 0.2 * rng.normal(size=int(met.sum())), parameters.hire, requisition[met])
    validity = parameters.validity - parameters.slope_gap * women
    potential = validity * composite + np.sqrt(1 - validity**2) * rng.normal(size=n)
    candidates = pl.DataFrame(
        {
            "candidate": np.arange(n),
            "gender": gender,
            "race": race,
            "declined": rng.random(n) < parameters.declined,
            "family": family,
            "requisition": requisition,
            "day": day,
            "met_user": met,
            "passed_hr": passed,
            "hired": hired,
        }
    )
    forms = pl.concat([hr, user], how="diagonal").with_row_index("form")
    forms = forms.with_columns(
        pl.Series("edited", rng.random(forms.height) < parameters.edited),
        pl.Series("deleted", rng.random(forms.height) < parameters.deleted),
    )
    employment, performance = later(parameters, rng, candidates, potential, composite, ability, validity, user, staff)
    truth = _truth(parameters, candidates, staff, potential, composite, decision)
    return World(candidates, staff, forms, performance, employment, preparation(parameters, prepared, met), truth)


def _interviewers(parameters: Parameters, rng: np.random.Generator) -> pl.DataFrame:
    """Recruiters, and members of each family's teams, of whom a fifth are supervisors."""
    n = parameters.interviewers
    recruiters = max(2, round(n * RECRUITER_SHARE))
    family = np.full(n, -1)
    family[recruiters:] = rng.permutation(np.resize(TEAM_PATTERN, n - recruiters))
    supervisor = np.zeros(n, dtype=bool)
    for index in range(len(FAMILIES)):
        team = np.flatnonzero(family == index)
        supervisor[team[: max(1, len(team) // 5)]] = True
    return pl.DataFrame(
        {
            "interviewer": np.arange(n),
            "family": family,
            "supervisor": supervisor,
            "severity": parameters.severity * rng.normal(size=n),
            "drift": parameters.drift * rng.normal(size=n),
        }
    )


def _top(score: np.ndarray, share: float, within: np.ndarray) -> np.ndarray:
    """The best share within each requisition, at least nobody, at most everybody."""
    order = pl.DataFrame({"score": score, "within": within}).select(
        pl.col("score").rank("ordinal", descending=True).over("within").alias("rank"),
        pl.len().over("within").alias("n"),
    )
    return (order["rank"] <= (order["n"] * share).round()).to_numpy()


def _hr_forms(
    parameters: Parameters,
    rng: np.random.Generator,
    ability: np.ndarray,
    women: np.ndarray,
    day: np.ndarray,
    staff: pl.DataFrame,
) -> pl.DataFrame:
    """One recruiter each, two for a quarter of the candidates; they judge fit with the person, not the job."""
    recruiters = staff.filter(pl.col("family") < 0)["interviewer"].to_numpy()
    first = rng.choice(recruiters, len(day))
    second = recruiters[(np.searchsorted(recruiters, first) + 1 + rng.integers(0, len(recruiters) - 1, len(day)))
                        % len(recruiters)]  # fmt: skip
    both = np.flatnonzero(rng.random(len(day)) < 0.25)
    candidate = np.concatenate([np.arange(len(day)), both])
    interviewer = np.concatenate([first, second[both]])
    frame = _scored(parameters, rng, ability, women, day, candidate, interviewer, staff)
    # Personality is what the elements share, seen through the HR interviewer's own error.
    return frame.with_columns(
        pl.lit("hr").alias("stage"),
        pl.lit("recruiter").alias("role"),
        pl.mean_horizontal(ELEMENTS).alias("other"),
    ).drop(ELEMENTS)


def _user_forms(
    parameters: Parameters,
    rng: np.random.Generator,
    ability: np.ndarray,
    women: np.ndarray,
    family: np.ndarray,
    day: np.ndarray,
    met: np.ndarray,
    staff: pl.DataFrame,
) -> pl.DataFrame:
    """A supervisor and members of the team; panels of two to four."""
    sizes = rng.choice(PANEL_SIZES, len(met), p=PANEL_SHARES)
    severity = staff["severity"].to_numpy()
    parts = []
    for index in range(len(FAMILIES)):
        here = np.flatnonzero(family[met] == index)
        team = staff.filter(pl.col("family") == index)
        members, leads = team["interviewer"].to_numpy(), team.filter("supervisor")["interviewer"].to_numpy()
        if not len(here):
            continue
        lead = rng.choice(leads, len(here))
        draw_ = rng.gumbel(size=(len(here), len(members)))
        tilt = parameters.harsh_panels * 4 * severity[members] / max(parameters.severity, 1e-9)
        draw_ += np.where(women[met[here]][:, None] > 0, tilt, -tilt) * (parameters.harsh_panels > 0)
        draw_[members[None, :] == lead[:, None]] = np.inf
        wide = min(max(PANEL_SIZES), len(members))
        order = np.argsort(-draw_, axis=1)[:, :wide]
        seats = np.arange(wide)[None, :] < sizes[here][:, None]
        rows, columns = np.nonzero(seats)
        parts.append((met[here][rows], members[order[rows, columns]], columns == 0))
    candidate = np.concatenate([part[0] for part in parts]) if parts else np.array([], dtype=int)
    interviewer = np.concatenate([part[1] for part in parts]) if parts else np.array([], dtype=int)
    lead_seat = np.concatenate([part[2] for part in parts]) if parts else np.array([], dtype=bool)
    seen = ability - apart(parameters, women)
    own = gaps_seen(parameters, staff)
    frame = _scored(parameters, rng, seen, women, day + 10, candidate, interviewer, staff, own)
    role = np.where(lead_seat, "direct_supervisor", "team_member")
    return frame.with_columns(pl.lit("user").alias("stage"), pl.Series("role", role))


def _scored(
    parameters: Parameters,
    rng: np.random.Generator,
    ability: np.ndarray,
    women: np.ndarray,
    day: np.ndarray,
    candidate: np.ndarray,
    interviewer: np.ndarray,
    staff: pl.DataFrame,
    own_gap: np.ndarray | None = None,
) -> pl.DataFrame:
    """Continuous item scores of each form: ability − severity − drift − bias + halo + noise; NaN where unanswered.

    own_gap: how much lower than `bias` says each interviewer scores women.
    """
    years = (day[candidate] - day.mean()) / 365 if len(candidate) else np.zeros(0)
    harsh = staff["severity"].to_numpy()[interviewer] + staff["drift"].to_numpy()[interviewer] * years
    bias = parameters.bias if own_gap is None else parameters.bias + own_gap[interviewer]
    shared = -harsh - bias * women[candidate] + parameters.halo * rng.normal(size=len(candidate))
    items = ability[candidate] + shared[:, None] + parameters.noise * rng.normal(size=(len(candidate), len(ELEMENTS)))
    overall = items @ WEIGHTS + 0.3 * rng.normal(size=len(candidate))
    points = MIDDLE + SPREAD * np.column_stack([items, overall])
    answered = np.where(rng.random(points.shape) < parameters.unanswered, np.nan, points)
    return pl.DataFrame(
        {
            "candidate": candidate,
            "interviewer": interviewer,
            "day": day[candidate] if len(candidate) else np.array([], dtype=int),
            **{name: answered[:, index] for index, name in enumerate(ELEMENTS)},
            "overall": answered[:, -1],
        },
        nan_to_null=True,
    )


def _truth(
    parameters: Parameters,
    candidates: pl.DataFrame,
    staff: pl.DataFrame,
    potential: np.ndarray,
    composite: np.ndarray,
    decision: np.ndarray,
) -> dict[str, Any]:
    """What went in, and what it comes to in this draw: over everyone, also where an audit sees the hired only."""
    met = candidates["met_user"].to_numpy()
    several = int(met.sum()) > 2
    score_validity = float(np.corrcoef(decision[met], potential[met])[0, 1]) if several else None
    rates = {
        GENDERS[int(gender)]: float(part.filter("met_user")["hired"].mean() or 0.0)
        for (gender,), part in candidates.group_by(["gender"], maintain_order=True)
    }
    ability_validity = float(np.corrcoef(composite, potential)[0, 1]) if candidates.height > 2 else None
    seen = gaps_seen(parameters, staff)
    own_gaps = {} if seen is None else {f"I{at:05d}": float(gap) for at, gap in enumerate(seen) if gap}
    return {
        "parameters": parameters.to_dict(),
        "counts": {
            "candidates": candidates.height,
            "met_user": int(met.sum()),
            "hired": int(candidates["hired"].sum()),
        },
        "validity_of_ability": ability_validity,
        "validity_of_mean_user_score_among_user_interviewed": score_validity,
        "selection_rates_at_user_interview": rates,
        "severity": {f"I{row[0]:05d}": row[1] for row in staff.select("interviewer", "severity").iter_rows()},
        "drift_a_year": {f"I{row[0]:05d}": row[1] for row in staff.select("interviewer", "drift").iter_rows()},
        "variances_on_the_latent_scale": {
            "candidate": 1.0,
            "interviewer": parameters.severity**2,
            "halo": parameters.halo**2,
            "item_residual": parameters.noise**2,
        },
    } | ({"own_gap": own_gaps} if own_gaps else {})
