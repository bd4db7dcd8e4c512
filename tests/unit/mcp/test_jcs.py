"""affidavit.mcp.jcs against RFC 8785."""

from __future__ import annotations

import json
import struct

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from affidavit.mcp.jcs import canonical, canonical_nearest
from affidavit.mcp.strict_json import parse_json, print_json
from fakes.json_values import scalars, texts, values, values_of

MAX_EXACT = 2**53 - 1
safe = st.integers(-MAX_EXACT, MAX_EXACT)
carried = values_of(st.none() | st.booleans() | safe | st.floats(allow_nan=False, allow_infinity=False) | texts)

# RFC 8785 appendix B, as far as it is JSON: the bits of a double, and its print
APPENDIX_B = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


def test_the_standards_own_example_has_the_standards_own_form():
    """RFC 8785 section 3.2.2 and 3.2.3."""
    value = parse_json(
        b'{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        b'"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}'
    )
    value["numbers"][0] = 333333333.33333329  # the example's own text has a digit more than its double

    assert canonical(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_keys_stand_in_the_order_of_utf_16_units():
    """RFC 8785 section 3.2.3: U+1F600 is the surrogate D83D and comes before U+FB33."""
    value = {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\x80": 6, "ö": 7}

    assert list(json.loads(canonical(value))) == ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]


@pytest.mark.parametrize(("bits", "text"), APPENDIX_B.items())
def test_doubles_are_printed_as_the_standard_prints_them(bits, text):
    number = struct.unpack(">d", bytes.fromhex(bits))[0]

    assert canonical(number) == text.encode()


@given(carried)
@example({"a": "1,1.5"})
@example({"a": "\u2028\x7f\x1f\b"})
@example([1e16, -0.0, 1.0])
@example({"\ud7ff": 1, "\ue000": 2, "\U00010000": 3})
def test_the_fast_way_gives_what_the_slow_way_gives(value):
    assert canonical(value) == rfc8785.dumps(value)


@given(values, st.data())
def test_the_form_is_the_same_whatever_the_order_of_keys(value, data):
    def shuffled(part):
        if isinstance(part, dict):
            return {key: shuffled(part[key]) for key in data.draw(st.permutations(list(part)))}
        return [shuffled(inner) for inner in part] if isinstance(part, list) else part

    assert canonical(shuffled(value)) == canonical(value)


@given(carried)
def test_the_form_is_the_value_and_its_own_form(value):
    form = canonical(value)

    assert json.loads(form, parse_int=float) == value  # as JavaScript reads it; a large double is spelled as an integer
    assert canonical_nearest(parse_json(form)) == form


@given(scalars.filter(lambda scalar: type(scalar) is int and abs(scalar) > MAX_EXACT))
def test_an_integer_that_a_double_may_not_carry_has_no_form(number):
    """RFC 8785 section 3.2.2.3, RFC 7493 section 2.2; evidence-format section 5, `arguments_hmac`."""
    assert canonical({"a": [number]}) is None


@pytest.mark.parametrize("number", [MAX_EXACT, -MAX_EXACT])
def test_the_largest_exact_integers_have_a_form(number):
    assert canonical([number]) == f"[{number}]".encode()


@pytest.mark.parametrize(
    "text", ["0.1000000000000000055511151231257827", "9007199254740993.0", "1e-400", "2.5" + "0" * 60]
)
def test_a_decimal_with_more_digits_than_its_double_has_no_form(text):
    """Else two arguments that an exact upstream tells apart would be one approval."""
    assert canonical(parse_json(f'{{"a":{text}}}'.encode())) is None


@pytest.mark.parametrize(
    ("text", "form"), [("1.10", "1.1"), ("1E5", "100000"), ("1.0", "1"), ("-0", "0"), ("1e21", "1e+21")]
)
def test_spellings_of_one_number_have_one_form(text, form):
    assert canonical(parse_json(text.encode())) == form.encode()


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("9223372036854775807", "9223372036854776000"),
        ("0.30000000000000000001", "0.3"),
        ("7", "7"),
        ('{"b":1,"a":0}', '{"a":0,"b":1}'),
    ],
)
def test_the_nearest_form_is_what_javascript_prints(text, form):
    assert canonical_nearest(parse_json(text.encode())) == form.encode()


@given(values)
def test_a_form_is_there_exactly_where_all_numbers_are_carried(value):
    def is_carried(part):
        if isinstance(part, dict):
            return all(map(is_carried, part.values()))
        if isinstance(part, list):
            return all(map(is_carried, part))
        return type(part) is not int or abs(part) <= MAX_EXACT

    assert (canonical(parse_json(print_json(value))) is not None) == is_carried(value)
