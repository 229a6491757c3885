"""The error of everything that keeps a workspace from being used."""

from __future__ import annotations


class WorkspaceError(Exception):
    """The workspace cannot be used: what is wrong with which folder, and how to mend it."""
