"""Clients that want so many calls done, and do what they are told when one is refused.

Source: architecture "Failures" (503 with `Retry-After`: nothing was forwarded; `retry: false`: it was).
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import orjson

TIMEOUT_S = 60
PAUSE_S = 0.5  # where a refusal names no time, or the gateway is not reached


@dataclass(slots=True)
class Load:
    """What became of the calls.

    Attributes:
        done: Calls that were answered with a result.
        unknown: Calls that were sent on, whose answers were withheld; nobody repeats those.
        refused: Tries that were refused, by code; each was tried again.
        strange: Answers that fit none of these.
    """

    done: int = 0
    unknown: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)

    @property
    def ended(self) -> int:
        return self.done + self.unknown


async def load(
    url: str, token: str, *, calls: int, connections: int, between: Callable[[Load], Awaitable[None]]
) -> Load:
    """Have so many calls done over so many connections; each waits for `between` after a call."""
    result = Load()
    numbers = iter(range(calls))
    ids = itertools.count(1)
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    connector = aiohttp.TCPConnector(limit=connections)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:

        async def work() -> None:
            for number in numbers:
                while not await _try(session, url, number, next(ids), result):
                    pass
                await between(result)

        await asyncio.gather(*(work() for _ in range(connections)))
    return result


async def _try(session: aiohttp.ClientSession, url: str, number: int, id_: int, result: Load) -> bool:
    """Call once; tell whether the call has ended."""
    params = {"name": "sql.query", "arguments": {"sql": f"select {number}", "database": "shop"}}
    message = {"jsonrpc": "2.0", "id": id_, "method": "tools/call", "params": params}
    try:
        async with session.post(url, json=message) as response:
            answer = orjson.loads(await response.read())
    except (aiohttp.ClientConnectorError, orjson.JSONDecodeError):
        await asyncio.sleep(PAUSE_S)
        return False
    if response.status == 503:
        result.refused[str(answer["error"]["data"]["code"])] += 1
        await asyncio.sleep(float(response.headers.get("Retry-After", PAUSE_S)))
        return False
    if "result" in answer and not answer["result"].get("isError"):
        result.done += 1
    elif answer.get("error", {}).get("data", {}).get("retry") is False:
        result.unknown += 1
    else:
        result.strange.append(repr(answer)[:300])
    return True
