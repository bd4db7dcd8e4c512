"""What a verification says: for each check, what is proved false, what could not be read, what is worth listing.

Holds a bounded number of findings, whatever a hostile copy provokes; how many there were is always said.

Source: evidence-format section 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from affidavit.audit.verify.shapes import each, maybe_text, number, row, text, wrong

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
    "identities",
    "gaps",
    "uncommitted",
    "strays",
)
MOST_SAVED = 100  # failures of one check that a later verification lists again
MOST = 1_000  # findings, and as many notes, that one check lists

Status = Literal["ok", "FAIL", "unchecked", "note"]
Place = tuple[str, str | None, str | None]  # check, object, record
RawFinding = tuple[str, str | None, str | None, str, str]  # check, object, record, expected, found

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

    def failures(self) -> dict[str, int]:
        """Return how many failures each check lists by now."""
        return {id_: len(result.failures) for id_, result in self.results.items()}

    @property
    def unread_things(self) -> int:
        """How many things could not be read."""
        return sum(len(result.unread) for result in self.results.values())

    def since(self, after: Mapping[str, int]) -> list[RawFinding]:
        """Return the failures that are listed since `failures` gave `after`."""
        return [
            (id_, one.object, one.record, one.expected, one.found)
            for id_, result in self.results.items()
            for one in result.failures[after[id_] :]
        ]

    def say_once(self, after: Mapping[str, int], known: frozenset[Place]) -> None:
        """Take back, of the failures since `after`, those whose place is known."""
        for id_, result in self.results.items():
            news = result.failures[after[id_] :]
            result.failures[after[id_] :] = [one for one in news if (id_, one.object, one.record) not in known]

    def save(self, after: Mapping[str, int]) -> list[Any]:
        """Return the failures as JSON, but for those that were listed when `failures` gave `after`."""
        saved: list[Any] = []
        for id_, result in self.results.items():
            lasting = result.failures[after[id_] :]
            if lasting or result.unlisted:
                rows = [[one.object, one.record, one.expected, one.found] for one in lasting[:MOST_SAVED]]
                saved.append([id_, result.unlisted + len(lasting) - len(rows), rows])
        return saved

    def restore(self, saved: Any) -> None:
        """Say again what `save` gave; raises `Malformed`."""
        for id_, unlisted, rows in each(saved, lambda one: row(one, 3)):
            if id_ not in self.results:
                raise wrong("check")
            self.results[id_].unlisted += number(unlisted)
            for object_, record, expected, found in each(rows, lambda one: row(one, 4)):
                self.fail(id_, maybe_text(object_), maybe_text(record), text(expected), text(found))

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
