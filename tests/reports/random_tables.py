"""Reports on small invented organisations: people drawn at random, their counts put into the form of report.json.

One attribute or two (and their crossing), none to four job families, one stage or two, quarters or months; who declines does
so for both attributes, for one, or nobody does. Every figure that an attacker could use is there, and all add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reports.disclosure import protect
from tests.reports import sample

ATTRIBUTES = ("gender", "race")
DECLINED = -1
Frame = Mapping[str, np.ndarray]
Entry = dict[str, Any]


def draw(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A person a row: groups by number, job family, month, and what was decided."""
    n = int(rng.integers(60, 900))
    people: dict[str, np.ndarray] = {"family": rng.choice(int(rng.integers(1, 5)), n, p=None)}
    attributes = ATTRIBUTES[: int(rng.integers(1, 3))]
    for name in attributes:
        groups = int(rng.integers(2, 6))
        shares = rng.dirichlet(np.full(groups, 0.7) + np.eye(groups)[0] * 2)
        people[name] = rng.choice(groups, n, p=shares)
        people[name][:12] = np.arange(12) % 2  # an attribute with one group is not compared
    way = rng.choice(["nobody", "both", "each"])
    quiet = rng.random(n) < 0.06
    for name in attributes:
        if way != "nobody":
            people[name] = np.where(quiet if way == "both" else rng.random(n) < 0.06, DECLINED, people[name])
    people["month"] = np.sort(rng.integers(0, 12, n))
    people["passed"] = rng.random(n) < rng.uniform(0.4, 0.9)
    people["hired"] = people["passed"] & (rng.random(n) < rng.uniform(0.1, 0.6))
    people["above"] = rng.random(n) < 0.5
    people["known"] = people["hired"] & (rng.random(n) < 0.8)
    people["prepared"] = rng.random(n) < 0.5
    return people


def within(people: Frame, first: int, last: int) -> dict[str, np.ndarray]:
    """Those interviewed in some months of the year, the last one not included."""
    kept = (people["month"] >= first) & (people["month"] < last)
    return {name: values[kept] for name, values in people.items()}


def span(first: int, last: int) -> dict[str, Any]:
    """The period of a report on these months of 2025."""
    ends = [f"{2025 + month // 12}-{month % 12 + 1:02d}-01" for month in (first, last)]
    return {"from": ends[0], "to": ends[1], "first": ends[0], "last": ends[1]}


def report(people: Frame, period: dict[str, Any] | None = None, *, stages: int = 2, least: int = 20) -> Entry:
    """The report before protection. least: people that a comparison needs. Who skipped meets the manager alone."""
    estimates: list[Entry] = []
    too_small: list[Entry] = []
    attributes = [name for name in ATTRIBUTES if name in people]
    user = people if stages == 1 else {name: values[people["passed"]] for name, values in people.items()}
    skipped = people.get("skipped", np.zeros(len(people["passed"]), dtype=bool))
    first = {name: values[~skipped] for name, values in people.items()}
    shown = [("user", user, "hired"), ("hr", first, "passed"), (None, people, "hired")][: 1 if stages == 1 else 3]
    families = sorted(set(people["family"].tolist()))
    for stage, here, yes in shown:
        parts = [(None, here)] + [
            (f"Family {f}", {name: values[here["family"] == f] for name, values in here.items()})
            for f in (families if stage is not None and len(families) > 1 else [])
        ]
        for family, part in parts:
            if stage is not None:
                estimates.append(_placed(sample.reliability(units=len(part["hired"]), job_family=family), stage=stage))
            for attribute in attributes:
                names = _names(part, attribute)
                estimates += _selection(part, attribute, names, yes, (stage, family), too_small, least)
                if stage is not None:
                    estimates += _scores(part, attribute, names, (stage, family), least)
        for attribute in attributes:
            estimates.append(_coverage(here, attribute, yes, stage))
            if stage is not None:
                estimates += _monitors(here, attribute, yes, stage)
        if len(attributes) > 1:
            names = _crossed(here)
            estimates += _selection(here, " × ".join(attributes), names, yes, (stage, None), too_small, least)
            if stage is not None:
                estimates += _rates(here, " × ".join(attributes), names, stage)
    declined = np.zeros(len(people["hired"]), bool)
    for name in attributes:
        declined |= people[name] == DECLINED
    made = sample.report()
    made["estimates"], made["too_small"], made["findings"], made["tests_run"] = estimates, too_small, [], []
    made["summary"] = {"findings": dict.fromkeys(made["summary"]["findings"], 0)}
    made["inputs"]["counts"] = sample.counts(
        candidates=len(declined), applications=len(declined), user_interviewed=len(user["hired"]),
        hr_interviewed=0 if stages == 1 else len(first["hired"]), hired=int(people["hired"].sum()), undecided=0,
        performance_known=int(people["known"].sum()), hired_performance_known=int(people["known"].sum()),
        groups_known=len(declined), declined=int(declined.sum()),
    )  # fmt: skip
    return made | ({} if period is None else {"period": period})


