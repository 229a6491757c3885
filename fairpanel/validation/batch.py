"""Judges each batch as a whole with Great Expectations, in a process of its own (its import takes longer than the rest).

`python -m fairpanel.validation.batch` reads one JSON summary a line from standard input and writes one verdict a line.
The judge sees a batch's summary, never a row of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from types import TracebackType
from typing import Any

QUIET = {
    "GX_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "TQDM_DISABLE": "1",
    "PYTHONWARNINGS": "ignore",
    "PYTHONUNBUFFERED": "1",
}


class JudgeError(RuntimeError):
    """Great Expectations could not be run: says what it wrote before it stopped."""


class Judge:
    """A running judge process: start it early, it is ready by the time the rows are read. Use as a context manager."""

    def __init__(self) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the judge
        self._process = subprocess.Popen(  # our own interpreter and module, no shell
            [sys.executable, "-m", "fairpanel.validation.batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            env=os.environ | QUIET,
        )

    def __enter__(self) -> Judge:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)
        for stream in (self._process.stdin, self._process.stdout, self._complaints):
            if stream is not None:
                stream.close()

    def verdict(self, suite: str, summary: Mapping[str, float | None]) -> dict[str, Any]:
        """{"success": bool, "expectations": [{"id", "says", "success", "observed"}]}; a metric of None is not judged."""
        if self._process.stdin is None or self._process.stdout is None:
            raise JudgeError("the judge has no pipes")
        try:
            self._process.stdin.write(json.dumps({"suite": suite, "summary": dict(summary)}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._complaints.seek(0)
            raise JudgeError(f"Great Expectations stopped: {self._complaints.read().decode(errors='replace')[-500:]}")
        verdict: dict[str, Any] = json.loads(line)
        return verdict


def suite(name: str) -> dict[str, Any]:
    """A suite of schemas/expectations: what is expected of a batch's summary."""
    content: dict[str, Any] = json.loads(files("schemas.expectations").joinpath(f"{name}.json").read_text("utf-8"))
    return content


def judge(context: Any, name: str, summary: Mapping[str, float | None]) -> dict[str, Any]:
    """One verdict, by Great Expectations on a one-row frame."""
    import great_expectations as gx
    import pandas as pd

    declared = suite(name)
    judged = [e for e in declared["expectations"] if summary.get(e["kwargs"]["column"]) is not None]
    frame = pd.DataFrame([{key: float(value) for key, value in summary.items() if value is not None}])
    checks = gx.ExpectationSuite(
        name=declared["name"], expectations=[{key: e[key] for key in ("type", "kwargs", "meta")} for e in judged]
    )
    batch = context.data_sources.pandas_default.read_dataframe(frame)
    result = batch.validate(checks).to_json_dict()
    by_id = {entry["expectation_config"]["meta"]["id"]: entry for entry in result["results"]}
    expectations = [
        {
            "id": entry["meta"]["id"],
            "says": entry["meta"]["says"],
            "success": by_id[entry["meta"]["id"]]["success"] if entry in judged else None,
            "observed": summary.get(entry["kwargs"]["column"]),
        }
        for entry in declared["expectations"]
    ]
    return {"success": bool(result["success"]), "suite": declared["name"], "expectations": expectations}


def main() -> None:
    """Serve verdicts until standard input closes."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # whatever the library prints must not mix with the verdicts
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(judge(context, request["suite"], request["summary"])), file=answers, flush=True)


if __name__ == "__main__":
    main()
