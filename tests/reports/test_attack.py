"""An attacker with linear programs finds small cells in badly protected reports, and none in those that pass the gate."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.disclosure import protect
from tests.reports import random_tables, sample
from tests.reports.attack import exposed

Entry = dict[str, Any]
MINIMUM, PUBLIC = 5, 10


def hand_made(families: dict[str, dict[str, tuple[int, int]]]) -> Entry:
    """Everybody in a family and in a stated group, nobody undecided: totals are exact."""
    groups = sorted({group for part in families.values() for group in part})
    whole: dict[str, tuple[int, int]] = {
        group: (
            sum(part.get(group, (0, 0))[0] for part in families.values()),
            sum(part.get(group, (0, 0))[1] for part in families.values()),
        )
        for group in groups
    }
    people = sum(n for n, _ in whole.values())
    made = sample.report(whole, families, units=people)
    for estimate in made["estimates"]:
        if estimate["measure"] == "g_coefficient" and estimate["subject"]["job_family"] is not None:
            part = families[estimate["subject"]["job_family"]]
            estimate["n"] = estimate["n"] | {"units": sum(n for n, _ in part.values())}
    hired = sum(s for _, s in whole.values())
    made["inputs"]["counts"] |= {"undecided": 0, "hired": hired, "groups_known": people, "declined": 0}
    return made


def without(report: Entry, gone: Callable[[Entry, str], bool]) -> Entry:
    """A careless protection: the named groups' figures are taken out of tables and comparisons, nothing else is."""
    kept = copy.deepcopy(report)
    kept["estimates"] = [e for e in kept["estimates"] if not gone(e, str(e["subject"].get("group")))]
    for e in kept["estimates"]:
        hidden = {group for group in e["detail"].get("n", {}) if gone(e, group)}
        for name in ("n", "rates", "selected", "ratios"):
            e["detail"] |= {name: {g: None if g in hidden else v for g, v in e["detail"].get(name, {}).items()}}
        e["detail"]["rows"] = [row for row in e["detail"].get("rows", []) if row["group"] not in hidden]
        e["cautions"] = []
        if hidden:
            e["n"] = e["n"] | {"people": None}
    return kept


FAMILIES = {
    "Sales": {"women": (40, 10), "men": (50, 18), "nonbinary": (12, 6)},
    "Support": {"women": (30, 8), "men": (40, 14), "nonbinary": (3, 1)},
}


def test_primary_suppression_alone_is_no_protection() -> None:
    made = hand_made({"Sales": FAMILIES["Support"]})
    found = exposed([made], [[without(made, lambda _, group: group == "nonbinary")]], MINIMUM)
    assert (3, 3.0, 3.0) in {(cell.truth, cell.low, cell.high) for cell in found}


def test_one_hidden_job_family_follows_from_the_others() -> None:
    made = hand_made(FAMILIES)
    careless = without(made, lambda e, group: group == "nonbinary" and e["subject"]["job_family"] == "Support")
    assert exposed([made], [[careless]], MINIMUM)
    assert not exposed([made], [[protect(made)]], MINIMUM)


