"""Secrets from Prefect's Secret blocks, for whoever keeps no environment files. Only the edge uses this: the command line
and the flows. A secret goes into the environment of this process or into a call; it is never told, kept or logged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fairpanel.config import ConfigError

if TYPE_CHECKING:
    from fairpanel.adapters.postgresql import Connection

KEY = "FAIRPANEL_KEY"
SUFFIX = "_BLOCK"


def fill(name: str) -> None:
    """Where NAME_BLOCK names a block and NAME is not set, set NAME to what the block holds. Raises ConfigError where it
    cannot be read: another key than the one that is meant must never be made."""
    block = os.environ.get(name + SUFFIX)
    if block and name not in os.environ:
        os.environ[name] = _read(block, name + SUFFIX)


def named(name: str) -> str | None:
    """The block that fills NAME, for a sentence; None where none is named."""
    block = os.environ.get(name + SUFFIX)
    return f"the Prefect Secret block {block!r} ({name}{SUFFIX})" if block else None


def address(connection: Connection) -> str:
    """The address of a database. Raises ConfigError where it stands nowhere."""
    if connection.url_block is not None:
        return _read(connection.url_block, "url_block")
    name = str(connection.url_from)
    fill(name)
    found = os.environ.get(name)
    if not found:
        raise ConfigError(
            f"the environment variable {name} is not set: it should hold postgresql://user:password@host:port/database "
            f"(or {name}{SUFFIX} the name of a Prefect Secret block that does)"
        )
    return found


def _read(block: str, named_by: str) -> str:
    from prefect.blocks.system import Secret
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        raise ConfigError(
            f"{named_by} names the Prefect Secret block {block!r}, but no Prefect API is configured: set PREFECT_API_URL"
        )
    try:
        value = Secret.load(block).get()
    except ValueError:
        raise ConfigError(
            f"there is no Prefect Secret block {block!r} ({named_by}). Make it, or correct its name"
        ) from None
    except Exception as error:  # noqa: BLE001  # whatever the client raises, its message may hold the address
        raise ConfigError(f"the Prefect Secret block {block!r} cannot be read ({type(error).__name__})") from None
    if not isinstance(value, str) or not value:
        raise ConfigError(f"the Prefect Secret block {block!r} holds no text")
    return value
