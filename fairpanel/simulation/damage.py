"""Breaks a handful of rows of a canonical export on purpose, the way real exports are broken."""

from __future__ import annotations

from pathlib import Path

BROKEN_SCORES = (
    # a score outside its scale, a word for a number, day and month swapped, a label nobody defined, a short line
    "C000010,R02001,Operations,user,I00090,technical,9,F9000001,2024-03-04,2024-03-04,false",
    "C000011,R02001,Operations,user,I00091,technical,good,F9000002,2024-03-04,2024-03-04,false",
    "C000012,R02001,Operations,user,I00092,technical,4,F9000003,31/03/2024,2024-03-04,false",
    "C000013,R02001,Operations,user,I00093,charisma,4,F9000004,2024-03-04,2024-03-04,false",
    "C000014,R02001,Operations,user,I00094,technical,F9000005,2024-03-04,2024-03-04,false",
    ",R02001,Operations,user,I00095,technical,3,F9000006,2024-03-04,2024-03-04,false",
)
BROKEN_COLUMNS = (
    "candidate_id,requisition_id,job_family,stage,interviewer_id,competency,score,scorecard_id,interviewed_at,"
    "updated_at,is_deleted"
)


def damage(scores: Path) -> int:
    """Appends the broken rows to a scores.csv written by the simulation; returns how many."""
    header = scores.read_text(encoding="utf-8").split("\n", 1)[0].split(",")
    order = BROKEN_COLUMNS.split(",")
    lines = []
    for row in BROKEN_SCORES:
        cells = row.split(",")
        if len(cells) != len(order):
            lines.append(row)
            continue
        value = dict(zip(order, cells, strict=True))
        lines.append(",".join(value.get(name, "") for name in header))
    with scores.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return len(lines)
