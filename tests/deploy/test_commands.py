"""The commands of the image and of compose's services, run with the installed package on loopback, one after another."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import httpx
import pytest

from fairpanel import bundled
from tests.deploy.files import ROOT, SERVICES, environment, of
from tests.flows.serving import free_port

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

PATIENCE = 180.0
PASSWORD = "auditor:letters-and-digits"


@contextmanager
def started(command: Sequence[str], given: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(_as_installed(command), env=dict(given), cwd=log.parent, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _as_installed(command: Sequence[str]) -> list[str]:
    modules = {"python": [], "fairpanel": ["-m", "fairpanel.cli"], "prefect": ["-m", "prefect"]}
    return [sys.executable, *modules[command[0]], *command[1:]]


def _healthy(
    service: str, given: Mapping[str, str], ports: Mapping[str, str], process: subprocess.Popen[bytes]
) -> None:
    """Until the service's own health check passes."""
    check = list(SERVICES[service]["healthcheck"]["test"][1:])
    for inside, here in ports.items():
        check[-1] = check[-1].replace(f":{inside}/", f":{here}/")
    deadline = time.monotonic() + PATIENCE
    while subprocess.run(_as_installed(check), env=dict(given), capture_output=True, check=False).returncode:
        assert process.poll() is None, f"{service} ended"
        assert time.monotonic() < deadline, f"{service} is not healthy"
        time.sleep(0.5)


def test_the_services_come_up_in_their_order(tmp_path: Path) -> None:
    port, health, library = (str(free_port()) for _ in range(3))
    home, workspace = tmp_path / "home", tmp_path / "workspace"
    home.mkdir()
    workspace.mkdir()
    image = {
        name: value.replace("/home/fairpanel", str(home)).replace("/workspace", str(workspace))
        for name, value in environment().items()
        if name != "PATH"
    }
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    base = kept | image | {"HOME": str(home)}
    api = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PREFECT_API_AUTH_STRING": PASSWORD}
    command = [word.replace("4200", port).replace("0.0.0.0", "127.0.0.1") for word in SERVICES["server"]["command"]]
    with started(command, base | {"PREFECT_SERVER_API_AUTH_STRING": PASSWORD}, tmp_path / "server.log") as server:
        _healthy("server", base, {"4200": port}, server)
        assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).is_success  # the user interface
        refused = _run(SERVICES["deployments"]["command"], base | api | {"PREFECT_API_AUTH_STRING": "auditor:wrong"})
        assert refused.returncode == 2, refused.stderr
        assert "into PREFECT_API_AUTH_STRING" in refused.stderr
        deployed = _run(SERVICES["deployments"]["command"], base | api)
        assert deployed.returncode == 0, deployed.stderr
        assert "backfill/backfill, verify/verify-ledger, retention/retention" in deployed.stdout
        worker = base | api | {"PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1", "PREFECT_WORKER_WEBSERVER_PORT": health}
        with started(SERVICES["worker"]["command"], worker, tmp_path / "worker.log") as process:
            _healthy("worker", base, {"8080": health}, process)
        shown = [
            word.replace("4300", library).replace("/workspace", str(workspace))
            for word in SERVICES["library"]["command"]
        ]
        with started(shown, base, tmp_path / "library.log") as process:
            _healthy("library", base, {"4300": library}, process)
    for log in ("server", "worker", "library"):
        assert "letters-and-digits" not in (tmp_path / f"{log}.log").read_text()


def test_an_audit_needs_nothing_that_the_image_leaves_out(tmp_path: Path) -> None:
    """Importing what is taken out again fails here, as it would there."""
    (line,) = [line for line in of("RUN") if "pip uninstall" in line]
    removed = [word for word in shlex.split(line.partition("uninstall")[2]) if not word.startswith("-")]
    modules = sorted({module for name in removed for module in _modules(name)})
    assert {"hypothesis", "playwright", "pytest"} <= set(modules)
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({modules!r}))\n")
    base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    base |= {"PYTHONPATH": f"{tmp_path}:{ROOT}", "FAIRPANEL_WORKSPACE": str(tmp_path / "w")}
    ingested = _run(["fairpanel", "ingest", str(bundled.samples())], base)
    assert ingested.returncode == 0, ingested.stderr
    audited = _run(["fairpanel", "audit"], base)
    assert audited.returncode == 0, audited.stderr
    assert _run(["python", "-c", "import pytest"], base).returncode == 1


def _modules(distribution: str) -> set[str]:
    """The modules that a distribution brings; its own name where it brings none that can be told."""
    files = metadata.distribution(distribution).files or []
    tops = {file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py" and file.parts[0] != ".."}
    return {top for top in tops if top.isidentifier()} or {distribution.replace("-", "_")}


def test_deploying_without_an_api_is_a_sentence(tmp_path: Path) -> None:
    base = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    base |= {"FAIRPANEL_WORKSPACE": str(tmp_path / "w"), "PREFECT_HOME": str(tmp_path)}
    done = _run(["fairpanel", "deploy"], base)
    assert done.returncode == 2
    assert "or set PREFECT_API_URL" in done.stderr
    nobody = _run(["fairpanel", "deploy"], base | {"PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api"})
    assert nobody.returncode == 2, nobody.stderr
    assert "does not answer" in nobody.stderr


def _run(command: Sequence[str], given: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _as_installed(command), env=dict(given), capture_output=True, text=True, timeout=180, check=False
    )
