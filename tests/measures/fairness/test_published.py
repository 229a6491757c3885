"""Worked examples from the literature and tables reckoned by hand."""

from __future__ import annotations

import math

import polars as pl
import pytest

from fairpanel.measures.catalogue import measure
from tests.measures.fairness.frames import counted

BERKELEY = {  # admitted and rejected women and men by department, 1973 (Bickel, Hammel & O'Connell 1975)
    "A": ((89, 19), (512, 313)),
    "B": ((17, 8), (353, 207)),
    "C": ((202, 391), (120, 205)),
    "D": ((131, 244), (138, 279)),
    "E": ((94, 299), (53, 138)),
    "F": ((24, 317), (22, 351)),
}


@pytest.fixture(scope="module")
def berkeley() -> pl.DataFrame:
    return pl.concat([counted({"women": women, "men": men}, name) for name, (women, men) in BERKELEY.items()])


def test_morris_2017() -> None:
    people = counted({"women": (2, 8), "men": (15, 10)})
    pair = {"focal": "women", "reference": "men"}
    ratio = measure("impact_ratio", people, **pair)
    assert ratio.value == pytest.approx(1 / 3)
    assert ratio.detail["z"] == pytest.approx(-2.138963, abs=1e-6)
    assert ratio.detail["p"] == pytest.approx(0.0324387, abs=1e-7)
    assert measure("fisher_exact", people, **pair).detail["p_two_sided"] == pytest.approx(0.0599078, abs=1e-7)
    mid_p = measure("lancaster_mid_p", people, two_sided="minimum_likelihood", **pair)
    assert mid_p.detail["p_two_sided"] == pytest.approx(0.0436993, abs=1e-7)


def test_berkeley_within_departments(berkeley: pl.DataFrame) -> None:
    pooled = measure("mantel_haenszel", berkeley, focal="men", reference="women")
    assert pooled.value == pytest.approx(0.9046968, abs=1e-7)
    assert pooled.detail["chi2_corrected"] == pytest.approx(1.4269462, abs=1e-7)
    assert [caution.code for caution in pooled.cautions] == ["HETEROGENEOUS_STRATA"]
    gate = measure("breslow_day", berkeley, focal="men", reference="women")
    assert gate.value == pytest.approx(18.825514, abs=1e-6)
    assert gate.detail["tarone"] == pytest.approx(18.825501, abs=1e-6)


def test_berkeley_is_reversed(berkeley: pl.DataFrame) -> None:
    """Women fare worse over the whole university, and hardly differently, if anything better, within departments."""
    detail = measure("mantel_haenszel", berkeley, focal="women", reference="men").detail
    assert detail["reversed"] is True
    assert detail["marginal_or"] == pytest.approx(557 * 1493 / (1278 * 1198))
    assert detail["marginal_or_everyone"] == detail["marginal_or"]
    assert detail["common_or"] == pytest.approx(1 / 0.9046968, rel=1e-6)
    assert detail["directions"] == {"lower": 2, "equal": 0, "higher": 4}
    assert detail["mh_d_dif"] == pytest.approx(0.2353652, abs=1e-7)


def test_directions_and_margins_by_hand() -> None:
    """2/4 against 1/4, 1/2 against 2/4, 1/4 against 3/4; a stratum of one group counts for everyone only."""
    cells = {"s": ((2, 2), (1, 3)), "t": ((1, 1), (2, 2)), "u": ((1, 3), (3, 1)), "v": ((5, 5), (0, 0))}
    people = pl.concat([counted({"f": f, "r": r}, name) for name, (f, r) in cells.items()])
    detail = measure("mantel_haenszel", people, focal="f", reference="r").detail
    assert detail["directions"] == {"lower": 1, "equal": 1, "higher": 1}
    assert detail["marginal_or"] == pytest.approx(4 * 6 / (6 * 6))
    assert detail["marginal_or_everyone"] == pytest.approx(9 * 6 / (11 * 6))
    assert detail["reversed"] is False
    one_sided = measure("mantel_haenszel", counted({"f": (3, 0), "r": (2, 4)}, "s"), focal="f", reference="r").detail
    assert (one_sided["marginal_or"], one_sided["reversed"]) == (math.inf, False)


def test_berkeley_without_departments(berkeley: pl.DataFrame) -> None:
    assert measure("impact_ratio", berkeley).value == pytest.approx(0.6818298, abs=1e-7)


def test_four_fifths_is_exact_at_the_edge() -> None:
    """48 of 100 against 60 of 100 is exactly 80 %: not below (Uniform Guidelines, Questions and Answers)."""
    estimate = measure("impact_ratio", counted({"a": (60, 40), "b": (48, 52)}))
    assert estimate.value == 0.8
    assert estimate.detail["four_fifths"] == {"b": True}
    assert measure("impact_ratio", counted({"a": (60, 40), "b": (47, 53)})).detail["four_fifths"] == {"b": False}


