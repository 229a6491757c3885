"""Small frames of people for the fairness tests."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def counted(cells: Mapping[str, tuple[int, int]], stratum: str | None = None) -> pl.DataFrame:
    """One row a person from group: (selected, not selected)."""
    group = [name for name, (yes, no) in cells.items() for _ in range(yes + no)]
    selected = [value for yes, no in cells.values() for value in [1] * yes + [0] * no]
    frame = pl.DataFrame({"group": group, "selected": selected}, schema={"group": pl.String, "selected": pl.Int64})
    return frame if stratum is None else frame.with_columns(stratum=pl.lit(stratum))
