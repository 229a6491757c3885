"""Where the files that come along with Fairpanel lie: in the wheel's package data, or in a checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

PACKAGE = Path(str(files("fairpanel")))


def samples() -> Path:
    """The demo's exports."""
    return _first(PACKAGE / "_data" / "samples" / "demo", PACKAGE.parent / "data" / "samples" / "demo")


def reference() -> Path:
    """Published figures that reports compare with."""
    return _first(PACKAGE / "_data" / "reference", PACKAGE.parent / "data" / "reference")


def profiles() -> Path:
    """Policy profiles."""
    return _first(PACKAGE / "_data" / "profiles", PACKAGE.parent / "data" / "profiles")


def deployments() -> Path:
    """prefect.yaml."""
    return _first(PACKAGE / "_data" / "prefect.yaml", PACKAGE.parent / "prefect.yaml")


def _first(*places: Path) -> Path:
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(f"this installation lacks {places[0].name}; install Fairpanel again")
