"""Another project's checker of transparency logs, built once from `tessera/main.go`.

It shares no code with this project: what both accept is the format, not our reading of it.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "tessera"
TOOLS = Path(__file__).parents[2] / ".tools"  # ignored by git
DEADLINE = 90  # seconds; the checker itself gives up after 60


def fsck(log_dir: Path, origin: str, vkey: str) -> subprocess.CompletedProcess[str]:
    """Check a log folder; exit code 0 when all of it holds, another with the reason on stderr when not.

    Args:
        log_dir: Holds `checkpoint` and `tile/`.
        origin: Of the checkpoint.
        vkey: The verifier key's text form.
    """
    command = [str(_checker()), str(log_dir), origin, vkey]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)


def _checker() -> Path:
    """Return the program, building it where this source was never built."""
    built = TOOLS / f"tessera-fsck-{_source_hash()[:16]}"
    if built.exists():
        return built
    if shutil.which("go") is None:
        pytest.skip("go not installed: the log is not checked by Tessera's fsck")
    TOOLS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        fresh = Path(scratch) / "fsck"
        subprocess.run(["go", "build", "-mod=readonly", "-o", str(fresh), "."], cwd=SOURCE, check=True)
        fresh.replace(built)  # at once, so that tests side by side never run half a program
    return built


def _source_hash() -> str:
    sources = sorted(SOURCE.iterdir())
    return sha256(b"".join(path.name.encode() + b"\0" + path.read_bytes() for path in sources)).hexdigest()
