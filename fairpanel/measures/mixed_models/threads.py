"""One BLAS thread for the likelihood's many small factorisations.

Several threads make a factorisation of a few hundred rows slower, by orders of magnitude where other processes want
the processors too, and let the last digits depend on the machine. OpenBLAS, as the numpy and scipy wheels bundle it,
is told so for the time of a call; other BLAS libraries are left as they are.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import scipy

P = ParamSpec("P")
R = TypeVar("R")


@lru_cache
def _controls() -> tuple[tuple[Callable[[], int], Callable[[int], Any]], ...]:
    """Getter and setter of the number of threads, per bundled OpenBLAS."""
    found = []
    for package in (np, scipy):
        home = Path(str(package.__file__)).parent
        for path in sorted(home.parent.glob(f"{home.name}.libs/*openblas*")):
            try:
                library = ctypes.CDLL(str(path))
            except OSError:
                continue
            for name in ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads"):
                getter, setter = (getattr(library, name.format(verb), None) for verb in ("get", "set"))
                if getter is not None and setter is not None:
                    found.append((getter, setter))
                    break
    return tuple(found)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Within: bundled OpenBLAS libraries use one thread."""
    before = [(setter, threads) for getter, setter in _controls() if (threads := getter()) != 1]
    for setter, _ in before:
        setter(1)
    try:
        yield
    finally:
        for setter, threads in before:
            setter(threads)


def with_one_blas_thread(function: Callable[P, R]) -> Callable[P, R]:
    """A function that runs in `one_blas_thread`."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if all(getter() == 1 for getter, _ in _controls()):
            return function(*args, **kwargs)
        with one_blas_thread():
            return function(*args, **kwargs)

    return wrapped
