"""One estimate of an audit; where it is not possible, that is its result, and the others go on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from fairpanel.measures.catalogue import measure
from fairpanel.measures.estimate import Caution, CautionCode, Estimate, MeasureInputError
from schemas.results import Estimated, Family


def estimated(
    family: Family,
    subject: dict[str, str | None],
    name: str,
    table: pl.DataFrame,
    variant: str = "",
    **options: Any,
) -> Estimated:
    """A measure on a table, about a subject. A measure that refuses the table, or whose arithmetic leaves the range of
    numbers, gives an estimate without a value whose caution says why."""
    try:
        estimate = measure(name, table, **options)
    except MeasureInputError as error:
        # The only option that data can prove wrong is an assumed reliability.
        estimate = _impossible(name, "ASSUMED_RELIABILITY" if "ryy" in options else "NOT_ESTIMABLE", str(error))
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        estimate = _impossible(name, "NOT_ESTIMABLE", f"the arithmetic failed ({type(error).__name__})")
    return Estimated(family=family, subject=subject, result=estimate.to_dict(), variant=variant)


def _impossible(name: str, code: CautionCode, why: str) -> Estimate:
    cautions = (Caution(code, f"Not possible: {why.removesuffix('.')}."),)
    return Estimate(measure=name, method="not computed", value=None, n={}, cautions=cautions)


def noted(found: Estimated, note: str) -> Estimated:
    """The same with a note at the end of its method: that a random sample was taken, for one."""
    return replace(found, result=found.result | {"method": found.result["method"] + note}) if note else found
