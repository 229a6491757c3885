"""Where a workspace's tables lie when that is not the workspace itself: the [storage] table of fairpanel.toml.

    [storage]
    lake = "s3://bucket/prefix"          # or an absolute folder, as of a file system that several machines share
    restricted = "s3://bucket/restricted"

Who may read and write there is said by the AWS_* variables of the environment, never by the file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

Area = Literal["lake", "restricted"]
AREAS: tuple[Area, ...] = ("lake", "restricted")
UNUSABLE = frozenset("%^[]|\\\n\r\t")
"""What Delta Lake cannot have in a path."""
S3 = "s3://"
ADDRESS = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*/?")
SECRET = re.compile(r"(key|secret|token|password|credential|aws|profile)", re.IGNORECASE)
CREDENTIALS = (
    "Credentials never stand in the file: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL, where the "
    "store is not Amazon's) in the environment."
)
REASONS = (
    ("InvalidAccessKeyId", "it does not know the access key; check AWS_ACCESS_KEY_ID"),
    ("SignatureDoesNotMatch", "it refused the secret key; check AWS_SECRET_ACCESS_KEY"),
    ("NoSuchBucket", "there is no such bucket; make it first"),
    ("builder error", "its address is no https address; set AWS_ALLOW_HTTP=true if that is meant"),
    ("lacked the necessary privileges", "it refused access; check the bucket's policy"),
    ("403 Forbidden", "it refused access; check the bucket's policy"),
    ("169.254.169.254", "no credentials are set; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ("error sending request", "no server answers; check AWS_ENDPOINT_URL and the network"),
    ("connect error", "no server answers; check AWS_ENDPOINT_URL and the network"),
)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m|↳")


class PlaceError(ValueError):
    """The [storage] table cannot be used: which key, and what was expected."""


class UnreachableError(OSError):
    """An object store does not do what is asked of it: which one, why, and how to mend it. It may pass."""


def places(table: Any, name: str = "fairpanel.toml") -> dict[Area, str | Path]:
    """The places that a [storage] table names, by area. Raises PlaceError; no value of an unknown key is repeated."""
    if not isinstance(table, Mapping):
        raise PlaceError(f"{name}: storage: expected a table with lake and restricted")
    for key in table:
        if key not in AREAS:
            why = CREDENTIALS if SECRET.search(str(key)) else f"Known: {', '.join(AREAS)}."
            raise PlaceError(f"{name}: unknown key 'storage.{key}'. {why}")
    found = {area: _place(table[area], f"{name}: storage.{area}") for area in AREAS if area in table}
    if len(set(map(str, found.values()))) < len(found):
        raise PlaceError(
            f"{name}: storage.lake and storage.restricted are the same place: fewer people may read the second"
        )
    return found


def _place(value: Any, where: str) -> str | Path:
    if not isinstance(value, str) or not value:
        raise PlaceError(f"{where}: expected an address as s3://bucket/prefix, or an absolute folder")
    if value.startswith(S3):
        if "@" in value or "?" in value:
            raise PlaceError(f"{where}: the address holds more than bucket and prefix. {CREDENTIALS}")
        if not ADDRESS.fullmatch(value):
            raise PlaceError(
                f"{where}: expected s3://bucket/prefix of letters, digits, '.', '_' and '-' (got {value[:60]!r})"
            )
        return value.rstrip("/")
    if "://" in value:
        raise PlaceError(f"{where}: of addresses only s3:// is known (got {value.partition('://')[0]}://)")
    if not Path(value).is_absolute():
        raise PlaceError(f"{where}: expected an absolute folder, or s3://bucket/prefix (got {value[:60]!r})")
    if found := sorted(set(value) & UNUSABLE):
        raise PlaceError(f"{where}: the folder has {' '.join(found)!r} in it, with which tables cannot be named")
    return Path(value)


def of_file(path: Path) -> Mapping[Area, str | Path]:
    """The places that a fairpanel.toml names; none where there is no such file. Raises PlaceError."""
    try:
        found = path.stat()
    except OSError:
        return {}
    return _of_file(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=64)
def _of_file(path: Path, _changed: int, _size: int) -> Mapping[Area, str | Path]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise PlaceError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlaceError(f"{path.name} is not valid TOML: {error}") from error
    return places(content.get("storage", {}), path.name)


def joined(place: str | Path, name: str) -> str | Path:
    """A name under a place."""
    return f"{place}/{name}" if isinstance(place, str) else place / name


@contextmanager
def reached(place: str | Path) -> Iterator[None]:
    """What fails between here and an object store is an UnreachableError; of folders, errors stay what they are."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if isinstance(place, Path) or isinstance(error, UnreachableError):
            raise
        raise UnreachableError(unreachable(place, str(error))) from error


def unreachable(place: str | Path, told: str) -> str:
    """The sentence for what a store, or the way to it, has told."""
    plain = " ".join(ESCAPES.sub(" ", told).split())
    why = next((reason for sign, reason in REASONS if sign in plain), plain[:200])
    return f"the object store of {place} cannot be used: {why}. Run the same command again then: nothing is half done."
