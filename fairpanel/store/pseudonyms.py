"""Identifiers become keyed BLAKE2b pseudonyms: the same person in two exports gets the same one, nobody without the key
can tell which person it is, and the key never lies in the lake."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from fairpanel.store import lake_mark
from fairpanel.whole_file import write_whole
from fairpanel.workspace import Workspace
from schemas.columns import Column

KEY_VARIABLE = "FAIRPANEL_KEY"
SHORTEST_KEY = 16
RESTORE = (
    f"With another key nobody is recognised and everybody counts twice. Restore {KEY_VARIABLE} or secrets/pseudonym.key, or "
    "begin a new workspace."
)


class PseudonymKeyError(ValueError):
    """The pseudonym key is missing, too short or unreadable."""


@dataclass(frozen=True, slots=True, repr=False)
class Pseudonyms:
    """Pseudonyms under one key. The key is not shown when this is printed."""

    key: bytes

    def __repr__(self) -> str:
        return f"Pseudonyms(fingerprint={self.fingerprint!r})"

    @property
    def fingerprint(self) -> str:
        """Tells one key from another without telling the key."""
        return hashlib.blake2b(b"fairpanel key fingerprint", key=self.key, digest_size=8).hexdigest()

    def of(self, kind: str, identifier: str) -> str:
        """The pseudonym of one identifier; different kinds of things never share one."""
        digest = hashlib.blake2b(identifier.encode(), key=self.key, digest_size=12, person=kind.encode()[:16])
        return digest.hexdigest()

    def replace(self, frame: pl.DataFrame, columns: Mapping[str, Column]) -> pl.DataFrame:
        """The frame with every identifier column replaced; nulls stay null."""
        for name, column in columns.items():
            if column.identity is None or name not in frame.columns:
                continue
            kind = column.identity
            distinct = frame[name].drop_nulls().unique()
            known = pl.DataFrame(
                {name: distinct, "_pseudonym": [self.of(kind, value) for value in distinct]},
                schema={name: pl.String, "_pseudonym": pl.String},
            )
            frame = (
                frame.join(known, on=name, how="left", maintain_order="left")
                .with_columns(pl.col("_pseudonym").alias(name))
                .drop("_pseudonym")
            )
        return frame


def of_workspace(workspace: Workspace) -> Pseudonyms:
    """The key that everything in a workspace is under. Raises PseudonymKeyError where it has become another one: nobody
    would be recognised, and everybody delivered again would count as somebody else."""
    known = lake_mark.read(workspace)
    if known is None:
        lake_mark.require_place(workspace)
    lost = not (workspace.secrets / "pseudonym.key").exists() and os.environ.get(KEY_VARIABLE) is None
    if known is not None and lost:
        raise PseudonymKeyError(f"the pseudonym key of this workspace (fingerprint {known}) is gone. {RESTORE}")
    pseudonyms = from_environment_or_file(workspace.secrets)
    if known is None:
        known = lake_mark.leave(workspace, pseudonyms.fingerprint)
    if known != pseudonyms.fingerprint:
        raise PseudonymKeyError(
            f"the pseudonym key is another one (fingerprint {pseudonyms.fingerprint}) than the one this workspace was filled "
            f"with ({known}). {RESTORE}"
        )
    lake_mark.remember(workspace, known)
    return pseudonyms


def from_environment_or_file(folder: Path) -> Pseudonyms:
    """The key from FAIRPANEL_KEY, else from the workspace's secrets folder, where the first call makes one (mode 0600)."""
    given = os.environ.get(KEY_VARIABLE)
    if given is not None:
        if len(given) < SHORTEST_KEY:
            raise PseudonymKeyError(f"{KEY_VARIABLE} has {len(given)} characters; a key needs at least {SHORTEST_KEY}.")
        return Pseudonyms(hashlib.blake2b(given.encode()).digest())
    path = folder / "pseudonym.key"
    if not path.exists():
        write_whole(path, secrets.token_hex(32).encode(), mode=0o600, replacing=False)
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if len(text) < SHORTEST_KEY:
        raise PseudonymKeyError(
            f"{path.name} in the secrets folder is damaged. Restore it: with another key nobody is recognised."
        )
    return Pseudonyms(hashlib.blake2b(text.encode()).digest())
