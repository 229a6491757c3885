"""The chapter on groups at a million candidates, and its counting side by side with aedt-audit and fairlearn.

    python -m benchmarks.groups [--candidates N] [--groups G] [--requisitions R] [--repeats K] [--peer-python PATH]

First every estimate about groups that an audit makes, with its tests and findings, from material in memory: each
candidate met by one HR interviewer and, if passed on, by two who give three competencies and an overall score. Then what
the peers compute, too: selection rates and impact ratios by one attribute, by another, by both crossed; scoring rates and
their ratios; the two-standard-deviation test. Each side gets the same people in its own kind of frame, in one run, own
side first, the best of K; the peers run in a process of their own (`pip install aedt-audit fairlearn`; without them that
part is left out and said so).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairpanel.analysis.fairness import fairness
from fairpanel.analysis.frames import Material
from fairpanel.config import AuditConfig
from fairpanel.findings.multiplicity import adjusted_tests
from fairpanel.findings.rules import findings
from fairpanel.measures.catalogue import measure

LEAST_FASTER = 5.0
SECONDS_ALLOWED = 30.0
CELLS = ("sex", "race")

PEER = """
import json, sys, time
import pandas as pd
try:
    import aedt_audit as aa
    from fairlearn.metrics import MetricFrame, count, selection_rate
except ImportError as error:
    print(json.dumps({"missing": str(error)})); sys.exit()
data = pd.read_csv(sys.argv[1])
def best(work):
    seconds = []
    for _ in range(int(sys.argv[2])):
        start = time.perf_counter(); found = work(); seconds.append(time.perf_counter() - start)
    return min(seconds), found
def audit():
    tables = []
    for by in (["sex"], ["race"], ["sex", "race"]):
        tables.append(aa.significance(aa.four_fifths(aa.selection_rates(data, by=by, outcome="selected"))))
        tables.append(aa.four_fifths(aa.scoring_rates(data, by=by, score="score")))
    return tables
def frames():
    made = []
    for by in ([data["sex"]], [data["race"]], [data["sex"], data["race"]]):
        made.append(MetricFrame(metrics={"rate": selection_rate, "n": count}, y_true=data["selected"],
                                y_pred=data["selected"], sensitive_features=pd.concat(by, axis=1)))
    return made
