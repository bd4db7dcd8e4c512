"""Masked structured content and the tool's output schema.

Source: MCP "Output Schema".
"""

from __future__ import annotations

import pytest

from affidavit.masking.mask import MaskingFailed
from affidavit.masking.schema import MAX_SCHEMA, compile_schema, fit

SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "number"},
        "code": {"type": "string", "pattern": "^[0-9]{4}-[A-Z]+$"},
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 5},
    },
}
MASK = "[masked:r]"


def test_what_the_schema_accepts_stays_a_token():
    masked = {"name": MASK}

    assert fit({"name": "Ana"}, masked, compile_schema(SCHEMA)) is masked


def test_what_it_does_not_accept_becomes_a_value_of_the_same_form_that_says_nothing():
    original = {"n": 5, "code": "1234-AB", "name": "Ana"}

    fitted = fit(original, {"n": MASK, "code": MASK, "name": MASK}, compile_schema(SCHEMA))

    assert fitted == {"n": 0, "code": "0000-AA", "name": MASK}


def test_where_nothing_fits_the_answer_is_withheld():
    with pytest.raises(MaskingFailed):
        fit({"age": 7}, {"age": MASK}, compile_schema(SCHEMA))


def test_an_answer_that_never_fitted_is_released_masked():
    assert fit({"age": "seven"}, {"age": MASK}, compile_schema(SCHEMA)) == {"age": MASK}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema.json"},
        {"type": 5},
        {"pattern": "(?=a)b"},
        {"description": "x" * MAX_SCHEMA},
        "string",
        None,
    ],
)
def test_what_is_no_schema_that_can_be_checked_is_none(schema):
    """Nothing is fetched, and no expression takes more than linear time."""
    assert compile_schema(schema) is None
