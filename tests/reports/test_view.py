from __future__ import annotations

import pytest

from reports import view


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.638, ".64"),
        (-0.0512, "−.05"),
        (1.2234, "1.22"),
        (-0.001, ".00"),
        (None, "–"),
        ("Infinity", "∞"),
        (10, "10.00"),
    ],
)
def test_coefficient(value: float | str | None, shown: str) -> None:
    assert view.coefficient(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0437, "0.044"), (0.45, "0.45"), (2.431, "2.4"), (17.9, "18"), (1234, "1,200"), (0, "0"), (None, "–")],
)
def test_rough_has_two_significant_digits(value: float | None, shown: str) -> None:
    assert view.rough(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.00001, "< .001"), (0.0123, ".012"), (0.0999, ".100"), (0.25, ".25"), (1.0, "1.00")]
)
def test_p_value_is_never_zero(value: float, shown: str) -> None:
    assert view.p_value(value) == shown


def test_natural_frequencies_take_a_larger_base_for_rare_events() -> None:
    assert view.of_hundred(0.247, 0.350) == (100, ["25", "35"])
    assert view.of_hundred(0.004, 0.35) == (1000, ["4", "350"])
    assert view.of_hundred(0.0, 0.35) == (100, ["0", "35"])


def test_labels_stay_on_one_line_within_their_length_and_direction() -> None:
    assert view.label("two\nlines\tand\x00more") == "two lines and more"
    assert len(view.label("x" * 10_000)) == view.LONGEST_LABEL
    assert view.label("x" * 10_000).endswith("…")
    assert view.label("\u202egnp.exe") == "gnp.exe"
    assert view.label("نساء") == "\u2068نساء\u2069"
    assert view.label(" \n ") == "(no name)"
    assert view.label("<script>") == "<script>"  # escaping is the page's business


def test_lists_and_days() -> None:
    assert view.listed(["a", "b", "c"]) == "a, b and c"
    assert view.listed(["a", "b", "c", "d"], 3) == "a, b and 2 more"
    assert view.listed([]) == ""
    assert view.day("2026-01-08").replace("\u00a0", " ") == "8 January 2026"


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (0.2, ".2"), (-0.5, "−.5"), (1.0, "1"), (10.0, "10"), (1.5, "1.5")]
)
def test_ticks(value: float, shown: str) -> None:
    assert view.tick(value) == shown


def test_intervals() -> None:
    assert view.interval({"low": 0.607, "high": 0.667}) == "[.61, .67]"
    assert view.interval({"low": 0.2, "high": "Infinity"}) == "[.20, ∞]"
    assert view.interval(None) == "–"
