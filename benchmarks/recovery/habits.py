"""Do flags of rater habits keep their false-discovery rate, and do they find what is there?

    python -m benchmarks.recovery.habits --replicates 300

Interview panels with unequal workloads, one to five raters a candidate, a tenth of the items unanswered, five-point
scores with a ceiling. In "nobody" no rater has any habit; in each other setting a tenth of the raters has one. A habit's
false-discovery proportion is the share of false ones among its flags (0 without flags), its power the share of raters
with the habit who are flagged. Prints a Markdown table; ends with exit code 1 when a mean proportion passes .07.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from tqdm import tqdm

from fairpanel.measures.catalogue import measure

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

CUTS = (-2.4, -1.6, -0.6, 0.5)
"""Thresholds that turn a latent score into 1 to 5: about two fifths of all scores are 5."""
HABITS: Mapping[str, str] = {
    "severity": "scores 1 SD of candidates lower",
    "discrimination": "sees two fifths of the differences between candidates",
    "range": "uses half of the scale's width",
    "inconsistency": "twice the chance error",
    "halo": "one impression makes nine tenths of what is specific to a competency disappear",
    "same_score_throughout": "gives one score for everything in half of the forms",
    "copying": "takes over a panel mate's form in half of the forms",
    "order": "half an SD higher with every position in the day",
    "contrast": "one point lower after a candidate one point better",
    "submission_lag": "submits three times as late",
    "drift": "0.2 SD harsher from each of eight periods to the next",
}
LARGEST_RATE = 0.07
MARGIN = 0.25
"""Severities nearer to the mean than this, in standard deviations of candidates, are nobody's habit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Sizes of a simulated panel."""

    name: str
    candidates: int
    raters: int
    panel: tuple[int, int]
    items: int = 4
    five_point: bool = True


DESIGNS = (
    Design(name="small", candidates=150, raters=15, panel=(1, 3)),
    Design(name="middle", candidates=600, raters=50, panel=(1, 5)),
    Design(name="normal scores", candidates=400, raters=40, panel=(2, 3), five_point=False),
)


