"""The tool definitions that each upstream has shown, and what to do when one changes.

A definition is what a person agreed to when they allowed the tool. So the first one seen stands, and a changed one is
refused until somebody has reviewed it (the "rug pull").

Source: mcp "Duties" (`tools/list`); evidence-format section 5, `tool:defined`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.errors import Malformed, Refused, Unavailable
from affidavit.evidence.recorder import Recorder
from affidavit.gateway.call import Call
from affidavit.gateway.ports import DefinitionLedger, Standing
from affidavit.gateway.upstreams import Upstream
from affidavit.masking.schema import OutputSchema, compile_schema
from affidavit.mcp.definitions import definition_digest

FIRST_LISTING = 5.0  # seconds that a call waits for the gateway's own first look at the tools
MAX_NAME = 2048  # characters of a tool's name; a call of a longer one is refused
LIST_AGAIN = 10.0  # seconds between looks for a tool that nobody has listed

_diagnostics = logging.getLogger("affidavit.definitions")
List = Callable[[Upstream], Awaitable[list[dict[str, Any]] | None]]


@dataclass(slots=True)
class _Shown:
    digests: dict[str, str] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)  # the digest is not the one that stands
    untold: set[str] = field(default_factory=set)  # what was shown has no digest, or was shown in two ways at once
    schemas: dict[str, Any] = field(default_factory=dict)  # of what a tool gives, as last shown
    compiled: dict[str, OutputSchema | None] = field(default_factory=dict)
    listing: asyncio.Task[bool] | None = None
    last: float = float("-inf")


class Definitions:
    """Knows what every tool was last defined as, and says each new definition in the records."""

    def __init__(
        self, recorder: Recorder, ledger: DefinitionLedger, upstreams: Iterable[Upstream], list_tools: List
    ) -> None:
        self._recorder = recorder
        self._ledger = ledger
        self._shown = {upstream.name: _Shown() for upstream in upstreams}
        self._recorded: set[tuple[str, str, str]] = set()
        self._list_tools = list_tools

    async def look_up(self, call: Call) -> None:
        """Put the digest of the called tool's definition on the call.

        Raises:
            Refused: The definition is not the one that stands, or none that anybody could agree to.
        """
        if call.method != "tools/call" or call.upstream is None or call.target is None:
            return
        shown = self._shown[call.upstream.name]
        if call.target not in shown.digests:
            await self._look_again(call.upstream, shown)
        if call.target in shown.untold:
            raise Refused(
                f"The upstream shows no definition of {call.target} that could be put on record, or two at once; calls "
                "wait until it shows one.",
                code="bad_definition",
            )
        call.definition_digest = shown.digests.get(call.target)
        if call.target in shown.doubtful and shown.listing is not None and not shown.listing.done():
            await asyncio.wait({shown.listing}, timeout=FIRST_LISTING)  # the ledger is just being told of it
            call.definition_digest = shown.digests.get(call.target)
        if call.target in shown.doubtful:
            stands = await self._ledger.standing(call.upstream.name, call.target)
            if stands is None or stands.digest != call.definition_digest:
                raise Refused(
                    f"The upstream has changed the definition of {call.target}; calls wait until somebody has reviewed "
                    "it (affidavit definitions).",
                    code="definition_changed",
                )
            self._stands(call.upstream, call.target, stands)

    def refresh(self, upstream: Upstream) -> asyncio.Task[bool]:
        """Begin to list an upstream's tools again: when it says that they changed, or when one is missing."""
        shown = self._shown[upstream.name]
        if shown.listing is None or shown.listing.done():
            shown.listing = asyncio.ensure_future(self._list(upstream, shown))
        return shown.listing

    def listings(self) -> list[asyncio.Task[bool]]:
        """Return the listings that are under way."""
        found = [shown.listing for shown in self._shown.values() if shown.listing is not None]
        return [listing for listing in found if not listing.done()]

    async def list_now(self, upstream: Upstream) -> bool:
        """List an upstream's tools; return whether it answered."""
        return await self.refresh(upstream)

    async def observe(self, upstream: Upstream, tools: Iterable[Any]) -> None:
        """Take note of the definitions of one listing as they pass; each is said once."""
        shown = self._shown[upstream.name]
        told: dict[str, str | None] = {}
        for tool in tools:
            name = tool.get("name") if type(tool) is dict else None
            if type(name) is not str or len(name) > MAX_NAME:  # no call can be of it
                continue
            canonical, digest = _named(upstream, tool)
            if digest is None or told.setdefault(name, digest) != digest:
                told[name] = None
                continue
            if shown.digests.get(name) != digest or name in shown.doubtful:
                shown.schemas[name] = tool.get("outputSchema")
                shown.compiled.pop(name, None)
                await self._see(upstream, name, digest, canonical)
        shown.untold -= told.keys()
        shown.untold |= {name for name, digest in told.items() if digest is None}

    def stands(self, upstream: Upstream, target: str) -> bool:
        """Tell whether the definition that was last shown is the one that stands; a tool with another is not listed."""
        shown = self._shown[upstream.name]
        return target not in shown.doubtful and target not in shown.untold

    def output_schema(self, upstream: Upstream, target: str) -> OutputSchema | None:
        """Return what a tool's structured content is held against; None where there is nothing, or none that can be."""
        shown = self._shown[upstream.name]
        if target not in shown.compiled:
            shown.compiled[target] = compile_schema(shown.schemas.get(target))
        return shown.compiled[target]

    async def _see(self, upstream: Upstream, name: str, digest: str, canonical: bytes) -> None:
        shown = self._shown[upstream.name]
        shown.digests[name] = digest
        shown.doubtful.add(name)  # until the ledger has said that it stands
        if (upstream.name, name, digest) not in self._recorded:
            self._record(upstream, name, digest, canonical)
        stands = await self._ledger.see(upstream.name, name, digest, canonical)
        if stands.digest == digest:
            self._stands(upstream, name, stands)

    def _stands(self, upstream: Upstream, name: str, stands: Standing) -> None:
        """Believe a definition that stands, and say who accepted it, once for each writer."""
        self._shown[upstream.name].doubtful.discard(name)
        said = upstream.name, name, f"{stands.digest} {stands.since}"
        if stands.by is not None and said not in self._recorded:
            self._recorded.add(said)
            fields = {"by": stands.by, "digest": stands.digest, "since": stands.since}
            self._recorder.add("tool:accepted", {**fields, "target": name, "upstream": upstream.name})

    def _record(self, upstream: Upstream, name: str, digest: str, canonical: bytes) -> None:
        self._recorded.add((upstream.name, name, digest))
        body = self._recorder.body(canonical, upstream.retention_class)
        self._recorder.add(
            "tool:defined",
            {
                "definition": {**body.reference(), "media_type": "application/json"},
                "digest": digest,
                "target": name,
                "upstream": upstream.name,
            },
            (body,),
        )

    async def _look_again(self, upstream: Upstream, shown: _Shown) -> None:
        now = asyncio.get_running_loop().time()
        if now - shown.last >= LIST_AGAIN:
            shown.last = now
            self.refresh(upstream)
        if shown.listing is not None and not shown.listing.done():
            await asyncio.wait({shown.listing}, timeout=FIRST_LISTING)

    async def _list(self, upstream: Upstream, shown: _Shown) -> bool:
        shown.last = asyncio.get_running_loop().time()
        tools = await self._list_tools(upstream)
        if tools is None:
            return False
        try:
            await self.observe(upstream, tools)
        except Unavailable as error:
            _diagnostics.warning("upstream %s: its definitions could not be looked up: %s", upstream.name, error)
            return False
        return True


def _named(upstream: Upstream, tool: Mapping[str, Any]) -> tuple[bytes, str | None]:
    try:
        return definition_digest(tool)
    except Malformed as error:
        _diagnostics.warning("upstream %s: a tool definition cannot be named: %.300s", upstream.name, error)
        return b"", None
