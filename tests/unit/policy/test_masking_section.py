"""The section `masking`, read with the file and alone.

Source: architecture "Configuration".
"""

from __future__ import annotations

from pathlib import Path

import pytest

from affidavit.errors import Malformed
from affidavit.masking.rule import UNLESS_SAID, MaskingRule
from affidavit.policy.document import load
from affidavit.policy.problems import ConfigurationErrors
from affidavit.policy.sections.masking import masking_rules

GOOD = """\
version: 1
origin: gateway.example.com/audit
public_url: https://gateway.example.com
issuers:
  - {name: laptop, issuer: https://issuer.test, jwks_file: ./jwks.json, attribution: person}
upstreams:
  - {name: warehouse, kind: mcp, url: "https://warehouse.example.com/mcp"}
"""


def loaded(masking: str):
    return load(Path("affidavit.yaml"), (GOOD + masking).encode())


def test_a_file_that_does_not_say_masks_credentials():
    configuration = loaded("")

    assert configuration.masking == UNLESS_SAID
    assert configuration.masks


def test_masking_is_switched_off_on_purpose_only():
    assert loaded("masking: []\n").masking == ()
    assert not loaded("masking: []\n").masks


def test_a_rule_says_all_that_it_can():
    text = (
        "masking:\n  - name: r\n    fields: [a]\n    pointers: [/a/*]\n    pattern: 'x{2}'\n"
        "    check: luhn\n    sets: [payment]\n"
        "    upstreams: [warehouse]\n    tools: [t]\n    direction: answer\n    views: [forwarded]\n"
        "    except_groups: [dba]\n"
    )
    rule = MaskingRule(
        name="r",
        fields=("a",),
        pointers=("/a/*",),
        pattern="x{2}",
        check="luhn",
        sets=("payment",),
        upstreams=("warehouse",),
        tools=("t",),
        direction="answer",
        views=frozenset({"forwarded"}),
        except_groups=("dba",),
    )

    assert loaded(text).masking == (rule,)
    assert masking_rules((GOOD + text).encode()) == (rule,)


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("pattern: 'a('", "10: masking[0].pattern: this is no pattern of RE2: missing ): a("),
        ("pattern: 'x*'", "10: masking[0].pattern: this is no pattern of RE2: it matches even an"),
        ("pattern: '(?=a)b'", "10: masking[0].pattern: this is no pattern of RE2: invalid perl operator"),
        ("pointers: [a]", "10: masking[0].pointers[0]: 'a' is not a JSON pointer"),
        ("fields: []", "10: masking[0].fields: this is empty"),
        ("sets: [credential]", "10: masking[0].sets[0]: must be 'credentials', 'payment' or 'personal'"),
        ("check: luhn", "9: masking[0]: it does not say what to mask"),
        ("feilds: [a]", "10: masking[0].feilds: unknown key (did you mean 'fields'?)"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(rule, complaint):
    with pytest.raises(ConfigurationErrors) as caught:
        loaded(f"masking:\n  - name: r\n    {rule}\n")

    assert str(caught.value.errors[0]).startswith(complaint)


def test_an_upstream_that_is_not_there_is_an_error():
    with pytest.raises(ConfigurationErrors, match="did you mean 'warehouse'"):
        loaded("masking:\n  - {name: r, fields: [a], upstreams: [warehous]}\n")


@pytest.mark.parametrize("text", ["masking: 5\n", "masking: [{name: r, from_the_future: 1}]\n", "\t{"])
def test_a_recorded_file_that_cannot_be_understood_is_malformed(text):
    with pytest.raises(Malformed):
        masking_rules(text.encode())
