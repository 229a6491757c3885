"""Every rule that can refuse or leave out a row: its name, what it means, how to mend it.

A rule that is not here cannot fire: the split looks every failed check up.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """meaning and mend are sentences for the person who delivered the file."""

    meaning: str
    mend: str


QUARANTINE: dict[str, Rule] = {
    "wrong_field_count": Rule(
        "The line has more or fewer fields than the header.",
        "Quote cells that hold the separator; leave no cell out.",
    ),
    "not_a_record": Rule(
        "The line is not one JSON object of plain values.", "Deliver one object a line, without nested values."
    ),
    "no_scorecard": Rule(
        "The rating belongs to a form that the export does not hold.",
        "Export scorecard and scorecard_attribute together.",
    ),
    "not_a_number": Rule("A number was expected.", "Write digits with a decimal point, or leave the cell empty."),
    "not_a_moment": Rule(
        "A date or time in ISO 8601 was expected.", "Write 2026-03-31 or 2026-03-31T14:00:00Z; never day/month/year."
    ),
    "not_a_boolean": Rule("True or false was expected.", "Write true or false."),
    "missing_value": Rule("A required cell is empty.", "Fill the cell in, or leave the row out of the export."),
    "unknown_label": Rule(
        "The word is not one of the allowed ones.", "Use an allowed word, or map yours to one in a mapping file."
    ),
    "score_outside_scale": Rule(
        "The score lies outside its own scale.", "Correct the score, or state the scale in scale_min and scale_max."
    ),
    "rating_outside_scale": Rule("The rating lies outside its own scale.", "Correct the rating or its scale."),
    "scale_upside_down": Rule(
        "The scale's minimum is not below its maximum.",
        "Give the numbers in order and set higher_is_better to false where low is good.",
    ),
    "moment_implausible": Rule(
        "The date lies before 1970 or more than a year ahead.", "Correct the date; leave the cell empty if unknown."
    ),
    "text_too_long": Rule("The text is longer than the column allows.", "Deliver the category only, not free text."),
    "conflicting_duplicate": Rule(
        "Several rows state different values for the same fact, and nothing says which is newer.",
        "Deliver one of them, or add updated_at.",
    ),
}
EXCLUSION: dict[str, Rule] = {
    "deleted": Rule("The form is marked as deleted in the source system.", ""),
    "unsubmitted": Rule("The form was never submitted.", ""),
    "duplicate": Rule("The same version of the same fact is already known.", ""),
    "older_version": Rule("A newer version of the same fact is known.", ""),
}


def rule_of_check(check: str) -> str:
    """The rule's name for a pandera check: its own name, or one of ours for pandera's built-in checks."""
    for prefix, rule in (("not_nullable", "missing_value"), ("isin", "unknown_label"), ("str_length", "text_too_long")):
        if check.startswith(prefix):
            return rule
    if check not in QUARANTINE:
        raise KeyError(f"the check {check!r} has no rule in schemas/rules.py")
    return check
