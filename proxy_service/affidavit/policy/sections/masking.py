"""The section `masking` of the configuration file.

A verifier reads it alone, out of a recorded file, so nothing here loads what compiles conditions.

Source: architecture "Configuration"; evidence-format section 9, `masks`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from affidavit.errors import Malformed
from affidavit.masking.expressions import BadExpression, check_expression
from affidavit.masking.pointers import parse_pointer
from affidavit.masking.rule import UNLESS_SAID, USUAL_VIEWS, Check, Direction, MaskingRule, SetName, View
from affidavit.policy.section import Name, Section, text
from affidavit.policy.yaml_lines import Unreadable, read_yaml

_KINDS = ("fields", "pointers", "pattern", "sets")
_MAX_TEXT = 256  # characters of a field's name, or of a target


def _pattern(value: str) -> str:
    try:
        check_expression(value)
    except BadExpression as error:
        raise ValueError(f"this is no pattern of RE2: {error}") from error
    return value


def _pointer(value: str) -> str:
    parse_pointer(value)
    return value


def _word(value: str) -> str:
    if not value.strip() or len(value) > _MAX_TEXT or any(char < " " for char in value):
        raise ValueError(f"one line of at most {_MAX_TEXT} characters, please")
    return value


def _some(value: Any) -> Any:
    if value == []:
        raise ValueError("this is empty: name something, or leave the key out")
    return value


_Some = BeforeValidator(_some)
Words = Annotated[list[Annotated[str, text(_word)]], _Some]


class MaskingSection(Section):
    name: Name
    fields: Words | None = None
    pointers: Annotated[list[Annotated[str, text(_pointer)]], _Some] | None = None
    pattern: Annotated[str, text(_pattern)] | None = None
    check: Check | None = None
    sets: Annotated[list[SetName], _Some] | None = None
    upstreams: Annotated[list[Name], _Some] | None = None
    tools: Words | None = None
    direction: Direction | None = None
    views: Annotated[list[View], _Some] | None = None
    except_groups: Annotated[list[Name], _Some] | None = None

    @model_validator(mode="after")
    def _says_what(self) -> MaskingSection:
        if all(getattr(self, kind) is None for kind in _KINDS):
            raise ValueError(f"it does not say what to mask: give one of {', '.join(_KINDS)}")
        if self.check is not None and self.pattern is None:
            raise ValueError("a check is of what a pattern finds, and there is no pattern")
        return self

    def entry(self) -> MaskingRule:
        return MaskingRule(
            name=self.name,
            fields=tuple(self.fields or ()),
            pointers=tuple(self.pointers or ()),
            pattern=self.pattern,
            check=self.check,
            sets=tuple(self.sets or ()),
            upstreams=tuple(self.upstreams or ()),
            tools=tuple(self.tools or ()),
            direction=self.direction,
            views=USUAL_VIEWS if self.views is None else frozenset(self.views),
            except_groups=tuple(self.except_groups or ()),
        )


class _Masking(BaseModel):
    """A whole file of which nothing else is looked at."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    masking: list[MaskingSection] | None = None


def entries(sections: list[MaskingSection] | None) -> tuple[MaskingRule, ...]:
    """Return the rules of a file: the built-in credentials where it does not say, none where it says that."""
    return UNLESS_SAID if sections is None else tuple(section.entry() for section in sections)


def masking_rules(content: bytes) -> tuple[MaskingRule, ...]:
    """Return the masking rules that a recorded file stands for.

    Args:
        content: The file's exact bytes.

    Raises:
        Malformed: It has none that can be read.
    """
    try:
        return entries(_Masking.model_validate(read_yaml(content).value).masking)
    except Unreadable as error:
        raise Malformed(f"the policy cannot be read: line {error}", code="bad_policy") from error
    except ValidationError as error:
        raise Malformed("the policy's masking rules are not of a form known here", code="bad_policy") from error
