"""No small cell is shown, and none can be worked out from what is shown."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from reports.disclosure import protect
from tests.reports import sample

FAMILIES = {
    "Sales": {"women": (40, 10), "men": (50, 18), "nonbinary": (6, 5)},
    "Support": {"women": (30, 8), "men": (40, 14), "nonbinary": (3, 1)},
    "Finance": {"women": (30, 7), "men": (30, 10), "nonbinary": (9, 2)},
}
WHOLE = {"women": (100, 25), "men": (120, 42), "nonbinary": (18, 8)}


def of(report: dict[str, Any], measure: str, **subject: Any) -> Iterator[dict[str, Any]]:
    for estimate in report["estimates"]:
        if estimate["measure"] == measure and all(estimate["subject"][k] == v for k, v in subject.items()):
            yield estimate


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for found in value.values():
            yield from numbers(found)
    elif isinstance(value, list):
        for found in value:
            yield from numbers(found)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def test_nothing_small_nothing_changed_but_raters_and_candidates() -> None:
    before = sample.report()
    after = protect(before)
    assert after["suppressed"] == []
    assert [e for e in after["estimates"] if e["family"] != "raters"] == [
        e for e in before["estimates"] if e["family"] != "raters"
    ]
    assert after["inputs"]["counts"]["groups_known"] == 230


def test_the_report_given_is_left_alone() -> None:
    before = sample.report(WHOLE | {"nonbinary": (3, 1)})
    kept = copy.deepcopy(before)
    protect(before)
    assert before == kept


def test_raters_under_the_minimum_and_candidates_never_pass() -> None:
    severity = next(of(protect(sample.report()), "rater_severity"))["detail"]
    for table in ("severity", "se", "severity_interval", "units_scored", "component"):
        assert set(severity[table]) == {"a" * 24, "b" * 24}
    assert "fair_score" not in severity


@pytest.mark.parametrize("cell", [(3, 1), (4, 0), (12, 3), (12, 9), (40, 4)])
def test_a_small_cell_takes_the_group_out_of_selection(cell: tuple[int, int]) -> None:
    ratio = next(of(protect(sample.report(WHOLE | {"nonbinary": cell}, units=300)), "impact_ratio"))
    detail = ratio["detail"]
    for table in ("n", "rates", "selected", "ratios", "impact_ratio_to_highest"):
        assert detail[table]["nonbinary"] is None
    assert detail["four_fifths"].get("nonbinary") is None
    row = next(row for row in detail["rows"] if row["group"] == "nonbinary")
    assert list(numbers(row)) == []
    assert ratio["n"]["people"] is None
    assert detail["max_difference"] is None
    assert not any(str(cell[0]) in caution["text"].split() for caution in ratio["cautions"])


@pytest.mark.parametrize("cell", [(5, 0), (5, 5), (12, 5), (40, 0)])
def test_cells_at_the_minimum_and_empty_ones_are_shown(cell: tuple[int, int]) -> None:
    ratio = next(of(protect(sample.report(WHOLE | {"nonbinary": cell}, units=300)), "impact_ratio"))
    assert ratio["detail"]["n"]["nonbinary"] == cell[0]


def test_too_few_people_take_their_scores_out_too() -> None:
    after = protect(sample.report(WHOLE, FAMILIES, units=300))
    gone = "fairness/standardized_difference//user/overall/Support/gender/nonbinary/men"
    assert gone not in json.dumps(after)
    assert {"Support"} <= {
        e["subject"]["job_family"] for e in after["suppressed"] if e["subject"]["group"] == "nonbinary"
    }


def test_a_finding_about_a_hidden_group_cannot_tell_and_says_no_number() -> None:
    cells = {"women": (100, 25), "men": (120, 42), "nonbinary": (30, 3)}
    after = protect(sample.report(cells, units=300))
    ratio = next(of(after, "impact_ratio"))
    assert ratio["value"] is None
    assert ratio["interval"] is None
    found = next(f for f in after["findings"] if f["rule"] == "selection")
    assert (found["state"], found["reason"], found["p"], found["detectable"]) == (
        "cannot_tell",
        "suppressed",
        None,
        None,
    )
    assert after["summary"]["findings"]["cannot_tell"] == sum(f["state"] == "cannot_tell" for f in after["findings"])


def test_findings_and_tests_follow_their_estimates() -> None:
    after = protect(sample.report(WHOLE, FAMILIES, units=300))
    known = {estimate["id"] for estimate in after["estimates"]}
    assert {test["estimate"] for test in after["tests_run"]} <= known
    assert {name for found in after["findings"] for name in found["evidence"]} <= known


def shown_cells(report: dict[str, Any]) -> dict[tuple[str | None, str], tuple[int, int | None]]:
    """Everything an outsider learns of people and selected by job family and group, from every estimate."""
    found: dict[tuple[str | None, str], tuple[int, int | None]] = {}
    for gap in of(report, "standardized_difference"):
        for side, group in (("focal", gap["subject"]["group"]), ("reference", gap["subject"]["reference"])):
            found[gap["subject"]["job_family"], group] = gap["n"][side], None
    for ratio in of(report, "impact_ratio"):
        for group, n in ratio["detail"]["n"].items():
            if n is not None:
                found[ratio["subject"]["job_family"], group] = n, ratio["detail"]["selected"][group]
    return found


def attack(
    report: dict[str, Any],
    truth: dict[str, dict[str, tuple[int, int]]],
    whole: dict[str, tuple[int, int]],
    minimum: int,
) -> None:
    """Totals minus what is shown: neither a group's families nor a family's groups may leave a small cell alone."""
    shown = shown_cells(report)
    for group, (n, selected) in whole.items():
        if (None, group) not in shown:
            continue
        hidden = [family for family in truth if group in truth[family] and (family, group) not in shown]
        known = [shown[family, group] for family in truth if (family, group) in shown]
        rest = n - sum(k for k, _ in known)
        if hidden:
            assert rest >= minimum, (group, hidden)
            small = [family for family in hidden if truth[family][group][0] < minimum]
            assert not small or rest >= 2 * minimum - 1
        if shown[None, group][1] is not None and all(k is not None for _, k in known) and hidden:
            taken = selected - sum(k or 0 for _, k in known)
            assert taken == 0 or taken >= minimum, (group, hidden)
    for family, groups in truth.items():
        published = next(of(report, "g_coefficient", job_family=family))["n"]["units"]
        seen = sum(shown[family, group][0] for group in groups if (family, group) in shown)
        secret = [group for group in groups if (family, group) not in shown]
        if secret and seen:
            assert published - seen >= 2 * minimum - 1, (family, secret)


@pytest.mark.parametrize(
    "families",
    [
        FAMILIES,
        FAMILIES | {"Support": {"women": (30, 8), "men": (40, 14), "nonbinary": (4, 4)}},
        FAMILIES | {"Sales": {"women": (40, 2), "men": (50, 18), "nonbinary": (6, 5)}},
        {
            "Sales": {"women": (97, 23), "men": (90, 30), "nonbinary": (18, 8)},
            "Support": {"women": (3, 2), "men": (30, 12)},
        },
    ],
)
def test_nothing_small_follows_by_subtraction(families: dict[str, dict[str, tuple[int, int]]]) -> None:
    groups = sorted({group for part in families.values() for group in part})
    whole = {
        group: tuple(sum(part.get(group, (0, 0))[i] for part in families.values()) for i in (0, 1)) for group in groups
    }
    report = sample.report(whole, families, units=sum(n for n, _ in whole.values()) + 36)
    after = protect(report)
    assert after["suppressed"]
    attack(after, families, whole, 5)
    assert "groups_known" in after["inputs"]["counts"]
    assert after["inputs"]["counts"]["groups_known"] is None
    assert after["inputs"]["counts"]["declined"] is None


def test_where_everybody_stated_a_group_figures_stay_rough() -> None:
    """Candidates 1,003 = 500 women + 500 men + 3: exact figures would give the three away."""
    cells = {"women": (498, 125), "men": (502, 170), "nonbinary": (3, 1)}
    report = sample.report(cells, units=1003)
    report["inputs"]["counts"] |= {"user_interviewed": 1003, "hired": 296, "declined": 0, "groups_known": 1003}
    after = protect(report)
    ratio = next(of(after, "impact_ratio"))
    assert ratio["detail"]["n"] == {"women": 500, "men": 500, "nonbinary": None}
    assert ratio["value"] == round(ratio["value"], 2)
    assert "z" not in ratio["detail"]
    for group, (n, selected) in cells.items():
        rate = ratio["detail"]["rates"][group]
        consistent = [m for m in range(n - 5, n + 6) for s in range(m) if rate is not None and round(s / m, 2) == rate]
        assert rate is None or len(set(consistent)) > 8
        assert rate is None or rate != selected / n
    assert {key for gap in of(after, "standardized_difference") for key in gap["detail"]} <= {
        "means",
        "sds",
        "mean_difference",
        "p",
    }


def test_where_everybody_stated_a_group_and_groups_are_few_nothing_is_told() -> None:
    cells = {"women": (50, 12), "men": (50, 18), "nonbinary": (3, 1)}
    report = sample.report(cells, units=103)
    report["inputs"]["counts"] |= {"user_interviewed": 103, "hired": 31, "declined": 0, "groups_known": 103}
    after = protect(report)
    assert next(of(after, "impact_ratio"))["value"] is None
    assert not list(of(after, "standardized_difference"))
    assert list(numbers(next(of(after, "impact_ratio"))["detail"])) == []


def test_suppressed_does_not_tell_the_small_cell_from_the_one_that_guards_it() -> None:
    after = protect(sample.report(WHOLE, FAMILIES, units=300))
    guarded = [e for e in after["suppressed"] if e["subject"]["group"] == "nonbinary"]
    assert len(guarded) > 1
    assert len({e["why"] for e in guarded}) == 1


def test_protecting_twice_changes_nothing_more() -> None:
    once = protect(sample.report(WHOLE, FAMILIES, units=300))
    again = protect(once)
    assert again["estimates"] == once["estimates"]
    assert again["findings"] == once["findings"]


def test_an_undetermined_comparison_does_not_tell_how_many_people_it_had() -> None:
    """People of both groups minus the reference's would be the small group."""
    report = sample.report()
    cautions = [{"code": "SMALL_GROUP", "text": "too few"}]
    about = sample.subject(competency="technical", attribute="gender", group="nonbinary", reference="men")
    unknown = sample.estimate(
        "fairness", "standardized_difference", None, None, n={"people": 123}, subject=about, cautions=cautions
    )
    report["estimates"].append(unknown)
    assert protect(report)["estimates"][-1]["n"] == {"people": None}
