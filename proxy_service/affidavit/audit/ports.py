"""Ports of the log: where it is served from, who signs for it, which bodies are there.

Source: architecture "Ports"; evidence-format sections 2 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from affidavit.tlog.note import VerifierKey

BodyPresence = Callable[[str, str], bool]  # (retention class, name) -> whether that bodies object is durable


class HeadStore(Protocol):
    """The log as it is served: the newest checkpoint, which moves, and the tiles, which do not.

    Trust: can hide news, cannot forge, because whoever reads it checks the signature and recomputes the root.

    Laws, run on every implementation by tests/contracts/test_head_store.py:
        1. `swap(old, new)` puts `new` in place of exactly `old`; if something else stands there, it changes nothing
           and raises `Conflict`. Of several that swap the same `old` exactly one succeeds.
        2. A reader sees a whole checkpoint, the old one or the new one, at every moment.
        3. After `put_tiles` returns, `tile` gives each of them, in every process. Putting the same bytes again is
           nothing; other bytes under a taken name raise `Conflict` and change nothing there.
        4. `Unavailable` means that nothing was swapped, and that each tile was written whole or not at all;
           `OutcomeUnknown`, that it may have been.
    """

    def head(self) -> bytes | None:
        """Return the newest checkpoint as it is stored, or None before the first."""
        ...

    def swap(self, old: bytes | None, new: bytes) -> None:
        """Replace the newest checkpoint, `old` being what `head` gave."""
        ...

    def tile(self, path: str) -> bytes | None:
        """Return a tile or entry bundle by its path (C2SP tlog-tiles), or None."""
        ...

    def put_tiles(self, tiles: Mapping[str, bytes]) -> None:
        """Make tiles and entry bundles durable, path to body."""
        ...

    def drop_partials(self, full: Iterable[str]) -> None:
        """Remove the partial tiles of these full ones, which exist; what cannot be removed is left."""
        ...


class Signer(Protocol):
    """The log's key.

    Trust: can sign two histories; witnesses, and auditors who keep checkpoints, are the answer to that.
    """

    @property
    def verifier_key(self) -> VerifierKey:
        """The public half, under the log's origin."""
        ...

    def sign(self, text: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature over a note's text.

        Raises:
            Unavailable: Nothing was signed.
        """
        ...
