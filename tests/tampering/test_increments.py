"""A log that is verified in parts fails as it does when it is verified from its beginning.

Source: evidence-format section 9; `audit.verify.increments` says what a part does not see.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from affidavit.audit.verify.increments import Increment, verify_on
from affidavit.audit.verify.notes import parse_keys
from affidavit.audit.verify.point import Point
from affidavit.audit.verify.report import HOLDS, PROVED_FALSE, Report
from affidavit.audit.verify.request import Request
from affidavit.audit.verify.stores import store_buckets
from affidavit.tlog.tiles import parse_path
from fakes.stores import MemoryStore
from tampering import insiders, outsiders
from tampering.catalogue import CATALOGUE, Tampering
from tampering.forge import micros, write_folder
from tampering.runs import SEED, explain, verify_folder
from tampering.story import AS_OF, Story

assert insiders
assert outsiders

HONEST = Story().write()


def request_of(files: dict[str, bytes], minutes: float = AS_OF) -> Request:
    """Return the request to verify files as if they lay in stores; folders are what the whole is verified in."""
    return Request(
        buckets=store_buckets(
            store_of(files, "evidence/"),
            {name: store_of(files, f"bodies/{name}/") for name in ("standard", "payroll")},
            store_of(files, "log/"),
        ),
        keys=parse_keys([files["log.vkey"].decode()]),
        now=micros(minutes),
        as_of=micros(minutes),
        seed=SEED,
    )


def store_of(files: dict[str, bytes], prefix: str) -> MemoryStore:
    store = MemoryStore()
    store.objects = {name.removeprefix(prefix): data for name, data in files.items() if name.startswith(prefix)}
    return store


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


def growing(files: dict[str, bytes], minutes: float, stops: Iterable[int]) -> Increment:
    """Verify while the log grows: after so many commits each, and at its end."""
    commits = sorted(name for name in files if name.startswith("evidence/commit/"))
    point = None
    for stop in sorted({stop for stop in stops if 0 < stop < len(commits)}):
        request = request_of(before(files, commits[stop:]), minutes)
        point = verify_on(replace(request, as_of="commit"), carried(point)).point
    return verify_on(request_of(files, minutes), carried(point))


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
def test_an_honest_log_holds_in_parts(most):
    part = in_parts(request_of(HONEST), most)

    assert explain(part.report) == ""
    assert part.report.status == HOLDS
    assert part.point.size == 287


@settings(max_examples=20, deadline=None, derandomize=True)
@given(stops=st.sets(st.integers(1, 11)))
@example(stops=set(range(1, 12)))
def test_an_honest_log_holds_while_it_grows_however_often_it_is_verified(stops):
    part = growing(HONEST, AS_OF, stops)

    assert explain(part.report) == ""
    assert part.report.status == HOLDS
    assert part.point.size == 287


@pytest.mark.parametrize("tampering", CATALOGUE, ids=lambda tampering: tampering.name)
def test_tampering_is_caught_in_parts_as_from_the_beginning(tmp_path, tampering: Tampering):
    story = Story()
    tampering.tamper(story)
    files = story.write()
    whole = verify_folder(write_folder(files, tmp_path), minutes=story.as_of)

    choice = random.Random(tampering.name)
    part = growing(files, story.as_of, choice.sample(range(1, 14), choice.choice((1, 1, 1, 2, 2, 5))))

    assert part.report.status == PROVED_FALSE
    assert failures(part.report) == failures(whole), explain(part.report)


@pytest.mark.parametrize("as_of", ["commit", 26.5], ids=["held", "given up"])
def test_what_a_late_segment_says_of_approvals_is_heard_once(tmp_path, as_of):
    """`increments`: a point waits ten minutes for what fills a hole; after that it is heard for approvals alone."""
    story = Story()
    approval = story.approved
    story.front.segs[5].recs = [approval.call, approval.answer]
    story.lost.segs[1].recs.append(approval.consumed)
    approval.consumed.minutes = 5.35
    story.gap.fields["to"] = story.late.fields["to"] = 6
    story.stated_lost.fields["from"] = story.late_again.fields["from"] = story.late_again.fields["to"] = 10
    story.commits[8].minutes = story.late.minutes = 27.0
    files = story.write()
    commits = sorted(name for name in files if name.startswith("evidence/commit/"))
    request = replace(request_of(before(files, commits[8:])), as_of=as_of if as_of == "commit" else micros(as_of))

    first = verify_on(request, None)
    part = verify_on(request_of(files), carried(first.point))

    assert (first.point.size == int(commits[7][-25:-5])) == (as_of == "commit")
    assert explain(verify_folder(write_folder(files, tmp_path))) == ""
    assert explain(part.report) == ""
