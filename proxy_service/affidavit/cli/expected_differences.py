"""Differences that somebody has looked at and accepted, so that red keeps its meaning.

Accepts nothing that nobody answers for. An entry that matches nothing any more is itself a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from affidavit.cli.replaying import Difference
from affidavit.errors import Misconfigured
from affidavit.policy.condition import did_you_mean
from affidavit.policy.yaml_lines import Unreadable, read_yaml

_REQUIRED = ("finding", "by", "why")
_OPTIONAL = ("was", "was_rule", "now", "rule", "upstream", "method", "target", "principal", "unknown")
_KINDS = ("changed", "undecidable", "other_rule")


@dataclass(slots=True, kw_only=True)
class Accepted:
    """One entry: what it names of a difference must be so; what it does not name may be anything.

    Attributes:
        met: Whether it has accepted something.
    """

    line: int
    kind: str
    named: dict[str, str]
    by: str
    why: str
    met: bool = field(default=False)

    def matches(self, found: Difference) -> bool:
        """Tell whether a difference is an accepted one."""
        return found.kind == self.kind and all(getattr(found, name) == text for name, text in self.named.items())


def read_accepted(data: bytes, where: str) -> list[Accepted]:
    """Return the entries of a file.

    Raises:
        Misconfigured: It is no list of such entries; each complaint has its line.
    """
    try:
        tree = read_yaml(data)
    except Unreadable as error:
        raise Misconfigured(f"{where}:{error.problem}") from error
    if tree.problems:
        raise Misconfigured("\n".join(f"{where}:{problem}" for problem in tree.problems))
    if not isinstance(tree.value, list):
        raise Misconfigured(f"{where} must be a list of differences, each with finding, by and why")
    return [_entry(entry, tree.line((at,)), where) for at, entry in enumerate(tree.value)]


def accepting(found: Difference, accepted: Iterable[Accepted]) -> Accepted | None:
    """Return the first entry that accepts a difference, and mark all that do."""
    matching = [entry for entry in accepted if entry.matches(found)]
    for entry in matching:
        entry.met = True
    return matching[0] if matching else None


def idle(accepted: Sequence[Accepted]) -> list[Accepted]:
    """Return the entries that have accepted nothing."""
    return [entry for entry in accepted if not entry.met]


def _entry(entry: Any, line: int, where: str) -> Accepted:
    if not isinstance(entry, dict):
        raise Misconfigured(f"{where}:{line}: an entry has finding, by and why, and may have {', '.join(_OPTIONAL)}")
    for key, value in entry.items():
        if key not in (*_REQUIRED, *_OPTIONAL):
            near = did_you_mean(key, (*_REQUIRED, *_OPTIONAL))
            raise Misconfigured(f"{where}:{line}: unknown key {key!r}{near}")
        if not isinstance(value, str) or not value.strip():
            raise Misconfigured(f"{where}:{line}: `{key}` must be text, and not empty")
    missing = [key for key in _REQUIRED if key not in entry]
    if missing:
        raise Misconfigured(f"{where}:{line}: `{missing[0]}` is missing")
    if entry["finding"] not in _KINDS:
        raise Misconfigured(f"{where}:{line}: finding is one of {', '.join(_KINDS)}")
    named = {key: value for key, value in entry.items() if key in _OPTIONAL}
    return Accepted(line=line, kind=entry["finding"], named=named, by=entry["by"], why=entry["why"])
