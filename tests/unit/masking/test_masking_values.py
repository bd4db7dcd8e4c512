"""Masking of parsed messages.

Source: evidence-format section 5, `masks`; architecture "Configuration".
"""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affidavit.audit.verify.masks import find_tokens
from affidavit.masking.mask import Masker, MaskingFailed
from affidavit.masking.rule import MaskingRule
from affidavit.masking.tokens import Tokens
from corpus.secrets import look_alikes, secrets

TOKENS = Tokens(b"k" * 32)
PASSWORDS = MaskingRule(name="passwords", fields=("password", "Salary"))
CREDENTIALS = MaskingRule(name="credentials", sets=("credentials",))
AWS = "AKIA" + "QWERTYUIOP123456"


def sieve(*rules, direction="answer", groups=(), upstream="warehouse", target="sql.query"):
    return Masker(rules, TOKENS).sieve(upstream=upstream, target=target, direction=direction, groups=groups)


EVERYTHING = sieve(
    *(MaskingRule(name=name, sets=(name,)) for name in ("credentials", "payment", "personal")), PASSWORDS
)


def checked(masked) -> None:
    """Hold the masks of the recorded view against the recorded bytes, as an auditor does."""
    body = json.dumps(masked.recorded).encode()
    for mask in masked.masks:
        if mask.view == "recorded":
            assert find_tokens(mask.record(), body) is None


def test_a_message_with_nothing_to_hide_is_the_same_object():
    value = {"rows": [{"id": 1, "name": "Blue widget"}]}

    masked = EVERYTHING.value(value)

    assert masked.recorded is value
    assert masked.sent is value
    assert masked.masks == ()


def test_a_field_is_masked_at_any_depth_whatever_its_case():
    value = {"rows": [{"PassWord": "swordfish", "n": 1}]}

    masked = sieve(PASSWORDS).value(value)

    assert masked.recorded == {"rows": [{"PassWord": TOKENS.recorded("passwords", "swordfish"), "n": 1}]}
    assert masked.sent == {"rows": [{"PassWord": "[masked:passwords]", "n": 1}]}
    assert [mask.record() for mask in masked.masks] == [
        {"rule": "passwords", "view": "recorded", "count": 1, "where": "pointer:/rows/0/PassWord"},
        {"rule": "passwords", "view": "released", "count": 1, "where": "pointer:/rows/0/PassWord"},
    ]
    assert value == {"rows": [{"PassWord": "swordfish", "n": 1}]}


def test_all_that_is_below_a_field_is_masked_and_nothing_says_of_what_type_it_was():
    masked = sieve(PASSWORDS).value({"salary": {"base": 5000, "bonus": [True, "none", None, ""]}})

    assert masked.sent == {
        "salary": {"base": "[masked:passwords]", "bonus": ["[masked:passwords]", "[masked:passwords]", None, ""]}
    }
    checked(masked)


@pytest.mark.parametrize(
    ("pointer", "value", "sent"),
    [
        ("/a/b", {"a": {"b": "x", "c": "x"}}, {"a": {"b": "[masked:r]", "c": "x"}}),
        ("/a/*/b", {"a": [{"b": 1}, {"c": {"b": 3}}]}, {"a": [{"b": "[masked:r]"}, {"c": {"b": 3}}]}),
        ("/**/b", {"b": "x", "a": [{"b": "x"}]}, {"b": "[masked:r]", "a": [{"b": "[masked:r]"}]}),
        ("/a/**", {"a": {"b": ["x"]}, "c": "x"}, {"a": {"b": ["[masked:r]"]}, "c": "x"}),
        ("/a~1b/m~0n", {"a/b": {"m~n": "x"}}, {"a/b": {"m~n": "[masked:r]"}}),
        ("/a/1", {"a": ["x", "y"]}, {"a": ["x", "[masked:r]"]}),
    ],
)  # fmt: skip
def test_a_pointer_leads_where_it_says(pointer, value, sent):
    """RFC 6901, with `*` and `**`."""
    masked = sieve(MaskingRule(name="r", pointers=(pointer,))).value(value)

    assert masked.sent == sent
    checked(masked)


def test_text_that_is_json_is_masked_inside_and_stays_json():
    """MCP tools return JSON in `content[].text` as often as in `structuredContent`."""
    inner = json.dumps({"password": 'sword"fish', "n": 1.50, "nested": json.dumps({"password": "other"})})

    masked = sieve(PASSWORDS).value({"content": [{"type": "text", "text": inner}]})

    shown = json.loads(masked.sent["content"][0]["text"])
    assert shown["password"] == "[masked:passwords]"
    assert json.loads(shown["nested"]) == {"password": "[masked:passwords]"}
    assert {mask.where for mask in masked.masks} == {"pointer:/content/0/text"}
    assert masked.masks[0].count == 2
    checked(masked)


