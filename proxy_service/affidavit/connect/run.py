"""A bridge from its first line to its last, with everything that it needs opened and closed.

Source: MCP 2025-11-25 and 2026-07-28 "Lifecycle" (shutdown of stdio).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from typing import BinaryIO

from affidavit.connect.address import Address
from affidavit.connect.bridge import Bridge
from affidavit.connect.gateway import Gateway
from affidavit.connect.http import Http
from affidavit.connect.options import Options
from affidavit.connect.patience import Patience
from affidavit.connect.proxies import proxies
from affidavit.connect.session import Session
from affidavit.connect.stdio import Output, lines_of
from affidavit.connect.tokens.choose import Surroundings, choose
from affidavit.connect.tokens.fresh import FreshToken
from affidavit.connect.tool_headers import ToolHeaders


async def serve(
    address: Address, options: Options, around: Surroundings, incoming: BinaryIO, outgoing: BinaryIO
) -> None:
    """Carry messages until the client has said its last, or SIGTERM or SIGINT comes.

    Raises:
        Misconfigured: The source of tokens cannot be opened.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with opened(address, options, around) as gateway:
        output = Output(outgoing)
        await output.open()
        await Bridge(gateway, output, around.tell).run(lines_of(incoming), stopping)


@contextlib.asynccontextmanager
async def opened(
    address: Address, options: Options, around: Surroundings, patience: Patience | None = None
) -> AsyncIterator[Gateway]:
    """Open a gateway with its tokens while the block lasts."""
    http = Http(proxies(around.environment))
    try:
        source = await choose(options, address, http, around)
        yield Gateway(
            address,
            http,
            FreshToken(source, around.clock, around.tell),
            session=Session(),
            tools=ToolHeaders(),
            patience=patience or Patience(),
            tell=around.tell,
        )
    finally:
        await http.close()
