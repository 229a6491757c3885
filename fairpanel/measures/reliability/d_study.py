"""What-if figures from variance components: how reliable means over other numbers of raters and items would be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

GOALS = (0.7, 0.8, 0.9)
MOST_RATERS = 10


def planned(
    components: Mapping[str, float], /, *, raters: float, items: float, overlap: float, fixed: bool = True
) -> dict[str, float]:
    """Coefficients of means over raters and items.

    Parameters
    ----------
    components : variances by effect ("unit", "rater", "unit:item", …, "residual" for the interaction of all); an effect
        that is absent counts as 0.
    raters, items : how many scores a mean is taken over, in each direction.
    overlap : q · raters, the share of rater differences that counts as error: 0 where all units meet the same raters, 1
        where no two share one (Putka et al. 2008).
    fixed : whether the items are all there are to ask about (competencies of an interview guide) or a sample of many.

    Returns
    -------
    g (with the overlap), relative (rater differences not counted), phi_absolute (differences of raters, and of items
    where these are a sample, fully counted).
    """

    def of(*names: str) -> float:
        return sum(max(components.get(name, 0.0), 0.0) for name in names)

    true = of("unit") + (of("unit:item") / items if fixed else 0.0)
    specific = of("unit:rater") / raters + of("residual") / (raters * items)
    specific += 0.0 if fixed else of("unit:item") / items
    shared = of("rater") / raters + of("rater:item") / (raters * items)
    across = 0.0 if fixed else of("item") / items
    return {
        "g": _share(true, specific + overlap * shared),
        "relative": _share(true, specific),
        "phi_absolute": _share(true, specific + shared + across),
    }


def _share(true: float, error: float) -> float:
    return true / (true + error) if true > 0 else 0.0


def composite_plan(components: Mapping[str, float], items: int, overlap: float, /) -> dict[str, Any]:
    """Rows of `planned` for 1 to 10 raters and 1 to all items, and the raters needed for .70, .80, .90 of G.

    Items are taken as fixed. raters_needed is keyed by goal and number of items; None where no number would do.
    """
    sizes = sorted({1, *(size for size in (2, 3, 5, 8) if size < items), items})
    rows = [
        {"raters": raters, "items": size} | planned(components, raters=raters, items=size, overlap=overlap)
        for size in sizes
        for raters in range(1, MOST_RATERS + 1)
    ]
    needed = {
        f"{goal:.2f}": {str(size): raters_needed(components, size, overlap, goal) for size in sizes} for goal in GOALS
    }
    return {"d_study": rows, "raters_needed": needed}


def raters_needed(components: Mapping[str, float], items: int, overlap: float, goal: float, /) -> int | None:
    """Smallest number of raters per unit with G of at least `goal`: all error shrinks as 1 / raters."""
    g = planned(components, raters=1, items=items, overlap=overlap)["g"]
    if g <= 0:
        return None
    return max(1, math.ceil(goal / (1 - goal) * (1 - g) / g - 1e-9))