def nested(seed: int, months: Sequence[tuple[int, int]]) -> tuple[list[Entry], list[Entry]]:
    """Reports on some months of one organisation, each made with those before it known; and what was published."""
    people = draw(np.random.default_rng(seed))
    made: list[Entry] = []
    published: list[Entry] = []
    for span_of in months:
        made.append(report(within(people, *span_of), span(*span_of)))
        published.append(protect(made[-1], published))
    return made, published


def _names(people: Frame, attribute: str) -> np.ndarray:
    return np.array([f"{attribute} {group}" if group >= 0 else "" for group in people[attribute]], dtype=object)


def _crossed(people: Frame) -> np.ndarray:
    sides = [_names(people, attribute) for attribute in ATTRIBUTES]
    return np.array([f"{a} / {b}" if a and b else "" for a, b in zip(*sides, strict=True)], dtype=object)


def _cells(names: np.ndarray, yes: np.ndarray) -> dict[str, tuple[int, int]]:
    return {g: (int((names == g).sum()), int(yes[names == g].sum())) for g in sorted(set(names.tolist()) - {""})}


def _placed(estimate: Entry, **where: str | None) -> Entry:
    subject = estimate["subject"] | where
    identity = "/".join(
        [estimate["family"], estimate["measure"], estimate["variant"], *(v or "" for v in subject.values())]
    )
    return estimate | {"subject": subject, "id": identity}


def _largest(cells: Mapping[str, tuple[int, int]]) -> str:
    return max(cells, key=lambda group: (cells[group][0], cells[group][1] > 0))


def _selection(
    people: Frame,
    attribute: str,
    names: np.ndarray,
    yes: str,
    where: tuple[Any, Any],
    too_small: list[Entry],
    least: int,
) -> Iterator[Entry]:
    cells = _cells(names, people[yes])
    stage, family = where
    about = {"stage": stage, "job_family": family, "attribute": attribute}
    total = sum(n for n, _ in cells.values())
    if len(cells) < 2 or total < least or not cells[_largest(cells)][1]:
        told = {"family": "fairness", "competency": None, "criterion": None, "group": None, "reference": None}
        too_small.append(about | told | {"candidates": total})
        return
    reference = _largest(cells)
    yield _placed(sample.impact_ratio(cells, family, reference), **about)
    if " × " in attribute:
        return
    for group, (n, selected) in cells.items():
        if group == reference or n < 5:
            continue
        pair = {"focal": (n, selected), "reference": cells[reference]}
        counts = {f"{side}_{what}": number for side, (m, s) in pair.items() for what, number in
                  (("selected", s), ("rejected", m - s))}  # fmt: skip
        detail = counts | {"focal": group, "reference": reference, "p_two_sided": 0.4}
        yield _of_pair("fisher_exact", about | {"group": group, "reference": reference}, pair, detail)


def _of_pair(
    measure: str, about: Mapping[str, Any], pair: Mapping[str, tuple[int, int]], detail: Entry, variant: str = ""
) -> Entry:
    n = {side: sizes[0] for side, sizes in pair.items()}
    return sample.estimate(
        "fairness", measure, 0.5, (0.2, 0.9), subject=sample.subject() | about, n=n | {"people": sum(n.values())},
        detail=detail, variant=variant,
    )  # fmt: skip


