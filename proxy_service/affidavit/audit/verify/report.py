"""What a verification says: for each check, what is proved false, what could not be read, what is worth listing.

Holds a bounded number of findings, whatever a hostile copy provokes; how many there were is always said.

Source: evidence-format section 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

CHECKS = (
    "checkpoint",
    "tree",
    "commits",
    "segments",
    "chains",
    "bodies",
    "calls",
    "approvals",
    "masks",
    "attestations",
    "gaps",
    "uncommitted",
    "strays",
)
MOST = 1_000  # findings, and as many notes, that one check lists

Status = Literal["ok", "FAIL", "unchecked", "note"]
RawFinding = tuple[str, str, str | None, str, str]  # check, object, record, expected, found

HOLDS, PROVED_FALSE, WRONG_USAGE, UNREADABLE = 0, 1, 2, 3  # exit statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place where a copy is not what it must be.

    Attributes:
        object: Its name, with its bucket before it; None for what has no object.
        record: `<writer>/<seq>`, where one record can be named.
        expected: What the format asks for.
        found: What is there instead.
    """

    object: str | None
    record: str | None
    expected: str
    found: str

    def form(self) -> dict[str, str | None]:
        """Return the JSON form."""
        return {"object": self.object, "record": self.record, "expected": self.expected, "found": self.found}


@dataclass(slots=True)
class CheckResult:
    """Everything that one check has to say.

    Attributes:
        failures: Proved false, missing or forged.
        unread: What could not be read, so that nothing is said about it.
        notes: What holds and is worth knowing.
        checked: How many things were looked at.
        unlisted: Failures beyond `MOST`.
    """

    id: str
    failures: list[Finding] = field(default_factory=list)
    unread: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checked: int = 0
    unlisted: int = 0
    unlisted_notes: int = 0

    @property
    def status(self) -> Status:
        """One word."""
        if self.failures or self.unlisted:
            return "FAIL"
        if self.unread:
            return "unchecked"
        return "note" if self.notes else "ok"

    def findings(self) -> Iterator[Finding]:
        """Yield failures, then what could not be read."""
        yield from self.failures
        if self.unlisted:
            yield Finding(
                object=None, record=None, expected="nothing to find", found=f"{self.unlisted} more findings like these"
            )
        yield from self.unread

    def all_notes(self) -> Iterator[str]:
        """Yield the notes, and how many are left out."""
        yield from self.notes
        if self.unlisted_notes:
            yield f"and {self.unlisted_notes} more"

    def form(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "id": self.id,
            "status": self.status,
            "checked": self.checked,
            "findings": [finding.form() for finding in self.findings()],
            "notes": list(self.all_notes()),
        }


class Findings:
    """Collects what the checks find, as they find it."""

    def __init__(self) -> None:
        self.results: Mapping[str, CheckResult] = {id_: CheckResult(id_) for id_ in CHECKS}

    def count(self, check: str, things: int = 1) -> None:
        """Say that so many more things were checked."""
        self.results[check].checked += things

    def fail(self, check: str, object_: str | None, record: str | None, expected: str, found: str) -> None:
        """Say that something is proved false, missing or forged."""
        result = self.results[check]
        if len(result.failures) < MOST:
            result.failures.append(Finding(object=object_, record=record, expected=expected, found=found))
        else:
            result.unlisted += 1

    def fail_all(self, raw: Iterable[RawFinding]) -> None:
        """Say the same of many things."""
        for finding in raw:
            self.fail(*finding)

    def unread(self, check: str, object_: str | None, why: str) -> None:
        """Say that something could not be read, so that nothing is proved about it."""
        result = self.results[check]
        if len(result.unread) < MOST:
            result.unread.append(Finding(object=object_, record=None, expected="an object that can be read", found=why))

    def note(self, check: str, text: str) -> None:
        """List something that is not wrong."""
        result = self.results[check]
        if len(result.notes) < MOST:
            result.notes.append(text)
        else:
            result.unlisted_notes += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest signed size, once its signature was found valid; `root` is hex."""

    origin: str
    size: int
    root: str

    def form(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"origin": self.origin, "size": self.size, "root": self.root}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome: `as_of` as text, the checks in the order of `CHECKS`, the head if there is one."""

    as_of: str
    checks: tuple[CheckResult, ...]
    head: Head | None

    @property
    def status(self) -> int:
        """The exit status."""
        statuses = {check.status for check in self.checks}
        if "FAIL" in statuses:
            return PROVED_FALSE
        return UNREADABLE if "unchecked" in statuses else HOLDS

    def form(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "as_of": self.as_of,
            "checks": [check.form() for check in self.checks],
            "head": self.head.form() if self.head else None,
            "status": self.status,
        }
