"""Terraform with a provider: the true schema of Google's where it is at hand, else the one of the registry.

With the schema alone, no address outside is asked, and plans are made by mocks. `TERRAFORM_SCHEMA` names its folder; by
itself it is looked for beside the project, and beside the folders that it lies in. Never touches the project's own
`.terraform` or lock files: a lock file of the one provider is wrong for the other, so work is done in a copy.
"""

import fcntl
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
SOURCES = PROJECT / "terraform"
TOOLS = PROJECT / ".tools"
OF_SOMEBODY = ("backend.tf", "terraform.tfvars", "*.auto.tfvars", "*.auto.tfvars.json")  # at the top of a root
INITIALISED = (".terraform*", "*.tfstate*", "plan.out")


def folders() -> list[str]:
    """Return the roots and modules that have tests of their own."""
    return sorted(str(tests.parent.relative_to(SOURCES)) for tests in SOURCES.rglob("tests") if tests.is_dir())


def terraform(folder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run terraform in the copy of one root or module, with its provider."""
    copy, environment = prepared()
    where = copy / folder
    if not (where / ".terraform").exists() and folder != ".":
        with alone():
            _run(["terraform", "init", "-backend=false", "-input=false", "-no-color"], where, environment, check=True)
    return _run(["terraform", *arguments], where, environment)


@functools.cache
def prepared() -> tuple[Path, dict[str, str]]:
    """Return a copy of all sources, and the environment that finds a provider; made once a process."""
    if shutil.which("terraform") is None:
        pytest.skip("no terraform here")
    copy = Path(tempfile.mkdtemp(prefix="terraform-")) / "terraform"
    shutil.copytree(SOURCES, copy, ignore=not_ours)
    return copy, os.environ | {"TF_IN_AUTOMATION": "1", "GOGC": "400"} | (_schema() or _registry())


def _registry() -> dict[str, str]:
    cache = TOOLS / "terraform-plugins"
    cache.mkdir(parents=True, exist_ok=True)
    return {"TF_PLUGIN_CACHE_DIR": str(cache), "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1"}


def _schema() -> dict[str, str]:
    """Return what names the schema, or nothing; a cache of plugins would take the one provider for the other."""
    named = os.environ.get("TERRAFORM_SCHEMA")
    places = [Path(named)] if named else [above / "shared" / "terraform-schema" for above in PROJECT.parents]
    folder = next((place for place in places if (place / "install").exists()), None)
    if folder is None:
        return {}
    with alone():
        done = subprocess.run([folder / "install"], capture_output=True, text=True, check=True)
    name, _, value = done.stdout.splitlines()[-1].partition("=")
    return {name: value}


@contextmanager
def alone() -> Iterator[None]:
    """Wait for other processes: neither building a provider nor the cache of plugins bears two at once."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "terraform.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def not_ours(folder: str, names: list[str]) -> set[str]:
    """Return what lies in a folder and is no source: what init made, and whose deployment it is."""
    top = Path(folder).parent == SOURCES
    patterns = (*INITIALISED, *OF_SOMEBODY) if top else INITIALISED
    return {name for name in names if any(Path(name).match(pattern) for pattern in patterns)}


def _run(
    command: list[str], folder: Path, environment: dict[str, str], *, check: bool = False
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return done
