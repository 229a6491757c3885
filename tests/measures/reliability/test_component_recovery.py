"""Coverage of the intervals of components with several facets, and of the bootstraps of G(q,k)."""

from __future__ import annotations

import pytest

from benchmarks.recovery import bootstrap, facets
from benchmarks.recovery.__main__ import run
from benchmarks.recovery.setting import Setting


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("setting", facets.SETTINGS, ids=lambda setting: setting.name)
def test_several_facets(setting: Setting) -> None:
    """With 100 samples at 95 %, outside 87 % by chance in fewer than one of two hundred."""
    assert run(setting, 100, seed=5).rate >= 0.87


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("setting", bootstrap.SETTINGS[:1], ids=lambda setting: setting.name)
def test_bootstraps(setting: Setting) -> None:
    """With 40 samples at 95 % fewer than 33 hits have a chance under one in ten thousand."""
    assert run(setting, 40, seed=5).rate >= 33 / 40
