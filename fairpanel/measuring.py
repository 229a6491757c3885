"""The commands `measure` and `measures`: any one number on any file, and the catalogue."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from fairpanel import config, exit_codes
from fairpanel.outcome import say


def measure_file(options: argparse.Namespace) -> int:
    """One measure on one file."""
    from fairpanel.measures.catalogue import measure, option_from_text
    from fairpanel.measures.estimate import MeasureInputError
    from fairpanel.tables_from_files import read_table

    given = {name: option_from_text(options.name, name, text) for name, text in _pairs(options.rest).items()}
    table = read_table(options.file)
    try:
        estimate = measure(options.name, table, **given).to_dict()
    except ArithmeticError as error:
        raise MeasureInputError(
            f"the numbers in {options.file.name} are too large or too small to compute {options.name} with ({error})"
        ) from error
    say(options, estimate, _estimate_text(estimate))
    return exit_codes.DONE


def _pairs(rest: list[str]) -> dict[str, str]:
    """--name value and --name=value, as names with underscores."""
    pairs: dict[str, str] = {}
    words = iter(rest)
    for word in words:
        if not word.startswith("--"):
            raise config.ConfigError(f"expected --option value, got {word!r}")
        name, equals, value = word[2:].partition("=")
        if not equals:
            value = next(words, "")
            if not value or value.startswith("--"):
                raise config.ConfigError(f"option --{name} has no value")
        pairs[name.replace("-", "_")] = value
    return pairs


def _estimate_text(estimate: Mapping[str, Any]) -> str:
    value = estimate["value"]
    told = "not estimable" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    lines = [f"{estimate['measure']}: {told}", f"method: {estimate['method']}"]
    if (interval := estimate["interval"]) is not None:
        lines.append(
            f"{interval['level']:.0%} interval: {interval['low']} to {interval['high']} ({interval['method']})"
        )
    lines.append("n: " + ", ".join(f"{name} {count}" for name, count in estimate["n"].items()))
    lines += [f"caution {caution['code']}: {caution['text']}" for caution in estimate["cautions"]]
    lines += [f"{name}: {item}" for name, item in estimate["detail"].items() if not isinstance(item, list | dict)]
    return "\n".join(lines)


def catalogue(options: argparse.Namespace) -> int:
    """The catalogue, or one measure's documentation."""
    from fairpanel.measures.catalogue import CATALOGUE, describe

    entries = [describe(name) for name in ([options.name] if options.name else CATALOGUE)]
    document = [
        {
            "name": entry.name,
            "family": entry.family,
            "summary": entry.summary,
            "options": {name: str(parameter) for name, parameter in entry.options.items()},
        }
        for entry in entries
    ]
    text = (
        f"{entries[0].name}\n\n{entries[0].documentation}"
        if options.name
        else "\n".join(f"{entry.name:<25} {entry.summary}" for entry in entries)
    )
    say(options, {"measures": document}, text)
    return exit_codes.DONE
