"""affidavit.mcp.strict_json: what two readers could understand differently is refused, all else is kept exactly."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from affidavit.errors import Malformed
from affidavit.mcp.strict_json import MAX_DEPTH, Unrounded, parse_json, print_json
from fakes.json_values import values

white_space = st.text(" \t\r\n", max_size=3).map(str.encode)
mantissas = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


def code_of(body):
    with pytest.raises(Malformed) as refused:
        parse_json(body)
    return refused.value.code


def exact(text):
    """What a reader with unbounded numbers takes a text for."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


@given(values)
def test_what_is_printed_is_read_as_the_same_value(value):
    assert parse_json(print_json(value)) == value


@given(values, white_space, st.booleans())
def test_what_another_printer_wrote_is_read_as_the_same_value(value, blank, ascii_only):
    body = blank + json.dumps(value, ensure_ascii=ascii_only, indent=1).encode() + blank

    assert parse_json(body) == value


@given(mantissas)
@example("0.1000000000000000055511151231257827")  # the same double as 0.1
@example("9007199254740993.0")
@example("1e-400")
@example("1E-99999999999999999999")
@example("123456789012345678901234567890")
@example("-0.0")
def test_a_number_keeps_every_digit_through_reading_and_printing(text):
    """mcp "Duties": what is sent is what was inspected; a print that rounds would be something else."""
    if float(text) in (float("inf"), float("-inf")):
        assert code_of(text.encode()) == "bad_number"
    else:
        printed = print_json(parse_json(text.encode())).decode()
        assert printed == text or exact(printed) == exact(text)


def test_a_number_with_more_digits_than_a_double_computes_as_the_double_and_says_so():
    number = parse_json(b"0.1000000000000000055511151231257827")

    assert type(number) is Unrounded
    assert number == 0.1
    assert number.text == "0.1000000000000000055511151231257827"


@pytest.mark.parametrize("text", ["0.1", "1.10", "1E5", "1e+5", "100000.0", "5e-324", "1.7976931348623157e308", "1e22"])
def test_a_number_that_is_its_double_is_a_plain_float(text):
    assert type(parse_json(text.encode())) is float


def test_exact_numbers_are_printed_beside_integers_beyond_64_bits():
    body = b'{"a":[18446744073709551616,{"b":0.10000000000000000000000000001}],"c":-9223372036854775809}'

    assert print_json(parse_json(body)) == body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b" ", "not_json"),
        (b"{", "not_json"),
        (b"{'a':1}", "not_json"),
        (b'{"a":1,}', "not_json"),
        (b'{"a":1} {}', "not_json"),
        (b'{"a":1}\x00', "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"NaN", "not_json"),
        (b'{"a":Infinity}', "not_json"),
        (b"-Infinity", "not_json"),
        (b"01", "not_json"),
        (b"+1", "not_json"),
        (b"1.", "not_json"),
        (b".5", "not_json"),
        (b"0x10", "not_json"),
        (b'"\t"', "not_json"),
        (b'"\\ud800"', "not_json"),
        (b'"\\udc00\\ud800"', "not_json"),
        (b'{"\\ud800":1}', "not_json"),
        (b'"\xff"', "not_utf8"),
        (b'"\xed\xa0\x80"', "not_utf8"),
        (b'"\xc0\xaf"', "not_utf8"),
        (b'{"a":1}\xff', "not_utf8"),
        ('{"a":1}'.encode("utf-16"), "not_utf8"),
        (b"1e400", "bad_number"),
        (b"[-1e999]", "bad_number"),
        (b"1" * 310, "bad_number"),
        (b'{"a":1,"a":1}', "duplicate_key"),
        (b'{"a":1,"\\u0061":2}', "duplicate_key"),
        (b'[{"x":{"":1,"":2}}]', "duplicate_key"),
    ],
)
def test_what_readers_disagree_about_is_refused_with_its_code(body, code):
    """RFC 7493 sections 2.1 to 2.3."""
    assert code_of(body) == code


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_is_bounded_on_both_sides(opening, closing):
    """mcp "Duties": depth <= 64."""
    assert MAX_DEPTH == 64
    inner = b"1" if opening != b"[" else b""

    assert parse_json(opening * MAX_DEPTH + inner + closing * MAX_DEPTH) is not None
    assert code_of(opening * (MAX_DEPTH + 1) + inner + closing * (MAX_DEPTH + 1)) == "too_deep"


def test_many_containers_side_by_side_are_not_deep():
    assert len(parse_json(b"[" + b"[{}]," * 1000 + b"[]]")) == 1001


@pytest.mark.parametrize("body", [b"[" * 2**23, b'{"a":' * 2**20, b"[" * 2**22 + b"]" * 2**22])
def test_eight_mebibytes_of_brackets_end_in_an_error_and_not_in_a_stack_overflow(body):
    assert code_of(body) == "too_deep"


@given(st.binary(max_size=60) | st.text('{}[]",:0123456789.eE+-\\udt nulfrs', max_size=60).map(str.encode))
def test_no_bytes_raise_anything_but_malformed(body):
    try:
        value = parse_json(body)
    except Malformed:
        return
    assert value == json.loads(body)


@given(values, st.data())
def test_a_body_with_one_byte_changed_is_read_as_others_read_it_or_refused(value, data):
    body = bytearray(print_json(value))
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    try:
        read = parse_json(bytes(body))
    except Malformed:
        return
    assert read == json.loads(bytes(body))


def test_what_is_no_json_is_not_printed():
    with pytest.raises(TypeError):
        print_json({"a": object()})
