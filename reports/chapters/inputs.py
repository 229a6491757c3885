"""Chapter 1: what went in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import view
from reports.blocks import Chapter, heading, rows, table, text
from reports.figures import bar

Entry = Mapping[str, Any]
FLOW = (
    ("candidates", "Candidates with scores"),
    ("hr_interviewed", "HR interview"),
    ("user_interviewed", "User interview"),
    ("hired", "Accepted"),
    ("hired_performance_known", "Accepted, performance known"),
)
RULES = {
    "deleted": "form deleted at the source",
    "duplicate": "the same row twice",
    "older_version": "an older version of an edited score",
    "unsubmitted": "form never submitted",
}
JUDGED = {True: "met", False: "not met", None: "nothing to compare with yet"}


def chapter(report: Entry) -> Chapter:
    counts, batches = report["inputs"]["counts"], report["inputs"]["batches"]
    blocks = [
        _flow(counts),
        text(_reading(counts)),
        *_notes(report),
        _rows(batches),
        *_excluded(batches),
        *_checks(batches),
    ]
    return Chapter(
        id="went-in",
        title="What went in",
        question="Which data does this audit rest on, and what was left out by which rule?",
        blocks=blocks,
        computed=(
            "Every row of every file is accepted, quarantined with its reason, or excluded by a named "
            "rule; the three add up to "
            "the rows read. Counts of candidates are of those with a score in the period and scope of this audit."
        ),
        command="fairpanel quarantine list",
        limits=[
            f"{view.count(counts['undecided'])} interviewed candidates without a decision are in no selection rate.",
            "The audit knows only what the exports hold: interviews without a form leave no trace.",
        ],
    )


def _flow(counts: Entry) -> dict[str, Any]:
    shown = [(name, counts[key]) for key, name in FLOW if counts.get(key)]
    most = max((n for _, n in shown), default=1)
    drawn = [(name, bar(name, f"{view.count(n)} people", n / most), view.count(n)) for name, n in shown]
    return rows("How far candidates came", drawn)


def _reading(counts: Entry) -> str:
    items = counts["answered"] + counts["unanswered"]
    said = (
        f"{view.count(counts['answered'])} of {view.count(items)} items on interview forms were answered "
        f"({view.percent(counts['answered'] / items)})."
        if items
        else ""
    )
    known = counts["hired_performance_known"]
    if counts["hired"]:
        said += f" Of {view.count(counts['hired'])} accepted candidates, {view.count(known)} have performance ratings."
    if counts["groups_known"] is not None:
        said += f" Groups are known for {view.count(counts['groups_known'])} candidates"
        said += f"; {view.count(counts['declined'])} chose not to say at least once." if counts["declined"] else "."
    return said.strip()


def _notes(report: Entry) -> list[dict[str, Any]]:
    notes = [view.sentence(view.label(note, 400)) for note in report["inputs"]["scale_notes"]]
    told = [
        f"{view.label(batch['file'])}: {view.label(note, 400)}"
        for batch in report["inputs"]["batches"]
        for note in batch["notes"]
    ]
    found = [*notes, *told]
    return [{"kind": "points", "items": found}] if found else []


def _rows(batches: Any) -> dict[str, Any]:
    lines = [_balance(view.label(b["file"]), view.label(b["adapter"]), [b]) for b in batches]
    lines.append(_balance("All files", "", batches))
    names = ("File", "Layout", "Rows read", "= accepted", "+ quarantined", "+ excluded", "Balance")
    return table("Rows read are accepted, quarantined or excluded", names, lines, words=(1,), folded=len(batches) > 12)


def _balance(file: str, layout: str, batches: Any) -> tuple[str, ...]:
    read, accepted, quarantined = (sum(b[key] for b in batches) for key in ("rows_read", "accepted", "quarantined"))
    excluded = sum(sum(b["excluded"].values()) for b in batches)
    holds = "holds" if read == accepted + quarantined + excluded else "does not hold"
    return (file, layout, *(view.count(n) for n in (read, accepted, quarantined, excluded)), holds)


def _excluded(batches: Any) -> list[dict[str, Any]]:
    lines = [
        (RULES.get(rule, view.label(rule).replace("_", " ")), kind, view.label(batch["file"]), view.count(n))
        for batch in batches
        for kind, found in (("excluded", batch["excluded"]), ("quarantined", batch["reasons"]))
        for rule, n in sorted(found.items())
    ]
    if not lines:
        return []
    return [
        table(
            "Left out, by rule", ("Rule", "What happened", "File", "Rows"), lines, words=(1, 2), folded=len(lines) > 12
        )
    ]


def _checks(batches: Any) -> list[dict[str, Any]]:
    lines = []
    for batch in batches:
        for name, judged in sorted((batch["expectations"].get("tables") or {}).items()):
            for check in judged.get("expectations", []):
                observed = check.get("observed")
                shown = view.rough(observed) if isinstance(observed, int | float) else view.MISSING
                lines.append((check["says"], view.label(name), shown, JUDGED[check.get("success")]))
    if not lines:
        return []
    missed = sum(line[3] == JUDGED[False] for line in lines)
    said = "All checks that could be judged were met." if not missed else f"{view.plural(missed, 'check')} not met."
    return [
        heading("Batches as a whole"),
        text(said),
        table(
            "Checks of batches (Great Expectations)",
            ("Check", "Table", "Observed", "Result"),
            lines,
            words=(1, 3),
            folded=True,
        ),
    ]
