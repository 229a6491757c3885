"""A row for so many people gives what a row for each of them gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import MeasureInputError

PAIRS: dict[str, dict[str, Any]] = {
    "fisher_exact": {},
    "lancaster_mid_p": {},
    "boschloo": {},
    "two_proportion_z": {},
    "mantel_haenszel": {"stratum": "stratum"},
    "breslow_day": {"stratum": "stratum"},
}


def people() -> pl.DataFrame:
    rng = np.random.default_rng(4)
    n = 300
    group = rng.choice(["f", "r", "x"], n, p=[0.4, 0.5, 0.1])
    stratum = rng.choice(["s", "t", "u"], n)
    selected = (rng.random(n) < np.where(group == "f", 0.3, 0.45)).astype(int)
    frame = pl.DataFrame({"group": group, "stratum": stratum, "selected": selected})
    return frame.with_columns(pl.when(pl.int_range(n) < 7).then(None).otherwise("group").alias("group"))


def counted(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.group_by("group", "stratum", "selected").len("people").sample(fraction=1, shuffle=True, seed=2)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name: str) -> None:
    options = PAIRS[name] | {"focal": "f", "reference": "r"}
    one = measure(name, people(), **options)
    many = measure(name, counted(people()), count="people", **options)
    assert one.value is not None
    assert many.to_dict() == one.to_dict()


def test_all_groups() -> None:
    one, many = measure("impact_ratio", people()), measure("impact_ratio", counted(people()), count="people")
    assert many.to_dict() == one.to_dict()
    assert any("7 of 300" in caution.text for caution in many.cautions)
    against = [measure("chi_square", people()), measure("chi_square", counted(people()), count="people")]
    assert against[0].to_dict() == against[1].to_dict()


@pytest.mark.parametrize("wrong", [[1.5], [-1], [None]])
def test_what_is_no_number_of_people_is_refused(wrong: list[Any]) -> None:
    frame = pl.DataFrame({"group": ["f"], "selected": [1], "people": pl.Series(wrong, dtype=pl.Float64)})
    with pytest.raises(MeasureInputError, match=r"whole number of at least 0; row 1"):
        measure("impact_ratio", frame, count="people")
