"""Does the many-facet Rasch model find generating severities as closely as its standard errors say?

    python -m benchmarks.recovery.rasch --replicates 300

prints a Markdown table: standardised errors (estimate − truth) / se of raters, competencies and thresholds, which
should have a standard deviation of 1, and the slope of estimates on truth, which should be 1. The settings below put
the interval of the rater separation reliability and that of a difference of two severities to the usual test.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.recovery.setting import Setting
from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate, Interval

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

THRESHOLDS = np.array([-1.6, -0.6, 0.5, 1.7])


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A design of interviews with five-point scores.

    sizes : raters a candidate may meet, all of the same chance; None: every rater. level : mean merit in logits; 1.5
    makes about two scores of five a 5. merit : distribution of candidates, SD 1.3. busy : workloads of raters differ tenfold.
    steered : candidates of high merit tend to meet harsh raters. missing : share of scores left out at random.
    """

    name: str
    describe: str
    candidates: int
    raters: int
    items: int
    sizes: tuple[int, ...] | None = None
    level: float = 0.0
    merit: Literal["normal", "skewed"] = "normal"
    busy: bool = False
    steered: bool = False
    missing: float = 0.0
    severity_sd: float = 0.6


PANELS = (
    Panel(name="complete", describe="200 candidates × 8 raters × 4 competencies", candidates=200, raters=8, items=4),
    Panel(
        name="complete, one score",
        describe="300 candidates × 6 raters, one score each, skewed",
        candidates=300,
        raters=6,
        items=1,
        level=1.5,
    ),
    Panel(
        name="sparse",
        describe="300 candidates, 40 raters, 1-5 each, 4 competencies, unequal workloads, 10 % missing, skewed",
        candidates=300,
        raters=40,
        items=4,
        sizes=(1, 2, 3, 4, 5),
        level=1.5,
        busy=True,
        missing=0.1,
    ),
    Panel(
        name="sparse, one score",
        describe="1,000 candidates, 40 raters, 1-5 each, one score, unequal workloads, 10 % missing, skewed",
        candidates=1000,
        raters=40,
        items=1,
        sizes=(1, 2, 3, 4, 5),
        level=1.5,
        busy=True,
        missing=0.1,
    ),
    Panel(
        name="sparse, skewed merit",
        describe="as sparse, merit exponential",
        candidates=300,
        raters=40,
        items=4,
        sizes=(1, 2, 3, 4, 5),
        level=1.5,
        merit="skewed",
        busy=True,
        missing=0.1,
    ),
    Panel(
        name="sparse, steered",
        describe="300 candidates, 40 raters, 2 each, 2 competencies; better candidates meet harsher raters",
        candidates=300,
        raters=40,
        items=2,
        sizes=(2,),
        steered=True,
    ),
)


@lru_cache
def truth(panel: Panel) -> tuple[FloatArray, FloatArray]:
    """Severities and difficulties of a panel, drawn once, of mean 0."""
    rng = np.random.default_rng(19_890_417)
    severity, difficulty = rng.normal(0, panel.severity_sd, panel.raters), np.linspace(-0.5, 0.5, panel.items)
    return severity - severity.mean(), difficulty - difficulty.mean()


def simulate(rng: np.random.Generator, *, panel: Panel, redraw: bool = False) -> pl.DataFrame:
    """Scores 1 to 5 from the rating scale model; redraw gives the raters new severities, too."""
    severity, difficulty = truth(panel)
    if redraw:
        severity = rng.normal(0, panel.severity_sd, panel.raters)
    merit = rng.normal(0, 1.3, panel.candidates)
    if panel.merit == "skewed":
        merit = 1.3 * (rng.exponential(1, panel.candidates) - 1)
    chance = np.geomspace(10, 1, panel.raters) if panel.busy else np.ones(panel.raters)
    pools = []
    for one in range(panel.candidates):
        if panel.sizes is None:
            pools.append(np.arange(panel.raters))
            continue
        pull = chance * np.exp(merit[one] * severity) if panel.steered else chance
        pools.append(rng.choice(panel.raters, rng.choice(panel.sizes), replace=False, p=pull / pull.sum()))
    size = np.array([pool.size for pool in pools])
    unit = np.repeat(np.arange(panel.candidates), size * panel.items)
    rater = np.repeat(np.concatenate(pools), panel.items)
    item = np.tile(np.arange(panel.items), int(size.sum()))
    score = draw_scores(rng, panel.level + merit[unit] - severity[rater] - difficulty[item])
    keep = rng.random(unit.size) >= panel.missing
    return pl.DataFrame({"unit": unit, "rater": rater, "item": item, "score": score}).filter(pl.Series(keep))


def draw_scores(rng: np.random.Generator, eta: FloatArray) -> IntArray:
    """Five-point scores with `THRESHOLDS`."""
    z = np.arange(5)[:, None] * eta - np.r_[0, np.cumsum(THRESHOLDS)][:, None]
    p = np.exp(z - z.max(axis=0))
    p /= p.sum(axis=0)
    return np.asarray((rng.random(eta.size) > np.cumsum(p, axis=0)[:-1]).sum(axis=0) + 1)


@dataclass(slots=True)
class Errors:
    """Standardised errors and (truth, estimate) pairs gathered over replicates."""

    standardised: dict[str, list[float]]
    pairs: list[tuple[float, float]]
    unknown: int = 0

    def sd(self, what: str) -> float:
        """Root mean square standardised error."""
        return float(np.sqrt(np.mean(np.square(self.standardised[what])))) if self.standardised[what] else float("nan")

    def slope(self) -> float:
        true, found = np.array(self.pairs).T
        return float(true @ found / (true @ true))

    def rmse(self) -> float:
        true, found = np.array(self.pairs).T
        return float(np.sqrt(np.mean((true - found) ** 2)))


