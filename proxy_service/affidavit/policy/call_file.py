"""A call that stands in a JSON file of its own.

Source: evidence-format section 5, call fields, whose names these are.
"""

from __future__ import annotations

from functools import partial

from pydantic import ValidationError

from affidavit.errors import Malformed, Misconfigured
from affidavit.mcp.strict_json import parse_json
from affidavit.policy.cases import WrittenCall
from affidavit.policy.complaints import explain
from affidavit.policy.document import vocabulary_at
from affidavit.policy.sections.tests import CallSection
from affidavit.policy.yaml_lines import Tree


def read_call(data: bytes, where: str) -> WrittenCall:
    """Read a call.

    Args:
        data: The file's bytes.
        where: Its name, for complaints.

    Raises:
        Misconfigured: Everything that is wrong with it.
    """
    try:
        value = parse_json(data)
    except Malformed as error:
        raise Misconfigured(f"{where} is no JSON: {error}") from error
    try:
        return CallSection.model_validate(value).entry()
    except ValidationError as error:
        found = explain(error.errors(include_url=False), Tree(value), partial(vocabulary_at, section=CallSection))
        said = (f"{where}: {one.path}: {one.message}" if one.path else f"{where}: {one.message}" for one in found)
        raise Misconfigured("\n".join(said)) from error
