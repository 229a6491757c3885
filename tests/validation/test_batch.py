"""The judge of whole batches: Great Expectations itself, in its own process."""

from __future__ import annotations

import pytest

from fairpanel.validation.batch import Judge, suite

HEALTHY = {
    "rows": 100.0,
    "rows_against_earlier": 1.1,
    "share_refused": 0.0,
    "share_unanswered": 0.05,
    "unanswered_against_earlier": 0.0,
    "distribution_shift": 0.02,
    "share_known_raters": 0.9,
    "share_at_one_value": 0.3,
    "group_coverage": 0.95,
}


@pytest.fixture(scope="module")
def judge() -> Judge:
    with Judge() as judge:
        yield judge


def _failed(verdict: dict[str, object]) -> list[str]:
    return [entry["id"] for entry in verdict["expectations"] if entry["success"] is False]  # type: ignore[attr-defined]


def test_a_healthy_batch_passes_every_expectation(judge: Judge) -> None:
    verdict = judge.verdict("scores", HEALTHY)
    assert verdict["success"] is True
    assert all(entry["success"] is True for entry in verdict["expectations"])


@pytest.mark.parametrize(
    ("change", "expectation"),
    [
        ({"rows": 0.0}, "volume_not_empty"),
        ({"rows_against_earlier": 0.01}, "volume_like_earlier"),
        ({"share_refused": 0.2}, "few_refused"),
        ({"share_unanswered": 0.6}, "mostly_answered"),
        ({"unanswered_against_earlier": 0.3}, "answered_like_earlier"),
        ({"distribution_shift": 0.4}, "distribution_like_earlier"),
        ({"share_known_raters": 0.1}, "raters_known"),
        ({"share_at_one_value": 0.99}, "scores_vary"),
        ({"group_coverage": 0.2}, "groups_known"),
    ],
)
def test_each_expectation_can_fail(judge: Judge, change: dict[str, float], expectation: str) -> None:
    verdict = judge.verdict("scores", HEALTHY | change)
    assert verdict["success"] is False
    assert _failed(verdict) == [expectation]


def test_what_has_nothing_to_compare_with_is_not_judged(judge: Judge) -> None:
    verdict = judge.verdict("scores", HEALTHY | {"distribution_shift": None})
    states = {entry["id"]: entry["success"] for entry in verdict["expectations"]}
    assert states["distribution_like_earlier"] is None
    assert verdict["success"] is True


@pytest.mark.parametrize("name", ["scores", "other"])
def test_every_expectation_says_what_it_asks(name: str) -> None:
    for expectation in suite(name)["expectations"]:
        assert expectation["meta"]["says"].endswith(".")
        assert expectation["meta"]["id"]
