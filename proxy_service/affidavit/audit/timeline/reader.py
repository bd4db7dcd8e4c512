"""All that a data folder says, in the order of its times, however many writers said it.

Reads forward, one segment of each writer that was speaking at a time; never writes.

Source: evidence-format sections 2 and 3.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import count

from affidavit.audit.timeline.chain import Chain, opened
from affidavit.audit.timeline.commits import Commits
from affidavit.audit.timeline.items import Damage, Item
from affidavit.audit.verify.buckets import Buckets
from affidavit.clock import Micros
from affidavit.errors import Unavailable
from affidavit.evidence.names import WRITER_ID

_SEGMENTS = "segment/"


class Reader:
    """The records of one data folder."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self.commits = Commits(buckets)
        self._following: dict[str, Chain] = {}
        self._ended: set[str] = set()

    def writers(self) -> list[str]:
        """Return everybody of whom there is a folder of segments, in the order of their starts.

        Raises:
            Unavailable: The folder cannot be listed.
        """
        members = self._buckets.evidence.members(_SEGMENTS)
        return sorted(name for name, is_folder in members if is_folder and WRITER_ID.fullmatch(name))

    def chain(self, writer: str) -> Chain:
        """Return a writer's records."""
        return Chain(self._buckets, writer)

    def since(self, at: Micros = 0) -> Iterator[Item]:
        """Yield everything from a time on."""
        self.commits.survey(at)
        streams = [(max(at, opened(writer)), self._followed(writer, at)) for writer in self.writers()]
        yield from _strange(self._buckets)
        yield from merged([(at, self.commits.statements(at)), *streams])

    def news(self) -> list[Item]:
        """Return what has come since the last reading, in the order of its times."""
        for writer in self.writers():
            if writer not in self._following and writer not in self._ended:
                self._following[writer] = self.chain(writer)
        items = [*self.commits.news()]
        for writer, chain in list(self._following.items()):
            items += chain.news()
            self._drop_closed(writer, chain)
        return sorted(items, key=lambda item: item.at)

    def _followed(self, writer: str, at: Micros) -> Iterator[Item]:
        chain = self._following[writer] = self.chain(writer)
        yield from chain.since(at)
        self._drop_closed(writer, chain)

    def _drop_closed(self, writer: str, chain: Chain) -> None:
        # Nothing may follow, and a folder that is never listed again costs a follower nothing.
        if chain.closed:
            del self._following[writer]
            self._ended.add(writer)


def merged(streams: Iterable[tuple[Micros, Iterator[Item]]]) -> Iterator[Item]:
    """Yield the items of several streams in the order of their times.

    Args:
        streams: Each in order itself, with a time before which it has nothing; they are opened as their times come.
    """
    waiting = sorted(enumerate(streams), key=lambda stream: (-stream[1][0], -stream[0]))
    numbers = count()
    heap: list[tuple[Micros, int, Item, Iterator[Item]]] = []

    def push(stream: Iterator[Item]) -> None:
        item = next(stream, None)
        if item is not None:
            heapq.heappush(heap, (item.at, next(numbers), item, stream))

    while heap or waiting:
        while waiting and (not heap or waiting[-1][1][0] <= heap[0][0]):
            push(waiting.pop()[1][1])
        if heap:
            _, _, item, stream = heapq.heappop(heap)
            yield item
            push(stream)


def _strange(buckets: Buckets) -> Iterator[Item]:
    """Yield what lies among the folders of segments and is none."""
    try:
        for name, is_folder in buckets.evidence.members(_SEGMENTS):
            if not (is_folder and WRITER_ID.fullmatch(name)):
                object_ = buckets.evidence.object(_SEGMENTS + name)
                yield Damage(at=0, object=object_, why="it is no folder of a writer's segments")
    except Unavailable as error:
        yield Damage(at=0, object=buckets.evidence.object(_SEGMENTS), why=str(error))
