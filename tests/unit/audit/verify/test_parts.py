"""The verifier's smaller parts, each against a plain model of itself.

Source: evidence-format sections 5, 6 and 9.
"""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.audit.verify.bodies import read_line
from affidavit.audit.verify.calls import CallSet
from affidavit.audit.verify.facts import CallEvent, CallEvents, CallKeys, unpack_events
from affidavit.audit.verify.kinds import LOG, SPEAKERS, may_say
from affidavit.audit.verify.masks import find_tokens
from affidavit.audit.verify.notes import parse_keys
from affidavit.audit.verify.retention import Retention, read_classes
from affidavit.clock import DAY
from affidavit.errors import Malformed
from affidavit.evidence.body import Body, encode_bodies
from tampering.forge import key_of, vkey

KEYS = CallKeys(b"sixteen bytes of")


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=200))
def test_a_set_of_calls_is_a_dictionary(steps):
    model: dict[int, bool] = {}
    small = CallSet()
    for number, answered in steps:
        key = KEYS.of(str(number))
        assert small.find(key) == model.get(key)
        if key not in model:
            model[key] = answered
            small.add(key, answered=answered)
    assert len(small) == len(model)
    assert all(small.find(key) is answered for key, answered in model.items())


def test_a_set_of_calls_grows_and_stays_small():
    many = CallSet()
    keys = [KEYS.of(str(number)) for number in range(20_000)]
    for key in keys:
        many.add(key, answered=True)

    assert all(many.find(key) for key in keys)
    assert many.find(KEYS.of("another")) is None
    assert len(many._slots) * many._slots.itemsize <= 24 * len(keys)


def test_keys_of_calls_are_equal_for_equal_ids_and_seeds_only():
    assert KEYS.of("a") == CallKeys(b"sixteen bytes of").of("a") != KEYS.of("b")
    assert KEYS.of("a") != CallKeys(b"another seed, so").of("a")
    assert KEYS.of("a") % 2 == 0


@given(
    st.lists(st.tuples(st.integers(0, 100), st.sampled_from(CallEvent), st.integers(0, 999), st.integers(0, 2**53 - 1)))
)
def test_events_of_calls_come_out_as_they_went_in(events):
    packed = CallEvents()
    for number, code, offset, event in events:
        packed.add(KEYS.of(str(number)), code, offset, event)

    assert list(unpack_events(packed.pack())) == [
        (KEYS.of(str(number)), code, offset, min(event, 2**38)) for number, code, offset, event in events
    ]


@given(st.binary(max_size=80), st.binary(min_size=16, max_size=16))
def test_a_body_line_is_read_as_it_was_written(data, salt):
    body = Body.make(data, salt=salt, retention_class="standard")

    assert read_line(encode_bodies([body])[:-1]) == (body.hash, salt, data)


@given(st.binary(max_size=40), st.integers(0, 10_000), st.integers(0, 255))
def test_a_body_line_has_one_spelling(data, place, value):
    body = Body.make(data, salt=b"s" * 16, retention_class="standard")
    line = encode_bodies([body])[:-1]
    place %= len(line)
    changed = line[:place] + bytes([value]) + line[place + 1 :]
    try:
        stated, salt, said = read_line(changed)
    except Malformed:
        return
    if stated != body.hash:
        return  # what it says of itself is the caller's to compare
    again = orjson.loads(changed)
    assert orjson.dumps(again, option=orjson.OPT_SORT_KEYS) == changed
    assert (again["body"], again["salt"]) == (stated, salt.hex())
    assert encode_bodies([Body(stated, said, salt, "standard")])[:-1] == changed


TOKEN = "[masked:r:0123456789ab]"
DOCUMENT = orjson.dumps({"a": [f"x {TOKEN} y {TOKEN}", {"/~": TOKEN}], "n": 1, "": TOKEN})


