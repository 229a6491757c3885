"""The container files without an engine: what they name exists, nothing is open, no secret stands in them."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

import fairpanel
from fairpanel.deployments import POOL
from tests.deploy.files import COMPOSE, FOLDER, ROOT, SERVICES, environment, health, instructions, of

OURS = [name for name, service in SERVICES.items() if "fairpanel" in service["image"]]
PINNED = re.compile(r"[a-z0-9.]+/[a-z0-9./-]+:\d+\.\d+(\.\d+)?(-[a-z0-9-]+)?(@sha256:[0-9a-f]{64})?")
SECRET = re.compile(r"password|secret|key|auth_string|connection_url|token", re.IGNORECASE)


def test_images_are_pinned_by_version() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += [line.partition(" AS ")[0] for line in of("FROM")]
    assert [image for image in images if not PINNED.fullmatch(image)] == []
    assert {service["image"] for name, service in SERVICES.items() if name in OURS} == {
        f"localhost/fairpanel:{fairpanel.__version__}"
    }


def test_every_file_that_is_copied_exists_and_is_let_through() -> None:
    wanted = {part for line in of("COPY") if "--from=" not in line for part in shlex.split(line)[:-1]}
    assert wanted >= {
        "requirements.lock",
        "pyproject.toml",
        "prefect.yaml",
        "fairpanel",
        "flows",
        "schemas",
        "reports",
        "data",
    }
    assert [part for part in wanted if not (ROOT / part).exists()] == []
    ignored = (FOLDER / "Containerfile.dockerignore").read_text().split()
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == wanted
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {Path(source).parts[0] for source in (*included["packages"], *included["force-include"])}
    assert needed <= wanted


def test_packages_are_installed_as_the_makefile_does() -> None:
    def commands(text: str) -> list[list[str]]:
        found = [shlex.split(part.strip()) for part in re.findall(r"-m pip (install .*)", text)]
        return [[word for word in words if word not in ("--no-cache-dir", "-e")] for words in found]

    assert commands("\n".join(of("RUN"))) == commands((ROOT / "Makefile").read_text())
    assert "--require-hashes" in commands("\n".join(of("RUN")))[0]


def test_what_is_taken_out_again_is_needed_by_tests_only() -> None:
    (line,) = [line for line in of("RUN") if "pip uninstall" in line]
    removed = {word for word in shlex.split(line.partition("uninstall")[2]) if not word.startswith("-")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {
        extra: {re.split(r"[\[<>=!~; ]", requirement)[0] for requirement in wanted}
        for extra, wanted in {**project["optional-dependencies"], "": project["dependencies"]}.items()
    }
    assert removed <= names["dev"]
    assert not removed & (names[""] | names["s3"] | names["cluster"] | names["lineage"])


def test_the_image_runs_without_rights_and_fetches_nothing() -> None:
    kinds = [kind for kind, _ in instructions()]
    last = kinds[len(kinds) - 1 - kinds[::-1].index("FROM") :]
    assert of("USER") == ["fairpanel"]
    assert last.index("USER") < last.index("CMD")
    assert "RUN" not in last[last.index("USER") :]
    assert of("VOLUME") == ["/workspace"]
    assert environment()["FAIRPANEL_WORKSPACE"] == "/workspace"
    for name in ("PREFECT_SERVER_ANALYTICS_ENABLED", "PREFECT_SERVER_UI_V2_ENABLED", "GX_ANALYTICS_ENABLED"):
        assert environment()[name] == "false"
    assert environment()["DO_NOT_TRACK"] == "1"
    assert "http://127.0.0.1:4200/api/health" in health()[-1]
    assert health()[:2] == ["python", "-c"]
    assert json.loads(of("CMD")[-1])[:2] == ["fairpanel", "serve"]
    assert not any(SECRET.search(name) for name in environment())


def test_nothing_is_published_beyond_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:4200:4200"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    on_the_machine = [name for name, service in SERVICES.items() if service.get("network_mode") == "host"]
    assert on_the_machine == ["library"]  # whose server listens on 127.0.0.1 whatever it is told
    assert [name for name in SERVICES if "outside" in SERVICES[name].get("networks", [])] == ["server"]
    assert SERVICES["database"]["networks"] == ["inside"]


def test_what_a_service_refers_to_exists() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("networks", [])) <= set(COMPOSE["networks"]), name
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in COMPOSE["volumes"], name
        for other, condition in service.get("depends_on", {}).items():
            assert other in SERVICES
            if condition["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"]
        for file in service.get("env_file", []):
            assert (FOLDER / f"{file}.example").is_file(), file
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])


def test_every_service_says_whether_it_is_well() -> None:
    for name, service in SERVICES.items():
        check = service["healthcheck"]
        assert check == {"disable": True} if name == "deployments" else check["test"][0] == "CMD", name
    assert SERVICES["server"]["healthcheck"]["test"][1:] == health()


@pytest.mark.parametrize("name", OURS)
def test_our_services_have_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "user" not in service


def test_no_secret_stands_in_the_files() -> None:
    for name, service in SERVICES.items():
        named = [variable for variable in service.get("environment", {}) if SECRET.search(variable)]
        assert named == [], name
        assert "://" not in json.dumps(service.get("command", [])), name
    for file in FOLDER.glob("*.env.example"):
        for line in file.read_text().splitlines():
            assert line.startswith("#") or re.fullmatch(r"[A-Z_]+=", line), f"{file.name}: {line}"
    assert "deploy/*.env\n" in (ROOT / ".gitignore").read_text()
    assert not any(
        re.search(r"://[^/\s]+:[^@\s$]+@", line) for line in (FOLDER / "compose.yaml").read_text().splitlines()
    )


def test_the_worker_polls_the_pool_that_the_deployments_name() -> None:
    command = SERVICES["worker"]["command"]
    assert command[command.index("--pool") + 1] == POOL
    assert (
        SERVICES["worker"]["environment"]["PREFECT_API_URL"]
        == SERVICES["deployments"]["environment"]["PREFECT_API_URL"]
    )
