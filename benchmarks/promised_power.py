"""Effects of the size that an estimate states as its minimum detectable one: are 80 % of them found at p < .05?

    python -m benchmarks.promised_power --replicates 1000

What is promised is the mean of what estimates on data without the effect state, as a report states it beside a null result.
"""

from __future__ import annotations

import argparse
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from fairpanel.findings.rules import TWO_DF
from fairpanel.measures.estimate import Estimate
from fairpanel.measures.fairness.adverse_impact import impact_ratio
from fairpanel.measures.fairness.crossed_rates import crossed_rates
from fairpanel.measures.fairness.differential_prediction import differential_prediction
from fairpanel.measures.fairness.exact_tests import lancaster_mid_p
from fairpanel.measures.fairness.group_differences import standardized_difference
from fairpanel.measures.fairness.item_bias import dif_mantel_haenszel
from fairpanel.measures.fairness.panel_assignment import panel_assignment
from fairpanel.measures.fairness.rater_group_interaction import rater_group_interaction
from fairpanel.measures.fairness.stratified import mantel_haenszel

Simulation = Callable[[np.random.Generator, float], pl.DataFrame]
PAIR = {"focal": "f", "reference": "r"}
LEVEL = 0.05
PILOTS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Data with an effect of a size, the estimate that promises, its size in what simulate takes, and its tests."""

    name: str
    describe: str
    simulate: Simulation
    promise: Callable[[pl.DataFrame], Estimate]
    size: Callable[[Estimate], float]
    tests: dict[str, Callable[[pl.DataFrame], float]]


def _groups(rng: np.random.Generator, focal_n: int, reference_n: int) -> np.ndarray:
    return rng.permutation(np.repeat((True, False), (focal_n, reference_n)))


def _selected(focal_n: int, reference_n: int, rate: float) -> Simulation:
    """Focal people selected at the rate less the effect."""

    def simulate(rng: np.random.Generator, effect: float) -> pl.DataFrame:
        focal = _groups(rng, focal_n, reference_n)
        chosen = rng.random(focal.size) < rate + effect * focal
        return pl.DataFrame({"group": np.where(focal, "f", "r"), "selected": chosen})

    return simulate


def _scored(focal_n: int, reference_n: int) -> Simulation:
    def simulate(rng: np.random.Generator, effect: float) -> pl.DataFrame:
        focal = _groups(rng, focal_n, reference_n)
        return pl.DataFrame({"group": np.where(focal, "f", "r"), "score": rng.normal(size=focal.size) - effect * focal})

    return simulate


def _requisitions(count: int, size: int) -> Simulation:
    """Log odds of selection vary by requisition and are lower by the effect in the focal group."""

    def simulate(rng: np.random.Generator, effect: float) -> pl.DataFrame:
        stratum = np.repeat(np.arange(count), size)
        focal = rng.random(stratum.size) < 0.4
        logit = -0.8 + 0.6 * rng.normal(size=count)[stratum] - effect * focal
        chosen = rng.random(stratum.size) < 1 / (1 + np.exp(-logit))
        return pl.DataFrame({"stratum": stratum, "group": np.where(focal, "f", "r"), "selected": chosen})

    return simulate


def _lines(focal_n: int, reference_n: int) -> Simulation:
    """Performance on score: slopes .5 and .5 less the effect."""

    def simulate(rng: np.random.Generator, effect: float) -> pl.DataFrame:
        focal = _groups(rng, focal_n, reference_n)
        x = rng.normal(size=focal.size)
        y = (0.5 - effect * focal) * x + 0.85 * rng.normal(size=focal.size)
        return pl.DataFrame({"group": np.where(focal, "f", "r"), "x": x, "y": y})

    return simulate


def _interviewers(raters: int, units: int) -> Simulation:
    """Three of the raters a candidate, 40 % focal; raters' own gaps have the effect as their SD."""

    def simulate(rng: np.random.Generator, effect: float) -> pl.DataFrame:
        focal = rng.random(units) < 0.4
        rater = np.argsort(rng.random((units, raters)), axis=1)[:, :3].T.ravel()
        unit = np.tile(np.arange(units), 3)
        gap, level = effect * rng.normal(size=raters), 0.4 * rng.normal(size=raters)
        score = 0.8 * rng.normal(size=units)[unit] + level[rater] + gap[rater] * focal[unit]
        score += 0.6 * rng.normal(size=unit.size)
        return pl.DataFrame({"unit": unit, "rater": rater, "score": score, "group": np.where(focal[unit], "f", "r")})

    return simulate


