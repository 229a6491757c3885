"""No figure on fewer rated people than the minimum is shown, and none can be worked out from what is shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.disclosure import protect
from reports.html import render
from reports.performance import rated_enough
from tests.reports import sample, sample_validity
from tests.reports.sample_validity import ITEMS, access, expectancy, preparation
from tests.reports.test_disclosure import numbers, of
from tests.reports.test_panels import broken, read

MINIMUM = 5
THREE = {"women": (100, 25), "men": (120, 42), "nonbinary": (20, 8)}


def shown(estimate: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in estimate["detail"]["rows"] if row["value"] is not None]


def left_over(estimate: dict[str, Any]) -> tuple[int, float]:
    """What an outsider subtracts: the people and the sum of ratings that the parts shown leave of the totals."""
    rows = shown(estimate)
    people = estimate["n"]["people"] - sum(row["n_rated"] for row in rows)
    total = estimate["n"]["people"] * estimate["detail"]["overall"]
    return people, total - sum(row["n_rated"] * row["value"] for row in rows)


def replaced(measure: str, *estimates: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """The sample with other estimates of one measure."""
    told = sample_validity.report(**changed)
    told["estimates"] = [e for e in told["estimates"] if e["measure"] != measure] + list(estimates)
    known = {e["id"] for e in told["estimates"]}
    told["tests_run"] = [test for test in told["tests_run"] if test["estimate"] in known]
    return told


@pytest.mark.parametrize(
    ("rated", "hidden"),
    [
        ((6, 9, 11, 14, 20), set()),
        ((3, 9, 11, 14, 20), {1, 2}),
        ((3, 30, 11, 14, 20), {1, 3}),
        ((1, 1, 11, 14, 20), {1, 2, 3}),
        ((1, 4, 11, 14, 20), {1, 2}),
        ((0, 9, 11, 14, 20), set()),
        ((0, 3, 11, 14, 20), {2, 3}),
        ((0, 0, 0, 0, 20), set()),
        ((9, 11, 14, 20, 4), {5, 1}),
        ((0, 0, 0, 2, 20), {4, 5}),
        ((0, 0, 1, 1, 1), {3, 4, 5}),
    ],
)
def test_a_part_with_few_rated_takes_along_what_would_give_it_back(rated: tuple[int, ...], hidden: set[int]) -> None:
    before = expectancy(rated)
    after = rated_enough(before, MINIMUM)
    gone = {row["part"] for row in after["detail"]["rows"] if row["n_rated"] is None}
    assert gone == hidden
    for row, old in zip(after["detail"]["rows"], before["detail"]["rows"], strict=True):
        if row["part"] in hidden:
            assert (row["value"], row["low"], row["high"]) == (None, None, None)
            assert row["n"] == old["n"]
        else:
            assert row == old


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=5).filter(any), st.integers(2, 10))
def test_what_is_left_over_is_nobody_or_enough_people(rated: list[int], minimum: int) -> None:
    """Total less parts: never the mean of one part, and never the mean of fewer people than the minimum."""
    before = expectancy(tuple(rated))
    after = rated_enough(before, minimum)
    assert all(row["n_rated"] >= minimum for row in shown(after))
    if after["detail"]["overall"] is None:
        assert sum(rated) < minimum
        assert shown(after) == []
        return
    people, _ = left_over(after)
    gone = [row for row in after["detail"]["rows"] if row["n_rated"] is None]
    assert people == 0 or (people >= minimum and (len(gone) > 1 or not shown(after)))
    ends = [row for row in before["detail"]["rows"] if row["value"] is not None]
    assert after["detail"]["gap"] is None or not {ends[0]["part"], ends[-1]["part"]} & {row["part"] for row in gone}
    assert rated_enough(after, minimum) == after


def test_the_subtraction_is_a_real_one() -> None:
    """Without the gate the same arithmetic gives a part back to the last digit."""
    bare = expectancy((3, 9, 11, 14, 20))
    bare["detail"]["rows"][0] |= {"value": None, "n_rated": None}
    people, total = left_over(bare)
    assert people == 3
    assert total / people == pytest.approx(3.0)
    people, total = left_over(rated_enough(expectancy((3, 9, 11, 14, 20)), MINIMUM))
    assert people == 12
    assert total / people not in (pytest.approx(3.0), pytest.approx(3.2))


def test_the_highest_part_hidden_takes_the_value_and_the_chapter_stands() -> None:
    after = protect(replaced("expectancy_table", expectancy((9, 11, 14, 20, 4))))
    found = next(of(after, "expectancy_table"))
    assert (found["value"], found["interval"], found["n"]["highest"], found["detail"]["gap"]) == (
        None,
        None,
        None,
        None,
    )
    assert found["cautions"][-1]["code"] == "SMALL_GROUP"
    said = read(after)
    assert broken(said) == []
    assert "What is the score worth in use?" in said
    assert "Fifths with few people rated, and what would give their figures away, are withheld." in said
    assert "Highest fifth 5.00 to 5.90 48 withheld withheld" in said
    assert "few of" not in said


def test_a_part_with_nobody_rated_says_so() -> None:
    said = read(protect(replaced("expectancy_table", expectancy((0, 9, 11, 14, 20)))))
    assert "Lowest fifth 1.00 to 1.90 48 0 – –" in said
    assert "are withheld" not in said


def test_too_few_parts_draw_no_picture_and_leave_no_gap() -> None:
    said = read(protect(replaced("expectancy_table", expectancy((0, 0, 0, 2, 20)))))
    assert broken(said) == []
    assert "Expectancy by fifths" not in said


def test_a_cell_of_the_matrix_takes_the_means_along() -> None:
    report = sample_validity.report()
    matrix = next(of(report, "convergent_discriminant"))
    cell = next(row for row in matrix["detail"]["matrix"] if not row["matched"])
    cell["n"] = 4
    after = protect(report)
    found = next(of(after, "convergent_discriminant"))
    hidden = [row for row in found["detail"]["matrix"] if row["n"] is None]
    assert [(row["predictor"], row["criterion"], row["r"], row["low"]) for row in hidden] == [
        (cell["predictor"], cell["criterion"], None, None)
    ]
    assert found["value"] is None
    assert [found["detail"][name] for name in ("mean_convergent", "mean_discriminant", "largest")] == [None] * 3
    said = read(after)
    assert broken(said) == []
    assert "Whether competencies tell the sides of performance apart cannot be told." in said
    assert "No dimension of performance has the name of a competency" not in said


def test_a_cell_of_few_people_without_a_figure_hides_only_its_number() -> None:
    report = sample_validity.report()
    row = next(of(report, "convergent_discriminant"))["detail"]["matrix"][0]
    row |= {"n": 3, "r": None, "low": None, "high": None}
    found = next(of(protect(report), "convergent_discriminant"))
    assert found["detail"]["matrix"][0]["n"] is None
    assert found["value"] == 0.2


def test_shares_still_there_of_few_people_are_left_out() -> None:
    report = sample_validity.report()
    rows = next(of(report, "retention_hazard"))["detail"]["retention"]
    rows[1]["at_risk"] = 4
    rows[3] |= {"at_risk": 0, "retention": None, "low": None, "high": None}
    after = protect(report)
    kept = next(of(after, "retention_hazard"))["detail"]["retention"]
    assert [(row["retention"], row["at_risk"]) for row in kept] == [(0.9, 30), (None, None), (0.9, 30), (None, 0)]
    said = read(after)
    assert broken(said) == []
    assert "Lower half of the score 12 – – – " in said


@pytest.mark.parametrize("given_to", [3, 238])
def test_items_that_few_had_or_had_not_have_no_effect_to_show(given_to: int) -> None:
    after = protect(replaced("preparation_effect", preparation(given_to)))
    for row in next(of(after, "preparation_effect"))["detail"]["items"]:
        assert [row[key] for key in ("effect", "low", "high", "n_with", "n_without")] == [None] * 5
    said = read(after)
    assert broken(said) == []
    assert "Mock interview cannot tell" in said


def test_a_correlation_of_few_people_rated_by_others_is_withheld_with_the_difference() -> None:
    report = sample_validity.report()
    for found in of(report, "same_source_validity"):
        found["detail"]["different"]["people"] = found["n"]["people_different"] = 4
    after = protect(report)
    found = next(of(after, "same_source_validity"))
    assert found["value"] is None
    assert found["detail"]["different"]["r"] is None
    assert found["detail"]["r_different"] is None
    assert found["detail"]["paired"] is None
    assert found["detail"]["same"]["r"] == 0.35
    said = read(after)
    assert broken(said) == []
    assert "The two cannot be compared." in said


# --- access to preparation: a group's people, those who had it and those who had not ---------------------------------


def with_access(had: dict[str, tuple[int, int]], **changed: Any) -> dict[str, Any]:
    return protect(replaced("access_difference", *access(had), **changed))


@pytest.mark.parametrize("had", [(100, 3), (100, 97), (3, 2), (4, 4)])
@pytest.mark.parametrize("small", ["women", "men"])
def test_a_cell_under_the_minimum_in_either_group_takes_the_comparison_out(had: tuple[int, int], small: str) -> None:
    """Both groups are large, or one is small: who had it, who had not, and all of them count alike."""
    cells = {"women": (100, 40), "men": (120, 72)} | {small: had}
    after = with_access(cells, units=300)
    assert list(of(after, "access_difference")) == []
    assert not any("access_difference" in test["estimate"] for test in after["tests_run"])
    assert "minus that of the group it is compared with" not in read(after)
    assert {e["what"] for e in after["suppressed"]} == {"access to preparation"}
    assert list(of(after, "standardized_difference")) != []


@pytest.mark.parametrize("had", [(100, 5), (100, 95), (5, 0), (5, 5)])
def test_cells_at_the_minimum_and_empty_ones_pass(had: tuple[int, int]) -> None:
    after = with_access({"women": had, "men": (120, 72)}, units=300)
    assert len(list(of(after, "access_difference"))) == len(ITEMS)
    assert after["suppressed"] == []


def test_a_hidden_group_does_not_follow_from_the_total_of_an_item() -> None:
    """240 stated an item, 120 had it: less the women and men shown, the two of the third group who had it would be left."""
    cells = {"women": (100, 46), "men": (120, 72), "nonbinary": (20, 2)}
    told = replaced("access_difference", *access(cells), cells=THREE, units=300)
    after = protect(told)
    given = next(of(after, "preparation_effect"))["detail"]["items"][0]["n_with"]
    had = {}
    for found in of(after, "access_difference"):
        for side in ("focal", "reference"):
            group = found["detail"][side]
            had[group] = round(found["detail"]["shares"][group] * found["n"][side])
    assert "nonbinary" not in had
    assert not had or given - sum(had.values()) >= 2 * MINIMUM - 1
    counts = after["inputs"]["counts"]
    assert (counts["declined"], counts["groups_known"]) == (None, None)


def test_with_enough_of_unknown_group_the_others_are_still_shown() -> None:
    """The third group hides among those who stated no group: 40 others, 20 of whom had it."""
    cells = {"women": (80, 32), "men": (100, 60), "nonbinary": (20, 3)}
    told = replaced("access_difference", *access(cells), cells=THREE, units=300)
    after = protect(told)
    assert {found["subject"]["group"] for found in of(after, "access_difference")} == {"women"}
    assert [e["what"] for e in after["suppressed"] if e["subject"]["group"] == "nonbinary"] == ["access to preparation"]


def test_a_rough_attribute_leaves_no_exact_share() -> None:
    cells = {"women": (498, 125), "men": (502, 170), "nonbinary": (3, 1)}
    had = {"women": (498, 201), "men": (502, 307), "nonbinary": (3, 1)}
    told = replaced("access_difference", *access(had), cells=cells, units=1003)
    told["estimates"] = [e for e in told["estimates"] if e["measure"] != "preparation_effect"]
    counts = {"user_interviewed": 1003, "hired": 296, "declined": 0, "groups_known": 1003, "prepared_known": 1003}
    told["inputs"]["counts"] |= counts
    after = protect(told)
    found = list(of(after, "access_difference"))
    assert [e["subject"]["group"] for e in found] == ["women"] * len(ITEMS)
    for estimate in found:
        assert estimate["n"] == {"focal": 500, "reference": 500}
        for number in (estimate["value"], *numbers(estimate["detail"]["shares"]), *numbers(estimate["interval"])):
            assert number == round(number, 2)
        share = estimate["detail"]["shares"]["women"]
        assert len({m for m in range(490, 507) for k in range(m) if round(k / m, 2) == share}) > 8
    said = read(after)
    assert broken(said) == []
    assert "Mock interview, women : men" in said


def test_protecting_twice_changes_nothing_more() -> None:
    told = replaced("expectancy_table", expectancy((9, 11, 14, 3, 4)))
    next(of(told, "convergent_discriminant"))["detail"]["matrix"][0]["n"] = 4
    once = protect(told)
    again = protect(once)
    assert again["estimates"] == once["estimates"]
    assert render(again) == render(once)


def test_nothing_small_nothing_changed() -> None:
    before = sample_validity.prediction()
    assert [rated_enough(estimate, MINIMUM) for estimate in before] == before
    assert sample.POLICY["disclosure"]["minimum_cell"] == MINIMUM