@pytest.mark.parametrize(
    ("cells", "ratio", "meets", "to_four_fifths", "to_parity", "shifted", "changes"),
    [
        # reference rate: 10/20 = .5. focal 3/10: needs 4 for four fifths, 5 for parity. shifted: (4/10) / (9/20)
        ({"r": (10, 10), "f": (3, 7)}, 0.6, False, 1, 2, 8 / 9, True),
        # focal 8/20 = .4: exactly four fifths; parity at 10. shifted (9/20) / (9/20)
        ({"r": (10, 10), "f": (8, 12)}, 0.8, True, 0, 2, 1.0, False),
        # focal 1/10 against 18/20: four fifths at 8 (7.2), parity at 9. shifted (2/10) / (17/20)
        ({"r": (18, 2), "f": (1, 9)}, 1 / 9, False, 7, 8, 4 / 17, False),
    ],
)  # fmt: skip
def test_four_fifths_by_hand(
    cells: dict[str, tuple[int, int]], ratio: float, meets: bool, to_four_fifths: int, to_parity: int, shifted: float,
    changes: bool,
) -> None:  # fmt: skip
    detail = measure("impact_ratio", counted(cells)).detail
    assert detail["ratios"]["f"] == pytest.approx(ratio)
    assert detail["four_fifths"]["f"] is meets
    assert detail["shortfall"]["to_four_fifths"] == to_four_fifths
    assert detail["shortfall"]["to_parity"] == to_parity
    assert detail["one_person_shift"]["ratio"] == pytest.approx(shifted)
    assert detail["one_person_shift"]["changes_verdict"] is changes


def test_lady_tasting_tea() -> None:
    """Fisher's 3 of 4 and 1 of 4: one-sided 17/70, two-sided 34/70."""
    detail = measure("fisher_exact", counted({"milk": (3, 1), "tea": (1, 3)}), focal="milk").detail
    assert detail["p_greater"] == pytest.approx(17 / 70)
    assert detail["p_two_sided"] == pytest.approx(34 / 70)
    mid_p = measure("lancaster_mid_p", counted({"milk": (3, 1), "tea": (1, 3)}), focal="milk").detail
    assert mid_p["p_one_sided_greater"] == pytest.approx((17 - 8) / 70)


def test_koopman_published() -> None:
    """36 of 40 against 16 of 80: 2.94 to 7.15 (Koopman 1984, reprinted by Newcombe)."""
    estimate = measure("impact_ratio", counted({"f": (36, 4), "r": (16, 64)}), focal="f", reference="r")
    assert estimate.interval is not None
    assert estimate.interval.low == pytest.approx(2.94, abs=0.005)
    assert estimate.interval.high == pytest.approx(7.15, abs=0.005)


def test_differences_by_hand() -> None:
    """Means 2.5 and 3.5, both variances 5/3: d = -1 / sqrt(5/3); Welch t = -1 / sqrt(5/6) on 6 degrees of freedom."""
    people = pl.DataFrame({"group": ["f"] * 4 + ["r"] * 4, "y": [1, 2, 3, 4, 2, 3, 4, 5]})
    for kind, factor in (("d", 1.0), ("glass", 1.0), ("g", math.gamma(3) / (math.sqrt(3) * math.gamma(2.5)))):
        estimate = measure("standardized_difference", people, focal="f", kind=kind)
        assert estimate.value == pytest.approx(-factor / math.sqrt(5 / 3))
    assert estimate.detail["welch_t"] == pytest.approx(-1 / math.sqrt(5 / 6))
    assert estimate.detail["df"] == pytest.approx(6)


def test_lines_by_hand() -> None:
    """Reference y = 1 + 2 x, focal y = x, each point twice, half above and half below by .5."""
    x = [0.0, 1.0, 2.0, 3.0] * 2
    bump = [0.5] * 4 + [-0.5] * 4
    reference = pl.DataFrame({"x": x, "y": [1 + 2 * a + e for a, e in zip(x, bump, strict=True)], "group": "r"})
    focal = pl.DataFrame({"x": x, "y": [a + e for a, e in zip(x, bump, strict=True)], "group": "f"})
    estimate = measure("differential_prediction", pl.concat([reference, focal]), reference="r")
    assert estimate.value == pytest.approx(-1)
    assert estimate.detail["coef"] == pytest.approx([1, 2, -1, -1])
    # residual sum of squares 16 * .25 on 12 df; spread of x in a group 10: se = sqrt(1/3 * 2/10)
    assert estimate.detail["slope_difference_se"] == pytest.approx(math.sqrt(2 / 30))
    assert estimate.detail["slope_f"] == pytest.approx(15)
    assert estimate.detail["step_down"] == "slopes"
    lines = {row["group"]: (row["intercept"], row["slope"]) for row in estimate.detail["lines"]}
    assert lines["f"] == pytest.approx((0, 1), abs=1e-12)
