"""affidavit.mcp.sse against WHATWG HTML section 9.2: any chunking, exact bytes, nothing early, nothing late."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from affidavit.errors import Malformed
from affidavit.mcp.sse import MAX_EVENT, EventParser, RawEvent, print_event

BOM = b"\xef\xbb\xbf"
ends = st.sampled_from([b"\n", b"\r", b"\r\n"])
line_texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8).map(str.encode)
lines = (
    st.builds(
        b"%b%b%b".__mod__,
        st.tuples(
            st.sampled_from([b"data", b"id", b"event", b"retry", b"x", b""]),
            st.sampled_from([b":", b": ", b"", b" "]),
            line_texts,
        ),
    )
    | line_texts
)
streams = st.builds(
    lambda bom, parts: bom + b"".join(parts),
    st.sampled_from([b"", BOM]),
    st.lists(st.builds(lambda line, end: line + end, lines | st.just(b""), ends), max_size=20),
)


def events_of(stream, cuts=(), **limits):
    """Feed a stream in chunks that end at the cuts."""
    parser = EventParser(**limits)
    places = [0, *sorted(cuts), len(stream)]
    events = [event for a, b in itertools.pairwise(places) for event in parser.feed(stream[a:b])]
    events += parser.end()
    return events, parser.rest()


def reference(stream):
    """What WHATWG HTML section 9.2.6 dispatches, line by line: data and the id in force."""
    text = stream.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    dispatched, data, last_id = [], [], None
    for line in text.split(b"\n")[:-1]:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                dispatched.append((b"\n".join(data), last_id))
            data = []
        elif name == b"data":
            data.append(value)
        elif name == b"id":
            last_id = value.decode()
    return dispatched


def dispatched(events):
    """The same of parsed events."""
    seen, last_id = [], None
    for event in events:
        last_id = event.id if event.id is not None else last_id
        if event.data is not None:
            seen.append((event.data, last_id))
    return seen


@given(streams, st.data())
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", None)
def test_any_chunking_gives_the_same_events(stream, data):
    cuts = range(1, len(stream)) if data is None else data.draw(st.lists(st.integers(0, len(stream)), max_size=8))

    assert events_of(stream, cuts) == events_of(stream)


@given(streams)
def test_a_byte_at_a_time_is_a_chunking_too(stream):
    assert events_of(stream, range(1, len(stream))) == events_of(stream)


@given(streams)
def test_no_byte_is_lost_and_none_is_added(stream):
    events, rest = events_of(stream)

    assert b"".join(event.raw for event in events) + rest == stream


@given(streams)
@example(BOM + b"data: x\n\n")
@example(b"data: x\r\r")
@example(b"data\n\n")
@example(b"id: 1\n\ndata: x\n\n")
def test_what_a_client_dispatches_is_what_is_parsed(stream):
    events, _rest = events_of(stream)

    assert dispatched(events) == reference(stream)


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything(stream):
    events, rest = events_of(stream, range(1, len(stream)))

    assert b"".join(event.raw for event in events) + rest == stream


def test_an_event_has_its_fields_and_its_exact_block():
    block = b"event: message\r\nid: 7\r\nretry: 1500\r\ndata: {\r\ndata:  \xc3\xa4}\r\nx: y\r\n\r\n"

    assert events_of(block + b"data: next") == (
        [RawEvent(block, b"{\n \xc3\xa4}", "7", "message", "1500")],
        b"data: next",
    )


def test_a_priming_event_has_an_id_and_empty_data():
    """MCP 2025-11-25 "Sending Messages": an event ID and an empty data field."""
    [event], _rest = events_of(b"id: 1\ndata:\n\n")

    assert (event.id, event.data) == ("1", b"")
    assert not event.says_nothing


def test_an_event_is_there_as_soon_as_its_empty_line_is():
    parser = EventParser()

    assert list(parser.feed(b"data: a\n")) == []
    assert [event.data for event in parser.feed(b"\n")] == [b"a"]


def test_a_lone_cr_waits_for_what_follows_it():
    """Else a CRLF that two chunks share would end two lines."""
    parser = EventParser()

    assert list(parser.feed(b"data: a\r\n\r")) == []
    assert [event.raw for event in parser.feed(b"\ndata: b")] == [b"data: a\r\n\r\n"]
    assert parser.rest() == b"data: b"


def test_the_end_of_the_stream_completes_an_event_that_waited():
    parser = EventParser()
    assert list(parser.feed(b"data: a\r\r")) == []

    assert [event.raw for event in parser.end()] == [b"data: a\r\r"]
    assert parser.rest() == b""


def test_an_event_without_its_empty_line_is_none():
    """WHATWG HTML section 9.2.6: an incomplete block at the end of the file is discarded."""
    assert events_of(b"data: a\n\ndata: b\n")[1] == b"data: b\n"


def test_a_comment_is_an_item_of_its_own_and_waits_for_nothing():
    """MCP 2026-07-28 "Receiving Messages": a comment line, e.g. `:\\r\\n`, keeps a stream alive."""
    parser = EventParser()

    assert [event.raw for event in parser.feed(b": ping\r\ndata: a\r\n:\r\n\r\n")] == [
        b": ping\r\n",
        b"data: a\r\n:\r\n\r\n",
    ]
    assert [event.raw for event in parser.feed(b"\n:\n")] == [b"\n:\n"]


def test_a_byte_order_mark_is_one_at_the_beginning_only():
    """WHATWG HTML section 9.2.5: stream = [ bom ] *event."""
    assert [event.raw for event in events_of(BOM + b":\n" + b"data: a\n\n")[0]] == [BOM + b":\n", b"data: a\n\n"]
    assert [event.raw for event in events_of(b":\n" + BOM + b":\n\n")[0]] == [b":\n", BOM + b":\n\n"]
    assert [event.data for event in events_of(b"data: a\n\n" + BOM + b"data: b\n\n")[0]] == [b"a", None]


@pytest.mark.parametrize(
    ("stream", "silent"),
    [
        (b": ping\n", True),
        (b"event: x\n\n", True),
        (b"\n\n", True),
        (b"data\n\n", False),
        (b"id\n\n", False),
        (b"retry: 1\n\n", False),
    ],
)
def test_what_no_client_notices_says_nothing(stream, silent):
    events, _rest = events_of(stream)

    assert all(event.says_nothing is silent for event in events)


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 100, b"x" * 101, b":" + b"x" * 100 + b"\n", b"\n" * 101])
def test_an_event_larger_than_the_limit_is_refused_before_it_is_whole(stream):
    with pytest.raises(Malformed) as refused:
        events_of(stream, range(0, len(stream), 7), limit=100)

    assert refused.value.code == "event_too_large"


def test_an_event_larger_than_the_limit_in_one_chunk_is_refused():
    with pytest.raises(Malformed):
        events_of(b"data: " + b"x" * 93 + b"\n\n", limit=100)


def test_the_limit_is_what_the_architecture_says():
    """architecture "Failures": over 32 MiB."""
    assert MAX_EVENT == 33_554_432


def test_an_event_of_exactly_the_limit_passes():
    events, _rest = events_of(b"data: " + b"x" * 92 + b"\n\n" + b"data: y\n\n", limit=100)

    assert [len(event.raw) for event in events] == [100, 9]


json_bytes = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=20).map(str.encode)
values = st.none() | st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8)


@given(json_bytes, values, values, values)
def test_a_printed_event_is_read_with_the_new_data_and_all_else_as_it_was(data, event_id, name, retry):
    printed = print_event(data, RawEvent(b"", b"old", event_id, name, retry))

    assert events_of(printed) == ([RawEvent(printed, data, event_id, name, retry)], b"")


def test_new_data_cannot_end_its_event_early():
    printed = print_event(b"a\r\n\r\ndata: b\rid: 9", RawEvent(b"", b"", None, None, None))

    [event], rest = events_of(printed)
    assert (event.id, rest) == (None, b"")
    assert event.data == b"a\n\ndata: b\nid: 9"