def _scores(people: Frame, attribute: str, names: np.ndarray, where: tuple[Any, Any], least: int) -> Iterator[Entry]:
    cells = _cells(names, people["above"])
    if len(cells) < 2 or sum(n for n, _ in cells.values()) < least:
        return
    reference = _largest(cells)
    about = {"stage": where[0], "job_family": where[1], "attribute": attribute, "competency": "overall"}
    known = _cells(names, people["known"])
    given = _cells(names, people["prepared"])
    for group, (n, _) in cells.items():
        if group == reference or n < 5:
            continue
        both = about | {"group": group, "reference": reference}
        pair = {"focal": cells[group], "reference": cells[reference]}
        yield _of_pair("standardized_difference", both, pair, {"n": {group: n, reference: cells[reference][0]}})
        if where[1] is None and where[0] == "user" and min(known[g][1] for g in (group, reference)) >= least:
            rated = {"focal": (known[group][1], 0), "reference": (known[reference][1], 0)}
            yield _of_pair("differential_validity", both, rated, {})
        if where[1] is None and where[0] == "user":
            shares = {g: given[g][1] / given[g][0] for g in (group, reference)}
            yield _of_pair("access_difference", both | {"competency": None}, pair, {"shares": shares}, "practice")
    if where[1] is None:
        rate = sample.impact_ratio(cells, None, reference) if cells[reference][1] else None
        if rate is not None:
            detail = {("above" if key == "selected" else key): value for key, value in rate["detail"].items()}
            detail["rows"] = [{("above" if k == "selected" else k): v for k, v in r.items()} for r in detail["rows"]]
            n = rate["n"] | {"scored": rate["n"]["people"]}
            told = rate | {"measure": "scoring_rate", "detail": detail | {"at_median": 0}, "n": n}
            yield _placed(told, **about)


def _coverage(people: Frame, attribute: str, yes: str, stage: str | None) -> Entry:
    stated = people[attribute] >= 0
    n = {"people": len(stated), "known": int(stated.sum()), "declined": int((~stated).sum()), "unknown": 0}
    chosen = {"known": int(people[yes][stated].sum()), "declined": int(people[yes][~stated].sum()), "unknown": 0}
    about = sample.subject(attribute=attribute) | {"stage": stage}
    detail = {"selected": chosen}
    return sample.estimate("fairness", "group_coverage", 0.9, (0.8, 0.95), subject=about, n=n, detail=detail)


def _monitors(people: Frame, attribute: str, yes: str, stage: str) -> Iterator[Entry]:
    names, quarter = _names(people, attribute), people["month"] // 3
    cells = _cells(names, people[yes])
    if len(cells) < 2 or len(set(quarter.tolist())) < 3:
        return
    reference = _largest(cells)
    for group, (n, _) in cells.items():
        if group == reference or n < 5:
            continue
        for variant in ("selection", "score"):
            rows = []
            for at in sorted(set(quarter.tolist())):
                row: Entry = {"period": f"2025-Q{at + 1}", "compared": True}
                for side, name in (("focal", group), ("reference", reference)):
                    inside = (names == name) & (quarter == at)
                    row[f"n_{side}"] = int(inside.sum())
                    if variant == "selection":
                        row[f"selected_{side}"] = int(people[yes][inside].sum())
                rows.append(row)
            about = {"stage": stage, "attribute": attribute, "group": group, "reference": reference}
            about |= {"competency": "overall" if variant == "score" else None}
            pair = {"focal": cells[group], "reference": cells[reference]}
            yield _of_pair("group_monitor", about, pair, {"periods": rows}, variant)


def _rates(people: Frame, attribute: str, names: np.ndarray, stage: str) -> Iterator[Entry]:
    cells = _cells(names, people["hired" if stage == "user" else "passed"])
    if len(cells) < 2:
        return
    rows = [
        {"group": g, "levels": g.split(" / "), "n": n, "selected": s, "rate": s / n, "raw_ratio": None}
        for g, (n, s) in cells.items()
    ]
    single = {f"part_{at}": _cells(_names(people, a), people["hired" if stage == "user" else "passed"]) for at, a in
              enumerate(ATTRIBUTES)}  # fmt: skip
    columns = {
        part: {g: {"n": n, "selected": s, "rate": s / n} for g, (n, s) in table.items()}
        for part, table in single.items()
    }
    n = {
        "people": sum(m for m, _ in cells.values()),
        "cells": len(cells),
        "smallest_cell": min(m for m, _ in cells.values()),
    }
    detail = {"rows": rows, "by_column": columns, "flagged": [], "reference": None}
    about = sample.subject(attribute=attribute) | {"stage": stage}
    yield sample.estimate("fairness", "crossed_rates", 0.1, (0.0, 0.3), subject=about, n=n, detail=detail)
