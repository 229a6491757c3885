"""Reads the oracle cases (data sets with values of independent programs) that lie beside the checkout."""

from __future__ import annotations

import gzip
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

ORACLES = Path(__file__).resolve().parents[3] / "shared" / "oracles"


def checks(*statistics: str, case: str | None = None) -> list[Any]:
    """Parameters (case name, check) of the given statistics; one skipped parameter where the folder is missing."""
    found = [
        pytest.param(name, check, id=f"{name}-{check['id']}")
        for name, check in _all()
        if check["statistic"] in statistics and (case is None or case == name)
    ]
    if found:
        return found
    if ORACLES.is_dir():
        raise LookupError(f"no oracle check for {statistics}")
    return [pytest.param("", {}, marks=pytest.mark.skip(reason="the oracle data are not beside this checkout"))]


def _all() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(ORACLES.glob("*/case.json")):
        for check in json.loads(path.read_text())["checks"]:
            yield path.parent.name, check


def data(case: str) -> pl.DataFrame:
    """A case's data; every column that looks like a number is one."""
    folder = ORACLES / case
    path = folder / json.loads((folder / "case.json").read_text())["data"]
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return pl.read_csv(io.BytesIO(raw), infer_schema_length=None, null_values=["", "NA"])


def agree(check: Mapping[str, Any], key: str, actual: Any) -> None:
    """Assert |actual - expected| <= abs + rel * |expected| with the tolerance the check gives for this key."""
    expected = check["expected"][key]
    tolerance = check.get("tolerance_by_key", {}).get(key, check["tolerance"])
    _agree(expected, actual, tolerance["abs"], tolerance["rel"], f"{check['id']} {key}")


def _agree(expected: Any, actual: Any, absolute: float, relative: float, where: str) -> None:
    if isinstance(expected, Mapping):
        for name, value in expected.items():
            _agree(value, actual[name], absolute, relative, f"{where}[{name}]")
    elif isinstance(expected, list):
        assert len(expected) == len(actual), where
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            _agree(one, other, absolute, relative, f"{where}[{index}]")
    elif isinstance(expected, str) and expected in ("Infinity", "-Infinity"):
        assert float(actual) == float(expected), where
    elif isinstance(expected, bool | str) or expected is None:
        assert actual == expected, where
    else:
        assert actual is not None, f"{where}: expected {expected}, got nothing"
        assert math.isfinite(actual), f"{where}: expected {expected}, got {actual}"
        assert abs(actual - expected) <= absolute + relative * abs(expected), (
            f"{where}: expected {expected}, got {actual}"
        )
