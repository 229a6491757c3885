"""The chain from observed to operational validity: which step tells the truth under which way of hiring, and which fails.

    python -m benchmarks.recovery.chain --data-sets 4000 --output chain.md

2,000 applicants, 200 hired. The interview score is the mean of 2 to 4 of 100 interviewers with severity, performance
the mean of 2 of 40 raters.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import NormalDist

import numpy as np
import polars as pl
from tqdm import tqdm

from benchmarks.recovery.setting import Setting
from fairpanel.measures.estimate import Estimate, Interval
from fairpanel.measures.validity.range_restriction import corrected_validity
from fairpanel.measures.validity.validity_chain import validity_chain

SEED = 20261123
PROCESSES = 2
RARE = 0.9  # a step that this share of the data sets does not determine shows no figures
STEPS = ("observed", "criterion_corrected", "direct", "indirect", "applicant_pool", "operational", "true_score")

APPLICANTS, HIRED, INTERVIEWED = 2000, 200, 800
SEVERITY = 0.15
NOISE_X, NOISE_Y = 0.8, 0.5
TRUE_VALIDITY = 0.35
ERROR_X = (SEVERITY + NOISE_X) * (1 / 2 + 1 / 3 + 1 / 4) / 3
ERROR_Y = (SEVERITY + NOISE_Y) / 2
OPERATIONAL = TRUE_VALIDITY / math.sqrt(1 + ERROR_X)
POOL = OPERATIONAL / math.sqrt(1 + ERROR_Y)
LINK = 0.5  # of the earlier stage with the interview's true score
PARTIAL = 0.3  # of what nobody recorded with performance, given the interview's true score


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A way of hiring, and the steps that claim the applicants' correlation under it."""

    name: str
    describe: str
    taken: Callable[[dict[str, np.ndarray]], np.ndarray]
    gate: bool = False
    covariates: tuple[str, ...] = ()
    claims: frozenset[str] = frozenset()


def _top(merit: np.ndarray, number: int) -> np.ndarray:
    return merit >= np.partition(merit, -number)[-number]


_BY_LIKELIHOOD = frozenset({"applicant_pool", "operational", "true_score"})
DESIGNS = [
    Design(
        name="direct", describe="hired by the interview score alone", claims=_BY_LIKELIHOOD | {"direct"},
        taken=lambda s: _top(s["x"], HIRED),
    ),
    Design(
        name="composite", describe="hired by the sum of interview and an earlier stage, recorded", covariates=("hr",),
        claims=_BY_LIKELIHOOD, taken=lambda s: _top(s["x"] / s["x"].std() + s["z"], HIRED),
    ),
    Design(
        name="two gates", describe="800 invited by the earlier stage, hired of them by the interview",
        covariates=("hr",), gate=True, claims=_BY_LIKELIHOOD,
        taken=lambda s: _top(np.where(_top(s["z"], INTERVIEWED), s["x"], -np.inf), HIRED),
    ),
    Design(
        name="through the true score", describe="hired by something unrecorded that correlates .8 with the true score",
        claims=frozenset({"indirect"}),
        taken=lambda s: _top(0.8 * s["t"] + 0.6 * s["w"], HIRED),
    ),
    Design(
        name="unrecorded", describe="hired by interview and something unrecorded, partial correlation .3 with performance",
        taken=lambda s: _top(s["x"] / s["x"].std() + s["v"], HIRED),
    ),
]  # fmt: skip


