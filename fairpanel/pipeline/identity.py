"""What a report was made of, and the name that follows from it: the same inputs under the same configuration, method and
code give the same name."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

import fairpanel
from fairpanel.analysis.frames import Material
from fairpanel.config import Config
from fairpanel.pipeline.scope import Scope
from fairpanel.store import ledger
from fairpanel.store.tables import Pinned

SCHEMA_VERSION = "1.1"


def input_facts(pinned: Pinned, material: Material) -> dict[str, Any]:
    """Batches, table versions and counts behind a report; content is a fingerprint of the material itself."""
    batches = pinned.read("batches")
    shown = ["batch_id", "file", "adapter", "sha256", "rows_read", "accepted", "quarantined", "excluded"]
    told = [
        {name: row[name] for name in shown} | {"told": json.loads(row["summary"])["_batch"]}
        for row in batches.sort("file", "batch_id").iter_rows(named=True)
    ]
    return {
        "table_versions": dict(pinned.versions),
        "batches": [
            {name: entry[name] for name in shown if name != "excluded"}
            | {
                "excluded": entry["told"]["excluded"],
                "reasons": entry["told"]["reasons"],
                "expectations": entry["told"]["expectations"],
                "notes": entry["told"]["notes"],
            }
            for entry in told
        ],
        "counts": dict(material.counts),
        "scale_notes": list(material.scale_notes),
        "content": _content(material),
    }


def _content(material: Material) -> str:
    """The same for the same facts, whatever order they were ingested in."""
    digest = hashlib.sha256()
    for name in ("ratings", "outcomes", "criterion", "employment", "preparation", "groups", "interviewer_groups"):
        frame: pl.DataFrame = getattr(material, name)
        digest.update(name.encode())
        rows = frame.sort(frame.columns).select(pl.all().cast(pl.String).fill_null("\x00"))
        for column in rows.iter_columns():
            digest.update("\x1f".join(column).encode())
    return digest.hexdigest()


def settings(config: Config) -> dict[str, Any]:
    """What of the configuration a report depends on."""
    told: dict[str, Any] = config.model_dump(mode="json", include={"audit", "policy", "disclosure", "profile"})
    return told


def identity(content: str, scope: Scope, config: Config) -> str:
    """The report's name: its period and a fingerprint of inputs, configuration, method and code."""
    parts = ledger.canonical([content, scope.to_dict(), settings(config), code_version(), SCHEMA_VERSION])
    told = scope.to_dict()
    label = f"{told['from'] or 'begin'}_{told['to'] or 'now'}"
    return f"{label}_{hashlib.blake2b(parts.encode(), digest_size=6).hexdigest()}"


def basis(versions: Mapping[str, int], config: Config) -> str:
    """Equal where an audit of any scope would find the same tables, configuration, method and code."""
    parts = ledger.canonical([dict(versions), settings(config), code_version(), SCHEMA_VERSION])
    return hashlib.blake2b(parts.encode(), digest_size=12).hexdigest()


@functools.cache
def code_version() -> str:
    """The version, and a fingerprint of the code that computes and words a report."""
    digest = hashlib.blake2b(digest_size=8)
    for package in ("fairpanel", "reports", "schemas"):
        root = Path(str(files(package)))
        for path in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".j2", ".css", ".json", ".woff2")):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return f"{fairpanel.__version__}+{digest.hexdigest()}"
