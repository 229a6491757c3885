"""Pseudonyms: the same person the same, nobody recognisable, the key outside the lake."""

from __future__ import annotations

import stat
from pathlib import Path

import polars as pl
import pytest

from fairpanel.store.pseudonyms import PseudonymKeyError, Pseudonyms, from_environment_or_file
from schemas.columns import COLUMNS


def test_the_same_identifier_of_the_same_kind_gets_the_same_pseudonym() -> None:
    key = Pseudonyms(b"one key")
    assert key.of("candidate", "12") == Pseudonyms(b"one key").of("candidate", "12")
    assert key.of("candidate", "12") != key.of("staff", "12")
    assert key.of("candidate", "12") != Pseudonyms(b"another key").of("candidate", "12")


def test_interviewers_and_performance_raters_are_one_kind_of_person() -> None:
    assert COLUMNS["scores"]["interviewer_id"].identity == COLUMNS["performance"]["performance_rater_id"].identity


def test_every_identifier_column_is_replaced_and_nulls_stay() -> None:
    frame = pl.DataFrame(
        {"candidate_id": ["Ann", None, "Ann"], "interviewer_id": ["Bob", "Bob", "Cy"], "score": [1, 2, 3]}
    )
    replaced = Pseudonyms(b"k").replace(frame, COLUMNS["scores"])
    assert replaced["candidate_id"].to_list()[0] == replaced["candidate_id"].to_list()[2]
    assert replaced["candidate_id"].to_list()[1] is None
    assert replaced["score"].to_list() == [1, 2, 3]
    assert not {"Ann", "Bob", "Cy"} & set(map(str, replaced.to_numpy().ravel()))


def test_the_first_call_makes_a_private_key_and_later_ones_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAIRPANEL_KEY", raising=False)
    first = from_environment_or_file(tmp_path)
    assert stat.S_IMODE((tmp_path / "pseudonym.key").stat().st_mode) == 0o600
    assert from_environment_or_file(tmp_path).of("candidate", "x") == first.of("candidate", "x")
    assert (tmp_path / "pseudonym.key").read_text().strip() not in repr(first)
    monkeypatch.setenv("FAIRPANEL_KEY", "from the environment, long enough")
    assert from_environment_or_file(tmp_path).of("candidate", "x") != first.of("candidate", "x")


def test_a_damaged_or_short_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAIRPANEL_KEY", raising=False)
    (tmp_path / "pseudonym.key").write_text("")
    with pytest.raises(PseudonymKeyError, match="damaged"):
        from_environment_or_file(tmp_path)
    monkeypatch.setenv("FAIRPANEL_KEY", "short")
    with pytest.raises(PseudonymKeyError, match="at least 16"):
        from_environment_or_file(tmp_path)
