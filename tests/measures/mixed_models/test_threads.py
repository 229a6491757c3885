"""BLAS threads are set for the time of a call and put back, also after an error."""

from __future__ import annotations

import pytest

from fairpanel.measures.mixed_models import threads


class _Library:
    def __init__(self) -> None:
        self.threads = 4

    def get(self) -> int:
        return self.threads

    def set(self, threads: int) -> None:
        self.threads = threads


def test_set_within_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    library = _Library()
    monkeypatch.setattr(threads, "_controls", lambda: ((library.get, library.set),))

    @threads.with_one_blas_thread
    def seen(fail: bool) -> int:
        if fail:
            raise ValueError("no")
        return library.threads

    assert seen(False) == 1
    assert library.threads == 4
    with pytest.raises(ValueError, match="no"):
        seen(True)
    assert library.threads == 4
