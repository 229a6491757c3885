"""Single objects of an S3-compatible store. Addresses are s3://bucket/prefix; the environment says how to get there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from fairpanel.storage import S3, UnreachableError, unreachable

if TYPE_CHECKING:
    from obstore.store import ObjectStore


def is_address(location: str | Path) -> bool:
    """Whether this lies in an object store, not in a folder."""
    return isinstance(location, str) and location.startswith(S3)


def names(address: str) -> list[str]:
    """The names of all objects under an address, relative to it, in order."""
    import obstore

    with _told(address):
        return sorted(entry["path"].removeprefix("/") for some in obstore.list(_store(address)) for entry in some)


def content(address: str, name: str) -> bytes:
    """One object. Raises FileNotFoundError where there is none."""
    import obstore

    with _told(address):
        return bytes(obstore.get(_store(address), name).bytes())


def put_new(address: str, name: str, written: bytes) -> bool:
    """Write an object unless there is one already (the store decides, so of several writers one wins); whether this call
    wrote it."""
    import obstore
    from obstore.exceptions import AlreadyExistsError

    with _told(address):
        try:
            obstore.put(_store(address), name, written, mode="create")
        except AlreadyExistsError:
            return False
    return True


def _store(address: str) -> ObjectStore:

    return _opened(address, tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))))


@lru_cache(maxsize=32)
def _opened(address: str, _environment: tuple[tuple[str, str], ...]) -> ObjectStore:
    from obstore.store import from_url

    return from_url(address)


@contextmanager
def _told(address: str) -> Iterator[None]:
    try:
        from obstore.exceptions import BaseError
    except ImportError:
        raise UnreachableError(
            f"the object store of {address} needs the package obstore: install fairpanel[s3]."
        ) from None
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        raise UnreachableError(unreachable(address, str(error))) from error
