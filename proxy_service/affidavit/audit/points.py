"""Where the points lie that checks of a log reached: one object each, named by the log's size, the largest the newest.

Trust: whoever can write there can have records skipped, not altered ones believed: a point holds only where the
checkpoint that was signed for its size and root is kept, and everything later must follow from it.

Source: evidence-format section 9.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from affidavit.audit.verify.point import Point
from affidavit.errors import Malformed
from affidavit.evidence.ports import EvidenceStore

NEAR = 200_000  # records behind the head; a point is hardly ever further back, and all others need not be listed
_FOLDER = "point/"

_diagnostics = logging.getLogger("affidavit.check")


class Points:
    """The points of one log."""

    def __init__(self, store: EvidenceStore) -> None:
        self._store = store

    def newest_first(self, unverified_size: int) -> Iterator[Point]:
        """Yield the points that can be read; `unverified_size` of the log says only where to begin to list."""
        near = point_name(max(0, unverified_size - NEAR))
        names = list(self._store.names(_FOLDER, near))
        yield from self._read(names)
        yield from self._read([name for name in self._store.names(_FOLDER) if name < near])

    def keep(self, point: Point) -> None:
        """Keep a point; another one of that size, which a check at the same time kept, is as good."""
        self._store.create({point_name(point.size): point.encode()})

    def _read(self, names: list[str]) -> Iterator[Point]:
        for name in reversed(names):
            try:
                data = self._store.read(name)
                point = None if data is None else Point.parse(data)
            except Malformed as error:
                _diagnostics.error("%s cannot be gone on from: %s", name, error)
                continue
            if point is not None:
                yield point


def point_name(size: int) -> str:
    """Return where the point of a size lies."""
    return f"{_FOLDER}{size:020d}.json"