def _rated(
    rng: np.random.Generator, true: np.ndarray, raters: int, few: int, many: int, noise: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ratings of each person by `few` to `many` different raters: person, rater, score."""
    severity = math.sqrt(SEVERITY) * rng.standard_normal(raters)
    number = rng.integers(few, many + 1, true.size)
    person = np.repeat(np.arange(true.size), number)
    turn = np.arange(person.size) - np.repeat(np.cumsum(number) - number, number)
    first, step = rng.integers(0, raters, true.size), rng.integers(1, raters // many, true.size)
    rater = (first[person] + turn * step[person]) % raters
    score = true[person] + severity[rater] + math.sqrt(noise) * rng.standard_normal(person.size)
    return person, rater, score


def simulate(rng: np.random.Generator, design: Design) -> pl.DataFrame:
    """One data set: long ratings of interview, earlier stage and performance."""
    t, z_noise, y_noise, v, w = rng.standard_normal((5, APPLICANTS))
    z = LINK * t + math.sqrt(1 - LINK**2) * z_noise
    of_z = 0.2 if design.covariates else 0.0
    of_v = PARTIAL * math.sqrt(1 - TRUE_VALIDITY**2) if design.name == "unrecorded" else 0.0
    of_t = TRUE_VALIDITY - LINK * of_z
    rest = 1 - (of_t**2 + of_z**2 + 2 * of_t * of_z * LINK) - of_v**2
    performance = of_t * t + of_z * z + of_v * v + math.sqrt(rest) * y_noise
    person, rater, score = _rated(rng, t, 100, 2, 4, NOISE_X)
    number = np.bincount(person)
    x = np.bincount(person, weights=score) / number
    taken = design.taken({"x": x, "z": z, "t": t, "v": v, "w": w})
    if design.gate:
        invited = _top(z, INTERVIEWED)[person]
        person, rater, score = person[invited], rater[invited], score[invited]
    hired = np.flatnonzero(taken)
    judged, judge, verdict = _rated(rng, performance[hired], 40, 2, 2, NOISE_Y)
    parts = [(person, "interview", rater, score), (hired[judged], "performance", judge + 10**6, verdict)]
    if design.covariates:
        parts.append((np.arange(APPLICANTS), "hr", np.full(APPLICANTS, -1), z))
    frames = [
        pl.DataFrame(
            {"unit": who, "variable": [name] * who.size, "rater": whose, "score": what, "selected": taken[who]}
        )
        for who, name, whose, what in parts
    ]
    return pl.concat(frames)


def truth(step: str) -> float:
    """What a step claims among applicants."""
    return {"applicant_pool": POOL, "true_score": TRUE_VALIDITY}.get(step, OPERATIONAL)


@dataclass(frozen=True, slots=True)
class Row:
    """One step under one design: bias of the value and of the plain estimate, coverage, share without an interval."""

    design: Design
    step: str
    bias: float
    plain_bias: float
    error: float
    coverage: float
    width: float
    unknown: float

    @property
    def claims(self) -> bool:
        return self.step in self.design.claims

    @property
    def passes(self) -> bool:
        return abs(self.bias) < 0.01 and 0.93 <= self.coverage <= 0.97


def figures(number: int, place: int, seed: int, replicates: int) -> list[tuple[float, ...]]:
    """Value, plain, low and high of every step in one data set of its own random numbers; NaN for what is not there."""
    design = DESIGNS[place]
    rng = np.random.default_rng([seed, place, number])
    found = validity_chain(
        simulate(rng, design), covariates=list(design.covariates), replicates=replicates, seed=number
    )
    wanted = ("value", "plain", "low", "high")
    return [tuple(math.nan if row[key] is None else row[key] for key in wanted) for row in found.detail["steps"]]


def rows(design: Design, data_sets: int, seed: int, replicates: int) -> list[Row]:
    """Every step under one design. Bias is that of the data sets where the step has a value."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:  # polars does not survive a fork
        job = partial(figures, place=DESIGNS.index(design), seed=seed, replicates=replicates)
        found = np.array(list(processes.map(job, range(data_sets), chunksize=20)))
    result = []
    for k, step in enumerate(STEPS):
        value, plain, low, high = found[:, k].T
        true, made = truth(step), np.isfinite(low)
        has = np.isfinite(value)
        some = has.any()
        result.append(
            Row(
                design, step,
                bias=float(value[has].mean() - true) if some else math.nan,
                plain_bias=float(plain[has].mean() - true) if some else math.nan,
                error=float(value[has].std() / math.sqrt(has.sum())) if some else math.nan,
                coverage=float(((low <= true) & (true <= high))[made].mean()) if made.any() else math.nan,
                width=float((high - low)[made].mean()) if made.any() else math.nan,
                unknown=float(1 - made.mean()),
            )
        )  # fmt: skip
    return result


def table(results: list[Row]) -> str:
    """A Markdown table, one row a step and design."""
    lines = [
        "| hiring | step | claims it | bias (plain) | MC error | covers | mean width | no interval |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in results:
        claim = "" if not row.claims else "**yes**" if row.passes else "**yes, and misses**"
        bias = f"{row.bias:+.4f} ({row.plain_bias:+.4f})"
        figure = (bias, f"{row.error:.4f}", f"{row.coverage:.1%}", f"{row.width:.2f}")
        cells = [row.design.name, row.step, claim, *(["", "", "", ""] if row.unknown > RARE else figure)]
        lines.append("| " + " | ".join([*cells, f"{row.unknown:.1%}" if row.unknown else ""]) + " |")
    return "\n".join(lines)


def _step(step: str, design: Design) -> Callable[[pl.DataFrame], Estimate]:
    def estimate(frame: pl.DataFrame) -> Estimate:
        whole = validity_chain(frame, covariates=list(design.covariates), replicates=1000)
        row = next(each for each in whole.detail["steps"] if each["step"] == step)
        made = Interval(low=row["low"], high=row["high"], level=0.95, method="bias-corrected percentile")
        return Estimate(measure="validity_chain", method=step, value=row["value"], interval=made)

    return estimate


def _setting(name: str, step: str) -> Setting:
    design = next(each for each in DESIGNS if each.name == name)
    return Setting(
        name=f"validity_chain, {name}, {step}", kind="coverage",
        describe=f"200 of 2,000: {design.describe}; bootstrap with 1,000 replicates",
        simulate=partial(simulate, design=design), estimate=_step(step, design), truth=truth(step),
    )  # fmt: skip


_SHARE, _WITH_X, _WITH_Y = 0.3, 0.6, 0.5
_CUT = NormalDist().inv_cdf(1 - _SHARE)
_LOST = NormalDist().pdf(_CUT) / _SHARE * (NormalDist().pdf(_CUT) / _SHARE - _CUT)
_U, _U_Y = math.sqrt(1 - _LOST * _WITH_X**2), math.sqrt(1 - _LOST * _WITH_Y**2)


def _selected_unseen(rng: np.random.Generator) -> pl.DataFrame:
    """The upper 30 % of 1,000 by something unseen that goes .6 with x and .5 with y; r(x, y) .4."""
    unseen, first, second = rng.standard_normal((3, 1000))
    left = 1 - _WITH_X**2
    x = _WITH_X * unseen + math.sqrt(left) * first
    shared = (0.4 - _WITH_X * _WITH_Y) / math.sqrt(left)
    y = _WITH_Y * unseen + shared * first + math.sqrt(1 - _WITH_Y**2 - shared**2) * second
    return pl.DataFrame({"x": x, "y": y}).filter(pl.Series(unseen > _CUT))


SETTINGS: list[Setting] = [
    _setting("direct", "operational"),
    _setting("composite", "operational"),
    _setting("two gates", "true_score"),
    _setting("through the true score", "indirect"),
    Setting(
        name="corrected_validity, bivariate indirect", kind="coverage",
        describe="r .4, upper 30 % of 1,000 by something unseen (.6 with x, .5 with y), u and u_y known, Fisher ends carried",
        simulate=_selected_unseen,
        estimate=lambda frame: corrected_validity(frame, correction="bivariate_indirect", u=_U, u_y=_U_Y),
        truth=0.4,
    ),
]  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit with 1 where a step that claims the applicants' correlation misses it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery.chain", description=__doc__.split("\n")[0])
    parser.add_argument("--data-sets", type=int, default=4000)
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--report-only", action="store_true", help="exit with 0 whatever comes out (few data sets)")
    parser.add_argument("--output", type=Path, help="write the table to this file, too")
    options = parser.parse_args(arguments)
    results = []
    for design in tqdm(DESIGNS, file=sys.stderr):
        results += rows(design, options.data_sets, options.seed, options.replicates)
    text = table(results)
    print(text)
    if options.output is not None:
        options.output.write_text(text + "\n")
    return 0 if options.report_only or all(row.passes for row in results if row.claims) else 1


if __name__ == "__main__":
    sys.exit(main())
