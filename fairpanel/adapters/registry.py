"""Which adapter reads which file: the layouts that Fairpanel knows, in the order in which they are tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fairpanel.adapters import canonical, greenhouse_connector, greenhouse_harvest, mapping
from fairpanel.adapters.base import Delivered, Export, ExportError
from fairpanel.config import Config, ConfigError

LAYOUTS = {layout.NAME: layout for layout in (greenhouse_harvest, greenhouse_connector, canonical)}


@dataclass(frozen=True, slots=True)
class Reading:
    """An export with the adapter that recognised it; identity tells one way of reading from another."""

    export: Export
    adapter: str
    identity: str
    read: Callable[[Config], list[Delivered]]


def find(paths: Sequence[Path], source: str = "auto") -> tuple[list[Reading], dict[Path, str]]:
    """Exports among files and folders, and why each other file was refused.

    source is `auto`, the name of a layout, or the path of a mapping file. Raises ConfigError for an unknown source.
    """
    files = list({file.resolve(): file for path in paths for file in _files(path)}.values())
    if source.endswith(".toml"):
        used = mapping.load(Path(source))
        digest = used.model_dump_json()
        readings = [_mapped(export, used, digest) for export in mapping.find(files)]
    elif source == "auto" or source in LAYOUTS:
        layouts = LAYOUTS if source == "auto" else {source: LAYOUTS[source]}
        readings, left = [], files
        for name, layout in layouts.items():
            exports = layout.find(left)
            taken = {path for export in exports for path in export.paths}
            left = [path for path in left if path not in taken]
            readings += [_known(name, export) for export in exports]
    else:
        raise ConfigError(
            f"unknown source {source!r}: expected auto, {', '.join(LAYOUTS)} or a mapping file ending in .toml"
        )
    taken = {path for reading in readings for path in reading.export.paths}
    left = [path for path in files if path not in taken]
    return _told_apart(readings), {path: _why_not(path, source) for path in left}


def labels(paths: Sequence[Path]) -> list[str]:
    """File names; where several files have the same one, with as many folders before it as tell them apart."""
    whole = [path.absolute().parts for path in paths]
    depths = [1] * len(whole)
    for _ in range(max(map(len, whole), default=0)):
        names = ["/".join(parts[-depth:]) for parts, depth in zip(whole, depths, strict=True)]
        many = Counter(names)
        depths = [depth + (many[name] > 1) for depth, name in zip(depths, names, strict=True)]
    return ["/".join(parts[-depth:]) for parts, depth in zip(whole, depths, strict=True)]


def _told_apart(readings: Sequence[Reading]) -> list[Reading]:
    many = Counter(reading.export.name for reading in readings)
    same = [reading for reading in readings if many[reading.export.name] > 1]
    folders = dict(
        zip(
            (reading.export.paths for reading in same),
            labels([reading.export.paths[0].parent / Path(reading.export.name).name for reading in same]),
            strict=True,
        )
    )
    return [
        replace(reading, export=replace(reading.export, name=folders.get(reading.export.paths, reading.export.name)))
        for reading in readings
    ]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".") and p.suffix != ".toml")
    return [path]


def _known(name: str, export: Export) -> Reading:
    layout = LAYOUTS[name]
    return Reading(export, name, f"{name} {layout.VERSION}", lambda config: layout.read(export, config))


def _mapped(export: Export, used: mapping.Mapping, digest: str) -> Reading:
    identity = f"mapping {mapping.VERSION} {digest}"
    return Reading(export, f"mapping:{used.name}", identity, lambda config: mapping.read(export, config, used))


def _why_not(path: Path, source: str) -> str:
    if not path.exists():
        return f"there is no file {path}"
    if path.stat().st_size == 0:
        return f"{path.name} is empty. Export it again; a table needs at least a header line."
    if path.suffix.lower() == ".json":
        return f"{path.name} is no list of records that Fairpanel knows (scorecards, applications, jobs, EEOC answers)."
    try:
        canonical.read(Export(path.name, (path,)), Config())
    except ExportError as error:
        return str(error)
    layout = "" if source == "auto" else f" as {source}"
    return f"{path.name} is no export that Fairpanel knows{layout}. Describe its columns in a mapping file (TOML)."
