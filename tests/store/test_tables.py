"""Tables wherever a workspace lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairpanel.workspace import Workspace, WorkspaceError
from tests.workspaces import stored, take_in, workspace, write

ROWS = ["a,r1,overall,4,2024-01-01", "b,r1,overall,9,2024-01-02"]


@pytest.mark.parametrize("folder", ["two words", "Çağrı", "50+1 & more", "what?#"])
def test_a_workspace_whose_path_needs_escaping_is_read_again(tmp_path: Path, folder: str) -> None:
    where = workspace(tmp_path / folder)
    take_in(where, write(tmp_path / "one.csv", ROWS))
    take_in(where, write(tmp_path / "two.csv", [ROWS[0].replace(",4,", ",5,"), *ROWS[1:]]))
    assert stored(where, "scores")["score"].to_list() == [5.0]
    assert stored(where, "batches").height == 2
    assert stored(where, "quarantine")["rule"].to_list() == ["score_outside_scale"] * 2


@pytest.mark.parametrize("folder", ["100%20", "a[1]", "a|b"])
def test_a_path_that_no_table_can_have_is_refused_at_once(tmp_path: Path, folder: str) -> None:
    with pytest.raises(WorkspaceError, match="Choose another folder"):
        Workspace(tmp_path / folder).create()
    assert not (tmp_path / folder).exists()
