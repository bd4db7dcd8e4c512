"""A point: what is remembered, how it is read again, and what is forgotten in time.

Source: evidence-format section 9; `audit.verify.point`.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.audit.verify.approvals import Approvals
from affidavit.audit.verify.calls import MOST_SAVED, Calls, CallSet
from affidavit.audit.verify.ended import REMEMBERED, Ended
from affidavit.audit.verify.increments import verify_on
from affidavit.audit.verify.point import Point
from affidavit.audit.verify.report import MOST_SAVED as MOST_FAILURES
from affidavit.audit.verify.report import Findings
from affidavit.audit.verify.telling import CONSUMED, DECIDED, REQUESTED
from affidavit.clock import DAY, MINUTE, parse_time
from affidavit.errors import Malformed
from affidavit.tlog.builder import TreeBuilder
from affidavit.tlog.merkle import leaf_hash
from tampering.test_increments import HONEST, before, request_of

NOW = parse_time("2026-11-22T12:00:00.000000Z")
COMMITS = sorted(name for name in HONEST if name.startswith("evidence/commit/"))


@pytest.fixture(scope="module")
def point() -> Point:
    """Return the point of the honest story before its last commit: a lost writer, a filled hole, an approval."""
    files = before(HONEST, COMMITS[11:])
    found = verify_on(replace(request_of(files), as_of="commit"), None).point
    assert found is not None
    return found


def test_a_point_is_read_as_it_was_written(point):
    assert Point.parse(point.encode()) == point
    assert Point.parse(point.encode()).encode() == point.encode()
    assert len(point.encode()) < 30_000


def walk(value, path=()):
    """Yield the path of everything in a JSON value."""
    yield path
    for key, member in value.items() if type(value) is dict else enumerate(value) if type(value) is list else ():
        yield from walk(member, (*path, key))


def changed(value, path, new):
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_point_that_somebody_has_changed_is_refused_or_fails_or_skips_and_never_breaks(point, data):
    """`points`: whoever can write there can have records skipped, and make the check red; it goes on all the same."""
    value = json.loads(point.encode())
    path = data.draw(st.sampled_from(sorted(walk(value), key=str)))
    new = data.draw(st.sampled_from([None, [], {}, "", "x", -1, 0, 5, True, "ab" * 32, [1], [[]]]))
    text = json.dumps(changed(value, path, new), sort_keys=True, separators=(",", ":")).encode()

    try:
        part = verify_on(request_of(HONEST), Point.parse(text))
    except Malformed:
        return
    assert part.report.status in (0, 1)


@pytest.mark.parametrize(
    "wrong", [b"", b"{}", b"[]", b"null", b'{"v":1}', b"\xff", b'{"v":2}'], ids=["", "{}", "[]", "null", "v", "ff", "2"]
)
def test_what_is_no_point_is_refused(wrong):
    with pytest.raises(Malformed):
        Point.parse(wrong)


@pytest.mark.parametrize(("name", "other"), [("root", "0" * 64), ("size", 5), ("origin", "other.example/log")])
def test_a_point_of_another_tree_is_refused(point, name, other):
    with pytest.raises(Malformed):
        verify_on(request_of(HONEST), replace(point, **{name: other}))


@given(size=st.integers(0, 70_000))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_tree_goes_on_from_its_right_edge(size):
    """C2SP tlog-tiles: what is derived later is the same."""
    leaves = [leaf_hash(b"%d" % (at % 300)) for at in range(300)]
    builder = TreeBuilder(bundles=False)
    for start in range(0, size, 300):
        builder.extend(leaves[: min(300, size - start)])
    again = TreeBuilder.of_rows(builder.size, builder.rows())

    assert again.root() == builder.root()
    assert again.extend(leaves) == builder.extend(leaves)
    assert again.root() == builder.root()
    assert again.partials() == builder.partials()


@pytest.mark.parametrize("rows", [[], [[b"x" * 32]], [[b"x" * 32] * 2, []], [[b"x" * 32] * 3]])
def test_rows_that_are_not_of_that_size_are_refused(rows):
    with pytest.raises(Malformed):
        TreeBuilder.of_rows(2 if len(rows) != 1 else 4, rows)


# What is forgotten


def test_calls_that_ended_longest_ago_are_forgotten_and_all_others_are_not():
    """`calls`: between one and two times `MOST_SAVED` are remembered."""
    calls = Calls("w")
    number = 0
    for _ in range(5):
        for _ in range(MOST_SAVED // 2 + 1):
            number += 1
            calls.requested(2 * number, number, 0)
            calls.answered(2 * number, number, 0)
        calls = Calls.restore("w", json.loads(json.dumps(calls.save())))

    assert calls.requested(2 * (number - MOST_SAVED), 0, 0) is not None
    assert calls.requested(2 * number, 0, 0) is not None
    assert calls.requested(2, 0, 0) is None, "long ago"


def test_a_set_of_calls_is_saved_with_how_each_ended():
    calls = CallSet()
    for key in range(2, 2_000, 2):
        calls.add(key, answered=key % 4 == 0)
    again = CallSet.of(calls.save())

    assert len(again) == len(calls)
    assert {key: again.find(key) for key in range(2, 2_000, 2)} == {key: key % 4 == 0 for key in range(2, 2_000, 2)}
    assert again.find(4_000) is None


def test_a_writer_that_ended_is_known_until_nothing_of_it_can_be_on_its_way():
    ended = Ended()
    ended.add("20261122T120000Z-0123456789abcdef", 12)
    later = Ended.restore(json.loads(json.dumps(ended.save(NOW + REMEMBERED))))
    much_later = Ended.restore(json.loads(json.dumps(later.save(NOW + REMEMBERED + DAY))))

    assert later.find("20261122T120000Z-0123456789abcdef") == 12
    assert later.find("20261122T120000Z-0123456789abcdee") is None
    assert not later.is_forgotten("20261122T120000Z-0123456789abcdef")
    assert much_later.find("20261122T120000Z-0123456789abcdef") is None
    assert much_later.is_forgotten("20261122T120000Z-0123456789abcdef")
    assert not much_later.is_forgotten("20261123T000000Z-0123456789abcdef")


def approvals_with(*said) -> Approvals:
    approvals = Approvals(Findings())
    for what, name, *more in said:
        approvals.hear(what, f"w/{what}", NOW, "1" * 64, name, *more)
    return approvals


ASKED = (REQUESTED, "open", "b", "2026-11-22T13:00:00.000000Z", NOW + 60 * MINUTE)


def test_an_approval_that_nobody_can_use_any_more_is_forgotten():
    approvals = approvals_with(ASKED, (DECIDED, "open", "b", "approved"))
    at_first, at_last = approvals.save(NOW), approvals.save(NOW + 60 * MINUTE + REMEMBERED + 1)

    assert [name for name, _ in at_first[0]] == ["open"]
    assert at_last[0] == []


def test_what_is_wrong_with_an_approval_that_is_forgotten_is_said_at_last():
    approvals = approvals_with(
        (CONSUMED, "x", "b", "call", "w/9", "2" * 64), ("call:requested", "x", "b", "call", {"method": "tools/call"})
    )

    assert list(approvals.last_words(NOW)) == []
    [(check, object_, record, _, found)] = approvals.last_words(NOW + REMEMBERED + 1)
    assert (check, object_, record, found) == ("approvals", "approval x", "w/call:requested", "none in the log")


def test_more_failures_than_a_point_holds_are_counted():
    findings = Findings()
    for number in range(MOST_FAILURES + 7):
        findings.fail("tree", f"log/{number}", None, "x", "y")
    again = Findings()
    again.restore(json.loads(json.dumps(findings.save(Findings().failures()))))

    assert len(again.results["tree"].failures) == MOST_FAILURES
    assert again.results["tree"].unlisted == 7
    assert again.results["tree"].status == "FAIL"


def test_a_point_remembers_who_lives_and_lets_the_others_go(point):
    """evidence-format section 9: memory is bounded by what goes on, not by the log."""
    chains = point.parts["chains"]
    assert [chain["lost"] for chain in chains["chains"]] == [False, False, True]  # closed within the hour, and lost
    later = verify_on(replace(request_of(HONEST), now=point.made), point).point

    assert later is not None
    assert len(later.parts["chains"]["living"]) == 2
