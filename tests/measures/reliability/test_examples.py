"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "reliability.intraclass",
        "reliability.agreement",
        "reliability.generalizability",
        "raters.severity",
        "resampling",
    ],
)
def test_examples(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"fairpanel.measures.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
