"""What a simulated organisation is like: every effect an audit looks for, at a chosen size."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from fairpanel.simulation.constants import ELEMENTS, RACES


class SimulationError(ValueError):
    """Parameters that no organisation can have: names the parameter and its range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Effects are in standard deviations of candidates' ability unless said otherwise.

    validity: correlation of the composite ability with later performance. severity: SD of interviewers' severity.
    drift: SD of the change of severity a year. halo: SD of a form's shared error. noise: SD of an item's own error.
    gap: how much lower women's ability is in the interview; bias: how much lower the same ability is scored in women;
    harsh_panels: how strongly women meet severe interviewers (0: not at all; 1: the choice of interviewer follows
    severity). pass_hr, hire: shares selected at the HR interview and of those at the user interview. same_rater: share
    of performance ratings given by a supervisor who had interviewed the person; same_rater_bias: how strongly the
    supervisor's own interview impression colours that rating. retention: how much longer better performers stay (log of
    the time to leaving per SD of performance). preparation_effect: how far technical practice lifts user-interview
    scores without lifting performance; preparation_gap: how much smaller women's share with it is.
    unanswered, edited, deleted: shares of items and forms.

    Planted on top, each nothing and drawing nothing at 0, all at the user interview: competency_bias: how much lower the
    same ability in `biased_competency` alone is scored in women. slope_gap: how much weaker women's performance goes with
    their ability (validity less this). cell_bias: how far women of `biased_race` are held back when decisions are made,
    whatever their scores. shift: how far all women are, from the middle of the period on. rater_gap_spread: SD of the
    gap that single interviewers see between women and others, around `bias`.
    """

    candidates: int = 3000
    interviewers: int = 150
    months: int = 24
    start: str = "2024-01-01"
    seed: int = 1
    validity: float = 0.5
    severity: float = 0.4
    drift: float = 0.1
    halo: float = 0.4
    noise: float = 0.7
    ability_correlation: float = 0.5
    gap: float = 0.0
    bias: float = 0.15
    harsh_panels: float = 0.0
    pass_hr: float = 0.6
    hire: float = 0.3
    same_rater: float = 0.5
    same_rater_bias: float = 0.3
    criterion_noise: float = 0.7
    retention: float = 0.4
    preparation_effect: float = 0.0
    preparation_gap: float = 0.0
    unanswered: float = 0.05
    edited: float = 0.01
    deleted: float = 0.005
    declined: float = 0.04
    competency_bias: float = 0.0
    biased_competency: str = "technical"
    slope_gap: float = 0.0
    cell_bias: float = 0.0
    biased_race: str = "Black"
    shift: float = 0.0
    rater_gap_spread: float = 0.0

    def __post_init__(self) -> None:
        date.fromisoformat(self.start)
        for name, least, most in (
            ("candidates", 1, 100_000_000),
            ("interviewers", 10, 1_000_000),
            ("months", 1, 600),
            ("validity", -1, 1),
            ("ability_correlation", 0, 1),
            ("pass_hr", 0, 1),
            ("hire", 0, 1),
            ("same_rater", 0, 1),
            ("unanswered", 0, 1),
            ("edited", 0, 1),
            ("deleted", 0, 1),
            ("declined", 0, 1),
            ("harsh_panels", 0, 1),
            ("severity", 0, 5),
            ("drift", 0, 5),
            ("halo", 0, 5),
            ("noise", 0, 5),
            ("criterion_noise", 0, 5),
            ("retention", -3, 3),
            ("preparation_effect", -3, 3),
            ("preparation_gap", -1, 1),
            ("competency_bias", -3, 3),
            ("slope_gap", self.validity - 1, self.validity + 1),
            ("cell_bias", -10, 10),
            ("shift", -10, 10),
            ("rater_gap_spread", 0, 3),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise SimulationError(f"{name} lies between {least} and {most}, got {value}")

        for name, known in (("biased_competency", ELEMENTS), ("biased_race", RACES)):
            if getattr(self, name) not in known:
                raise SimulationError(f"{name} is one of {', '.join(known)}, got {getattr(self, name)!r}")

    def to_dict(self) -> dict[str, Any]:
        """Every parameter; of those planted on top, the ones that do something."""
        told = asdict(self)
        for name, where in PLANTED.items():
            if not told[name]:
                for each in (name, *where):
                    del told[each]
        return told


PLANTED: dict[str, tuple[str, ...]] = {
    "competency_bias": ("biased_competency",),
    "slope_gap": (),
    "cell_bias": ("biased_race",),
    "shift": (),
    "rater_gap_spread": (),
}
"""Biases planted on top, each with the parameters that say where."""
