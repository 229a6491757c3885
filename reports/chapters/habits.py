"""Chapter 3, habits of scoring: who scores unlike the others, in what way, and how much hangs on one interviewer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports import view
from reports.blocks import heading, matrix, rows, table, text
from reports.figures import bar

Entry = Mapping[str, Any]
MOST_IN_MATRIX = 12
MOST_INFLUENCE = 5


@dataclass(frozen=True, slots=True)
class Named:
    """A habit in the words of a reader: its name, and a word for either side of the usual."""

    name: str
    high: str
    low: str


NAMES = {
    "severity": Named("Severity", "harsher", "milder"),
    "discrimination": Named("Differences between candidates", "larger", "smaller"),
    "range": Named("Use of the scale", "wider", "narrower"),
    "inconsistency": Named("Following what others see", "less closely", "more closely"),
    "halo": Named("Halo", "more alike", "less alike"),
    "same_score_throughout": Named("One score throughout a form", "more often", "less often"),
    "copying": Named("Forms equal to a colleague's", "more often", "less often"),
    "order": Named("Later candidates of a day", "higher", "lower"),
    "contrast": Named("After a strong candidate", "higher", "lower"),
    "submission_lag": Named("Handing in forms", "later", "sooner"),
}
USUAL_OF_ITS_OWN = ("order", "contrast")
"""Habits whose usual figure, common to all interviewers, says something by itself."""


def habits(estimate: Entry | None, stage: str, report: Entry) -> list[dict[str, Any]]:
    """Flags as a matrix, what they mean, the count of each habit, and the influence of single interviewers."""
    if estimate is None:
        return []
    where, detail = view.stages(stage), estimate["detail"]
    title = heading(f"Habits of scoring, {where}")
    found = {name: row for name, row in (detail.get("habits") or {}).items() if row}
    if estimate["value"] is None or not found:
        return [title, text(f"Habits at {where} cannot be judged. {view.why_not(estimate)}".strip())]
    order = [*(name for name in NAMES if name in found), *sorted(set(found) - set(NAMES))]
    raters = {name: row for name, row in (detail.get("raters") or {}).items() if row}
    flagged = sorted(name for name, row in raters.items() if row.get("flags"))
    blocks = [title]
    blocks.append(_matrix(raters, flagged, found, order, where))
    blocks += [text(*_said(estimate, flagged, found, report)), _counts(found, order, where)]
    return blocks + _influence(detail.get("influence") or {}, where)


def _named(name: str) -> Named:
    return NAMES.get(name) or Named(view.sentence(view.label(name)), "higher", "lower")


def _matrix(raters: Entry, flagged: list[str], found: Entry, order: list[str], where: str) -> dict[str, Any]:
    """A row of counts, then the interviewers with a flag, most flags first."""
    counts = [f"{view.count(found[h].get('flagged'))} of {view.count(found[h].get('judged'))}" for h in order]
    lines: list[tuple[str, list[tuple[str, str]]]] = [("Flagged of judged", [(count, count) for count in counts])]
    for name in sorted(flagged, key=lambda name: (-len(raters[name]["flags"]), name)):
        judged = raters[name].get("habits") or {}
        lines.append((view.pseudonym(name), [_cell(judged.get(habit), _named(habit)) for habit in order]))
    caption = f"{view.sentence(where)}: habits, and the interviewers with a flag"
    columns = [_named(habit).name for habit in order]
    return matrix(caption, "Interviewer (pseudonym)", columns, lines, most=MOST_IN_MATRIX + 1)


def _cell(judged: Entry | None, habit: Named) -> tuple[str, str]:
    """The symbol and the word of a flag; a dot where judged and not flagged; a dash where not judged."""
    if not judged:
        return view.MISSING, "not judged"
    if not judged.get("flagged"):
        return "·", "not flagged"
    shrunken, usual = (view.number(judged.get(key)) or 0.0 for key in ("shrunken", "usual"))
    return ("▲", habit.high) if shrunken >= usual else ("▼", habit.low)


def _said(estimate: Entry, flagged: list[str], found: Entry, report: Entry) -> list[str]:
    n, value = estimate["n"], estimate["value"]
    rate = report["policy"]["audit"]["false_discovery_rate"]
    judged = n.get("raters_judged")
    where = view.stages(estimate["subject"]["stage"])
    one = estimate["detail"].get("raters_flagged")
    count = one if one is not None else len(flagged)
    said = (
        f"Of {view.count(judged)} interviewers judged at {where}, {view.count(count)} ({view.percent(value)}) score unlike "
        f"the others in at least one of {view.plural(len(found), 'habit')} ({view.count(n.get('forms'))} forms on "
        f"{view.count(n.get('units'))} candidates). That share is a decision about these interviewers, not a sample: it has "
        "no interval."
    )
    rule = (
        f"A flag needs two things: among the flags of a habit, about {view.percent(rate)} at most are expected to be false "
        "(false-discovery control), and the interviewer's own figure, drawn towards the usual one as far as chance explains "
        "it, must keep its interval clear of the usual. It says that scores differ, not that they are wrong: whoever meets "
        "unusual candidates, or sees more than others, differs, too. Talk about scored examples before anything else."
    )
    return [said, *_usual(found), rule]


def _usual(found: Entry) -> list[str]:
    """What all interviewers have in common, where it says something."""
    said = []
    for name in USUAL_OF_ITS_OWN:
        row = found.get(name)
        ends = [view.number(end) for end in (row or {}).get("centre_interval") or (None, None)]
        if row is None or view.number(row.get("centre")) is None or ends[0] is None or ends[1] is None:
            continue
        side = "the interval holds zero: no such effect is seen over all interviewers"
        if ends[0] > 0 or ends[1] < 0:
            which = _named(name).high if ends[0] > 0 else _named(name).low
            side = f"this indicates that the usual interviewer scores them {which}"
        said.append(
            f"{_named(name).name}: {view.fixed(row['centre'], 3)} {view.in_words(row.get('unit') or '')} (interval "
            f"{view.fixed(ends[0], 3)} to {view.fixed(ends[1], 3)}); {side}."
        )
    return said


def _counts(found: Entry, order: list[str], where: str) -> dict[str, Any]:
    lines = []
    for name in order:
        row = found[name]
        ends = row.get("centre_interval")
        interval = f"[{view.fixed(ends[0])}, {view.fixed(ends[1])}]" if ends else "fixed, none"
        meant = "; ".join(view.in_words(row[side]) for side in ("high", "low") if row.get(side))
        lines.append(
            (
                _named(name).name, view.count(row.get("judged")), view.count(row.get("flagged")),
                view.fixed(row.get("centre")), interval, view.fixed(row.get("spread")), view.in_words(row.get("unit") or ""),
                meant,
            )
        )  # fmt: skip
    columns = ("Habit", "Judged", "Flagged", "Usual", "95 % interval", "Spread (SD)", "In", "A flag means")
    return table(f"Habits, {where}", columns, lines, words=(6, 7), folded=True)


def _influence(found: Entry, where: str) -> list[dict[str, Any]]:
    """Whose absence would move their candidates' means most."""
    known = [(name, row) for name, row in found.items() if view.number((row or {}).get("mean_change")) is not None]
    if not known:
        return []
    known.sort(key=lambda one: (-one[1]["mean_change"], one[0]))
    longest = known[0][1]["mean_change"]
    drawn = []
    for name, row in known[:MOST_INFLUENCE]:
        value = f"{view.rough(row['mean_change'])} points"
        share = row["mean_change"] / longest if longest > 0 else 0.0
        drawn.append((view.pseudonym(name), bar(view.pseudonym(name), value, share), value))
    middle = known[len(known) // 2][1]["mean_change"]
    changes = [at for _, row in known if (at := view.number(row.get("g_change_without"))) is not None]
    said = (
        f"Without {view.pseudonym(known[0][0])}, the mean scores of the candidates they share with others at {where} would "
        f"move by {view.rough(longest)} points (root mean square over {view.count(known[0][1].get('shared_units'))} "
        f"candidates); for the middle one of {view.count(len(known))} interviewers it is {view.rough(middle)}. "
    )
    if changes:
        most = max(changes, key=abs)
        said += (
            f"Reliability G would change by {view.coefficient(most)} at most without any one of the "
            f"{view.count(len(changes))} busiest. "
        )
    said += "These describe the data as they are, without interval; a large figure also comes from few colleagues on a panel."
    lines = [
        (
            view.pseudonym(name), view.count(row.get("shared_units")), view.fixed(row["mean_change"], 3),
            view.fixed(row.get("mean_change_sd")), view.fixed(row.get("g_change_without"), 3),
        )
        for name, row in known
    ]  # fmt: skip
    columns = ("Interviewer (pseudonym)", "Candidates shared", "Change of means, points", "In SDs", "Change of G")
    caption = f"{view.sentence(where)}: whose scores move their candidates' means most"
    return [rows(caption, drawn), text(said), table(f"Influence, {where}", columns, lines, folded=True)]
