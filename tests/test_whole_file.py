"""A file is there whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fairpanel.whole_file import write_whole


def test_written_replaced_or_left(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert write_whole(path, b"one", mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    assert write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert not write_whole(path, b"three", replacing=False)
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"two")
    assert path.read_bytes() == b"one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_file_system_without_hard_links_does_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "link", unknown)
    path = tmp_path / "file"
    assert write_whole(path, b"one", replacing=False)
    assert not write_whole(path, b"two", replacing=False)
    assert path.read_bytes() == b"one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