@pytest.mark.parametrize(
    ("where", "count", "wrong"),
    [
        ("pointer:/a/0", 2, None),
        ("pointer:/a/1/~1~0", 1, None),
        ("pointer:/", 1, None),
        ("pointer:/a/0", 1, "2 tokens"),
        ("pointer:/a/0", 0, "2 tokens"),
        ("pointer:/a/2", 1, "leads nowhere"),
        ("pointer:/a/00", 1, "leads nowhere"),
        ("pointer:/a/9999999999", 1, "leads nowhere"),
        ("pointer:/a/-1", 1, "leads nowhere"),
        ("pointer:/a/0/0", 1, "leads nowhere"),
        ("pointer:/n", 1, "no text"),
        ("pointer:", 1, "no text"),
        ("bytes:0-10", 1, "0 tokens"),
        ("bytes:10-10", 1, "only"),
        ("bytes:1-1000", 1, "only"),
        ("bytes:01-9", 1, "no pointer"),
        ("bytes:1", 1, "no pointer"),
    ],
)
def test_tokens_are_found_where_a_mask_says(where, count, wrong):
    entry = {"rule": "r", "view": "recorded", "count": count, "where": where}

    found = find_tokens(entry, DOCUMENT)

    assert found is None if wrong is None else wrong in found


def test_a_rule_is_a_name_and_no_pattern():
    entry = {"rule": ".", "view": "recorded", "count": 1, "where": "pointer:/a/1/~1~0"}

    assert find_tokens(entry, DOCUMENT) == "0 tokens of the rule there"


@pytest.mark.parametrize(
    ("stated", "ends"),
    [
        ([], None),
        ([(0, {"a": 10})], 10),
        ([(0, {"b": 10})], None),
        ([(0, {"a": 10}), (5, {"a": 20})], 20),
        ([(0, {"a": 10}), (10, {"a": 20})], 10),
        ([(0, {"a": 10}), (5, {"a": 3})], 3),
        ([(0, {"a": 10}), (5, {"a": 3}), (6, {"a": 30})], 3),
        ([(0, {"a": 10}), (5, {})], None),
        ([(0, {"a": 10}), (5, {}), (6, {"a": 7})], 7),
        ([(0, {}), (5, {"a": 7})], 7),
    ],
)
def test_the_end_of_a_period_follows_what_is_stated(stated, ends):
    retention = Retention()
    for day, classes in stated:
        retention.state(day * DAY, classes)

    assert retention.ends("a", 0) == (None if ends is None else ends * DAY)


@pytest.mark.parametrize("value", [None, [], {"a": "1"}, {"a": -1}, {"a": True}, {"a": 1.5}, {"a": 10**9}])
def test_classes_without_days_are_none(value):
    assert read_classes(value) is None


def test_every_kind_is_said_by_those_who_may_and_by_no_others():
    """Section 5, the column "role", copied here once more."""
    may = {
        "gateway": "writer:alive policy:loaded issuer:keys tool:defined tool:accepted identity:verified "
        "identity:proof identity:rejected identity:revoked directory:changed session:opened session:closed "
        "call:requested call:refused call:streamed "
        "call:answered call:withheld approval:requested approval:consumed approval:notified approval:expired",
        "console": "writer:alive identity:rejected approval:decided approval:cancelled approval:revoked evidence:read "
        "evidence:exported",
        "cli": "identity:revoked approval:decided approval:cancelled approval:revoked evidence:read evidence:exported",
        "function:resolve-approval": "approval:decided approval:cancelled approval:revoked",
        "function:notify-approver": "approval:notified approval:expired",
        "function:sweep-approvals": "approval:notified approval:expired",
        "function:write-evidence": "",
    }
    for role, kinds in may.items():
        allowed = {kind for kind in SPEAKERS if may_say(role, kind)}
        assert allowed == {*kinds.split(), "writer:opened", "writer:closed"}
        assert may_say(role, "weather:observed")
        assert not may_say(role, "log:gap")
        assert not may_say(role, "log:shrugged")
    assert {kind for kind in SPEAKERS if may_say(LOG, kind)} == {"issuer:keys"}
    assert may_say(LOG, "log:shrugged")
    assert not may_say(LOG, "weather:observed")


@pytest.mark.parametrize(
    "texts",
    [[], ["no key"], [vkey(key_of("a"), "one.example"), vkey(key_of("a"), "two.example")], [vkey(key_of("a"))[:-4]]],
)
def test_keys_that_are_none_or_of_two_logs_are_refused(texts):
    with pytest.raises(Malformed):
        parse_keys(texts)
