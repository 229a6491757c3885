"""Whole partitions of a backfill, without whoever carries them to other machines."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies

from fairpanel.config import Config
from fairpanel.pipeline import attempting, partitions
from fairpanel.pipeline.audit import source
from fairpanel.pipeline.partitions import OtherCodeError, audit_partition, sent
from fairpanel.pipeline.periods import periods
from fairpanel.pipeline.scope import Scope
from fairpanel.workspace import Workspace, WorkspaceError
from tests.workspaces import take_in, workspace, write

MONTHS = [Scope(period=period, where={}) for period in periods("2024-01", "2024-02", "month")]


@pytest.fixture
def filled(tmp_path: Path) -> Workspace:
    where = workspace(tmp_path)
    take_in(where, write(tmp_path / "in" / "scores.csv", ["C1,R1,technical,4,2024-05-05"]))
    return where


@given(strategies.integers(0, 300), strategies.integers(1, 20))
def test_every_scope_is_in_one_partition_and_none_is_empty(scopes: int, workers: int) -> None:
    cut = partitions.partitions(range(scopes), workers)
    assert [number for part in cut for number in part] == list(range(scopes))
    assert len(cut) == min(scopes, 4 * workers)
    lengths = {len(part) for part in cut}
    assert 0 not in lengths
    assert not lengths or max(lengths) - min(lengths) <= 1


def test_no_rows_travel(filled: Workspace) -> None:
    given_ = sent(filled, Config(), source(filled, held=True))
    travels = pickle.dumps((given_, MONTHS))
    assert b"polars" not in travels
    assert len(travels) < 20_000
    assert pickle.loads(travels) == (given_, MONTHS)  # noqa: S301  # what was pickled above


def test_the_tables_stay_in_memory_from_one_partition_to_the_next(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_ = sent(filled, Config(), source(filled))
    assert [result["state"] for result in audit_partition(given_, MONTHS)] == ["empty", "empty"]
    (held,) = partitions._HELD.values()
    audit_partition(given_, MONTHS[:1])
    assert next(iter(partitions._HELD.values())) is held
    older = dataclasses.replace(given_, versions={})
    audit_partition(older, MONTHS[:1])
    assert [*partitions._HELD.values()] != [held]


def test_a_disk_that_comes_free_is_tried_again_and_nothing_else(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def failing(_: Any, scope: Scope, *__: Any, **___: Any) -> Any:
        day = scope.to_dict()["from"]
        tried.append(day)
        raise OSError(28, "No space left on device") if day == "2024-01-01" else ValueError("misread")

    monkeypatch.setattr(attempting, "audit", failing)
    results = audit_partition(sent(filled, Config(), source(filled)), MONTHS, pauses=(0.0, 0.0))
    assert [result["state"] for result in results] == ["failed", "failed"]
    assert tried == ["2024-01-01", "2024-02-01", "2024-01-01", "2024-01-01"]
    assert not any("may_pass" in result for result in results)


def test_other_code_and_a_missing_mount_are_sentences(filled: Workspace, tmp_path: Path) -> None:
    given_ = sent(filled, Config(), source(filled))
    with pytest.raises(OtherCodeError, match=r"the backfill 0\.0\.9: install the same version"):
        audit_partition(dataclasses.replace(given_, code="0.0.9"), MONTHS)
    with pytest.raises(WorkspaceError, match="mount the shared storage there under this path"):
        audit_partition(dataclasses.replace(given_, workspace=tmp_path / "elsewhere"), MONTHS)
