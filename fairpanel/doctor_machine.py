"""The doctor on the machine: room on the disk, bundled files, optional parts, the Prefect API."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from importlib import metadata
from importlib.resources import files
from importlib.util import find_spec
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

from fairpanel.checks import check
from fairpanel.storage import AREAS
from fairpanel.workspace import Workspace

FONT = "inter-latin-wght-normal.woff2"
EXTRAS = {"cluster": ("distributed", "prefect_dask"), "lineage": ("openlineage",), "s3": ("obstore",)}
ROOM = 1_000_000_000
"""Bytes that an ingest or a backfill should find free."""
FILES = 10_000
PATIENCE = 3.0
"""Seconds that the Prefect API has to answer."""


def room(workspace: Workspace, least: int = ROOM, least_files: int = FILES) -> dict[str, Any]:
    """Free space and files (inodes) where the workspace lies or will lie."""
    place = workspace.root.resolve()
    while not place.exists():
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
        counts = os.statvfs(place)
    except OSError as error:
        return check(
            "room", False, f"how much is free under {place} cannot be told ({error.strerror}): look at the mount"
        )
    told = f"{free / 1e9:,.1f} GB free"
    if counts.f_files:  # some file systems make files as they need them and count none
        told += f", {counts.f_favail:,} more files"
        if counts.f_favail < least_files:
            return check(
                "room", False, f"{told}: remove files on that disk, or move the workspace; tables are many files"
            )
    if free < least:
        return check("room", False, f"{told}, under {least / 1e9:,.1f} GB: make room, or move the workspace")
    return check("room", True, told)


def fonts() -> dict[str, Any]:
    """Reports carry their font with them."""
    there = files("reports").joinpath("fonts", FONT).is_file()
    told = "bundled" if there else f"reports/fonts/{FONT} is missing, no report can be drawn: install Fairpanel again"
    return check("fonts", there, told)


def extras(workspace: Workspace, environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Optional parts: that one is not installed is only wrong where something asks for it."""
    asks = {
        "cluster": "FAIRPANEL_ENGINE=dask" if environment.get("FAIRPANEL_ENGINE") == "dask" else "",
        "lineage": "FAIRPANEL_LINEAGE=1" if environment.get("FAIRPANEL_LINEAGE") == "1" else "",
        "s3": _in_objects(workspace),
    }
    for name, modules in EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        if not missing:
            yield check(f"extra {name}", True, "installed")
        elif asks[name]:
            yield check(f"extra {name}", False, f"{asks[name]} needs it: pip install 'fairpanel[{name}]'")
        else:
            yield check(f"extra {name}", True, f"not installed, nothing asks for it (pip install 'fairpanel[{name}]')")


def _in_objects(workspace: Workspace) -> str:
    try:
        areas = [area for area in AREAS if isinstance(workspace.location(area), str)]
    except (ValueError, OSError):
        return ""  # told with the places
    return f"{' and '.join(areas)} in object storage" if areas else ""


def prefect_api(environment: Mapping[str, str]) -> dict[str, Any]:
    """Whether the Prefect API answers, to the password given, and fits the Prefect that is installed."""
    what, url = "Prefect API", environment.get("PREFECT_API_URL", "")
    if not url:
        return check(what, True, "none configured: commands run in process")
    shown = without_password(url)
    try:
        with urlopen(_request(url, environment), timeout=PATIENCE) as answer:  # noqa: S310  # the scheme is checked there
            version = str(json.loads(answer.read(1000)))
    except HTTPError as error:
        if error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            given = [name for name in ("PREFECT_API_AUTH_STRING", "PREFECT_API_KEY") if environment.get(name)]
            why = f"{given[0]} is not what it expects" if given else "set PREFECT_API_AUTH_STRING=user:password"
            return check(what, False, f"{shown} asks for a password ({error.code}): {why}")
        return check(what, False, f"{shown} answers {error.code}: is that the API's address, ending in /api?")
    except (URLError, OSError) as error:
        why = getattr(error, "reason", error)
        told = getattr(why, "strerror", None) or type(why).__name__
        return check(what, False, f"{shown} does not answer ({told}): start the server, or unset PREFECT_API_URL")
    except ValueError:
        return check(what, False, f"{shown} is no address of a Prefect API: it is like http://127.0.0.1:4200/api")
    ours = metadata.version("prefect")
    if version.split(".")[:2] != ours.split(".")[:2]:
        return check(what, False, f"{shown} runs Prefect {version}, here is {ours}: use the same 3.x on both")
    return check(what, True, f"{shown}, Prefect {version}")


def without_password(url: str) -> str:
    """The address without user, password and query."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "PREFECT_API_URL"
    return urlunsplit((parts.scheme, f"{host}{port}", parts.path, "", ""))


def _request(url: str, environment: Mapping[str, str]) -> Request:
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(url)
    request = Request(f"{without_password(url).rstrip('/')}/admin/version")  # noqa: S310  # the scheme is http
    if word := environment.get("PREFECT_API_AUTH_STRING"):
        request.add_header("Authorization", f"Basic {base64.b64encode(word.encode()).decode()}")
    elif key := environment.get("PREFECT_API_KEY"):
        request.add_header("Authorization", f"Bearer {key}")
    return request
