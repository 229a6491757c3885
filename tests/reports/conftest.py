"""Reports of the sample exports, audited once a session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairpanel.analysis.frames import Period
from fairpanel.config import Config
from fairpanel.pipeline.audit import audit
from fairpanel.pipeline.scope import Scope
from reports.disclosure import protect
from tests.reports import sample, sample_panels, sample_validity
from tests.workspaces import SAMPLES, take_in, workspace


def audited(folder: Path, *paths: Path, source: str = "auto") -> Path:
    """The folder of a fresh report."""
    where = workspace(folder)
    take_in(where, *paths, source=source)
    return audit(where, Scope(period=Period(None, None), where={}), Config()).directory


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the bundled sample's report."""
    return audited(tmp_path_factory.mktemp("demo"), SAMPLES / "demo")


@pytest.fixture(scope="session")
def sample_reports(demo: Path) -> dict[str, dict[str, Any]]:
    """Reports to look at: made by hand, with and without job families, with something withheld, of the bundled sample."""
    families = {"Sales": {"women": (50, 10), "men": (60, 20)}, "Support": {"women": (50, 15), "men": (60, 22)}}
    withheld = {"women": (100, 25), "men": (120, 42), "nonbinary": (30, 3)}
    return {
        "by hand": protect(sample.report()),
        "by hand, panels": protect(sample_panels.report()),
        "by hand, validity": protect(sample_validity.report()),
        "by hand, families": protect(sample.report(families=families)),
        "by hand, withheld": protect(sample.report(withheld, units=300)),
        "by hand, rough": protect(sample.report(withheld, units=255)),
        "demo": json.loads((demo / "report.json").read_text("utf-8")),
    }
