"""proxy_service/Dockerfile: what it says, and its commands run as they stand where no engine is needed for them.

Source: Dockerfile reference; Cloud Run "Container runtime contract" (SIGTERM, then ten seconds); style of a hardened
image: CIS Docker Benchmark section 4.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.issuer import Issuer
from fakes.process import killed_at_the_end

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "proxy_service" / "Dockerfile").read_text(encoding="utf-8")
STRANGER = 65532  # the image's user
START_S, STOP_S = 30, 8

CONFIGURATION = """\
version: 1
origin: gateway.example.com/audit
public_url: https://gateway.example.com
issuers:
  - {name: staff, issuer: https://staff.test, jwks_file: ./staff.json, attribution: person}
upstreams:
  - {name: nowhere, kind: mcp, url: "http://127.0.0.1:9/mcp"}
"""


def instructions() -> list[tuple[str, str]]:
    lines = [line for line in TEXT.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]


def said(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def test_every_base_is_named_by_a_digest_that_has_no_default():
    """A tag can be moved; and what nobody has looked at is not a default. `:?` is what ends a build that gives none."""
    assert said("ARG") == ["PYTHON_SLIM_SHA256"]
    assert len(said("FROM")) == 2
    for base in said("FROM"):
        assert re.fullmatch(r"python@sha256:\$\{PYTHON_SLIM_SHA256:\?[^\s}]+\}( AS build)?", base)


def test_nothing_comes_from_elsewhere_but_by_its_hash():
    assert not said("ADD")
    assert not re.search(r"curl|wget|apt-get|https?://", TEXT)
    installs = [command for command in said("RUN") if " install " in command]
    assert [("--require-hashes" in one, "--no-index" in one) for one in installs] == [(True, False), (False, True)]
    assert all("--no-deps" in one for one in installs)
    assert "--only-binary=:all:" in installs[0]


def test_it_runs_as_nobody_and_without_a_shell():
    stages = TEXT.split("\nFROM ")
    assert "\nUSER 65532:65532\n" in stages[-1]
    assert not re.search(r"^(CMD|SHELL|VOLUME)", TEXT, re.MULTILINE)
    assert json.loads(said("ENTRYPOINT")[0]) == [
        "/opt/affidavit/bin/affidavit",
        "serve",
        "--config",
        "/etc/affidavit/affidavit.yaml",
    ]


def test_what_is_sent_to_the_engine_is_what_the_image_is_made_of():
    """Neither the history nor whatever lies about gets into a layer."""
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    copied = [rest.split()[0] for rest in said("COPY") if not rest.startswith("--from")]

    assert ignored[0] == "*"
    assert copied == ["requirements.lock", "dist/affidavit-*.whl"]
    assert [line.removeprefix("!") for line in ignored if line.startswith("!") and not line.endswith("/")] == copied


def test_every_dependency_is_locked_by_hash():
    """pip with --require-hashes refuses the whole file for one line without."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    for line in lock.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            assert re.match(r"[a-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """A folder as the image has it in /opt/affidavit; the dependencies are those that these tests run with."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)  # a stranger is to run what is in it
    try:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "opt"], check=True)
        _install(folder)
        yield folder
    finally:
        shutil.rmtree(folder)


def _install(folder: Path) -> None:
    source = folder / "source"
    shutil.copytree(ROOT / "proxy_service", source / "proxy_service", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    wheel = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
    subprocess.run([*pip, *wheel], check=True, capture_output=True)
    command = next(one for one in said("RUN") if "--no-index" in one)
    command = command.replace("python -m pip", f"{sys.executable} -m pip").replace(
        "/opt/affidavit", str(folder / "opt")
    )
    subprocess.run(["sh", "-c", command], cwd=folder, check=True, capture_output=True)
    (site,) = (folder / "opt").glob("lib/python*/site-packages")
    here = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "dependencies.pth").write_text(f"{here}\n")


@contextlib.contextmanager
def entrypoint(installed: Path, *more: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Start what the image starts, as a stranger without a home, in a folder that they may not write to."""
    command = [one.replace("/opt/affidavit", str(installed / "opt")) for one in json.loads(said("ENTRYPOINT")[0])]
    command[command.index("/etc/affidavit/affidavit.yaml")] = str(installed / "affidavit.yaml")
    environment = dict(pair.split("=", 1) for pair in said("ENV")[0].split())
    as_stranger = {"user": STRANGER, "group": STRANGER, "extra_groups": []} if may_be_a_stranger(installed) else {}
    with killed_at_the_end(
        [*command, *more], cwd="/", env=environment, stderr=subprocess.PIPE, text=True, **as_stranger
    ) as process:
        yield process


def may_be_a_stranger(installed: Path) -> bool:
    if os.geteuid() != 0:
        return False
    command = [installed / "opt/bin/python", "-c", "import affidavit"]
    try:
        return subprocess.run(command, user=STRANGER, check=False, capture_output=True).returncode == 0
    except PermissionError:  # this interpreter is in somebody's home
        return False


def configure(folder: Path) -> None:
    Issuer("https://staff.test").write_jwks(folder / "staff.json")
    (folder / "affidavit.yaml").write_text(CONFIGURATION)


def test_what_it_starts_is_the_gateway_on_google_cloud(installed):
    """Without an environment it says all that is missing, and starts nothing half-way."""
    configure(installed)

    with entrypoint(installed) as process:
        _, words = process.communicate(timeout=START_S)

    assert process.returncode == 2
    assert "AFFIDAVIT_PROJECT is not set" in words
    assert "AFFIDAVIT_EVIDENCE_TOPIC is not set" in words


def test_it_needs_no_home_and_writes_nowhere_and_sigterm_ends_it_in_time(installed):
    configure(installed)
    data = installed / "data"
    data.mkdir(exist_ok=True)
    if may_be_a_stranger(installed):
        os.chown(data, STRANGER, STRANGER)
    before = files(installed)

    with entrypoint(installed, "--data", data, "--port", "0") as process:
        lines = iter(process.stderr.readline, "")
        assert any("serving on http://127.0.0.1:" in line for line in lines)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=STOP_S + 1)

    assert process.returncode == 0
    assert time.monotonic() - began < STOP_S
    assert files(installed) == before


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_relative_to(folder / "data")}
