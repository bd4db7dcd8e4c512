"""Recorded calls as the rules of another file would see them, and what of them nobody knows any more.

Who somebody was is what the record says, unless whoever asks wants it told anew from the claims of the credential.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.audit.review.calls import Known, RecordedCall
from affidavit.audit.review.masked import TOKEN, masked_paths
from affidavit.audit.timeline.values import mapping, text
from affidavit.identity.principal import believed
from affidavit.mcp.calls import needs_target
from affidavit.policy.facts import OF_ARGUMENTS, STATEMENT, VARIABLES, Facts, Surroundings
from affidavit.policy.reads import Path

Attribute = Callable[[Mapping[str, Any]], Mapping[str, Any]]  # claims to the values of variables, by their names

_ALL: tuple[Path, ...] = ((),)
_NAMES = ("attribution", "issuer", "subject", "email", "person", "actor", "on_behalf_of", "run")


@dataclass(frozen=True, slots=True)
class Seen:
    """What rules see of a recorded call.

    Attributes:
        hidden: By variable, what of its value is not known.
        problems: The same in words.
    """

    facts: Facts
    hidden: Mapping[str, Collection[Path]]
    problems: tuple[str, ...]


def seen(
    call: RecordedCall,
    around: Surroundings,
    named: Collection[str] = frozenset(VARIABLES),
    attribute: Attribute | None = None,
) -> Seen:
    """Return what the rules of a file see of a call.

    Args:
        call: As recorded.
        around: What else the file tells its rules.
        named: The variables that a rule names; what none names is not read.
        attribute: Says who bears a credential, in the place of what was recorded.

    Raises:
        Misconfigured: As `attribute` does.
    """
    hidden: dict[str, tuple[Path, ...]] = {}
    problems: list[str] = []

    def found(name: str, known: Known) -> Any:
        paths = _ALL if known.problem is not None else tuple(masked_paths(known.value))
        if paths:
            hidden[name] = paths
            problems.append(_problem(name, known, paths))
        return known.value

    claims = found("claims", call.claims) if "claims" in named or attribute else {}
    principal = {**_principal(call), "claims": believed(claims)}
    if attribute is not None:
        if "claims" in hidden:
            hidden.update(dict.fromkeys((name for name in principal if name != "claims"), _ALL))
        else:
            principal = dict(attribute(claims))
    if principal["principal.groups"] is None:
        hidden["principal.groups"], principal["principal.groups"] = _ALL, []
        problems.append("the groups are not here")
    reads_arguments = needs_target(call.said("method")) and not OF_ARGUMENTS.isdisjoint(named)
    facts = Facts(
        principal=principal,
        ip=call.ip,
        upstream=call.said("upstream"),
        method=call.said("method"),
        target=call.said("target"),
        arguments=found("arguments", call.arguments()) if reads_arguments else {},
        size=call.size if reads_arguments else 0,
        session=call.said("session"),
        now=call.record.at,
    )
    if _hides_statement(facts, around, hidden.get("arguments", ())):
        hidden.update(dict.fromkeys(STATEMENT, _ALL))
    for name in _masked_texts(facts):
        hidden[name] = _ALL
        problems.append(f"{name} was masked when it was recorded")
    return Seen(facts, hidden, tuple(problems))


def _principal(call: RecordedCall) -> dict[str, Any]:
    recorded = call.principal
    return {
        **{f"principal.{name}": text(recorded.get(name)) for name in _NAMES},
        "principal.groups": call.groups(),
        "principal.claims": dict(mapping(recorded.get("claims"))),
    }


def _hides_statement(facts: Facts, around: Surroundings, hidden: Collection[Path]) -> bool:
    """Tell whether something is masked in the statement that the arguments hold."""
    source = around.statements.get((facts.upstream, facts.target))
    if source is None or not hidden or facts.arguments is None:
        return False
    statement = source.text(facts.arguments)
    return () in hidden or (statement is not None and TOKEN.search(statement) is not None)


def _masked_texts(facts: Facts) -> Iterator[str]:
    for name, value in (("target", facts.target), ("method", facts.method), ("session", facts.session)):
        if TOKEN.search(value):
            yield name
    if TOKEN.search(facts.ip):
        yield from ("client.ip", "client.networks")
    for name, value in facts.principal.items():
        if isinstance(value, str) and TOKEN.search(value):
            yield name


def _problem(name: str, known: Known, paths: tuple[Path, ...]) -> str:
    if known.problem is not None:
        return f"the {name} are not here: {known.problem}"
    masked = ", ".join(".".join(map(str, (name, *path))) for path in paths[:5])
    return f"masked when it was recorded, and shown as the token: {masked}"
