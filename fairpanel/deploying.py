"""`fairpanel deploy`: the deployments and automations, registered with a Prefect API that exists already."""

from __future__ import annotations

import argparse
import asyncio
import os
from urllib.parse import urlsplit

from fairpanel import exit_codes
from fairpanel.config import ConfigError
from fairpanel.lost_api import PASSWORD, why
from fairpanel.outcome import say
from fairpanel.workspace import Workspace

API = "PREFECT_API_URL"


def deploy(options: argparse.Namespace) -> int:
    """Register with the API of --api-url or PREFECT_API_URL. Schedules and actions that people changed there stay."""
    address = options.api_url or os.environ.get(API, "")
    _require_address(address)
    os.environ[API] = address
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "false")
    if not options.workspace.is_absolute() and options.code_folder:
        raise ConfigError("with --code-folder the workspace is one on the worker's machine: give its whole path")
    workspace = Workspace(options.workspace)
    if not options.code_folder:
        workspace = workspace.create()
    from fairpanel import automations, deployments

    automations.settings(os.environ)
    try:
        if not options.take_over:
            asyncio.run(deployments.require_unclaimed(workspace, address))
        names = asyncio.run(deployments.register(workspace, options.code_folder))
        telling = asyncio.run(automations.register(os.environ))
    except ConfigError:
        raise
    except Exception as error:  # whatever the library makes of an API that does not take it
        sentence = why(address, error)
        if sentence is None:
            raise
        raise ConfigError(sentence) from error
    pool = deployments.POOL
    say(
        options,
        {"api": address, "work_pool": pool, "deployments": names, "automations": telling},
        f"Registered with {address}: {', '.join(names)}.\n"
        f"Automations that tell somebody: {', '.join(telling) or f'none ({automations.URL} names where)'}.\n"
        f"On the machine that holds the workspace: prefect worker start --pool {pool} --limit 2",
    )
    return exit_codes.DONE


def _require_address(address: str) -> None:
    if not address:
        raise ConfigError(f"no Prefect API is named: give --api-url or set {API}; 'fairpanel serve' brings its own")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"the address of a Prefect API is as https://prefect.example.org/api, not {address[:80]!r}")
    if parts.username or parts.password:
        raise ConfigError(
            f"a password does not belong into the address, where others can read it: put it into {PASSWORD}"
        )
