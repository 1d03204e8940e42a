"""The lock files satisfy the version ranges and contain hashes."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent


def requirements(file: str) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def locked(file: str) -> dict[str, set[str]]:
    """The locked versions of each package; some have different ones for older and newer Pythons."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", (ROOT / file).read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize(
    ("ranges", "lock"),
    [
        ("requirements.txt", "requirements.lock"),
        ("requirements.txt", "requirements-dev.lock"),
        ("requirements-dev.txt", "requirements-dev.lock"),
    ],
)
def test_every_range_is_locked_within_it(ranges, lock):
    versions = locked(lock)
    for requirement in requirements(ranges):
        name = requirement.name.lower().replace("_", "-")
        assert versions.get(name), f"{name} is not locked: run make lock"
        assert all(requirement.specifier.contains(version) for version in versions[name]), name


def test_app_and_tests_run_on_the_same_versions():
    app, tests = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: tests[name] for name in app} == app


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_holds_hashes_and_no_address(lock):
    text = (ROOT / lock).read_text()
    assert text.count("--hash=sha256:") >= sum(map(len, locked(lock).values()))
    assert "://" not in text
