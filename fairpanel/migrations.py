"""The format of a workspace: which this one has, which this Fairpanel knows, and the steps from one to the next.

A workspace says its format in workspace.json. One without it is of format 1, from before there was such a file. A step may
be cut off anywhere: its number is written last, in one piece, and until then the whole step is done again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairpanel import __version__
from fairpanel.locking import exclusive
from fairpanel.whole_file import write_whole
from fairpanel.workspace_error import WorkspaceError

if TYPE_CHECKING:
    from fairpanel.workspace import Workspace

RECORD = "workspace.json"


@dataclass(frozen=True, slots=True)
class Step:
    """From one format to the next. `migrate` changes what lies in the workspace and returns what its record says from then
    on; done twice it must change nothing more, for it may be cut off."""

    to: int
    tells: str
    migrate: Callable[[Workspace, Mapping[str, Any]], dict[str, Any]]


def _begin_record(workspace: Workspace, record: Mapping[str, Any]) -> dict[str, Any]:
    """Format 2 has a record. Tables, reports and the ledger are as in format 1."""
    mark = workspace.lake / "pseudonym-key.fingerprint"
    known = mark.read_text(encoding="utf-8", errors="replace").strip() if mark.is_file() else ""
    return dict(record) | ({"key": known} if known else {})


STEPS: tuple[Step, ...] = (Step(2, "the workspace says its format, and under which key it was filled", _begin_record),)
FORMAT = STEPS[-1].to


def record(root: Path) -> dict[str, Any]:
    """What workspace.json says; format 1 where there is none. Raises WorkspaceError where it cannot be read."""
    try:
        text = (root / RECORD).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {"format": 1}
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{root / RECORD} cannot be read ({type(error).__name__}). {_RESTORE}") from error
    try:
        found = json.loads(text)
        if type(found["format"]) is not int or found["format"] < 1:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WorkspaceError(f"{root / RECORD} is damaged. {_RESTORE}") from None
    told: dict[str, Any] = found
    return told


_RESTORE = (
    'Put it back from a backup; where there is none, write {"format": 2} into it if Fairpanel 0.1 made the workspace.'
)


def require_known(root: Path, steps: Sequence[Step] = STEPS) -> int:
    """The workspace's format. Raises WorkspaceError where it is a newer one than this Fairpanel knows."""
    found = record(root)
    if found["format"] > steps[-1].to:
        maker = str(found.get("made_by", "a newer one"))[:40]
        raise WorkspaceError(
            f"the workspace {root} has format {found['format']}, made by Fairpanel {maker}; this is Fairpanel {__version__}, "
            f"which knows formats up to {steps[-1].to}. Install that version or a newer one; nothing was changed."
        )
    return int(found["format"])


def begin(root: Path) -> None:
    """Mark a workspace that is being made. Nothing happens where it is marked already."""
    write_whole(root / RECORD, _text({"format": FORMAT, "made_by": __version__}), replacing=False)


def bring_up_to_date(workspace: Workspace, steps: Sequence[Step] = STEPS) -> int:
    """Take the steps that are missing, one writer at a time; returns how many. Raises WorkspaceError for a newer format."""
    root = workspace.root
    if require_known(root, steps) == steps[-1].to:
        return 0
    taken = 0
    with exclusive(workspace):
        for step in steps:
            before = record(root)
            if before["format"] < step.to:
                after = step.migrate(workspace, before)
                write_whole(root / RECORD, _text(after | {"format": step.to, "made_by": __version__}))
                taken += 1
    return taken


def note(root: Path, **facts: str) -> None:
    """Add facts to the record of a workspace that has one."""
    before = record(root)
    if (root / RECORD).exists() and before | facts != before:
        write_whole(root / RECORD, _text(before | facts))


def _text(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()