@pytest.mark.parametrize("seed", [2])
def test_a_report_without_any_protection_gives_all_its_small_cells_away(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = random_tables.report(random_tables.draw(rng))
    assert exposed([made], [[made]], MINIMUM)


def only_primary(report: Entry) -> Entry:
    """Every table and period without its own small cells."""
    small = {
        (e["subject"]["attribute"], e["subject"]["stage"], e["subject"]["job_family"], row["group"])
        for e in report["estimates"]
        if e["measure"] == "impact_ratio"
        for row in e["detail"]["rows"]
        if any(0 < cell < MINIMUM for cell in (row["n"], row["selected"], row["n"] - row["selected"]))
    }
    return without(
        report,
        lambda e, group: (*(e["subject"].get(k) for k in ("attribute", "stage", "job_family")), group) in small,
    )


def test_crossed_tables_and_stages_give_hidden_groups_back() -> None:
    made = random_tables.report(random_tables.draw(np.random.default_rng(11)))
    found = exposed([made], [[only_primary(made)]], MINIMUM)
    assert any(" × " in cell.place[2] for cell in found)
    assert any(cell.place[4] is None for cell in found)


def test_months_give_back_what_a_quarter_withholds() -> None:
    """Each report for itself tells nothing; two months and the quarter tell the third month."""
    made = []
    for first, last, few in ((0, 1, (12, 6)), (1, 2, (12, 6)), (2, 3, (3, 1)), (0, 3, (27, 13))):
        months = last - first
        cells = {"women": (100 * months, 25 * months), "men": (120 * months, 42 * months), "nonbinary": few}
        one = sample.report(cells, units=300 * months, period=random_tables.span(first, last))
        hired = sum(selected for _, selected in cells.values()) + 12 * months
        one["inputs"]["counts"] |= {"undecided": 0, "hired": hired}
        made.append(one)
    careless = [*made[:2], without(made[2], lambda _, group: group == "nonbinary"), made[3]]
    assert not exposed(made[2:3], [[careless[2]]], MINIMUM)
    assert exposed(made, [[one] for one in careless], MINIMUM)
    out: list[Entry] = []
    for one in made:
        out.append(protect(one, out))
    assert exposed(made, [[one] for one in out], MINIMUM) == []


@pytest.mark.parametrize("seed", range(15))
def test_the_gate_withstands_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people, stages = random_tables.draw(rng), int(rng.integers(1, 3))
    made = random_tables.report(people, stages=stages)
    internal = protect(made)
    assert exposed([made], [[internal]], MINIMUM) == []
    if seed % 3 == 0:
        public = protect(made, (), "public", [internal])
        assert exposed([made], [[public]], PUBLIC) == []
        assert exposed([made], [[internal, public]], MINIMUM) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400))
def test_the_gate_withstands_it_often(seed: int) -> None:
    test_the_gate_withstands_it(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(28, 40))
@pytest.mark.parametrize("months", [((0, 12), (0, 6)), ((0, 6), (0, 3)), ((0, 12), (3, 6))])
def test_a_report_and_its_predecessor_give_nothing_away(seed: int, months: tuple[tuple[int, int], ...]) -> None:
    made, published = random_tables.nested(seed, months)
    assert exposed(made, [[one] for one in published], MINIMUM) == []


def numbers_beside(value: Any, names: set[str]) -> list[Any]:
    """Numbers of people in rows that name one of some groups."""
    if isinstance(value, list):
        return [found for one in value for found in numbers_beside(one, names)]
    if not isinstance(value, dict):
        return []
    counts = ("n", "selected", "above", "units_scored", "candidates")
    told = [value[key] for key in counts if value.get("group") in names and isinstance(value.get(key), int)]
    for table in (value.get(key) for key in ("n", "selected", "above")):
        if isinstance(table, dict):
            told += [n for group, n in table.items() if group in names and isinstance(n, int)]
    return told + [found for one in value.values() for found in numbers_beside(one, names)]


@pytest.mark.parametrize(("edition", "minimum"), [("report.json", MINIMUM), ("public.json", PUBLIC)])
def test_the_demo_shows_no_small_number_of_a_group(demo: Path, edition: str, minimum: int) -> None:
    text = (demo / edition).read_text("utf-8")
    report = json.loads(text)
    names = {
        group
        for e in report["estimates"]
        if e["subject"]["attribute"]
        for group in [*(e["detail"].get("n") or {}), e["subject"]["group"], e["subject"]["reference"]]
        if group
    }
    assert names
    for e in report["estimates"]:
        if e["subject"]["attribute"]:
            assert not [n for n in numbers_beside(e["detail"], names) if 0 < n < minimum], e["id"]
            assert not [n for side in ("focal", "reference") if 0 < (n := e["n"].get(side) or 0) < minimum], e["id"]
    for e in report["estimates"]:
        for units in (e["detail"].get("units_scored") or {}).values():
            assert edition == "report.json"
            assert units >= report["policy"]["audit"]["minimum_candidates_per_rater"]


def test_the_public_edition_names_no_file_and_no_interviewer(demo: Path) -> None:
    internal = json.loads((demo / "report.json").read_text("utf-8"))
    raters = {
        rater
        for e in internal["estimates"]
        for table in ("units_scored", "raters")
        if isinstance(e["detail"].get(table), dict)
        for rater in e["detail"][table]
    }
    files = {batch["file"] for batch in internal["inputs"]["batches"]}
    assert raters
    assert files
    for name in ("public.json", "public.html"):
        text = (demo / name).read_text("utf-8")
        assert not [one for one in raters | files if one in text]
