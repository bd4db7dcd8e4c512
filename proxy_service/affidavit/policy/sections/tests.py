"""The sections of `tests`, and of a call that is written down in a file of its own.

Source: evidence-format section 5, call fields, whose names these are.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from affidavit.clock import SECOND, Micros
from affidavit.policy import fields
from affidavit.policy.cases import USUAL_METHOD, Case, WrittenCall, WrittenPrincipal
from affidavit.policy.section import Email, Name, Section, text

MAX_TEXT = 65_535  # characters, as in a record

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T.*(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)


def _some_text(value: str) -> str:
    if len(value) > MAX_TEXT:
        raise ValueError("this is too long")
    return value


def _ip(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError as error:
        raise ValueError(f"'{value}' is no address, as in 192.0.2.7") from error


def _time(value: str) -> Micros:
    complaint = f"'{value}' is no time, as in 2026-11-27T09:30:00Z"
    if not _TIME.fullmatch(value):
        raise ValueError(complaint)
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(complaint) from error
    return int(at.replace(microsecond=0).timestamp()) * SECOND + at.microsecond


def _json(value: Any) -> Any:
    # The file's reader gives a number that is not whole as what is no number.
    if not isinstance(value, dict):
        raise ValueError("must be a mapping (key: value)")  # noqa: TRY004
    _check_numbers(value)
    return value


def _check_numbers(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number here is a whole one; write another one in a call.json")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_numbers(inner)


Text = Annotated[str, text(_some_text)]
Json = Annotated[dict[str, Any], BeforeValidator(_json)]


class PrincipalSection(Section):
    """A principal as records have it; what has no meaning for a rule is accepted, so that one can be pasted."""

    attribution: Literal["person", "ci-person", "delegated", "sponsored", "none"]
    issuer: Text = ""
    subject: Text = ""
    email: Email | None = None
    person: Text | None = None
    groups: list[Text] | None = None
    on_behalf_of: Text | None = None
    actor: Text | None = None
    run: Text | None = None
    claims: dict[str, Text] = {}
    token_sha256: Text | None = None
    expires: Text | None = None

    def entry(self) -> WrittenPrincipal:
        return WrittenPrincipal(
            attribution=self.attribution,
            issuer=self.issuer,
            subject=self.subject,
            email=self.email,
            person=self.person,
            groups=None if self.groups is None else tuple(self.groups),
            on_behalf_of=self.on_behalf_of,
            actor=self.actor,
            run=self.run,
            claims=dict(self.claims),
        )


class ClientSection(Section):
    """From where it comes; what a client says of itself is accepted and decides nothing."""

    ip: Annotated[str, text(_ip)] = ""
    name: Text | None = None
    version: Text | None = None
    user_agent: Text | None = None


class CallSection(Section):
    """A call; `principal` may be a token's claims, which are known by their `iss`."""

    principal: PrincipalSection | None = None
    claims: Json | None = None
    client: ClientSection = ClientSection()
    upstream: Name
    method: Text = USUAL_METHOD
    target: Text | None = None
    arguments: Json = {}
    session: Text | None = None
    now: Annotated[Micros, text(_time)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _claims_in_place_of_a_principal(cls, value: Any) -> Any:
        principal = value.get("principal") if isinstance(value, dict) else None
        if isinstance(principal, dict) and "iss" in principal and "claims" not in value:
            return {**{key: value[key] for key in value if key != "principal"}, "claims": principal}
        return value

    @model_validator(mode="after")
    def _is_somebodys(self) -> CallSection:
        if self.principal is None and self.claims is None:
            raise ValueError("say whose call it is: principal, as records have it, or the claims of a token")
        if self.principal is None and self.claims is not None:
            missing = [claim for claim in ("iss", "sub") if not isinstance(self.claims.get(claim), str)]
            if missing:
                raise ValueError(f"a token's claims have {missing[0]}, a text")
        return self

    def entry(self) -> WrittenCall:
        return WrittenCall(
            principal=self.principal.entry() if self.principal else None,
            claims=self.claims,
            ip=self.client.ip,
            upstream=self.upstream,
            method=self.method,
            target=self.target or "",
            arguments=self.arguments,
            session=self.session or "",
            now=self.now,
        )


class TestSection(Section):
    """A case."""

    __test__ = False  # for pytest, which would take it for one of its own

    name: Annotated[str, text(fields.sentence)]
    call: CallSection
    expect: Literal["allow", "deny", "require_approval"]
    rule: Name | None = None

    def entry(self) -> Case:
        return Case(name=self.name, call=self.call.entry(), expect=self.expect, rule=self.rule)
