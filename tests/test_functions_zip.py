"""`make functions-zip`: the same bytes twice, and all that an empty machine without an index needs.

google-cloud "Cloud Run and functions". Installed and imported by the runtime's Python where there is one; elsewhere by
the one of these tests, from a zip that was made for it in the same way.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from build import PYTHON, requirements

ROOT = Path(__file__).parent.parent
UV = Path(sys.executable).with_name("uv")
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"


def interpreter() -> tuple[str, str]:
    """Return the runtime's version and a Python of it, or this one's."""
    pyenv = (Path.home() / ".pyenv" / "versions").glob(f"{PYTHON}.*/bin/python{PYTHON}")
    for candidate in filter(None, [shutil.which(f"python{PYTHON}"), *sorted(map(str, pyenv))]):
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return PYTHON, candidate
    return THIS, sys.executable


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Our own, from the sources as they are."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "proxy_service", folder / "proxy_service", ignore=ignored)
    command = ["make", "--old-file=.venv/.set-up", f"BIN={Path(sys.executable).parent}", "wheel"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (made,) = (folder / "dist").glob("affidavit-*.whl")
    return made


def build(wheel: Path, out: Path, python: str = PYTHON) -> Path:
    command = [sys.executable, ROOT / "functions" / "build.py", "--wheel", wheel, "--out", out, "--python", python]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def made(wheel, tmp_path_factory) -> Path:
    return build(wheel, tmp_path_factory.mktemp("dist"))


def test_it_is_the_same_twice_and_named_by_its_hash(wheel, made, tmp_path):
    copy = shutil.copy(wheel, tmp_path)
    os.utime(copy, (10**9, 10**9))
    (tmp_path / "functions-0123456789abcdef.zip").write_bytes(b"of an earlier commit")
    again = build(Path(copy), tmp_path)

    assert made.read_bytes() == again.read_bytes()
    assert made.name == f"functions-{hashlib.sha256(made.read_bytes()).hexdigest()[:16]}.zip"
    assert [path.name for path in tmp_path.glob("*.zip")] == [made.name]


def test_it_holds_functions_hashed_requirements_and_a_wheel_for_each(made, wheel):
    with zipfile.ZipFile(made) as archive:
        entries = archive.infolist()
        text = archive.read("requirements.txt").decode()
        assert archive.read(f"wheels/{wheel.name}") == wheel.read_bytes()
    names = [entry.filename for entry in entries]

    assert names == sorted(names)
    assert {(entry.date_time, entry.external_attr >> 16) for entry in entries} == {((1980, 1, 1, 0, 0, 0), 0o100644)}
    assert {name for name in names if "/" not in name} == {
        "requirements.txt",
        *(path.name for path in (ROOT / "functions").glob("*.py") if path.name != "build.py"),
    }
    pinned = re.findall(r"^([a-z0-9-]+)==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(pinned) == text.count("==") == sum(name.startswith("wheels/") for name in names)
    assert f"affidavit==0.2.0 \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n" in text


LOCK = """\
always==1 \\
    --hash=sha256:aa
    # via x
older==2 ; python_full_version < '3.13' \\
    --hash=sha256:bb
windows==3 ; sys_platform == 'win32' \\
    --hash=sha256:cc
linux==4 ; sys_platform == 'linux' and python_version >= '3.13' \\
    --hash=sha256:dd \\
    --hash=sha256:ee
"""


def test_what_holds_on_the_runtime_is_required_whatever_machine_makes_it():
    """PEP 508: markers are the runtime's to judge, and pip judges them by the interpreter that runs it."""
    assert requirements(LOCK, "3.13") == (
        "always==1 \\\n    --hash=sha256:aa\nlinux==4 \\\n    --hash=sha256:dd \\\n    --hash=sha256:ee\n"
    )
    assert "older==2" in requirements(LOCK, "3.11")


LOAD = """
import json, functions_framework, main
answers = {}
for name in main.__all__:
    client = functions_framework.create_app(name, "main.py").test_client()
    answers[name] = [client.get("/").status_code, client.post("/", json={}).get_json()["code"]]
print(json.dumps(answers))
"""


def test_from_an_empty_folder_without_an_index_every_entry_point_is_served(wheel, made, tmp_path):
    """What answers `misconfigured` has loaded its wiring, and looked around."""
    version, python = interpreter()
    with zipfile.ZipFile(made if version == PYTHON else build(wheel, tmp_path / "dist", version)) as archive:
        archive.extractall(tmp_path / "source")
    subprocess.run([UV, "venv", "--quiet", "--offline", "--python", python, tmp_path / "venv"], check=True)
    installed = tmp_path / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", installed, "--disable-pip-version-check"]
    vendored = ["--no-index", "--find-links", "wheels", "--require-hashes", "--no-compile", "--quiet"]
    source = tmp_path / "source"
    subprocess.run([*pip, "install", *vendored, "--requirement", "requirements.txt"], cwd=source, check=True)
    subprocess.run([*pip, "check"], check=True, capture_output=True)  # as the buildpack does
    done = subprocess.run([installed, "-c", LOAD], cwd=source, capture_output=True, text=True, check=True, env={})

    answers = json.loads(done.stdout)
    assert {"write_evidence", "sequence_log"} <= answers.keys()
    assert set(map(tuple, answers.values())) == {(405, "misconfigured")}
    assert done.stderr.count("AFFIDAVIT_ORIGIN is not set") == len(answers)
