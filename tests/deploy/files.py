"""The container files as tests read them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def instructions() -> list[tuple[str, str]]:
    """The Containerfile's instructions in order, each with its words on one line."""
    text = (FOLDER / "Containerfile").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in joined.splitlines()]


def of(name: str) -> list[str]:
    """What stands after every instruction of a kind."""
    return [rest for kind, rest in instructions() if kind == name]


def environment() -> dict[str, str]:
    """The image's environment."""
    (words,) = of("ENV")
    return dict(word.split("=", 1) for word in shlex.split(words))


def health() -> list[str]:
    """The image's own health check."""
    (check,) = of("HEALTHCHECK")
    found: list[str] = json.loads(check.partition("CMD ")[2])
    return found
