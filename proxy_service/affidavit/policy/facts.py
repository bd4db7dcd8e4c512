"""What rules can look at: the names, their types, and where each value comes from.

A value is computed only if a rule names it. Never does I/O.

Source: architecture "Configuration"; evidence-format section 5, call fields.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from affidavit.clock import Micros
from affidavit.policy.condition import COUNT, INSTANT, OBJECT, TEXT, TEXTS, Language
from affidavit.policy.networks import Networks
from affidavit.policy.statement import UNKNOWN, Statement, read_statement

VARIABLES = {
    "principal.attribution": TEXT,
    "principal.issuer": TEXT,
    "principal.subject": TEXT,
    "principal.email": TEXT,
    "principal.person": TEXT,
    "principal.groups": TEXTS,
    "principal.actor": TEXT,
    "principal.on_behalf_of": TEXT,
    "principal.run": TEXT,
    "principal.claims": OBJECT,
    "claims": OBJECT,
    "session": TEXT,
    "client.ip": TEXT,
    "client.networks": TEXTS,
    "now": INSTANT,
    "upstream": TEXT,
    "method": TEXT,
    "target": TEXT,
    "arguments": OBJECT,
    "statement.effect": TEXT,
    "statement.tables": TEXTS,
    "statement.count": COUNT,
}

_SELF_REPORTED = "what a client says of itself decides nothing; there is client.ip"
_HINTS = {
    "principal": "name a member of it, as in principal.email; a member that is absent is the empty text",
    "client": "name a member of it: client.ip or client.networks",
    "client.name": _SELF_REPORTED,
    "client.version": _SELF_REPORTED,
    "client.user_agent": _SELF_REPORTED,
    "statement": "name a member of it: statement.effect, statement.tables or statement.count",
    "networks": "there is client.networks, the names of those that hold the client's address",
}

RULES = Language(VARIABLES, _HINTS)

STATEMENT = frozenset(name for name in VARIABLES if name.startswith("statement."))
OF_ARGUMENTS = STATEMENT | {"arguments"}  # unknown as long as the arguments are
PASSING = OF_ARGUMENTS | {"now"}  # what may differ between two calls that are otherwise alike

# Bytes. CEL stops after 10,000 iterations, but each may search all of a text: more would hold everybody up for seconds.
LOOPED = 32 * 1024

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One request, as rules can look at it.

    Attributes:
        principal: Values of all `principal.` variables and of `claims`, by their names; prepared once per principal.
        target: The tool, prompt or resource; empty for a request that has none.
        arguments: Of the request; empty when it has none.
        size: Bytes of the message that they came in; a condition that goes over arguments fails past `LOOPED`.
        session: Its recorded fingerprint; empty for a request that has none.
        now: When the request came.
    """

    principal: Mapping[str, Any]
    ip: str
    upstream: str
    method: str = ""
    target: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0
    session: str = ""
    now: Micros = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSource:
    """Where a tool's arguments hold a statement.

    Attributes:
        argument: A member's name, or a JSON pointer (RFC 6901).
        dialect: One of sqlglot's.
    """

    argument: str
    dialect: str

    def text(self, arguments: Mapping[str, Any]) -> str | None:
        """Return the statement's text; None where there is none."""
        found: Any = arguments
        for step in self._steps():
            if isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(found, list) and step.isascii() and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            else:
                return None
        return found if isinstance(found, str) else None

    def _steps(self) -> Iterable[str]:
        if not self.argument.startswith("/"):
            return (self.argument,)
        return (step.replace("~1", "/").replace("~0", "~") for step in self.argument[1:].split("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What else of a file tells rules about requests.

    Attributes:
        statements: By upstream and tool.
    """

    networks: Networks = field(default_factory=Networks)
    statements: Mapping[tuple[str, str], StatementSource] = field(default_factory=dict)

    def values(self, names: Iterable[str], facts: Facts, unknown: Collection[str] = ()) -> dict[str, Any]:
        """Return what is named; what is unknown, or cannot be told, is absent, and a condition that needs it fails."""
        values: dict[str, Any] = {}
        statement: Statement | None = None
        for name in names:
            if name in unknown:
                continue
            if name in STATEMENT:
                statement = statement or self.statement(facts)
                _put(values, name, getattr(statement, name.removeprefix("statement.")))
            elif name in _SOURCES:
                _put(values, name, _SOURCES[name](self, facts))
            else:
                values[name] = facts.principal[name]
        return values

    def statement(self, facts: Facts) -> Statement:
        """Return what the statement in a call's arguments does."""
        source = self.statements.get((facts.upstream, facts.target)) if facts.method == "tools/call" else None
        text = source.text(facts.arguments) if source is not None else None
        return UNKNOWN if source is None or text is None else read_statement(text, source.dialect)


_SOURCES: Mapping[str, Callable[[Surroundings, Facts], Any]] = {
    "session": lambda _, facts: facts.session,
    "client.ip": lambda _, facts: facts.ip,
    "client.networks": lambda around, facts: around.networks.holding(facts.ip),
    "now": lambda _, facts: _EPOCH + timedelta(microseconds=facts.now),
    "upstream": lambda _, facts: facts.upstream,
    "method": lambda _, facts: facts.method,
    "target": lambda _, facts: facts.target,
    "arguments": lambda _, facts: facts.arguments,
}


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    if value is not None:
        values[name] = list(value) if isinstance(value, tuple) else value
