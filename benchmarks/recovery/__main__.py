"""Coverage and type-I error of the measures on data with a known truth, as a Markdown table.

    python -m benchmarks.recovery --replicates 1000 --only validity/selection --output recovery.md

Ends with exit code 1 when a setting lies outside 93-97 % coverage (3-7 % rejections) and is not known as conservative.
Among dozens of settings chance alone puts one outside now and then: such a setting is run again on new random numbers
with four times the replicates, and that run decides; the table shows both.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import math
import sys
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.recovery.setting import Setting

_MODULES = ("reliability", "bootstrap", "facets", "conditions", "agreement", "rasch", "validity", "fairness")
_TOLERATED = 0.02


@dataclass(frozen=True, slots=True)
class Result:
    """What one setting gave: rate is the coverage or the share of rejections; unknown counts missing intervals."""

    setting: Setting
    conservative: str | None
    replicates: int
    rate: float
    width: float | None
    bias: float | None
    unknown: int
    first_rate: float | None = None

    @property
    def monte_carlo_error(self) -> float:
        return math.sqrt(self.rate * (1 - self.rate) / self.replicates)

    @property
    def passes(self) -> bool:
        """Within two points of the level; a conservative setting may err to the safe side."""
        if self.setting.kind == "coverage":
            return self.rate >= 0.95 - _TOLERATED and (self.conservative is not None or self.rate <= 0.95 + _TOLERATED)
        return self.rate <= 0.05 + _TOLERATED and (self.conservative is not None or self.rate >= 0.05 - _TOLERATED)


def settings(only: str = "") -> list[tuple[Setting, str | None]]:
    """Settings whose family/name contains a text, with the reason why one is known to be conservative."""
    found: list[tuple[Setting, str | None]] = []
    for name in _MODULES:
        address = f"benchmarks.recovery.{name}"
        if importlib.util.find_spec(address) is None:
            continue
        module = importlib.import_module(address)
        reasons: dict[str, str] = getattr(module, "CONSERVATIVE", {})
        found += [
            (setting, reasons.get(setting.name)) for setting in module.SETTINGS if only in f"{name}/{setting.name}"
        ]
    return found


def run(setting: Setting, replicates: int, seed: int, conservative: str | None = None) -> Result:
    """Simulate and estimate; each setting has a random stream of its own, whatever else runs."""
    rng = np.random.default_rng([seed, zlib.crc32(setting.name.encode())])
    hits, unknown, widths, values = 0, 0, [], []
    for _ in range(replicates):
        estimate = setting.estimate(setting.simulate(rng))
        if setting.kind == "type_1":
            if setting.p_value is None:
                raise ValueError(f"{setting.name}: a type-I setting needs a p_value")
            hits += setting.p_value(estimate) < 0.05
            continue
        if setting.truth is None:
            raise ValueError(f"{setting.name}: a coverage setting needs a truth")
        if estimate.interval is None or estimate.value is None:
            unknown += 1
            continue
        hits += estimate.interval.low <= setting.truth <= estimate.interval.high
        values.append(estimate.value)
        widths.append(estimate.interval.high - estimate.interval.low)
    finite = [width for width in widths if math.isfinite(width)]
    return Result(
        setting=setting,
        conservative=conservative,
        replicates=replicates,
        rate=hits / replicates,
        width=float(np.mean(finite)) if finite else None,
        bias=float(np.mean(values)) - setting.truth if values and setting.truth is not None else None,
        unknown=unknown,
    )


def judged(setting: Setting, replicates: int, seed: int, conservative: str | None = None) -> Result:
    """`run`, and where the result lies outside the tolerated band once more with four times the replicates."""
    first = run(setting, replicates, seed, conservative)
    if first.passes:
        return first
    return replace(run(setting, 4 * replicates, seed + 1_000_000, conservative), first_rate=first.rate)


def table(results: list[Result]) -> str:
    """A Markdown table, one row a setting."""
    lines = [
        "| setting | design | truth | coverage or rejections | MC error | mean width | bias | no interval | within |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        setting = result.setting
        verdict = "yes" if result.passes else "NO"
        if result.conservative is not None:
            verdict += f" (conservative: {result.conservative})"
        kind = "covers" if setting.kind == "coverage" else "rejects"
        if result.first_rate is not None:
            verdict += f" (of {result.replicates}; first run {result.first_rate:.1%})"
        cells = (
            setting.name,
            setting.describe,
            "" if setting.truth is None else f"{setting.truth:.3g}",
            f"{kind} {result.rate:.1%}",
            f"{result.monte_carlo_error:.1%}",
            "" if result.width is None else f"{result.width:.3f}",
            "" if result.bias is None else f"{result.bias:+.4f}",
            str(result.unknown) if result.unknown else "",
            verdict,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description=__doc__.split("\n")[0])
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--only", default="", help="settings whose family/name contains this text")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report-only", action="store_true", help="exit with 0 whatever the rates (few replicates)")
    parser.add_argument("--output", type=Path, help="write the table to this file, too")
    options = parser.parse_args(arguments)
    if options.replicates < 1:
        parser.error(f"--replicates must be at least 1, got {options.replicates}")
    chosen = settings(options.only)
    if not chosen:
        parser.error(f"no setting's family/name contains {options.only!r}")
    progress = tqdm(chosen, file=sys.stderr)
    results = []
    for setting, why in progress:
        progress.set_description(setting.name)
        once_or_judged = run if options.report_only else judged
        results.append(once_or_judged(setting, options.replicates, options.seed, why))
    text = table(results)
    print(text)
    if options.output is not None:
        options.output.write_text(text + "\n")
    return 0 if options.report_only or all(result.passes for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
