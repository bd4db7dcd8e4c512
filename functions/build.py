"""`make functions-zip`: everything that a cloud function is built from in one file, the same bytes every time.

    main.py and the functions    requirements.txt, all hashed    wheels/, so that building asks no index

The buildpack is told `GOOGLE_VENDOR_PIP_DEPENDENCIES=wheels`. It keeps what it has installed by the text of
requirements.txt, so our own wheel's hash stands there too. Nothing is compressed: wheels are already, and two versions
of zlib make different bytes.

Source: google-cloud "Cloud Run and functions"; Google Cloud, "Specify dependencies in Python" (vendored packages).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import parse_wheel_filename

HERE, BUILDER = Path(__file__).parent, Path(__file__).name
ROOT = HERE.parent
PYTHON = "3.13"  # of the functions' runtime: from 3.14 on the buildpack knows no vendored wheels
GLIBC = (17, 24, 26, 27, 28, 31, 34, 35)  # 2.35 is Ubuntu 22.04's, on which that runtime runs
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can name
MODE = 0o100644 << 16
UNIX = 3


def main() -> int:
    """Make the zip, and print its name."""
    arguments = _parser().parse_args()
    locked = requirements((ROOT / "requirements.lock").read_text(encoding="utf-8"), arguments.python)
    wheels = vendored(locked, arguments.python, arguments.cache)
    made = pack(locked, wheels, arguments.wheel)
    for old in arguments.out.glob("functions-*.zip"):
        old.unlink()
    arguments.out.mkdir(exist_ok=True)
    path = arguments.out / f"functions-{hashlib.sha256(made).hexdigest()[:16]}.zip"
    path.write_bytes(made)
    sys.stdout.write(f"{path}\n")
    return 0


def requirements(lock: str, python: str) -> str:
    """Return the part of a lock file that holds on the functions' runtime, without markers."""
    return "".join(f"{text}\n" for marker, text in _entries(lock) if not marker or _holds(marker, python))


def vendored(locked: str, python: str, cache: Path) -> list[Path]:
    """Return the wheel of each requirement, fetched once and checked against its hashes."""
    folder = cache / f"{python}-{hashlib.sha256(locked.encode()).hexdigest()[:16]}"
    complete = folder / ".complete"
    if not complete.exists():
        folder.mkdir(parents=True, exist_ok=True)
        text = folder / "requirements.txt"
        text.write_text(locked, encoding="utf-8")
        subprocess.run([*_pip(python), "--dest", str(folder), "--requirement", str(text)], check=True)
        complete.touch()
    wheels = sorted(folder.glob("*.whl"))
    named = {parse_wheel_filename(path.name)[0] for path in wheels}
    wanted = {text.partition("==")[0] for _, text in _entries(locked)}
    if missing := sorted(wanted - named):
        raise SystemExit(f"no wheel for Python {python} of {', '.join(missing)}")
    return wheels


def pack(locked: str, wheels: list[Path], own: Path) -> bytes:
    """Return the zip's bytes."""
    name, version, *_ = parse_wheel_filename(own.name)
    ours = f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(own.read_bytes()).hexdigest()}\n"
    files = {
        "requirements.txt": (ours + locked).encode(),
        **{path.name: path.read_bytes() for path in HERE.glob("*.py") if path.name != BUILDER},
        **{f"wheels/{path.name}": path.read_bytes() for path in (*wheels, own)},
    }
    return _zip(files)


def _zip(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system, entry.external_attr = UNIX, MODE
            archive.writestr(entry, files[name])
    return made.getvalue()


def _entries(lock: str) -> Iterator[tuple[str, str]]:
    """Yield each requirement's marker, and its text without that and without comments."""
    lines = [line for line in lock.splitlines() if not line.lstrip().startswith("#")]
    starts = [number for number, line in enumerate(lines) if line[:1].isalnum()]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        pinned, _, marker = lines[start].removesuffix("\\").partition(";")
        hashes = [line.strip().removesuffix("\\").strip() for line in lines[start + 1 : end]]
        yield marker.strip(), " \\\n    ".join([pinned.strip(), *filter(None, hashes)])


def _holds(marker: str, python: str) -> bool:
    runtime = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    return Marker(marker).evaluate(runtime)


def _pip(python: str) -> list[str]:
    platforms = ["manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in GLIBC)]
    abis = [f"cp{python.replace('.', '')}", "abi3", "none"]
    return [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--no-deps", "--only-binary=:all:", "--implementation=cp", f"--python-version={python}"),
        *(f"--abi={abi}" for abi in abis),
        *(f"--platform={platform}" for platform in platforms),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--wheel", type=Path, required=True, help="our own, from `make wheel`")
    parser.add_argument("--python", default=PYTHON, help="the runtime's version (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the zip goes")
    parser.add_argument("--cache", type=Path, default=ROOT / ".tools" / "wheels", help="where fetched wheels stay")
    return parser


if __name__ == "__main__":
    sys.exit(main())