def _panels(units: int) -> Simulation:
    """Two of twelve raters; the second is harsh (by .72) more often for focal candidates: that much in mean leniency."""

    def simulate(rng: np.random.Generator, effect: float) -> pl.DataFrame:
        level = np.concatenate((np.linspace(-0.3, 0.3, 6), np.linspace(-0.6, 0.6, 6)))
        focal = rng.random(units) < 0.4
        harsh = rng.random(units) < 0.5 + np.where(focal, 1, -1) * effect / 0.72
        rater = np.concatenate((rng.integers(0, 6, units), 6 + rng.integers(0, 3, units) + 3 * ~harsh))
        merit = 0.8 * rng.normal(size=units)
        score = np.tile(merit, 2) + level[rater] + 0.6 * rng.normal(size=2 * units)
        group = np.tile(np.where(focal, "f", "r"), 2)
        return pl.DataFrame({"unit": np.tile(np.arange(units), 2), "rater": rater, "score": score, "group": group})

    return simulate


def _items(focal_n: int, reference_n: int) -> Simulation:
    """Five scores of an item by standing; log odds lower by the effect in the focal group at every standing."""

    def simulate(rng: np.random.Generator, effect: float) -> pl.DataFrame:
        focal = _groups(rng, focal_n, reference_n)
        matching = rng.binomial(10, np.where(focal, 0.45, 0.55))
        index = 0.4 * (matching - 5) - effect * focal
        reach = 1 / (1 + np.exp(-(index[:, None] + np.array((2.0, 0.7, -0.5, -2.0))[None, :])))
        item = (rng.random(focal.size)[:, None] < reach).sum(axis=1)
        return pl.DataFrame({"group": np.where(focal, "f", "r"), "matching": matching, "item": item})

    return simulate


def _crossed(people: int) -> Simulation:
    """Two by five cells of unlike size; their log odds depart by the effect as an SD."""

    def simulate(rng: np.random.Generator, effect: float) -> pl.DataFrame:
        one = (rng.random(people) < 0.45).astype(int)
        two = rng.choice(5, people, p=(0.55, 0.18, 0.12, 0.12, 0.03))
        logit = -0.8 + effect * rng.normal(size=(2, 5))[one, two]
        chosen = rng.random(people) < 1 / (1 + np.exp(-logit))
        return pl.DataFrame({"one": np.array(["a", "b"])[one], "two": np.array(list("vwxyz"))[two], "selected": chosen})

    return simulate


def _p(measure: Callable[..., Estimate], key: str, **options: object) -> Callable[[pl.DataFrame], float]:
    def p_value(frame: pl.DataFrame) -> float:
        found = measure(frame, **options).detail.get(key)
        return 1.0 if found is None else float(found)

    return p_value


def _stated(name: str, times: float = 1.0) -> Callable[[Estimate], float]:
    return lambda estimate: times * float(estimate.detail["minimum_detectable"][name])


def _of(measure: Callable[..., Estimate], **options: object) -> Callable[[pl.DataFrame], Estimate]:
    return lambda frame: measure(frame, **options)


def _selection(focal_n: int, reference_n: int, rate: float) -> Promise:
    return Promise(
        name="selection rate gap", describe=f"rate {rate:.2f}, {focal_n} and {reference_n} people",
        simulate=_selected(focal_n, reference_n, rate), promise=_of(impact_ratio, **PAIR),
        size=lambda estimate: float(estimate.detail["minimum_detectable"]["difference"] or math.nan),
        tests={"Lancaster's mid-p": _p(lancaster_mid_p, "p_two_sided", **PAIR)},
    )  # fmt: skip


