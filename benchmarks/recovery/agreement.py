"""Do the intervals of agreement, within-group agreement and internal consistency hold the truth?

Designs of interview panels: one to five raters per candidate, drawn from a pool with unequal workloads, one rating in
ten unanswered, five-point scores of which nearly half are 5. The truth of a coefficient is its value in a very large
sample of the same design.
"""

from __future__ import annotations

import sys
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.recovery.setting import Setting
from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Estimate

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SKEWED_CUTS = (-2.6, -1.8, -0.9, 0.1)
POOL = 12
VARY_LEVEL = 0.15
"""Variance of the raters' levels; candidates and residuals share the rest, .55 and .30."""
LARGE_SAMPLE = 400_000


@lru_cache
def pool() -> tuple[FloatArray, FloatArray]:
    """Levels and workloads of the fixed raters: the busiest has ten times the interviews of the idlest."""
    rng = np.random.default_rng(20_140_501)
    return rng.normal(0, np.sqrt(VARY_LEVEL), POOL), np.geomspace(10, 1, POOL) / np.geomspace(10, 1, POOL).sum()


def simulate_panels(
    rng: np.random.Generator,
    *,
    candidates: int,
    panel_sizes: tuple[int, ...],
    raters: int = POOL,
    unanswered: float = 0.1,
) -> pl.DataFrame:
    """Five-point scores by panels drawn with unequal chances; `raters` 2 keeps the first two of the pool."""
    levels, workload = (part[:raters] for part in pool())
    sizes = rng.choice(panel_sizes, candidates)
    unit = np.repeat(np.arange(candidates), sizes)
    order = np.argsort(rng.exponential(size=(candidates, raters)) / workload, axis=1)
    place = np.arange(unit.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rater = order[unit, place]
    latent = rng.normal(0, np.sqrt(0.55), candidates)[unit] + levels[rater] + rng.normal(0, np.sqrt(0.3), unit.size)
    score = np.digitize(latent, SKEWED_CUTS) + 1.0
    return pl.DataFrame({"unit": unit, "rater": rater, "score": score}).filter(rng.random(unit.size) >= unanswered)


@lru_cache
def _truth(name: str, panel_sizes: tuple[int, ...], raters: int, options: tuple[tuple[str, Any], ...]) -> float:
    data = simulate_panels(np.random.default_rng(3), candidates=LARGE_SAMPLE, panel_sizes=panel_sizes, raters=raters)
    value = measure(name, data, **dict(options), interval="none").value
    if value is None:
        raise ArithmeticError(f"the large sample did not determine {name}")
    return value


def _panels(
    name: str,
    candidates: int,
    sizes: tuple[int, ...],
    *,
    raters: int = POOL,
    interval: str = "analytic",
    **options: Any,
) -> Setting:
    fixed = {"categories": (1, 2, 3, 4, 5)} if name in ("gwet_ac", "brennan_prediger", "percent_agreement") else {}
    options = fixed | options
    kind = "" if interval == "analytic" else f", {interval}"
    weighting = options.get("weights", "identity")
    spoken = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return Setting(
        name=f"{name}/{weighting}, {candidates} candidates, {spoken} raters{kind}",
        kind="coverage",
        describe=f"{candidates} candidates, {spoken} of {raters} raters each, unequal workloads, 10 % unanswered",
        simulate=partial(simulate_panels, candidates=candidates, panel_sizes=sizes, raters=raters),
        estimate=partial(measure, name, interval=interval, **options),
        truth=_truth(name, sizes, raters, tuple(options.items())),
    )


def simulate_order(rng: np.random.Generator, *, incomplete: bool) -> pl.DataFrame:
    """Scores without any agreement: 30 candidates by 8 raters, or 3 raters of 20 for each of 60 candidates."""
    units, raters, each = (60, 20, 3) if incomplete else (30, 8, 8)
    rater = np.argsort(rng.random((units, raters)), axis=1)[:, :each].ravel()
    score = np.digitize(rng.normal(size=units * each), SKEWED_CUTS) + 1.0
    return pl.DataFrame({"unit": np.repeat(np.arange(units), each), "rater": rater, "score": score})


def _order(name: str, describe: str, *, incomplete: bool, key: str) -> Setting:
    def p_value(estimate: Estimate) -> float:
        return float(estimate.detail[key])

    return Setting(
        name=f"kendall_w/{name}, {key}",
        kind="type_1",
        describe=describe,
        simulate=partial(simulate_order, incomplete=incomplete),
        estimate=partial(measure, "kendall_w"),
        p_value=p_value,
    )


def simulate_cards(
    rng: np.random.Generator, *, candidates: int, cards: int, items: int, skewed: bool, unanswered: float
) -> pl.DataFrame:
    """Cards of `items` items of unequal quality; the cards of one candidate share half of the common factor."""
    loading = np.linspace(0.5, 0.9, items)
    unit = np.repeat(np.arange(candidates), cards)
    common = np.sqrt(0.5) * (rng.normal(size=candidates)[unit] + rng.normal(size=unit.size))
    latent = np.outer(common, loading) + rng.normal(size=(unit.size, items)) * np.sqrt(1 - loading**2)
    score = np.digitize(latent, SKEWED_CUTS) + 1.0 if skewed else latent
    grid = np.indices(score.shape)
    return pl.DataFrame(
        {
            "unit": unit[grid[0].ravel()],
            "rater": grid[0].ravel() % cards,
            "item": grid[1].ravel(),
            "score": score.ravel(),
        }
    ).filter(rng.random(score.size) >= unanswered)


@lru_cache
def _card_truth(name: str, items: int, *, skewed: bool) -> float:
    data = simulate_cards(
        np.random.default_rng(4), candidates=LARGE_SAMPLE, cards=1, items=items, skewed=skewed, unanswered=0.0
    )
    value = measure(name, data, interval="none").value
    if value is None:
        raise ArithmeticError(f"the large sample did not determine {name}")
    return value


def _cards(
    name: str, candidates: int, cards: int, *, items: int = 5, skewed: bool = True, unanswered: float = 0.0,
    interval: str = "analytic",
) -> Setting:  # fmt: skip
    shape = "half of all scores 5" if skewed else "normal"
    holes = ", 10 % unanswered" if unanswered else ""
    kind = "" if interval == "analytic" else f", {interval}"
    return Setting(
        name=f"{name}/{candidates} candidates, {cards} cards, {'skewed' if skewed else 'normal'}{holes}{kind}",
        kind="coverage",
        describe=f"{candidates} candidates, {cards} cards each, {items} items of unequal quality, {shape}{holes}",
        simulate=partial(
            simulate_cards, candidates=candidates, cards=cards, items=items, skewed=skewed, unanswered=unanswered
        ),
        estimate=partial(measure, name, interval=interval),
        truth=_card_truth(name, items, skewed=skewed),
    )


def simulate_groups(rng: np.random.Generator, *, candidates: int) -> pl.DataFrame:
    """Panels of three; candidates differ in how far their raters agree."""
    spread = rng.choice([0.5, 1.0], candidates)[:, None]
    latent = rng.normal(0, 0.7, (candidates, 1)) + spread * rng.normal(size=(candidates, 3))
    score = np.digitize(latent, SKEWED_CUTS) + 1.0
    unit, rater = np.divmod(np.arange(score.size), 3)
    return pl.DataFrame({"unit": unit, "rater": rater, "score": score.ravel()})


@lru_cache
def _group_truth(name: str) -> float:
    data = simulate_groups(np.random.default_rng(5), candidates=LARGE_SAMPLE)
    value = measure(name, data, categories=5, interval="none").value
    if value is None:
        raise ArithmeticError(f"the large sample did not determine {name}")
    return value


def _groups(name: str, candidates: int) -> Setting:
    return Setting(
        name=f"{name}/{candidates} candidates",
        kind="coverage",
        describe=f"{candidates} candidates, panels of 3, half of all scores 5, uniform null",
        simulate=partial(simulate_groups, candidates=candidates),
        estimate=partial(measure, name, categories=5),
        truth=_group_truth(name),
    )


CHANCE = ("percent_agreement", "fleiss_kappa", "conger_kappa", "brennan_prediger", "gwet_ac")
SIZES = (1, 2, 3, 4, 5)
SETTINGS: list[Setting] = [
    *(
        _panels(name, n, SIZES, weights=weights, interval="transformed")
        for name in CHANCE
        for weights in ("identity", "quadratic")
        for n in (25, 60, 200)
    ),
    *(_panels(name, 60, (2,)) for name in CHANCE[1:]),
    *(_panels(name, 60, (3, 4)) for name in CHANCE[1:]),
    _panels("cohen_kappa", 100, (2,), raters=2, weights="identity"),
    *(
        _panels("cohen_kappa", n, (2,), raters=2, weights=weights, interval="transformed")
        for weights in ("identity", "quadratic")
        for n in (30, 100)
    ),
    *(_cards("cronbach_alpha", n, 1) for n in (40, 150)),
    _cards("cronbach_alpha", 60, 3),
    _cards("cronbach_alpha", 60, 3, unanswered=0.1),
    _cards("cronbach_alpha", 150, 1, skewed=False),
    _cards("cronbach_alpha", 150, 1, skewed=False, interval="feldt"),
    *(_cards("omega_total", n, 1) for n in (40, 150)),
    _cards("omega_total", 60, 3, unanswered=0.1),
    _groups("rwg", 100),
    *(_groups("ad_m", n) for n in (25, 100)),
    *(
        _order("complete", "30 candidates by 8 raters, complete, half of all scores 5", incomplete=False, key=key)
        for key in ("p", "p_f")
    ),
    *(
        _order(
            "incomplete blocks", "60 candidates, 3 of 20 raters each, half of all scores 5", incomplete=True, key=key
        )
        for key in ("p", "p_f")
    ),
]
CONSERVATIVE: dict[str, str] = {
    "cohen_kappa/identity, 30 candidates, 2 raters, transformed": "the jackknife is wide for few units",
    "kendall_w/incomplete blocks, p": "chi-square needs many raters per unit; p_f does not",
}
LIMITS: list[Setting] = [
    *(_panels(name, 60, SIZES, weights="quadratic") for name in ("brennan_prediger", "gwet_ac")),
    _panels("conger_kappa", 25, SIZES, weights="quadratic"),
    _panels("cohen_kappa", 30, (2,), raters=2, weights="identity"),
    *(_panels("cohen_kappa", n, (2,), raters=2, weights="quadratic") for n in (30, 100)),
    _cards("cronbach_alpha", 60, 3, interval="feldt"),
    _groups("rwg", 25),
]
"""Where an interval is known to miss its level: documented, and the reason for another interval or a caution."""


def main() -> None:
    """Coverage of LIMITS as a Markdown table: python -m benchmarks.recovery.agreement [REPLICATES]."""
    from benchmarks.recovery.__main__ import run, table

    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(table([run(setting, replicates, seed=1) for setting in LIMITS]))


if __name__ == "__main__":
    main()
