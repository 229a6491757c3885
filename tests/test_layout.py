"""The shape of the tree: names that must not clash, files that must not grow, addresses that must not be committed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("fairpanel", "flows", "schemas", "reports")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "misc", "common"}
# Files that may be longer than 400 lines, and why.
LONG_FILES: dict[str, str] = {}


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_other_distribution_owns_our_package_names() -> None:
    owners = metadata.packages_distributions()
    for package in PACKAGES:
        assert {name.lower() for name in owners.get(package, [])} <= {"fairpanel"}, package


def test_flow_files_carry_no_name_of_a_library() -> None:
    taken = set(sys.stdlib_module_names) | set(metadata.packages_distributions()) | set(PACKAGES)
    names = {path.stem for path in (ROOT / "flows").glob("*.py")} - {"__init__"}
    assert not names & taken


def test_flows_define_no_types() -> None:
    for path in (ROOT / "flows").glob("*.py"):
        assert not re.search(r"^\s*class ", path.read_text(), re.M), path.name


def test_files_are_named_for_what_they_know_and_stay_small() -> None:
    for path in _tracked():
        if path.suffix != ".py":
            continue
        name = path.relative_to(ROOT).as_posix()
        assert path.stem not in FORBIDDEN_NAMES, name
        if not name.startswith(("tests/", "benchmarks/")):
            assert len(path.read_text().splitlines()) <= 400 or name in LONG_FILES, name


def test_no_registry_address_nor_path_of_a_machine_is_committed() -> None:
    addresses = re.compile(r"files\.pythonhosted\.org|pypi\.org/simple|registry\.npmjs\.org")
    for path in _tracked():
        name = path.relative_to(ROOT).as_posix()
        assert path.name not in ("uv.lock", "package-lock.json", "yarn.lock", "poetry.lock"), name
        if path.suffix in (".png", ".woff2", ".parquet", ".xlsx") or name == "tests/test_layout.py":
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not addresses.search(text), name
        assert str(ROOT.parent) + "/" not in text or str(ROOT.parent) == "/", name


def test_the_lock_pins_every_dependency_by_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9_.-]+)(?:\[[^]]*\])?==", lock, re.M | re.I))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: given for name, given in project["optional-dependencies"].items() if name != "peers"}
    wanted = [*project["dependencies"], *(each for given in extras.values() for each in given)]
    names = {re.split(r"[\[<>=!~ ]", requirement)[0].lower() for requirement in wanted}
    assert names - {"fairpanel"} <= pinned  # its own extras, named once more in dev
    entries = [entry for entry in re.split(r"\n(?=\S)", lock) if "==" in entry]
    assert all("--hash=sha256:" in entry for entry in entries)
