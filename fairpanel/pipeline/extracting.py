"""Source files among the paths of an ingest become exports: what a database holds, in a private folder for as long as it is
taken in."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fairpanel.adapters import postgresql
from fairpanel.adapters.base import ExportError
from fairpanel.config import ConfigError
from fairpanel.pipeline.ingest import Plan

Read = Callable[[str, postgresql.Source, str, Path], list[Path]]
"""Reads one source: its name, what it says, the database's address, the folder to write to."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The paths with exports in place of source files; why a source could not be read, by its file."""

    paths: tuple[Path, ...]
    failed: dict[Path, str]


def sources(paths: Sequence[Path], layout: str = "auto") -> dict[Path, postgresql.Source]:
    """The source files among the paths; those that lie in a folder are not looked for. Raises ConfigError for a mistake in
    one, or a layout that is not the one their queries are written in."""
    found = {path: postgresql.load(path) for path in paths if postgresql.is_source(path)}
    if found and layout not in ("auto", "canonical"):
        names = ", ".join(path.name for path in found)
        raise ConfigError(f"{names}: a database is read in the canonical layout. Ingest it apart, without --source.")
    return found


def read(name: str, source: postgresql.Source, url: str, folder: Path) -> list[Path]:
    """One source, in this process."""
    return postgresql.extract(source, url, folder, name)


@contextmanager
def extracted(
    paths: Sequence[Path], found: dict[Path, postgresql.Source], address: Callable[[postgresql.Connection], str],
    read_one: Read = read,
) -> Iterator[Extracted]:  # fmt: skip
    """Read the sources; their exports are gone at the end of the block. A source that cannot be read is told in `failed`,
    so that the others go on."""
    if not found:
        yield Extracted(tuple(paths), {})
        return
    with tempfile.TemporaryDirectory(prefix="fairpanel-") as private:  # mode 0700
        written: list[Path] = []
        failed: dict[Path, str] = {}
        for number, (path, source) in enumerate(found.items(), start=1):
            folder = Path(private) / str(number)
            folder.mkdir()
            try:
                written += read_one(path.stem, source, address(source.postgresql), folder)
            except ExportError as error:
                failed[path] = str(error)
        yield Extracted((*(path for path in paths if path not in found), *written), failed)


def with_failed(planned: Plan, failed: dict[Path, str]) -> Plan:
    """The plan, with the sources that could not be read among what is refused."""
    if not failed:
        return planned
    return replace(planned, unrecognised={**planned.unrecognised, **failed}, named=planned.named | frozenset(failed))