def simulate(rng: np.random.Generator, design: Design, habit: str | None) -> tuple[pl.DataFrame, dict[str, set[str]]]:
    """Ratings with items and times, and by habit the raters who have it (severity: beyond the margin)."""
    raters, items = design.raters, design.items
    work = rng.pareto(2.5, raters) + 0.4
    sizes = rng.integers(design.panel[0], design.panel[1] + 1, design.candidates)
    unit = np.repeat(np.arange(design.candidates), sizes)
    rater = np.concatenate([rng.choice(raters, size, replace=False, p=work / work.sum()) for size in sizes])
    chosen = np.zeros(raters, dtype=bool)
    if habit is not None:
        busy = np.argsort(-np.bincount(rater, minlength=raters))[: raters // 2]
        chosen[rng.choice(busy, max(1, raters // 10), replace=False)] = True
    own = chosen[rater]

    true = rng.normal(0, 1, design.candidates)
    severity = rng.normal(0, 0.3, raters) + (chosen * 1.0 if habit == "severity" else 0)
    met, position, before = _days(rng, rater, true, unit)
    impression = rng.normal(0, 0.5, unit.size) * np.where(own & (habit == "inconsistency"), 2.5, 1)
    level = true[unit] * np.where(own & (habit == "discrimination"), 0.4, 1) - severity[rater] + impression
    period = unit * 8 // design.candidates
    if habit == "drift":
        level = level - own * 0.2 * period
    if habit == "order":
        level = level + own * 0.5 * position
    if habit == "contrast":
        level = level - own * 1.0 * before
    specific = rng.normal(0, 0.4, (design.candidates, items))[unit] + rng.normal(0, 0.6, (unit.size, items))
    if habit == "halo":
        specific = specific * np.where(own, 0.1, 1)[:, None]
    latent = level[:, None] + specific
    if habit == "range":
        latent = np.where(own[:, None], 0.5 * latent, latent)
    if habit == "same_score_throughout":
        throughout = own & (rng.random(unit.size) < 0.5)
        latent = np.where(throughout[:, None], level[:, None], latent)
    score = np.digitize(latent, CUTS) + 1.0 if design.five_point else latent
    if habit == "same_score_throughout" and not design.five_point:
        score = np.where((own & (rng.random(unit.size) < 0.5))[:, None], score[:, :1], score)
    if habit == "copying":
        for form in np.flatnonzero(own & (rng.random(unit.size) < 0.5)):
            mates = np.flatnonzero((unit == unit[form]) & (rater != rater[form]))
            if mates.size:
                score[form] = score[rng.choice(mates)]
    lag = rng.lognormal(0, 0.7, unit.size) * np.where(own & (habit == "submission_lag"), 3, 1)
    frame = pl.DataFrame(
        {
            "unit": np.repeat(unit, items),
            "rater": np.repeat(rater, items),
            "item": np.tile(np.arange(items), unit.size),
            "score": score.ravel(),
            "interviewed_at": np.repeat(met, items),
            "submitted_at": np.repeat(met + lag, items),
            "period": np.repeat(period, items),
        }
    )
    kept = rng.random(frame.height) > 0.1 if design.five_point else np.ones(frame.height, dtype=bool)
    having = {"severity": np.abs(severity - severity.mean()) > MARGIN}
    if habit not in (None, "severity"):
        having[habit] = chosen
    return frame.filter(pl.Series(kept)), {name: {str(r) for r in np.flatnonzero(who)} for name, who in having.items()}


def _days(
    rng: np.random.Generator, rater: IntArray, true: FloatArray, unit: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Every rater meets three candidates a day, in random order: time, position, and how good the one before was."""
    shuffled = rng.permutation(rater.size)
    order = shuffled[np.argsort(rater[shuffled], kind="stable")]
    place = np.arange(rater.size) - np.flatnonzero(np.diff(rater[order], prepend=-1))[rater[order]]
    met, position, before = np.empty(rater.size), np.empty(rater.size), np.zeros(rater.size)
    met[order] = place // 3 + (1 + place % 3) / 8
    position[order] = place % 3
    previous = np.roll(true[unit[order]], 1)
    before[order] = np.where(place % 3 > 0, previous, 0.0)
    return met, position, before


def flags(frame: pl.DataFrame) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Raters flagged and raters judged, by habit."""
    found = measure("rater_habits", frame).detail["raters"]
    flagged: dict[str, set[str]] = {habit: set() for habit in HABITS}
    judged: dict[str, set[str]] = {habit: set() for habit in HABITS}
    for rater, row in found.items():
        for habit, figures in row["habits"].items():
            judged[habit].add(rater)
            if figures["flagged"]:
                flagged[habit].add(rater)
    drift = measure("rater_drift", frame).detail.get("raters", {})
    judged["drift"] = set(drift)
    flagged["drift"] = {rater for rater, row in drift.items() if row["flagged"]}
    return flagged, judged


def proportions(design: Design, habit: str | None, replicates: int, seed: int) -> tuple[dict[str, float], float | None]:
    """Mean false-discovery proportion by habit judged, and the power for the one that is there.

    In a setting with a habit only its own false-discovery proportion counts: the raters who have it may well be unusual
    in others, too.
    """
    false: dict[str, list[float]] = {}
    found, there = 0, 0
    for index in range(replicates):
        frame, guilty = simulate(np.random.default_rng([seed, index, len(habit or "")]), design, habit)
        flagged, judged = flags(frame)
        for name in HABITS if habit is None else [habit]:
            if not judged[name]:
                continue
            wrong = flagged[name] - guilty.get(name, set())
            false.setdefault(name, []).append(len(wrong) / max(len(flagged[name]), 1))
        if habit is not None:
            found += len(flagged[habit] & guilty[habit])
            there += len(judged[habit] & guilty[habit])
    return {name: float(np.mean(values)) for name, values in false.items()}, found / there if there else None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery.habits", description=__doc__.split("\n")[0])
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    print("| design | habit of a tenth of the raters | habit judged | false-discovery proportion | MC error | power |")
    print("|---|---|---|---|---|---|")
    worst = 0.0
    settings = [(design, habit) for design in DESIGNS for habit in (None, *HABITS)]
    for design, habit in tqdm(settings, file=sys.stderr):
        if habit == "same_score_throughout" and not design.five_point:
            continue
        rates, power = proportions(design, habit, options.replicates, options.seed)
        for name, rate in rates.items():
            error = (max(rate * (1 - rate), 1e-9) / options.replicates) ** 0.5
            worst = max(worst, rate - 2 * error)
            there = "nobody" if habit is None else HABITS[habit]
            told = "" if power is None else f"{power:.0%}"
            print(f"| {design.name} | {there} | {name} | {rate:.1%} | {error:.1%} | {told} |", flush=True)
    return 0 if worst <= LARGEST_RATE else 1


if __name__ == "__main__":
    sys.exit(main())
