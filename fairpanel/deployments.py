"""The deployments of prefect.yaml, registered with a Prefect API for one workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import ConcurrencyOptions, StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.states import Crashed
from prefect.utilities.callables import parameter_schema

from fairpanel import bundled
from fairpanel.config import ConfigError
from fairpanel.workspace import Workspace

POOL = "fairpanel"
UNFINISHED = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]


def declared() -> Sequence[Mapping[str, Any]]:
    """The deployments as prefect.yaml declares them."""
    deployments: Sequence[Mapping[str, Any]] = yaml.safe_load(bundled.deployments().read_text("utf-8"))["deployments"]
    return deployments


async def require_unclaimed(workspace: Workspace, address: str) -> None:
    """Raise ConfigError where the API's deployments are for another workspace, which would lose them without a word."""
    own = str(workspace.root.resolve())
    async with get_client() as client:
        for declaration in declared():
            with suppress(ObjectNotFound):
                known = await client.read_deployment_by_name(f"{_flow(declaration).name}/{declaration['name']}")
                given = known.parameters.get("parameters")
                other = given.get("workspace", own) if isinstance(given, Mapping) else own
                if other != own:
                    raise ConfigError(
                        f"the Prefect API at {address} runs these deployments for the workspace {other}, and one API serves "
                        f"one workspace: give {own} an API of its own, or --take-over to run them for it from now on"
                    )


async def register(workspace: Workspace, code: Path | None = None) -> list[str]:
    """Create the work pool and the deployments with this workspace; returns their names, as flow/deployment. `code` is the
    folder above flows/ on the worker's machine where that is another one.

    Schedules that were changed or paused since the last start stay as they are.
    """
    async with get_client() as client:
        with suppress(ObjectAlreadyExists):
            await client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        return [await _register(client, workspace, code, declaration) for declaration in declared()]


async def _register(
    client: PrefectClient, workspace: Workspace, code: Path | None, declaration: Mapping[str, Any]
) -> str:
    flow = _flow(declaration)
    given = declaration["parameters"]["parameters"] | {"workspace": str(workspace.root.resolve())}
    full_name = f"{flow.name}/{declaration['name']}"
    await client.create_deployment(
        flow_id=await client.create_flow(flow),
        name=declaration["name"],
        description=declaration["description"],
        tags=declaration["tags"],
        entrypoint=declaration["entrypoint"],
        pull_steps=[
            {"prefect.deployments.steps.set_working_directory": {"directory": str(code or bundled.PACKAGE.parent)}}
        ],
        parameters={"parameters": given},
        parameter_openapi_schema=parameter_schema(flow).model_dump(),
        enforce_parameter_schema=True,
        concurrency_limit=declaration["concurrency_limit"]["limit"],
        concurrency_options=ConcurrencyOptions(
            collision_strategy=declaration["concurrency_limit"]["collision_strategy"]
        ),
        schedules=await _schedules(client, full_name, declaration.get("schedules", [])),
        work_pool_name=POOL,
    )
    return full_name


def _flow(declaration: Mapping[str, Any]) -> Flow[..., Any]:
    path, _, function = declaration["entrypoint"].partition(":")
    return load_flow_from_entrypoint(f"{bundled.PACKAGE.parent / path}:{function}")


async def _schedules(
    client: PrefectClient, full_name: str, wanted: Sequence[Mapping[str, Any]]
) -> list[DeploymentScheduleCreate]:
    try:
        known = (await client.read_deployment_by_name(full_name)).schedules
    except ObjectNotFound:
        return [
            DeploymentScheduleCreate(
                schedule=CronSchedule(cron=entry["cron"], timezone=entry["timezone"]), slug=entry["slug"]
            )
            for entry in wanted
        ]
    kept = {"schedule", "active", "slug", "parameters", "max_scheduled_runs"}
    return [DeploymentScheduleCreate(**{name: getattr(entry, name) for name in kept}) for entry in known]


async def close_interrupted() -> int:
    """Runs that an earlier server left unfinished: nobody works on them any more, so they are marked as crashed.

    Only right before this server's own worker starts. Returns how many there were.
    """
    unfinished = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNFINISHED)))
    async with get_client() as client:
        runs = await client.read_flow_runs(flow_run_filter=unfinished)
        for run in runs:
            message = "The server was ended while this ran. Run it again: nothing is half done."
            await client.set_flow_run_state(run.id, Crashed(message=message), force=True)
    return len(runs)
