"""How a command tells its outcome: one document on standard output, or a sentence on standard error and an exit code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any


def refuse(options: argparse.Namespace, sentence: str, code: int) -> int:
    """Say what went wrong; returns the exit code."""
    print(f"fairpanel: {sentence}", file=sys.stderr)
    if getattr(options, "json", False):
        print(json.dumps({"error": sentence, "exit_code": code}))
    return code


def say(options: argparse.Namespace, document: Mapping[str, Any], text: str) -> None:
    """The document with --json, else the text."""
    print(json.dumps(document, allow_nan=False, indent=None) if options.json else text)
