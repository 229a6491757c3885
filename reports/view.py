"""Numbers and names as a reader sees them. The only place that rounds."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

Number = float | int | str | None
MISSING = "–"
NARROW, HARD = "\u202f", "\u00a0"  # spaces at which no line breaks
LONGEST_LABEL = 60
FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"

COMPETENCIES = {
    "overall": "overall score",
    "composite": "composite of competencies",
    "technical": "technical assessment",
    "team_compatibility": "team compatibility",
    "role_specific": "role-specific evaluation",
    "other": "other competencies",
}
STAGES = {"user": "user interview", "hr": "HR interview", "other": "other interview"}
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number(value: Number) -> float | None:
    """A stored number; an infinite one is stored as a word."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return {"Infinity": math.inf, "-Infinity": -math.inf}.get(value)
    return float(value)


def fixed(value: Number, digits: int = 2) -> str:
    """A decimal number for tables: fixed digits, a true minus sign, a leading zero."""
    found = number(value)
    if found is None:
        return MISSING
    if math.isinf(found):
        return "∞" if found > 0 else "−∞"
    text = f"{found:.{digits}f}"
    return ("0" + text[2:] if text.startswith("-0") and not float(text) else text).replace("-", "−")


def coefficient(value: Number, digits: int = 2) -> str:
    """A number of a scale up to 1 as the field writes it: .64, −.05, 1.22."""
    return _bare(fixed(value, digits))


def tick(value: float) -> str:
    """A round number on an axis: 0, .2, 1, −1.5."""
    return _bare(f"{value:.10g}".replace("-", "−"))


def _bare(text: str) -> str:
    """A decimal number without the zero before its point."""
    if text.startswith("0."):
        return text[1:]
    return f"−{text[2:]}" if text.startswith("−0.") else text


def few(value: Number) -> str:
    """A small average: one decimal, none where it is whole."""
    found = number(value)
    return MISSING if found is None else fixed(found, 0 if abs(found - round(found)) < 0.05 else 1)


def rough(value: Number) -> str:
    """Two significant digits, for prose."""
    found = number(value)
    if found is None or math.isinf(found):
        return fixed(value)
    if found == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(found)))
    if magnitude >= 1:
        return count(round(found, 1 - magnitude))
    return fixed(found, 1 - magnitude)


def count(value: Number) -> str:
    """A whole number with separated thousands."""
    found = number(value)
    if found is None:
        return MISSING
    return fixed(found, 0) if math.isinf(found) else f"{round(found):,}".replace("-", "−")


def percent(share: Number) -> str:
    """A share as a whole percentage, to one place where it is under one percent."""
    found = number(share)
    if found is None:
        return MISSING
    per_hundred = 100 * found
    return f"{fixed(per_hundred, 1 if 0 < abs(per_hundred) < 1 else 0)}{NARROW}%"


def p_value(value: Number) -> str:
    """A p value, never as zero."""
    found = number(value)
    if found is None:
        return MISSING
    return "< .001" if found < 0.001 else coefficient(found, 3 if found < 0.1 else 2)


def p_equals(value: Number, symbol: str = "p") -> str:
    text = p_value(value)
    text = text.replace(" ", HARD)
    return f"{symbol}{HARD}{text}" if text.startswith("<") else f"{symbol}{HARD}={HARD}{text}"


def interval(found: Mapping[str, Any] | None, digits: int = 2) -> str:
    """[.61, .67]"""
    if found is None or (found.get("low") is None and found.get("high") is None):
        return MISSING
    return f"[{coefficient(found['low'], digits)}, {coefficient(found['high'], digits)}]"


def from_to(found: Mapping[str, Any] | None) -> str:
    """.61 to .67, for prose."""
    if found is None:
        return MISSING
    return f"{coefficient(found['low'])} to {coefficient(found['high'])}"


def interval_in_words(found: Mapping[str, Any] | None) -> str:
    """95 % interval .61 to .67; or that there is none."""
    return "no interval" if found is None else f"{level(found)} interval {from_to(found)}"


def level(found: Mapping[str, Any] | None) -> str:
    """95 %, on one line."""
    return percent((found or {}).get("level", 0.95))


def of_hundred(*rates: Number) -> tuple[int, list[str]]:
    """Rates as natural frequencies: of 100 people, or of 1,000 where a rate is so small that 100 would hide it."""
    found = [number(rate) or 0.0 for rate in rates]
    base = 100 if all(rate == 0 or rate >= 0.02 for rate in found) else 1000
    return base, [count(base * rate) for rate in found]


def label(text: object, longest: int = LONGEST_LABEL) -> str:
    """A name from an export: one line, no control characters, no longer than fits, its own writing direction kept inside."""
    return _label(str(text), longest)


@lru_cache(maxsize=4096)
def _label(text: str, longest: int) -> str:
    plain = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text[: 4 * longest])
    plain = "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))
    plain = " ".join(plain.split())
    if len(plain) > longest or len(text) > 4 * longest:
        plain = plain[: longest - 1].rstrip() + "…"
    foreign = any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in plain)
    return f"{FIRST_STRONG_ISOLATE}{plain}{POP_ISOLATE}" if foreign else plain or "(no name)"


def competency(name: str | None) -> str:
    return COMPETENCIES.get(name or "overall", label(name))


def stage(name: str | None) -> str:
    return "whole process" if name is None else STAGES.get(name, label(name))


def stages(name: str | None) -> str:
    return "the whole process" if name is None else stage(name) + "s"


def family(name: str | None) -> str:
    return "all job families" if name is None else label(name)


def sentence(text: str) -> str:
    """With a capital letter in front."""
    return text[:1].upper() + text[1:]


def pseudonym(name: str) -> str:
    """The first eight characters: enough to find an interviewer in the workspace, and never a name."""
    return label(name[:8])


def number_word(value: int) -> str:
    return NUMBER_WORDS[value] if 0 <= value < len(NUMBER_WORDS) else count(value)


def plural(value: int, one: str, many: str | None = None) -> str:
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


WORDS = {
    "units": "candidates",
    "unit": "candidate",
    "raters": "interviewers",
    "rater": "interviewer",
    "his": "their",
    "items": "competencies",
    "direct_supervisor": "direct supervisor",
    "team_member": "team member",
}


def in_words(text: object, longest: int = 300) -> str:
    """What a measure says, in the words of interviews."""
    return re.sub(rf"\b({'|'.join(WORDS)})\b", lambda found: WORDS[found[1]], label(text, longest))


def caution(text: str) -> str:
    """A measure's caution as a sentence in the words of interviews."""
    return sentence(in_words(text)).rstrip(".") + "."


SIDE_REMARKS = ("MISSING_DATA", "NO_INTERVAL", "RANGE_RESTRICTED", "INCOMPLETE_DESIGN")


def why_not(estimate: Mapping[str, Any]) -> str:
    """Why an estimate has no value: its last caution that is more than a remark."""
    told = [found for found in estimate.get("cautions") or [] if found["code"] not in SIDE_REMARKS]
    return caution(told[-1]["text"]) if told else ""


def day(text: str) -> str:
    """2024-01-31 as 31 January 2024."""
    found = date.fromisoformat(text)
    return f"{found.day} {MONTHS[found.month - 1]} {found.year}".replace(" ", HARD)


def listed(names: list[str], most: int = 6) -> str:
    """a, b and c; the rest as a number."""
    shown = names if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1] if shown else ""
