"""The [storage] table: what it may say, and that no credential is ever repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairpanel import config, storage
from fairpanel.store import tables
from fairpanel.workspace import Workspace, WorkspaceError
from tests.workspaces import HEADER, stored, take_in, write

ROWS = ["a,r1,overall,4,2024-01-01", "a,r2,overall,3,2024-01-01"]


def test_addresses_and_folders_by_area() -> None:
    found = storage.places({"lake": "s3://bucket/a/b/", "restricted": "/srv/shared/restricted"})
    assert found == {"lake": "s3://bucket/a/b", "restricted": Path("/srv/shared/restricted")}
    assert storage.places({}) == {}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"lake": "s3://bucket/pre fix"}, "letters, digits"),
        ({"lake": "s3://B/x"}, "letters, digits"),
        ({"lake": "s3://key:hidden@bucket/x"}, "Credentials never stand in the file"),
        ({"lake": "s3://bucket/x?secret=hidden"}, "Credentials never stand in the file"),
        ({"access_key": "hidden"}, "unknown key 'storage.access_key'. Credentials never stand in the file"),
        ({"aws_secret_access_key": "hidden"}, "AWS_SECRET_ACCESS_KEY"),
        ({"lakes": "hidden"}, "Known: lake, restricted"),
        ({"lake": "gs://hidden/x"}, "only s3:// is known"),
        ({"lake": "tables"}, "absolute folder"),
        ({"lake": "/srv/a|b"}, "'|'"),
        ({"lake": 3}, "expected an address"),
        ({"lake": "s3://b-1/x", "restricted": "s3://b-1/x/"}, "the same place"),
        ("s3://bucket", "expected a table"),
    ],
)
def test_what_cannot_be_used_is_a_sentence_without_what_may_be_secret(table: object, says: str) -> None:
    with pytest.raises(config.ConfigError) as refused:
        config.parse({"storage": table}, "fairpanel.toml")
    assert says in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_tables_in_a_folder_elsewhere(tmp_path: Path) -> None:
    """On a file system that several machines share: the same code, and nothing of it in the workspace."""
    root, shared = tmp_path / "workspace", tmp_path / "shared system"
    root.mkdir()
    (root / "fairpanel.toml").write_text(f'[storage]\nlake = "{shared}/lake"\nrestricted = "{shared}/restricted"\n')
    here = Workspace(root).create()
    plain = Workspace(tmp_path / "plain").create()
    for where in (here, plain):
        take_in(where, write(tmp_path / "scores.csv", ROWS, HEADER))
    assert stored(here, "scores").equals(stored(plain, "scores"))
    assert (shared / "lake" / "scores" / "_delta_log").is_dir()
    assert not any((root / "lake").rglob("*.parquet"))
    assert (shared / "restricted").stat().st_mode & 0o077 == 0
    assert tables.path(here, "quarantine") == shared / "restricted" / "quarantine"


def test_a_changed_file_counts_at_once(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w").create()
    assert workspace.location("lake") == workspace.lake
    workspace.config_file.write_text('[storage]\nlake = "s3://bucket/x"\n')
    assert workspace.location("lake") == "s3://bucket/x"
    assert tables.path(workspace, "scores") == "s3://bucket/x/scores"
    assert tables.path(workspace, "demographics") == workspace.restricted / "demographics"
    workspace.config_file.write_text("[storage]\nlake = 1\n")
    with pytest.raises(WorkspaceError, match="expected an address"):
        workspace.location("lake")


def test_tables_that_lie_where_they_would_not_be_read_are_told(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w").create()
    take_in(workspace, write(tmp_path / "scores.csv", ROWS, HEADER))
    workspace.config_file.write_text('[storage]\nlake = "s3://bucket/x"\n')
    with pytest.raises(WorkspaceError, match="there are tables in"):
        workspace.existing()
    with pytest.raises(WorkspaceError, match="there are tables in"):
        workspace.create()
