"""Runs commands in forks of a process that has imported everything and done nothing: a disturbed run takes a second
instead of five. Jobs come as lines of JSON on standard input, outcomes go out the same way.

    python -m tests.faults.zygote
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import deltalake  # noqa: F401  # imported before the first fork
import scipy.stats  # noqa: F401

import fairpanel.auditing
import fairpanel.commands
import fairpanel.pipeline.backfill
import fairpanel.pipeline.ingest
import fairpanel.store.pseudonyms
import fairpanel.validation.batch  # noqa: F401
from fairpanel.cli import main
from tests.faults.steps import Disturbance


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Fork, run the command under its fault, tell how it ended, what it printed and which steps it took."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "steps.json"
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            code = 70
            try:
                code = _child(job, told, writing)
            finally:
                os._exit(code)
        os.close(writing)
        with os.fdopen(reading) as lines:
            printed = lines.read()
        _, status = os.waitpid(child, 0)
        return {
            "code": os.waitstatus_to_exitcode(status),
            "steps": json.loads(told.read_text()) if told.exists() else [],
            "printed": printed,
        }


def _child(job: dict[str, Any], told: Path, printed: int) -> int:
    disturbance = Disturbance(Path(job["folder"]), job["fault"], job["at"])
    disturbance.install()
    if job["fault"] == "small files":  # what the operating system itself refuses, also to libraries not in Python
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["at"], resource.RLIM_INFINITY))
    with os.fdopen(printed, "w") as out, redirect_stdout(out), redirect_stderr(out):
        code = main(job["argv"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    told.write_text(json.dumps(disturbance.steps))
    return code


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
