"""`make wheel` makes the same bytes from the same sources, wherever and whenever.

What a stranger builds from a commit has the hash that the deployment says it runs.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_two_checkouts_make_the_same_wheel(tmp_path: Path):
    """Source: reproducible-builds.org, SOURCE_DATE_EPOCH; times and modes of the checkout are not the source's."""
    first = checkout(tmp_path / "first")
    second = checkout(tmp_path / "second")
    for path in second.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (10**9, 10**9))

    assert wheel(first) == wheel(second)


def checkout(folder: Path) -> Path:
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(
        ROOT / "proxy_service", folder / "proxy_service", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    return folder


def wheel(folder: Path) -> bytes:
    """Make it with the interpreter of these tests; what sets up a virtual environment counts as done."""
    binaries = Path(sys.executable).parent
    subprocess.run(
        ["make", "--old-file=.venv/.set-up", f"BIN={binaries}", "wheel"], cwd=folder, check=True, capture_output=True
    )
    (made,) = (folder / "dist").glob("affidavit-*.whl")
    return made.read_bytes()