def test_base64_of_text_is_masked_inside_where_it_is_released_and_as_a_whole_where_it_is_recorded():
    blob = base64.b64encode(json.dumps({"password": "swordfish"}).encode()).decode()

    masked = sieve(PASSWORDS).value({"contents": [{"uri": "f", "mimeType": "application/json", "blob": blob}]})

    assert json.loads(base64.b64decode(masked.sent["contents"][0]["blob"])) == {"password": "[masked:passwords]"}
    assert masked.recorded["contents"][0]["blob"] == TOKENS.recorded("passwords", blob)
    checked(masked)


def test_an_image_is_left_as_it_is():
    image = {"type": "image", "mimeType": "image/png", "data": base64.b64encode(b"\x89PNG password=hunter22").decode()}

    assert EVERYTHING.value({"content": [image]}).masks == ()


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("https://x.test/?a=1&Password=hunter2&b=2", "https://x.test/?a=1&Password=[masked:passwords]&b=2"),
        ("user=ana&password=hunter2", "user=ana&password=[masked:passwords]"),
        ('{"password": "hunter2", "cut off', '{"password": "[masked:passwords]", "cut off'),
    ],
)
def test_fields_are_known_in_queries_forms_and_json_that_is_cut_off(text, sent):
    assert sieve(PASSWORDS).value({"text": text}).sent == {"text": sent}


def test_a_pattern_masks_its_group_and_its_check_decides():
    rule = MaskingRule(name="cards", pattern=r"C-(\d{16})\b", check="luhn")

    masked = sieve(rule).value(["C-4111111111111111 and C-4111111111111112"])

    assert masked.sent == ["C-[masked:cards] and C-4111111111111112"]


def test_a_pattern_with_anchors_is_about_single_texts():
    rule = MaskingRule(name="ids", pattern=r"^E\d{4}$")

    assert sieve(rule).value({"a": "E1234", "b": "x E1234"}).sent == {"a": "[masked:ids]", "b": "x E1234"}


def test_what_overlaps_becomes_one_token_and_nothing_of_it_is_left():
    first, second = MaskingRule(name="first", pattern="abcdef"), MaskingRule(name="second", pattern="defghi")

    masked = sieve(second, first).value(["xx abcdefghi yy"])

    assert masked.sent == ["xx [masked:first] yy"]
    checked(masked)


def test_a_rule_that_says_recorded_alone_leaves_what_goes_on_as_it_is():
    rule = MaskingRule(name="r", fields=("a",), views=frozenset({"recorded"}))

    masked = sieve(rule).value({"a": "secret"})

    assert masked.recorded == {"a": TOKENS.recorded("r", "secret")}
    assert masked.sent == {"a": "secret"}


def test_a_request_is_recorded_masked_and_forwarded_as_it_is_unless_the_rule_says_forwarded():
    usual = MaskingRule(name="usual", fields=("a",))
    both = MaskingRule(name="both", fields=("b",), views=frozenset({"recorded", "forwarded"}))

    masked = sieve(usual, both, direction="request").value({"a": "x1", "b": "y1"})

    assert masked.sent == {"a": "x1", "b": "[masked:both]"}
    assert {(mask.rule, mask.view) for mask in masked.masks} == {
        ("usual", "recorded"),
        ("both", "recorded"),
        ("both", "forwarded"),
    }


def test_people_of_an_excepted_group_get_it_and_it_is_recorded_masked():
    rule = MaskingRule(name="r", fields=("a",), except_groups=("dba",))

    masked = sieve(rule, groups=("ops", "dba")).value({"a": "x1"})

    assert masked.sent == {"a": "x1"}
    assert masked.recorded == {"a": TOKENS.recorded("r", "x1")}
    assert sieve(rule, groups=("ops",)).value({"a": "x1"}).sent == {"a": "[masked:r]"}


@pytest.mark.parametrize(
    ("rule", "applies"),
    [
        ({"upstreams": ("warehouse",)}, True),
        ({"upstreams": ("other",)}, False),
        ({"tools": ("sql.query",)}, True),
        ({"tools": ("other",)}, False),
        ({"direction": "answer"}, True),
        ({"direction": "request"}, False),
    ],
)
def test_a_rule_looks_at_what_it_says_it_is_about(rule, applies):
    assert bool(sieve(MaskingRule(name="r", fields=("a",), **rule)).value({"a": "x1"}).masks) is applies


