"""Anchors: number and hash of the ledger's last entry, to be kept where whoever writes to the workspace cannot reach."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from fairpanel.store import ledger
from fairpanel.store.recorded_files import Problem
from fairpanel.store.verification import ended, whole
from fairpanel.workspace import Workspace


class AnchorError(ValueError):
    """An anchor cannot be made or read: of what, and why."""


def anchor(workspace: Workspace, now: datetime) -> tuple[dict[str, Any], list[Problem]]:
    """The anchor of everything recorded so far, and what is wrong with the chain: an anchor of a broken one is worth
    nothing. Raises AnchorError where nothing is recorded yet."""
    lines, rest = ledger.lines(workspace)
    chain, problems = whole(lines, rest)
    problems += ended(workspace, chain)
    if not chain:
        raise AnchorError("the ledger is empty: there is nothing to anchor yet")
    last = chain[-1]
    told = {"number": last.number, "hash": last.hash, "at": now.isoformat(timespec="seconds")}
    return told, problems


def read(path: Path) -> tuple[int, str]:
    """Number and hash in an anchor's file. Raises AnchorError."""
    try:
        told = json.loads(path.read_text("utf-8-sig"))
        number, digest = told["number"], told["hash"]
    except OSError as error:
        raise AnchorError(f"the anchor {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise AnchorError(
            f'{path} is no anchor: expected {{"number": …, "hash": "…"}} as "fairpanel anchor" writes it.'
        ) from error
    if type(number) is not int or not isinstance(digest, str) or len(digest) != len(ledger.GENESIS):
        raise AnchorError(f"{path} is no anchor: expected a number and a hash of {len(ledger.GENESIS)} digits.")
    return number, digest.lower()
