"""How a command tells its outcome: one document on standard output, or a sentence on standard error and an exit code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
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


def progress(title: str) -> Callable[[str, int, int], None]:
    """A progress bar on standard error while it is a terminal; silent otherwise."""
    if not sys.stderr.isatty():
        return lambda what, done, total: None  # noqa: ARG005  # the signature of a progress callback
    from tqdm import tqdm

    bar = tqdm(desc=title, total=None, file=sys.stderr, leave=False)

    def show(what: str, done: int, total: int) -> None:
        bar.total = total
        bar.n = done
        bar.set_postfix_str(what[:40])
        if done >= total:
            bar.close()

    return show
