"""A log that is verified in parts fails as it does when it is verified from its beginning.

Source: evidence-format section 9; `audit.verify.increments` says what a part does not see.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from affidavit.audit.verify.buckets import Buckets
from affidavit.audit.verify.increments import Increment, verify_on
from affidavit.audit.verify.notes import parse_keys
from affidavit.audit.verify.point import Point
from affidavit.audit.verify.report import HOLDS, PROVED_FALSE, Report
from affidavit.audit.verify.verification import Request
from affidavit.tlog.tiles import parse_path
from tampering import insiders, outsiders
from tampering.catalogue import CATALOGUE, Tampering
from tampering.forge import micros, write_folder
from tampering.runs import SEED, explain, verify_folder
from tampering.story import AS_OF, Story

assert insiders
assert outsiders


def request_of(folder: Path, minutes: float = AS_OF) -> Request:
    return Request(
        buckets=Buckets.of(f"{folder}/evidence", [f"{folder}/bodies"], {}, f"{folder}/log"),
        keys=parse_keys([(folder / "log.vkey").read_text()]),
        now=micros(minutes),
        as_of=micros(minutes),
        seed=SEED,
    )


def carried(point: Point | None) -> Point | None:
    """Return a point as the next verification has it: from its bytes."""
    return point and Point.parse(point.encode())


def in_parts(request: Request, most: int) -> Increment:
    """Verify part by part, each of so many records."""
    point = None
    while True:
        part = verify_on(request, carried(point), most)
        if part.at_end:
            return part
        assert part.point is not None
        assert point is None or part.point.size > point.size
        point = part.point


def growing(folder: Path, files: dict[str, bytes], minutes: float, steps: int) -> Increment:
    """Verify while the log grows: `steps` commits come to it between one verification and the next."""
    commits = sorted(name for name in files if name.startswith("evidence/commit/"))
    point = None
    for until in range(steps, len(commits) + steps, steps):
        if until < len(commits):
            shutil.rmtree(folder, ignore_errors=True)
            write_folder(before(files, commits[until:]), folder)
            request = replace(request_of(folder, minutes), as_of="commit")
        else:
            shutil.rmtree(folder, ignore_errors=True)
            request = request_of(write_folder(files, folder), minutes)
        part = verify_on(request, carried(point))
        point = part.point
    return part


def before(files: dict[str, bytes], later: list[str]) -> dict[str, bytes]:
    """Return what was there before some commits: neither they, nor what they name, nor what is derived from them."""
    size = int(later[0][-25:-5])
    named = set(segments_of(files, later)) - set(segments_of(files, files.keys() - set(later)))
    return {
        name: data
        for name, data in files.items()
        if not (
            name in later
            or name in named
            or (name.startswith("evidence/checkpoint/") and int(name[-20:]) > size)
            or (name.startswith("log/tile/") and parse_path(name[4:]).min_size > size)
        )
    } | {"log/checkpoint": files.get(f"evidence/checkpoint/{size:020d}", b"")}


def segments_of(files: dict[str, bytes], names) -> Iterator[str]:
    for name in names:
        if name.startswith("evidence/commit/"):
            yield from (f"evidence/{found}" for found in re.findall(r"segment/[^\"]+", files[name].decode()))


def failures(report: Report) -> set[tuple[str, str | None, str | None]]:
    """Return where each failure is; which entry of a bundle is altered is not known of one before the point."""
    return {
        (check.id, finding.object, None if check.id == "tree" else finding.record)
        for check in report.checks
        if check.status == "FAIL"
        for finding in check.failures
    }


@pytest.mark.parametrize("most", [1, 40, 100, 1_000])
def test_an_honest_log_holds_in_parts(tmp_path, most):
    folder = write_folder(Story().write(), tmp_path)

    part = in_parts(request_of(folder), most)

    assert explain(part.report) == ""
    assert part.report.status == HOLDS
    assert part.point.size == 287


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_an_honest_log_holds_while_it_grows(tmp_path, steps):
    part = growing(tmp_path / "log", Story().write(), AS_OF, steps)

    assert explain(part.report) == ""
    assert part.report.status == HOLDS


@pytest.mark.parametrize("tampering", CATALOGUE, ids=lambda tampering: tampering.name)
def test_tampering_is_caught_in_parts_as_from_the_beginning(tmp_path, tampering: Tampering):
    story = Story()
    tampering.tamper(story)
    files = story.write()
    folder = write_folder(files, tmp_path)
    whole = verify_folder(folder, minutes=story.as_of)

    # All commits one by one take longest, so they do not take every tampering's turn.
    part = growing(folder, files, story.as_of, (1, 7, 5, 8, 6, 9, 4, 10)[CATALOGUE.index(tampering) % 8])

    assert part.report.status == PROVED_FALSE
    assert failures(part.report) == failures(whole), explain(part.report)
