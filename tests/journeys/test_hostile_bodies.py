"""Bodies that are no message, or one that two readers could understand differently.

Source: mcp "Duties" (parse once, strictly; 8 MiB; batches); JSON-RPC 2.0; RFC 8259; RFC 7493.
"""

import json

import pytest

from fakes.hostility import (
    assert_says_nothing_of_itself,
    goes_on,
    refused,
    refused_after_authentication,
    refused_before_authentication,
)
from fakes.mcp_client import VERSION_KEY

MIB = 1024 * 1024
CALL = (
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"%b":"2026-07-28"},"name":"echo",'
    b'"arguments":%%b}}' % VERSION_KEY.encode()
)
HEADERS = {"mcp_method": "tools/call", "mcp_name": "echo", "mcp_protocol_version": "2026-07-28"}


def nested(depth: int) -> bytes:
    """Arguments that make the whole body that deep: the message and its params are two of them."""
    inner = depth - 2
    return b'{"a":' * inner + b"1" + b"}" * inner


BODIES = {
    "empty": (b"", "not_json"),
    "blank": (b"  \n ", "not_json"),
    "not UTF-8": (CALL % b'{"a":"\xff\xfe"}', "not_utf8"),
    "UTF-16": (json.dumps({"jsonrpc": "2.0"}).encode("utf-16"), "not_utf8"),
    "an overlong slash": (CALL % b'{"a":"\xc0\xaf"}', "not_utf8"),
    "a surrogate in UTF-8": (CALL % b'{"a":"\xed\xa0\x80"}', "not_utf8"),
    "a byte order mark": (b"\xef\xbb\xbf" + CALL % b"{}", "not_json"),
    "two messages": (CALL % b"{}" * 2, "not_json"),
    "trailing comma": (CALL % b'{"a":1,}', "not_json"),
    "single quotes": (b"{'jsonrpc':'2.0'}", "not_json"),
    "a comment": (CALL % b'{"a":1 /* one */}', "not_json"),
    "a NUL byte": (CALL % b'{"a":"\x00"}', "not_json"),
    "a NUL after it": (CALL % b"{}" + b"\x00", "not_json"),
    "NaN": (CALL % b'{"a":NaN}', "not_json"),
    "Infinity": (CALL % b'{"a":-Infinity}', "not_json"),
    "1e999": (CALL % b'{"a":1e999}', "bad_number"),
    "a huge integer": (CALL % (b'{"a":' + b"9" * 100_000 + b"}"), "bad_number"),
    "a leading zero": (CALL % b'{"a":012}', "not_json"),
    "a plus": (CALL % b'{"a":+1}', "not_json"),
    "a lone surrogate": (CALL % b'{"a":"\\ud800"}', "not_json"),
    "a duplicate key": (CALL % b'{"a":1,"a":2}', "duplicate_key"),
    "a duplicate key in another spelling": (CALL % b'{"a":1,"\\u0061":2}', "duplicate_key"),
    "a duplicate key at depth": (CALL % b'{"a":[[{"b":{"c":1,"d":2,"c":3}}]]}', "duplicate_key"),
    "two methods": (CALL.replace(b'"id":1', b'"id":1,"method":"ping"') % b"{}", "duplicate_key"),
    "two names": (CALL.replace(b'"name":"echo"', b'"name":"drop_table","name":"echo"') % b"{}", "duplicate_key"),
    "65 deep": (CALL % nested(65), "too_deep"),
    "a thousand deep": (CALL % nested(1000), "too_deep"),
    "a million deep": (CALL % nested(1_000_000), "too_deep"),
    "a million open brackets": (b"[" * MIB, "too_deep"),
    "an array": (b"[]", "batch"),
    "a batch": (b"[" + CALL % b"{}" + b"]", "batch"),
    "a text": (b'"hello"', "not_an_object"),
    "null": (b"null", "not_an_object"),
    "a number": (b"1", "not_an_object"),
    "no version": (b'{"id":1,"method":"ping"}', "bad_jsonrpc"),
    "another version": (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', "bad_jsonrpc"),
    "a version that is a number": (b'{"jsonrpc":2.0,"id":1,"method":"ping"}', "bad_jsonrpc"),
    "a method that is none": (b'{"jsonrpc":"2.0","id":1,"method":7}', "bad_jsonrpc"),
    "an id that is an object": (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', "bad_jsonrpc"),
    "an id that is null": (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', "bad_jsonrpc"),
    "an id that is true": (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', "bad_jsonrpc"),
    "params that are a list": (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', "bad_jsonrpc"),
    "a request with a result": (b'{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}', "bad_jsonrpc"),
    "an empty object": (b"{}", "bad_jsonrpc"),
    "another spelling of method": (CALL.replace(b'"id":1', b'"id":1,"Method":"ping"') % b"{}", "ambiguous_key"),
    "another spelling of name": (CALL.replace(b'"name":', b'"Name":"drop_table","name":') % b"{}", "ambiguous_key"),
    "a method of records": (b'{"jsonrpc":"2.0","id":1,"method":"stream"}', "reserved_method"),
}


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_no_message_is_refused_by_name(house, body):
    content, code = BODIES[body]
    client = house.client()

    answer = client.post(content, **HEADERS)

    record = refused_after_authentication(house, answer, 400, code)
    if content:  # what is no message has no members by which anything in it could be masked
        assert set(record["request"]) == {"received_hmac", "size"}
        assert record["request"]["size"] == len(content)
    goes_on(client)


@pytest.mark.parametrize("body", ["a million deep", "not UTF-8", "a duplicate key"])
def test_a_strangers_body_is_not_even_read(house, body):
    """evidence-format section 5: before authentication, nothing of what a stranger says is kept."""
    answer = house.stranger().post(BODIES[body][0], **HEADERS)

    record = refused(house, answer, 401, "missing_token")
    assert record["kind"] == "identity:rejected"


def test_64_deep_is_not_too_deep(house):
    client = house.client()

    assert client.post(CALL % nested(64), **HEADERS).text == "echo ran"


@pytest.mark.parametrize(
    "value", [b'"\\u0000"', b"1e308", b"-0", b"-0.0", b"9" * 400 + b".5e-400", b"[" * 50 + b"]" * 50]
)
def test_odd_values_that_every_reader_takes_alike_go_through(house, upstream, value):
    client = house.client()
    content = CALL % (b'{"a":%b}' % value)

    assert client.post(content, **HEADERS).text == "echo ran"
    assert upstream.requests[-1].body == content


def test_a_body_over_8_mib_is_refused(house):
    client = house.client()

    answer = client.post(b" " * (9 * MIB), **HEADERS)

    refused_before_authentication(house, answer, 413, "too_large")
    goes_on(client)


def test_a_body_over_8_mib_in_chunks_is_refused(house):
    """Without a Content-Length: the size is what came, not what was announced."""
    client = house.client()
    chunks = (b" " * MIB for _ in range(9))

    answer = client.post_chunks(chunks, **HEADERS)

    refused_before_authentication(house, answer, 413, "too_large")
    goes_on(client)


def test_a_body_of_just_8_mib_is_read(house):
    client = house.client()
    head = CALL % b'{"a":"'
    content = head[:-2] + b"a" * (8 * MIB - len(head) - 2) + b'"}}}'

    assert len(content) == 8 * MIB
    assert client.post(content, **HEADERS).text == "echo ran"
    assert client.post(content + b" ", **HEADERS).code == "too_large"


def test_a_long_method_is_refused_and_recorded_in_short(house):
    """evidence-format section 4: a record has at most 65,535 bytes."""
    client = house.client()

    answer = client.post({"jsonrpc": "2.0", "id": 1, "method": "m" * 100_000})

    record = refused_after_authentication(house, answer, 400, "name_too_long")
    assert len(record["method"] or "") < 10_000
    goes_on(client)


def test_a_long_name_is_refused_and_recorded_in_short(house):
    client = house.client()

    answer = client.legacy_call("\x01" * 100_000)

    record = refused_after_authentication(house, answer, 400, "name_too_long")
    assert len(record["target"] or "") < 10_000
    goes_on(client)


def test_names_at_the_limit_fit_in_a_record(house):
    """The worst that JSON makes of a character is six bytes."""
    client = house.client()

    for name in ("\x01" * 2048, "\U0010ffff" * 2048):
        answer = client.legacy_call(name)

        assert answer.code == "denied"
        assert house.evidence.lines()[answer.record]


def test_a_client_that_says_much_of_itself_is_recorded_in_short(house):
    client = house.client()
    info = {"name": "\x01" * 50_000, "version": "\U0010ffff" * 50_000}
    hello = {"protocolVersion": "x" * 50_000, "capabilities": {}, "clientInfo": info}

    answer = client.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}, user_agent="\xff" * 5000)

    assert answer.status == 200
    assert len(house.evidence.lines()[answer.record]) < 10_000


@pytest.mark.parametrize("media_type", ["text/plain", "application/jsonp", "application/json-patch+json", "", None])
def test_another_media_type_is_refused(house, media_type):
    client = house.client()

    answer = client.post(client.calling("echo"), content_type=media_type)

    refused_after_authentication(house, answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "media_type",
    ["application/json; charset=utf-16", "application/json;charset=latin1", 'application/json; charset="utf-7"'],
)
def test_another_charset_is_refused(house, media_type):
    """What is read as UTF-8 here must not be read as something else behind us."""
    client = house.client()

    answer = client.post(client.calling("echo"), content_type=media_type)

    refused_after_authentication(house, answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;a=b"])
def test_json_in_other_words_is_taken(house, media_type):
    client = house.client()

    assert client.post(client.calling("echo"), content_type=media_type).text == "echo ran"


def test_a_compressed_body_is_refused(house):
    client = house.client()

    answer = client.post(client.calling("echo"), content_encoding="gzip")

    refused_after_authentication(house, answer, 415, "unsupported_media_type")


def test_a_client_that_reads_neither_json_nor_events_is_told_so(house):
    """RFC 9110 section 15.5.7: before a call runs whose answer its client would not read."""
    client = house.client()

    answer = client.post(client.calling("echo"), accept="text/html")

    refused_after_authentication(house, answer, 406, "not_acceptable")


def test_an_answer_to_a_bad_request_names_the_request(house):
    """JSON-RPC 2.0 section 5: the id, where it could be read."""
    answer = house.client().post(b'{"jsonrpc":"1.0","id":"mine","method":"ping"}')

    assert answer.json["id"] == "mine"


def test_many_bad_bodies_of_one_stranger_make_few_records(house):
    """evidence-format section 5: capped per minute and address."""
    stranger = house.stranger("not.a.token")
    before = len(house.evidence.records())

    for _ in range(200):
        answer = stranger.post(b"{")
        assert (answer.status, answer.code) == (401, "malformed_token")
        assert_says_nothing_of_itself(answer.body)

    house.evidence.wait_until(lambda: _count(house) == 200)
    assert len(house.evidence.records()) - before < 65


def _count(house) -> int:
    return sum(one["count"] for one in house.evidence.records("identity:rejected", reason="malformed_token"))
