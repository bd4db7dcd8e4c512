"""Look for careless Terraform with checkov; every exception stands in the source, with its reason, and is still needed.

`python tests/check_terraform.py`. checkov's dependencies do not go together with ours, so it lives in an environment of
its own, in `.tools`; the first run makes it, in a minute or two.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "terraform"
LOCK_FILE = ROOT / "tests" / "terraform" / "checkov.lock"
HOUSE = ROOT / ".tools" / "checkov"
STAMP = HOUSE / ".fits"
EXCEPTION = re.compile(r"checkov:skip=(\w+):?(.*)")
OFFLINE = ("--skip-download", "--framework", "terraform", "--output", "json")


def main() -> int:
    """Print what is wrong; return 1 where something is."""
    found = [*_failed(report := _checked()), *_unneeded(report), *_unexplained()]
    print("\n".join(found) or f"checkov: nothing in {len(report['passed_checks'])} checks")
    return 1 if found else 0


def _checked() -> dict[str, Any]:
    checkov = _installed() / "bin" / "checkov"
    done = subprocess.run([checkov, "--directory", SOURCES, *OFFLINE], capture_output=True, text=True, check=False)
    if not done.stdout.startswith("{"):
        raise SystemExit(done.stdout + done.stderr)
    results: dict[str, Any] = json.loads(done.stdout)["results"]
    return results


def _failed(report: dict[str, Any]) -> Iterator[str]:
    yield from (f"{path}: cannot be parsed" for path in report["parsing_errors"])
    for one in report["failed_checks"]:
        yield f"terraform{one['file_path']}:{one['file_line_range'][0]}: {one['check_id']} {one['check_name']}"


def _unneeded(report: dict[str, Any]) -> Iterator[str]:
    """An exception that suppresses nothing would hide a later fault."""
    used = {(one["file_path"], one["check_id"]) for one in report["skipped_checks"]}
    for path, check, _ in _exceptions():
        if (f"/{path.relative_to(SOURCES)}", check) not in used:
            yield f"{path.relative_to(ROOT)}: {check} is not found any more: remove its exception"


def _unexplained() -> Iterator[str]:
    for path, check, reason in _exceptions():
        if not reason.strip():
            yield f"{path.relative_to(ROOT)}: {check} is skipped without a reason"


def _exceptions() -> Iterator[tuple[Path, str, str]]:
    for path in sorted(SOURCES.rglob("*.tf")):
        if ".terraform" not in path.parts:
            for check, reason in EXCEPTION.findall(path.read_text(encoding="utf-8")):
                yield path, check, reason


def _installed() -> Path:
    wanted = f"{sys.version} {hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()}"
    if not STAMP.exists() or STAMP.read_text(encoding="utf-8") != wanted:
        print("Installing checkov (once; a minute or two)", flush=True)
        venv.create(HOUSE, clear=True, with_pip=True)
        pip = [HOUSE / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--requirement", LOCK_FILE], check=True)
        STAMP.write_text(wanted, encoding="utf-8")
    return HOUSE


if __name__ == "__main__":
    sys.exit(main())
