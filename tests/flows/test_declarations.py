"""The flows and prefect.yaml as Prefect will load them, without a server."""

from __future__ import annotations

import ast
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.cache_policies import NO_CACHE
from prefect.flows import load_flow_from_entrypoint
from prefect.states import Failed

from fairpanel import bundled
from fairpanel.adapters.base import ExportError
from fairpanel.parameters import (
    AuditParameters,
    BackfillParameters,
    IngestParameters,
    RetentionParameters,
    VerifyParameters,
)
from flows.audit import audit_one
from flows.backfill import audit_one_scope
from flows.ingest import take_in_one
from flows.retention import remove
from flows.retry_condition import may_pass
from flows.verify import compare

ROOT = bundled.PACKAGE.parent
DECLARED = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]
FILES = sorted((ROOT / "flows").glob("*.py"))
MODELS = {
    "ingest": IngestParameters,
    "audit": AuditParameters,
    "backfill": BackfillParameters,
    "verify": VerifyParameters,
    "retention": RetentionParameters,
}


@pytest.fixture(params=DECLARED, ids=lambda declared: declared["name"])
def declared(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


def test_the_deployments() -> None:
    assert [entry["name"] for entry in DECLARED] == [
        "nightly-ingest", "monthly-audit", "quarterly-audit", "backfill", "verify-ledger", "retention",
    ]  # fmt: skip
    assert [entry["name"] for entry in DECLARED if "schedules" not in entry] == ["backfill"]


def test_entrypoints_load_as_flows(declared: dict[str, Any]) -> None:
    path, _, function = declared["entrypoint"].partition(":")
    flow = load_flow_from_entrypoint(f"{ROOT / path}:{function}")
    assert isinstance(flow, Flow)
    assert flow.name == function
    assert flow.timeout_seconds is not None


def test_declared_parameters_are_valid_and_relative(declared: dict[str, Any]) -> None:
    model = MODELS[declared["entrypoint"].rpartition(":")[2]]
    parameters = model.model_validate(declared["parameters"]["parameters"])
    assert not Path(parameters.workspace).is_absolute()


def test_one_run_at_a_time(declared: dict[str, Any]) -> None:
    assert declared["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}


def test_nothing_on_the_path_is_shadowed() -> None:
    """Prefect puts flows/ at the head of sys.path: a file called prefect.py would be everybody's prefect."""
    taken = set(sys.stdlib_module_names) | set(metadata.packages_distributions()) - {"flows"}
    assert {file.stem for file in FILES if file.stem != "__init__"} & taken == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_flows_define_no_class(file: Path) -> None:
    """A class of a path entrypoint is another class than the imported one."""
    assert not [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.ClassDef)]


@pytest.mark.parametrize(
    ("failure", "again"),
    [
        (OSError(28, "No space left on device"), True),
        (BlockingIOError(), True),
        (TimeoutError(), True),
        (ExportError("scores.csv is empty"), False),
        (ValueError("misread"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(failure: Exception, again: bool) -> None:
    assert may_pass(None, None, Failed(data=failure)) is again


@pytest.mark.parametrize("task", [take_in_one, audit_one, audit_one_scope, compare, remove], ids=lambda task: task.name)
def test_tasks_use_the_condition(task: Any) -> None:
    assert task.retries >= 1
    assert task.retry_condition_fn is may_pass


@pytest.mark.parametrize("task", [take_in_one, audit_one, audit_one_scope, compare, remove], ids=lambda task: task.name)
def test_tasks_keep_no_result_and_end(task: Any) -> None:
    """A cached result would be rows of people outside the lake."""
    assert task.cache_policy == NO_CACHE
    assert not task.persist_result
    assert task.timeout_seconds