a, tables = best(audit)
f, made = best(frames)
ratios = {str(row["race"]): row["impact_ratio"] for _, row in tables[2].iterrows()}
print(json.dumps({"aedt-audit": a, "fairlearn": f, "ratios": ratios, "rates": made[1].by_group["rate"].to_dict()}))
"""


def drawn(candidates: int, groups: int, requisitions: int, seed: int = 5) -> Material:
    """Candidates of two attributes, requisitions and two stages; two interviewers each with four scores."""
    rng = np.random.default_rng(seed)
    n = candidates
    names = np.array([f"c{i:07d}" for i in range(n)])
    sex, race = rng.choice(["women", "men"], n), np.array([f"group {chr(65 + g)}" for g in range(groups)])
    shares = np.linspace(3, 1, groups)
    race = rng.choice(race, n, p=shares / shares.sum())
    requisition = np.array([f"r{i:04d}" for i in range(requisitions)])[rng.integers(0, requisitions, n)]
    family = np.array(["Engineering", "Sales", "Operations", "Finance"])[rng.integers(0, 4, n)]
    ability = rng.normal(size=n) - 0.15 * (sex == "women")
    passed = rng.random(n) < 0.6
    chosen = passed & (ability + rng.normal(0, 0.7, n) > 0.9)
    raters = max(20, n // 500)
    start = datetime(2024, 1, 1)  # noqa: DTZ001 - moments of the lake carry no zone, all are UTC
    day = np.datetime64(start, "us") + (rng.integers(0, 720, n) * np.timedelta64(1, "D")).astype("timedelta64[us]")
    parts = []
    for stage, seats in (("hr", 1), ("user", 2)):
        who = np.arange(n) if stage == "hr" else np.flatnonzero(passed)
        for _ in range(seats):
            rater = rng.integers(0, raters, who.size)
            base = {
                "unit": names[who], "candidate": names[who],
                "rater": np.char.add("i" if stage == "user" else "h", rater.astype(str)),
                "role": np.full(who.size, "other"), "stage": np.full(who.size, stage),
                "job_family": family[who], "requisition": requisition[who], "interviewed_at": day[who],
                "submitted_at": day[who],
            }  # fmt: skip
            competencies = (
                ("overall",) if stage == "hr" else ("technical", "team_compatibility", "role_specific", "overall")
            )
            for competency in competencies:
                score = np.clip(np.round(3 + 0.7 * ability[who] + rng.normal(0, 0.7, who.size)), 1, 5)
                parts.append(pl.DataFrame(base | {"competency": np.full(who.size, competency), "score": score}))
    ratings = pl.concat(parts)
    units = pl.DataFrame({"unit": names, "candidate": names, "job_family": family, "requisition": requisition})
    hr = units.with_columns(pl.lit("hr").alias("stage"), pl.Series("selected", passed))
    user = units.with_columns(pl.lit("user").alias("stage"), pl.Series("selected", chosen)).filter(pl.Series(passed))
    order = ["unit", "candidate", "stage", "selected", "job_family", "requisition"]
    hired = names[chosen][: min(int(chosen.sum()), 50_000)]
    performance = pl.DataFrame(
        {"candidate": hired, "performance": 3 + 0.3 * ability[chosen][: hired.size] + rng.normal(0, 0.8, hired.size)}
    ).with_columns(pl.lit(1).alias("raters"))
    stated = pl.concat(
        [
            pl.DataFrame({"candidate": names, "attribute": "gender", "category": sex}),
            pl.DataFrame({"candidate": names, "attribute": "race", "category": race}),
        ]
    )
    preparation = pl.DataFrame(schema={"candidate": pl.String, "item": pl.String, "provided": pl.Boolean})
    nothing = pl.DataFrame()
    return Material(
        ratings=ratings, outcomes=pl.concat([user.select(order), hr.select(order)]), performance=performance,
        performance_ratings=nothing, criterion=nothing, employment=nothing, preparation=preparation, groups=stated,
        interviewer_groups=pl.DataFrame(schema={"rater": pl.String, "attribute": pl.String, "category": pl.String}),
        counts={}, scale_notes=[],
    )  # fmt: skip


def chapter_seconds(material: Material) -> tuple[float, int, int]:
    """Seconds of all estimates about groups with their tests and findings; how many of each."""
    config = AuditConfig()
    from fairpanel.config import PolicyConfig

    started = time.perf_counter()
    found = fairness(material, config).estimates
    tests = adjusted_tests(found)
    findings(found, tests, PolicyConfig())
    return time.perf_counter() - started, len(found), len(tests)


def people_of(material: Material) -> pl.DataFrame:
    """One row a candidate: sex, race, selected in the end, mean score."""
    wide = material.groups.pivot(on="attribute", index="candidate", values="category").rename({"gender": "sex"})
    final = material.outcomes.filter(pl.col("stage") == "user").select("candidate", "selected")
    scores = (
        material.ratings.filter((pl.col("stage") == "hr") & (pl.col("competency") == "overall"))
        .group_by("candidate")
        .agg(pl.col("score").mean())
    )
    return (
        wide.join(final, on="candidate", how="left")
        .join(scores, on="candidate", how="left")
        .with_columns(pl.col("selected").fill_null(value=False))
        .select("sex", "race", "selected", "score")
    )


def own(people: pl.DataFrame) -> dict[str, Any]:
    """What the peers compute, through the public measures: counted once, then rates, ratios, intervals and tests."""
    counted = people.group_by("sex", "race", "selected").len("people")
    crossed = counted.with_columns(pl.concat_str("sex", "race", separator=" / ").alias("both"))
    tables = {name: measure("impact_ratio", crossed, group=name, count="people") for name in ("sex", "race", "both")}
    for name, table in tables.items():
        reference = table.detail["reference"]
        for focal in table.detail["rates"]:
            if focal != reference:
                measure("two_proportion_z", crossed, group=name, focal=focal, reference=reference, count="people")
    median = people["score"].median()
    above = people.group_by("sex", "race", (pl.col("score") > median).alias("selected")).len("people")
    both = above.with_columns(pl.concat_str("sex", "race", separator=" / ").alias("both"))
    for name in ("sex", "race", "both"):
        measure("impact_ratio", both, group=name, count="people")
    return tables


def rates_alone(people: pl.DataFrame) -> dict[str, Any]:
    """What fairlearn computes: rates and counts by group."""
    counted = people.group_by("sex", "race", "selected").len("people")
    crossed = counted.with_columns(pl.concat_str("sex", "race", separator=" / ").alias("both"))
    return {
        name: measure("impact_ratio", crossed, group=name, count="people", interval="none")
        for name in ("sex", "race", "both")
    }


def best_of(repeats: int, work: Callable[[], Any]) -> tuple[float, Any]:
    seconds, found = [], None
    for _ in range(repeats):
        started = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - started)
    return min(seconds), found


def side_by_side(people: pl.DataFrame, repeats: int, peer_python: str) -> dict[str, Any]:
    """Seconds of each side, and whether they agree on every ratio of the eligible groups."""
    own(people.head(1000))
    ours, tables = best_of(repeats, lambda: own(people))
    rates, _ = best_of(repeats, lambda: rates_alone(people))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        people.with_columns(pl.col("selected").cast(pl.Int8)).write_csv(path)
        told = subprocess.run(
            [peer_python, "-c", PEER, str(path), str(repeats)], capture_output=True, text=True, check=True
        ).stdout
    peers = json.loads(told.strip().splitlines()[-1])
    if "missing" in peers:
        return {"own": ours, "peers": None, "why": peers["missing"]}
    mine = tables["race"].detail["impact_ratio_to_highest"]
    apart = max(abs(mine[name] - ratio) for name, ratio in peers["ratios"].items() if name in mine)
    return {
        "own": ours, "own_rates": rates, "aedt-audit": peers["aedt-audit"], "fairlearn": peers["fairlearn"],
        "largest_difference": apart,
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, default=8)
    parser.add_argument("--requisitions", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--report-only", action="store_true", help="print; judge nothing")
    options = parser.parse_args(arguments)
    material = drawn(options.candidates, options.groups, options.requisitions)
    seconds, estimates, tests = chapter_seconds(material)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{options.candidates:,} candidates, {options.groups} groups, {options.requisitions} requisitions, "
        f"{material.ratings.height:,} scores: {estimates} estimates and {tests} tests in {seconds:.1f} s, {memory:.1f} GB"
    )
    found = side_by_side(people_of(material), options.repeats, options.peer_python)
    if found.get("aedt-audit") is None:
        print(f"Peers left out: {found['why']}")
        faster = None
    else:
        faster = {
            "aedt-audit": found["aedt-audit"] / found["own"],
            "fairlearn": found["fairlearn"] / found["own_rates"],
        }
        print("| shared part | own s | peer s | times as fast |\n|---|---:|---:|---:|")
        for what, mine, peer in (
            ("rates, ratios, scoring rates, tests", "own", "aedt-audit"),
            ("rates and counts", "own_rates", "fairlearn"),
        ):
            print(f"| {peer}: {what} | {found[mine]:.3f} | {found[peer]:.3f} | {faster[peer]:.1f} |")
        print(f"Largest difference of an impact ratio: {found['largest_difference']:.2g}")
    if options.report_only:
        return 0
    slow = seconds > SECONDS_ALLOWED or (faster is not None and max(faster.values()) < LEAST_FASTER)
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
