"""`fairpanel deploy`: the deployments of this version, with an existing Prefect API, for one workspace."""

from __future__ import annotations

import argparse
import asyncio
import os

from fairpanel import exit_codes
from fairpanel.config import ConfigError
from fairpanel.outcome import say
from fairpanel.workspace import Workspace


def deploy(options: argparse.Namespace) -> int:
    """Register them; schedules that were changed or paused stay. Raises ConfigError where there is no such API."""
    api = os.environ.get("PREFECT_API_URL")
    if not api:
        raise ConfigError(
            "no Prefect API is configured: set PREFECT_API_URL, or use 'fairpanel serve', which starts one"
        )
    workspace = Workspace(options.workspace).create()
    import httpx

    from fairpanel import deployments

    try:
        names = asyncio.run(deployments.register(workspace))
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        hint = "; check PREFECT_API_AUTH_STRING or PREFECT_API_KEY" if code in (401, 403) else ""
        raise ConfigError(f"the Prefect API {api} refuses the deployments (status {code}{hint})") from None
    except (httpx.TransportError, RuntimeError) as error:
        raise ConfigError(
            f"the Prefect API {api} does not answer ({type(error).__name__}); check PREFECT_API_URL"
        ) from None
    told = {"api": api, "work_pool": deployments.POOL, "workspace": str(workspace.root.resolve()), "deployments": names}
    say(
        options,
        told,
        f"Deployments of {told['workspace']}: {', '.join(names)}\nStart a worker where that folder is:\n"
        f"  prefect worker start --pool {deployments.POOL} --type process",
    )
    return exit_codes.DONE
