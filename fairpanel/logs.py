"""Log lines that machines read: with FAIRPANEL_LOG=json one JSON object a line on standard error.

A line tells time (UTC), level, logger, message, the run, and the names and counts that the message is about; never a cell
of an export and never the message of an exception, which may quote one. Without the variable everything is as before:
warnings as text.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from fairpanel.config import ConfigError

VARIABLE = "FAIRPANEL_LOG"
FORMS = ("text", "json")
OURS = ("fairpanel", "flows")
"""Only these loggers write such lines: what others say may quote anything."""
_RUN: ContextVar[str | None] = ContextVar("fairpanel_run", default=None)


def begin(environment: Mapping[str, str], run_id: str | None = None) -> str:
    """Begin a run: set up the log as the environment says; every line from here on carries the run's id.

    run_id: of a Prefect flow run, or of the process that this one works for; without it a new UUID. Raises ConfigError
    for a form of log that there is not.
    """
    form = environment.get(VARIABLE) or "text"
    if form not in FORMS:
        raise ConfigError(f"{VARIABLE} is {' or '.join(FORMS)}, not {form!r}")
    for name in OURS:
        logger = logging.getLogger(name)
        there = [handler for handler in logger.handlers if isinstance(handler.formatter, Lines)]
        if form == "json" and not there:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(Lines())
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
            logger.propagate = False
        for handler in there if form == "text" else []:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)
            logger.propagate = True
    told = run_id or str(uuid.uuid4())
    _RUN.set(told)
    return told


def run_id() -> str | None:
    """The run that this is part of, if one has begun."""
    return _RUN.get()


def tell(logger: logging.Logger, message: str, **names_and_counts: Any) -> None:
    """One line at level INFO. Names are of batches, reports, days and states; nothing about people."""
    logger.info(message, extra={"told": names_and_counts})


class Lines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """As logging.Formatter.format."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "run_id": _RUN.get(),
        }
        line |= getattr(record, "told", {})
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["at"] = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(record.exc_info[2])]
        return json.dumps(line, ensure_ascii=False, default=str)
