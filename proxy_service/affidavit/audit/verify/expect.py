"""Known findings: wounds that somebody has looked at and accepted, so that red keeps its meaning.

Accepts nothing that is not named exactly, and nothing that nobody answers for.

Source: evidence-format section 9, `--expect`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from affidavit.audit.verify.report import CHECKS, CheckResult, Finding
from affidavit.errors import Misconfigured

_REQUIRED = ("check", "by", "why")
_OPTIONAL = ("object", "record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One accepted finding: where, by whom, why."""

    check: str
    object: str | None
    record: str | None
    by: str
    why: str

    def matches(self, finding: Finding) -> bool:
        """Tell whether a finding of this check is the accepted one."""
        return (finding.object, finding.record) == (self.object, self.record)


def read_expected(data: bytes, where: str) -> list[Expected]:
    """Return the entries of a file.

    Raises:
        Misconfigured: It is not such a list; the message names the entry and the mend.
    """
    try:
        entries = YAML(typ="safe", pure=True).load(data.decode())
    except (YAMLError, ValueError) as error:
        raise Misconfigured(f"{where} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(entries, list):
        raise Misconfigured(f"{where} must be a list of findings, each with check, object, record, by and why")
    return [_read_entry(entry, f"{where}, entry {place}") for place, entry in enumerate(entries, 1)]


def accept(results: Iterable[CheckResult], expected: Sequence[Expected]) -> None:
    """Turn accepted findings into notes, and entries that no longer occur into failures."""
    for result in results:
        mine = [entry for entry in expected if entry.check == result.id]
        left: list[Finding] = []
        met: set[int] = set()
        for finding in result.failures:
            entry = next((at for at, entry in enumerate(mine) if entry.matches(finding)), None)
            if entry is None:
                left.append(finding)
            else:
                met.add(entry)
                result.notes.append(_accepted(finding, mine[entry]))
        left += [_gone(entry) for at, entry in enumerate(mine) if at not in met]
        result.failures[:] = left


def accept_known(results: Iterable[CheckResult], expected: Sequence[Expected]) -> None:
    """Do the same with the entries that occur, where not all was verified and others may still."""
    for result in results:
        occurring = [
            entry for entry in expected if entry.check == result.id and any(map(entry.matches, result.failures))
        ]
        accept([result], occurring)


def _accepted(finding: Finding, entry: Expected) -> str:
    where = " ".join(filter(None, (finding.object, finding.record)))
    return f"{where}: accepted by {entry.by}: {entry.why} (expected {finding.expected}, found {finding.found})"


def _gone(entry: Expected) -> Finding:
    return Finding(
        object=entry.object,
        record=entry.record,
        expected=f"the finding that {entry.by} accepted",
        found="it does not occur any more; take it out of the file",
    )


def _read_entry(entry: Any, where: str) -> Expected:
    if not isinstance(entry, dict) or not set(_REQUIRED) <= entry.keys() <= {*_REQUIRED, *_OPTIONAL}:
        raise Misconfigured(f"{where}: it must have check, by and why, and may have object and record, and no more")
    if entry["check"] not in CHECKS:
        raise Misconfigured(f"{where}: no check is called {entry['check']!r}; known are {', '.join(CHECKS)}")
    for name in _REQUIRED:
        if not isinstance(entry[name], str) or not entry[name].strip():
            raise Misconfigured(f"{where}: `{name}` must be text, and not empty")
    for name in _OPTIONAL:
        if not isinstance(entry.get(name), str | None):
            raise Misconfigured(f"{where}: `{name}` must be text")
    return Expected(
        check=entry["check"],
        object=entry.get("object"),
        record=entry.get("record"),
        by=entry["by"],
        why=entry["why"],
    )
