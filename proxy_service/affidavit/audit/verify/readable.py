"""What a verification reads: a few buckets, wherever they lie.

Source: evidence-format section 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Readable(Protocol):
    """One bucket.

    Trust: none; whatever it gives is checked, and what it hides is missed.

    Laws, run on every implementation by tests/contracts/test_readable.py:
        1. `read` gives an object whole, and None only where there is none.
        2. `names` gives every name that was there when it was called, those before `start` left out; in no order, and
           some of what came meanwhile.
        3. `members` gives what `names` gives, cut at the next slash, each once.
        4. What cannot be read or listed raises `Unavailable`; what is no object, or longer than any, `Malformed`.
    """

    @property
    def label(self) -> str:
        """What stands before its names in findings: `evidence`, `bodies/<class>`, `log`."""
        ...

    def object(self, name: str) -> str:
        """Return an object's name as findings have it."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes, or None where there is none."""
        ...

    def names(self, folder: str = "", start: str = "") -> Iterator[str]:
        """Yield the names in a folder (empty, or with its slash) and below that are not before `start`."""
        ...

    def members(self, folder: str) -> Iterator[tuple[str, bool]]:
        """Yield what lies directly in a folder: its name, and whether it is a folder."""
        ...


class ReadableBodies(Protocol):
    """The buckets of the retention classes."""

    @property
    def given(self) -> bool:
        """Whether there is anything to look in."""
        ...

    def of(self, retention_class: str) -> Readable:
        """Return the bucket of a class; one that is not there holds nothing."""
        ...

    def classes(self) -> Iterator[str]:
        """Yield the classes that have a bucket here; raises `Unavailable`."""
        ...

    def strange(self) -> Iterator[str]:
        """Yield what lies among the buckets and is none, named as in findings; raises `Unavailable`."""
        ...