def recover(panel: Panel, replicates: int, seed: int = 1, **options: Any) -> Errors:
    """Fit simulated data of a panel and compare with its truth."""
    rng = np.random.default_rng([seed, len(panel.name), panel.candidates, panel.items])
    severity, difficulty = truth(panel)
    errors = Errors({"rater": [], "item": [], "threshold": []}, [])
    for _ in range(replicates):
        found = measure("many_facet_rasch", simulate(rng, panel=panel), interval="none", unexpected=0, **options)
        if not found.detail or not found.detail["convergence"]["converged"]:
            errors.unknown += 1
            continue
        for facet, true in (("rater", severity), ("item", difficulty)):
            measures, se = found.detail["measures"][facet], found.detail["se"][facet]
            extreme = found.detail["extreme"][facet]
            usable = [level for level in measures if measures[level] is not None and se[level] and level not in extreme]
            if len(usable) < 2:
                continue
            own = np.array([true[int(level)] for level in usable])
            own -= own.mean()
            estimates = np.array([measures[level] for level in usable])
            errors.standardised[facet] += ((estimates - own) / [se[level] for level in usable]).tolist()
            if facet == "rater":
                errors.pairs += list(zip(own.tolist(), estimates.tolist(), strict=True))
        steps = zip(found.detail["thresholds"], found.detail["thresholds_se"], THRESHOLDS, strict=True)
        errors.standardised["threshold"] += [(one - true) / se for one, se, true in steps if one is not None]
    return errors


def table(replicates: int, panels: tuple[Panel, ...] = PANELS) -> str:
    """A Markdown table over panels and estimators."""
    lines = [
        "| design | estimator | raters: SD of (estimate − truth)/se | slope | rmse | competencies | thresholds | failed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for panel in panels:
        for estimation in ("cml", "mml", "jmle"):
            errors = recover(panel, replicates, estimation=estimation)
            item = f"{errors.sd('item'):.2f}" if panel.items > 1 else ""
            lines.append(
                f"| {panel.describe if estimation == 'cml' else ''} | {estimation} | {errors.sd('rater'):.2f} | "
                f"{errors.slope():.3f} | {errors.rmse():.3f} | {item} | {errors.sd('threshold'):.2f} | {errors.unknown} |"
            )
    return "\n".join(lines)


def difference(data: pl.DataFrame, *, estimation: str) -> Estimate:
    """Severity of rater 0 less that of rater 1 with an interval, from a fit by two raters' measures and errors."""
    found = measure("many_facet_rasch", data, estimation=estimation, interval="none", unexpected=0)
    measures, se = found.detail["measures"]["rater"], found.detail["se"]["rater"]
    value = measures["0"] - measures["1"]
    half = 1.959964 * float(np.hypot(se["0"], se["1"]))
    return Estimate(
        measure="many_facet_rasch",
        method="difference of two severities",
        value=value,
        interval=Interval(low=value - half, high=value + half, level=0.95, method="errors taken as independent"),
    )


def severity_sd(data: pl.DataFrame, *, estimation: str) -> Estimate:
    """Standard deviation of true severities that the reliability and its interval stand for.

    The mean squared error depends on the panel at hand, so the reliability has no truth common to all replicates; the
    standard deviation, error · sqrt(reliability / (1 − reliability)), has.
    """
    found = measure("many_facet_rasch", data, estimation=estimation, unexpected=0)
    if found.value is None or found.interval is None:
        return found
    error = found.detail["separation"]["rater"]["rmse"]

    def sd(reliability: float) -> float:
        return float(error * np.sqrt(reliability / (1 - reliability))) if reliability < 1 else float("inf")

    low, high = sd(found.interval.low), sd(found.interval.high)
    return Estimate(
        measure="many_facet_rasch",
        method="standard deviation of severities from the separation reliability",
        value=sd(found.value),
        interval=Interval(low=low, high=high, level=0.95, method=found.interval.method),
    )


def _reliability(panel: Panel, estimation: Literal["cml", "mml"]) -> Setting:
    estimate: Callable[[pl.DataFrame], Estimate] = partial(severity_sd, estimation=estimation)
    return Setting(
        name=f"many_facet_rasch/reliability, {panel.name}, {estimation}",
        kind="coverage",
        describe=f"{panel.describe}; raters redrawn; SD of severities",
        simulate=partial(simulate, panel=panel, redraw=True),
        estimate=estimate,
        truth=panel.severity_sd,
    )


def _difference(panel: Panel, estimation: Literal["cml", "mml"]) -> Setting:
    severity, _ = truth(panel)
    estimate: Callable[[pl.DataFrame], Estimate] = partial(difference, estimation=estimation)
    return Setting(
        name=f"many_facet_rasch/difference, {panel.name}, {estimation}",
        kind="coverage",
        describe=f"{panel.describe}; severity of one rater less another's",
        simulate=partial(simulate, panel=panel),
        estimate=estimate,
        truth=float(severity[0] - severity[1]),
    )


SPARSE, ONE_SCORE = PANELS[2], PANELS[3]
SETTINGS: list[Setting] = [
    _reliability(SPARSE, "cml"),
    _reliability(ONE_SCORE, "cml"),
    _reliability(ONE_SCORE, "mml"),
    _difference(SPARSE, "cml"),
    _difference(ONE_SCORE, "cml"),
    _difference(ONE_SCORE, "mml"),
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery.rasch", description=__doc__.split("\n")[0])
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--only", default="", help="designs whose name contains this text")
    options = parser.parse_args()
    print(table(options.replicates, tuple(panel for panel in PANELS if options.only in panel.name)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
