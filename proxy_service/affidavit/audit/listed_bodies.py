"""Which bodies objects are there, known from listings: where a request costs, one tells of a thousand objects.

A chain's bodies are asked for in order, and names sort by their place in the chain; so what follows the one that is
asked for is mostly asked for next.

Source: evidence-format sections 2 and 6; google-cloud "Cost".
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import islice

from affidavit.evidence.names import parse_bodies_name
from affidavit.evidence.ports import EvidenceStore

PAGE = 1_000  # names that Cloud Storage lists in one request
MAX_CHAINS = 1_000  # whose listings are in memory

_diagnostics = logging.getLogger("affidavit.sequencer")


class ListedBodies:
    """A `BodyPresence` over the buckets of all retention classes.

    Never says that something is there which is not. What is missing is looked for again whenever it is asked for.
    """

    def __init__(self, stores: Mapping[str, EvidenceStore]) -> None:
        self._stores = stores
        self._listed: dict[tuple[str, str], frozenset[str]] = {}

    def __call__(self, retention_class: str, name: str) -> bool:
        """Tell whether a bodies object is durable."""
        store = self._stores.get(retention_class)
        if store is None:
            _diagnostics.error("no bucket is configured for the retention class %s of %s", retention_class, name)
            return False
        chain = retention_class, parse_bodies_name(name).writer
        if name not in self._listed.get(chain, ()):
            self._listed.pop(chain, None)
            if len(self._listed) >= MAX_CHAINS:
                self._listed.clear()
            self._listed[chain] = frozenset(islice(store.names(f"{chain[1]}/", name), PAGE))
        return name in self._listed[chain]
