"""Calls that somebody writes down, in order to ask what the policy says of them: the values, as plain values.

Source: evidence-format section 5, call fields, whose names these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.clock import Micros
from affidavit.policy.decision import Verdict

USUAL_METHOD = "tools/call"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPrincipal:
    """A principal as records have it.

    Attributes:
        person: None for the usual one: the address of a person.
        groups: None for those that the file gives the person.
        claims: The recorded CI claims.
    """

    attribution: str
    issuer: str = ""
    subject: str = ""
    email: str | None = None
    person: str | None = None
    groups: tuple[str, ...] | None = None
    on_behalf_of: str | None = None
    actor: str | None = None
    run: str | None = None
    claims: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCall:
    """A call.

    Attributes:
        principal: None where `claims` say who it is.
        claims: A verified token's; None where nobody gave any.
        now: None where nobody said when.
    """

    principal: WrittenPrincipal | None
    claims: Mapping[str, Any] | None
    ip: str
    upstream: str
    method: str
    target: str
    arguments: Mapping[str, Any]
    session: str
    now: Micros | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One entry of `tests`: a call, and what the policy should say of it.

    Attributes:
        rule: Which rule should say so; None where that does not matter.
    """

    name: str
    call: WrittenCall
    expect: Verdict
    rule: str | None