def test_what_looks_like_a_token_already_is_left_and_counted():
    """The token at a place is found by its form, so those that a client wrote count, too."""
    masked = sieve(CREDENTIALS).value(
        {"a": f"[masked:credentials:0123456789ab] {AWS}", "b": "[masked:other:0123456789ab]"}
    )

    assert masked.recorded["a"].startswith("[masked:credentials:0123456789ab] [masked:credentials:")
    assert masked.masks[0].count == 2
    checked(masked)


def test_a_token_of_no_rule_hides_nothing():
    masked = sieve(CREDENTIALS).value({"a": f"[masked:{AWS.lower()}:0123456789ab]", "b": f"[masked:x:{AWS}]"})

    assert AWS not in json.dumps(masked.recorded)


def test_a_credential_in_the_name_of_a_member_withholds_the_message():
    """Names cannot change, or the JSON would be another."""
    with pytest.raises(MaskingFailed, match="credentials"):
        sieve(CREDENTIALS).value({"a": {AWS: 1}})


def test_descriptions_of_fields_are_not_taken_for_their_values():
    tools = {"result": {"tools": [{"name": "login", "inputSchema": {"properties": {"password": {"type": "string"}}}}]}}

    assert sieve(PASSWORDS, CREDENTIALS).value(tools).masks == ()


def test_the_sieve_of_one_kind_of_message_is_one_object():
    masker = Masker((PASSWORDS,), TOKENS)
    one = masker.sieve(upstream="a", target="b", direction="answer", groups=())

    assert masker.sieve(upstream="a", target="b", direction="answer", groups=()) is one


def test_no_secret_of_the_corpus_is_left_and_what_is_masked_is_masked_once():
    for secret in secrets(7):
        masked = EVERYTHING.value({"result": {"content": [{"type": "text", "text": secret.text}]}})
        for needle in secret.needles:
            assert needle not in json.dumps(masked.recorded), secret.kind
            assert needle not in json.dumps(masked.sent), secret.kind
        checked(masked)
        assert EVERYTHING.value(masked.recorded).recorded is masked.recorded, secret.kind


def test_nearly_nothing_that_only_looks_so_is_masked():
    """Under 2 % false masks."""
    masked = [text for text in look_alikes(7) if EVERYTHING.value({"text": text}).masks]

    assert len(masked) < 6, masked


TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from([secret.text for secret in secrets(3)]),
    st.sampled_from(["password=hunter2x", '{"password": "a\\"b"}', "[masked:passwords:0123456789ab]", "{", "[1"]),
)
NAMES = st.one_of(st.text(max_size=6), st.sampled_from(["password", "blob", "data"]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.text(max_size=6), st.sampled_from(["password", "blob", "data"])), inner, max_size=4
        ),
    ),
    max_leaves=12,
)


def shape(value):
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    return [shape(member) for member in value] if isinstance(value, list) else None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VALUES)
def test_whatever_is_masked_keeps_its_shape_and_is_masked_once(value):
    masked = EVERYTHING.value(value)

    assert shape(masked.recorded) == shape(value)
    assert shape(masked.sent) == shape(value)
    assert EVERYTHING.value(masked.recorded).recorded == masked.recorded
    checked(masked)


def test_what_no_json_can_hold_withholds_the_message():
    with pytest.raises(MaskingFailed):
        EVERYTHING.value(["\ud800"])


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_bytes_of_any_kind_are_masked_or_left(data):
    masked = EVERYTHING.data(data + b" password=hunter2x ")

    assert b"hunter2x" not in masked.recorded
    assert b"hunter2x" not in masked.sent
    for mask in masked.masks:
        if mask.view == "recorded":
            assert find_tokens(mask.record(), masked.recorded) is None


def test_a_header_is_masked_and_its_mask_names_it():
    masked = EVERYTHING.text("Bearer abcdefgh0123456789xyz", "header:x-forwarded-authorization")

    assert masked.sent == "Bearer [masked:credentials]"
    assert re.fullmatch(r"Bearer \[masked:credentials:[0-9a-f]{12}\]", masked.recorded)
    assert masked.masks[0].where == "header:x-forwarded-authorization"


def test_more_masks_than_anybody_could_mean_withhold_the_message(monkeypatch):
    monkeypatch.setattr("affidavit.masking.walk.MAX_MASKS", 10)

    with pytest.raises(MaskingFailed, match="more than"):
        sieve(MaskingRule(name="r", pattern="a")).value(["a" * 20])


def test_a_check_that_fails_withholds_the_message(monkeypatch):
    def broken(_):
        raise ValueError("secret text")

    monkeypatch.setitem(__import__("affidavit.masking.checks", fromlist=["CHECKS"]).CHECKS, "luhn", broken)

    with pytest.raises(MaskingFailed, match="'r' failed") as failed:
        sieve(MaskingRule(name="r", pattern="[0-9]+", check="luhn")).value(["4111"])

    assert "secret text" not in str(failed.value)