def promises() -> list[Promise]:
    lines = {"covariance": "hc3", **PAIR}
    panel = {"replicates": 200, **PAIR}
    return [
        _selection(150, 250, 0.3),
        _selection(60, 300, 0.5),
        *(
            Promise(
                name="standardized score difference", describe=f"{f} and {r} people", simulate=_scored(f, r),
                promise=_of(standardized_difference, y="score", **PAIR), size=_stated("d"),
                tests={"t": _p(standardized_difference, "p", y="score", **PAIR)},
            )
            for f, r in ((60, 120), (12, 40))
        ),
        *(
            Promise(
                name="odds ratio within requisitions", describe=f"{count} requisitions of {size}",
                simulate=_requisitions(count, size), promise=_of(mantel_haenszel, **PAIR), size=_stated("log_odds_ratio"),
                tests={"continuity-corrected": _p(mantel_haenszel, "p_corrected", **PAIR)},
            )
            for count, size in ((60, 12), (150, 5))
        ),
        *(
            Promise(
                name="slope difference", describe=f"{f} and {r} hired", simulate=_lines(f, r),
                promise=_of(differential_prediction, **lines), size=_stated("difference"),
                tests={"slopes": _p(differential_prediction, "slope_p", **lines)},
            )
            for f, r in ((80, 120), (25, 60))
        ),
        *(
            Promise(
                name="slope difference, as the finding states it", describe=f"{f} and {r} hired", simulate=_lines(f, r),
                promise=_of(differential_prediction, **lines), size=_stated("difference", TWO_DF),
                tests={"lines (slopes and intercepts)": _p(differential_prediction, "omnibus_p", **lines)},
            )
            for f, r in ((80, 120), (25, 60))
        ),
        *(
            Promise(
                name="SD of interviewers' gaps", describe=f"{raters} raters, {units} candidates",
                simulate=_interviewers(raters, units), promise=_of(rater_group_interaction, **PAIR), size=_stated("sd"),
                tests={"Q": _p(rater_group_interaction, "p", **PAIR)},
            )
            for raters, units in ((30, 300), (8, 150))
        ),
        Promise(
            name="panels met", describe="300 candidates, two of twelve raters each", simulate=_panels(300),
            promise=_of(panel_assignment, **panel), size=_stated("difference"),
            tests={"between": _p(panel_assignment, "between_p", **panel)},
        ),
        Promise(
            name="a competency at equal standing", describe="100 and 200 people, five scores", simulate=_items(100, 200),
            promise=_of(dif_mantel_haenszel, **PAIR), size=_stated("log_odds_ratio"),
            tests={"Mantel": _p(dif_mantel_haenszel, "p", **PAIR)},
        ),
        Promise(
            name="SD of crossed groups", describe="1,200 people in two by five groups", simulate=_crossed(1200),
            promise=_of(crossed_rates, group=["one", "two"], replicates=199), size=_stated("sd"),
            tests={"Pearson, drawn": _p(crossed_rates, "p", group=["one", "two"], replicates=399)},
        ),
    ]  # fmt: skip


def power(promise: Promise, replicates: int, seed: int) -> tuple[float, dict[str, float]]:
    """The promised size, and how often each test finds an effect of it."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{promise.name}, {promise.describe}".encode())])
    stated = [promise.size(promise.promise(promise.simulate(rng, 0.0))) for _ in range(min(PILOTS, replicates))]
    size = float(np.nanmean(stated))
    hits = dict.fromkeys(promise.tests, 0)
    for _ in range(replicates):
        frame = promise.simulate(rng, size)
        for name, test in promise.tests.items():
            hits[name] += test(frame) < LEVEL
    return size, {name: count / replicates for name, count in hits.items()}


def power_table(replicates: int, seed: int, only: str = "") -> str:
    """Markdown, a row a test; of the effects whose name contains a text."""
    lines = ["| effect | data | promised | test | found | within 75–85 % |", "|---|---|---:|---|---:|---|"]
    for promise in (each for each in promises() if only in each.name):
        size, found = power(promise, replicates, seed)
        for name, share in found.items():
            error = math.sqrt(share * (1 - share) / replicates)
            within = "yes" if 0.75 <= share <= 0.85 else "NO"
            shown = f"{share:.1%} ± {error:.1%}"
            lines.append(f"| {promise.name} | {promise.describe} | {size:.3f} | {name} | {shown} | {within} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--only", default="", help="effects whose name contains this")
    options = parser.parse_args(arguments)
    print(power_table(options.replicates, options.seed, options.only))


if __name__ == "__main__":
    main()
