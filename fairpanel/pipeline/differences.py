"""Where two reports differ, number by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MISSING = "(not there)"


@dataclass(frozen=True, slots=True)
class Difference:
    """path: where in report.json, estimates and findings by their id. measure: what it belongs to; the part of the report
    where it belongs to no measure."""

    path: str
    measure: str
    recorded: Any
    recomputed: Any

    @property
    def relative(self) -> float | None:
        """The difference as a share of the larger of the two numbers; None where they are not both numbers."""
        if not (_number(self.recorded) and _number(self.recomputed)):
            return None
        largest = max(abs(self.recorded), abs(self.recomputed))
        return abs(self.recorded - self.recomputed) / largest if largest else 0.0

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in (*self.__slots__, "relative")}

    def __str__(self) -> str:
        share = "" if self.relative is None else f" (relative difference {self.relative:.2g})"
        return f"{self.path}: recorded {_short(self.recorded)}, recomputed {_short(self.recomputed)}{share}"


def differences(recorded: Any, recomputed: Any, path: str = "", measure: str = "") -> Iterator[Difference]:
    """Every leaf in which two JSON values differ, and every one that only one of them has."""
    if isinstance(recorded, Mapping) and isinstance(recomputed, Mapping):
        here = str(recorded.get("measure", measure))
        for name in sorted({*recorded, *recomputed}):
            pair = (value.get(name, MISSING) for value in (recorded, recomputed))
            yield from differences(*pair, f"{path}.{name}" if path else name, here or name)
    elif isinstance(recorded, list) and isinstance(recomputed, list):
        ours, theirs = _named(recorded), _named(recomputed)
        for name in dict.fromkeys([*ours, *theirs]):
            one, other = ours.get(name, MISSING), theirs.get(name, MISSING)
            yield from differences(one, other, f"{path}[{name}]", measure)
    elif type(recorded) is not type(recomputed) or recorded != recomputed:
        yield Difference(path, _measure(recorded, recomputed) or measure, _leaf(recorded), _leaf(recomputed))


def numbers(value: Any) -> int:
    """How many numbers stand in a JSON value."""
    if isinstance(value, Mapping):
        return sum(numbers(part) for part in value.values())
    if isinstance(value, list):
        return sum(numbers(part) for part in value)
    return int(_number(value))


def _named(rows: Sequence[Any]) -> dict[str, Any]:
    """A list's elements by their id, by their place where they have none or share one."""
    names = [str(row["id"]) if isinstance(row, Mapping) and "id" in row else str(at) for at, row in enumerate(rows)]
    if len(set(names)) < len(names):
        names = [str(at) for at in range(len(rows))]
    return dict(zip(names, rows, strict=True))


def _measure(*values: Any) -> str | None:
    """The measure of an estimate that only one of the two has."""
    return next((str(value["measure"]) for value in values if isinstance(value, Mapping) and "measure" in value), None)


def _leaf(value: Any) -> Any:
    return f"({len(value)} entries)" if isinstance(value, Mapping | list) else value


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, str) else value
    return text if len(text) <= 60 else text[:59] + "…"
