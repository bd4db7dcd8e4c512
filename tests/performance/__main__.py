"""`make bench`: one run, one table.

    PYTHONPATH=tests python -m performance [--quick] [--json FILE] [--part proxies|guarded|…] [--profile]

Nothing here fails for being slow: exit status 1 means that something broke, an answer was wrong, or verify is red.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from performance.report import Screen
from performance.run import FULL, PARTS, QUICK, Run, Size

ROOT = Path(__file__).parents[2]
REMOVERS = 16  # threads


def main() -> int:
    chosen = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything that runs is stopped
    screen = Screen()
    with _folder(chosen.folder, keep=chosen.keep) as folder:
        run = Run(folder, _size(chosen), screen)
        if chosen.profile:
            run.profile(chosen.part or ())
        else:
            run.measure(chosen.part or PARTS)
    screen.show(run.report)
    if chosen.json:
        run.report.write(chosen.json)
    return 1 if run.report.broken else 0


@contextlib.contextmanager
def _folder(parent: Path, *, keep: bool) -> Iterator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
    try:
        yield folder
    finally:
        if keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder, its files side by side: one after the other, a hundred thousand take minutes on some disks."""
    files = [str(Path(above) / name) for above, _, names in os.walk(folder) for name in names]
    with ThreadPoolExecutor(REMOVERS) as pool:
        list(pool.map(lambda file: Path(file).unlink(missing_ok=True), files))
    shutil.rmtree(folder, ignore_errors=True)


def _size(chosen: argparse.Namespace) -> Size:
    size = QUICK if chosen.quick else FULL
    size = size if chosen.calls is None else replace(size, endurance=chosen.calls)
    return size if chosen.records is None else replace(size, records=chosen.records)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="How fast, and with how much memory.")
    parser.add_argument("--quick", action="store_true", help="about two minutes; too short for figures to publish")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures and rounds there, too")
    parser.add_argument("--calls", type=int, metavar="N", help="calls to see whether memory stays flat (200,000)")
    parser.add_argument("--records", type=int, metavar="N", help="records of the large log (1,000,000)")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may be repeated")
    parser.add_argument(
        "--profile",
        action="store_true",
        help="instead: where a loaded gateway spends its time; with `--part audit`, the sequencer and verify",
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "bench-data", help="which disk is measured")
    parser.add_argument("--keep", action="store_true", help="leave the data where it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
