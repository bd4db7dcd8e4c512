"""Gives every HTTP request a bearer token, because the conformance suites send none.

`python -m fakes.token_shim --target 127.0.0.1:8080 --token-file FILE` listens on loopback and prints its port. One
connection of the client is one connection to the target. Of a request only the head is touched; bodies and answers are
passed on byte for byte, as they come, so nothing is buffered, reordered or trimmed that a proxy could get wrong.

The target sees its own name wherever the client wrote the shim's (`Host`, `Origin`). Any other name is left alone: a
foreign Host or Origin must be refused by the target, not by the shim.
"""

import argparse
import asyncio
import contextlib
import re
import signal
from dataclasses import dataclass
from pathlib import Path

HEAD_LIMIT = 64 * 1024  # bytes; Node refuses to send more than 16 KiB
CHUNK = 64 * 1024  # bytes
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shim:
    """Where requests go and what is done to their heads.

    `lost` is a header that is left out, in lower case: the fault that shows that a comparison can fail.
    """

    host: str
    port: int
    token_file: Path
    lost: str = ""

    async def connected(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            target, to_target = await asyncio.open_connection(self.host, self.port)
        except OSError:
            to_client.close()  # to the client: as if nothing listened
            return
        sent = asyncio.create_task(self._requests(client, to_target, _name(to_client)))
        received = asyncio.create_task(_answers(target, to_client))
        await asyncio.wait((sent, received), return_when=asyncio.FIRST_COMPLETED)
        for task in (sent, received):
            task.cancel()
        await asyncio.gather(sent, received, return_exceptions=True)
        for writer in (to_client, to_target):
            writer.close()

    async def _requests(self, client: asyncio.StreamReader, to_target: asyncio.StreamWriter, own_name: str) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await client.readuntil(b"\r\n\r\n")
                to_target.write(self._head(head.decode("latin-1"), own_name).encode("latin-1"))
                to_target.write(await client.readexactly(_content_length(head)))
                await to_target.drain()

    def _head(self, head: str, own_name: str) -> str:
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        kept = [self._line(line, own_name) for line in lines if line.partition(":")[0].lower() != self.lost]
        token = self.token_file.read_text(encoding="ascii").strip()
        return "\r\n".join([first, *kept, f"Authorization: Bearer {token}", "", ""])

    def _line(self, line: str, own_name: str) -> str:
        name, _, value = line.partition(":")
        if name.lower() == "host" and value.strip() == own_name:
            return f"{name}: {self.host}:{self.port}"
        if name.lower() == "origin" and value.strip() == f"http://{own_name}":
            return f"{name}: http://{self.host}:{self.port}"
        return line


async def _answers(target: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await target.read(CHUNK):
            to_client.write(chunk)
            await to_client.drain()


def _content_length(head: bytes) -> int:
    """How many bytes follow the head; the suites send every body with its length."""
    if re.search(rb"\r\ntransfer-encoding:", head, re.IGNORECASE):
        raise ValueError("the shim takes no chunked requests")
    stated = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return int(stated[1]) if stated else 0


def _name(writer: asyncio.StreamWriter) -> str:
    host, port = writer.get_extra_info("sockname")[:2]
    return f"{host}:{port}"


async def serve(shim: Shim) -> None:
    """Listen on a free loopback port, print it, and serve until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = await asyncio.start_server(shim.connected, LOOPBACK, 0, limit=HEAD_LIMIT)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="A proxy that adds a bearer token.")
    parser.add_argument("--target", required=True, help="host:port")
    parser.add_argument("--token-file", required=True, type=Path, help="read for each request, so it may be renewed")
    parser.add_argument("--lose", default="", help="a header to leave out")
    chosen = parser.parse_args()
    host, _, port = chosen.target.rpartition(":")
    shim = Shim(host=host, port=int(port), token_file=chosen.token_file, lost=chosen.lose.lower())
    asyncio.run(serve(shim))


if __name__ == "__main__":
    main()
