"""Connections that are slow, without end or none: what the protocol under the application makes of them.

Source: RFC 9112; RFC 9110 section 15.5.9; RFC 6585 section 5.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from affidavit.serve.http import BoundedHttp, Joining

REQUEST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Impatient(BoundedHttp):
    max_wait = 0.1


class Application:
    """Answers with the body it got; what a test puts in `held` is waited for first."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.bodies: list[bytes] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.held: asyncio.Event | None = None
        self.receive: Any = None

    async def __call__(self, scope, receive, send) -> None:
        self.receive = receive
        message = await receive()
        body = message.get("body", b"")
        while message["type"] == "http.request" and message["more_body"]:
            message = await receive()
            body += message.get("body", b"")
        if message["type"] == "http.request":
            self.bodies.append(body)
        self.got.append(message["type"])
        self.headers = scope["headers"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        if self.held is not None:
            await self.held.wait()
        await send({"type": "http.response.body", "body": b"ok"})

    async def watch(self) -> None:
        """Wait for the client of what came last to go away."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


class Transport(asyncio.Transport):
    """Keeps what is written; once lost, it takes no more, as uvloop's."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.unread = iter([0] * 9)
        self.aborted = asyncio.Event()
        self.lost = False

    def is_closing(self) -> bool:
        return self.lost

    def write(self, data: bytes) -> None:
        if self.lost:
            raise RuntimeError("the handler is closed")
        self.written.append(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.write(b"".join(parts))

    def close(self) -> None:
        self.lost = True

    def abort(self) -> None:
        self.aborted.set()

    def get_write_buffer_size(self) -> int:
        return next(self.unread)

    pause_reading = resume_reading = None  # type: ignore[assignment]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, nobody here loses patience."""
    monkeypatch.setattr(Impatient, "max_wait", 30.0)


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
async def port(application: Application) -> AsyncIterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application, http=Impatient, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server._serve([listening]))
    yield listening.getsockname()[1]
    server.should_exit = True
    await serving


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    for _ in range(100):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except ConnectionError:  # it has not begun to listen
            await asyncio.sleep(0.02)
    yield reader, writer
    writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST / HT", id="half a request line"),
        pytest.param(REQUEST[:30], id="half a head"),
        pytest.param(REQUEST[:-1], id="half a body"),
        pytest.param(REQUEST + REQUEST[:30], id="half a second head"),
    ],
)
async def test_what_does_not_come_to_its_end_is_told_so(port, application, sent):
    async with connected(port) as (reader, writer):
        writer.write(sent)

        answer = await reader.read()

    assert b"HTTP/1.1 408 Request Timeout\r\n" in answer
    assert b'{"error":"request_timeout"' in answer
    assert answer.count(b"200 OK") == sent.count(REQUEST)


async def sent_until_refused(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pieces: Iterable[bytes]
) -> bytes:
    """Send piece by piece, as long as nothing is refused; return all that was answered."""
    refused = asyncio.ensure_future(reader.read())
    for piece in pieces:
        if refused.done():  # to write on would reset the connection, and the answer with it
            break
        writer.write(piece)
        await asyncio.wait([refused], timeout=0.02)
    return await refused


@pytest.mark.parametrize("begun", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n"])
@pytest.mark.usefixtures("patient")
async def test_a_head_that_only_grows_is_cut_off_before_it_ends(port, begun):
    """The parser keeps a header to itself until it is whole, so its callbacks never tell of this one."""
    async with connected(port) as (reader, writer):
        answer = await sent_until_refused(reader, writer, [begun, *[b"a" * 10_000] * 20])

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'{"error":"headers_too_large"' in answer


LONG = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX: " + b"a" * 70_000


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([LONG + b"\r\n\r\n"], id="at once"),
        pytest.param([LONG, b"\r\n\r\n"], id="its end apart"),
        pytest.param([LONG[:-10_000], b"a" * 10_000 + b"\r\n\r\n"], id="in two pieces"),
        pytest.param([REQUEST + LONG, b"\r\n\r\n"], id="behind another request"),
    ],
)
@pytest.mark.usefixtures("patient")
async def test_a_head_of_more_than_64_kib_is_refused_however_it_comes(port, application, pieces):
    async with connected(port) as (reader, writer):
        answer = await sent_until_refused(reader, writer, pieces)

    first, _, refusal = answer.rpartition(b"HTTP/1.1 431 ")
    assert refusal
    assert first.count(b"content-length: 2\r\n\r\nok") == pieces[0].count(REQUEST)
    assert application.got == ["http.request"] * pieces[0].count(REQUEST)


CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(b"0\r\n%b", id="trailers"),
        pytest.param(b"4\r\nbody\r\n0\r\n%b", id="trailers after a body"),
        pytest.param(b"0\r\nX: ", id="one trailer's value"),
        pytest.param(b"0\r\nX", id="one trailer's name"),
        pytest.param(b"4;a=", id="a chunk's extension"),
    ],
)
@pytest.mark.usefixtures("patient")
async def test_what_follows_a_head_and_is_no_body_is_cut_off_before_it_ends(port, application, endless):
    """RFC 9112 section 7.1.2: without a bound, anybody could fill the memory after the head as well as with it."""
    more = b"ab:cd\r\n" * 1500 if b"%b" in endless else b"a" * 10_000
    async with connected(port) as (reader, writer):
        answer = await sent_until_refused(reader, writer, [CHUNKED + endless.replace(b"%b", b""), *[more] * 20])

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert application.got in ([], ["http.disconnect"])


@pytest.mark.usefixtures("patient")
async def test_many_pieces_of_a_body_are_no_trailer(port, application):
    async with connected(port) as (reader, writer):
        writer.write(CHUNKED)
        for _ in range(20):
            writer.write(b"2710\r\n%b\r\n" % (b"a" * 10_000))
            await writer.drain()
        writer.write(b"0\r\nX: y\r\n\r\n")

        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")


@pytest.mark.usefixtures("patient")
async def test_what_comes_after_a_body_is_no_header_of_this_call_nor_of_the_next(port, application):
    """RFC 9110 section 6.5.1."""
    async with connected(port) as (reader, writer):
        for sent in (CHUNKED + b"0\r\nAuthorization: Bearer a\r\nX: y\r\n\r\n", REQUEST):
            writer.write(sent)
            await reader.readuntil(b"\r\n\r\nok")

            assert {name for name, _ in application.headers} <= {b"host", b"transfer-encoding", b"content-length"}
            assert (b"host", b"a") in application.headers


BROKEN_CHUNK = CHUNKED + b"4\r\nbody\r\nzz\r\n"


@pytest.mark.parametrize(
    ("sent", "due", "refusal"),
    [
        pytest.param([REQUEST + b"garbage\r\n\r\n"], 1, b"400", id="garbage"),
        pytest.param([REQUEST, b"garbage\r\n\r\n", REQUEST], 1, b"400", id="garbage in between"),
        pytest.param([REQUEST + LONG, b"a" * 100_000], 1, b"431", id="a head without end"),
        pytest.param([REQUEST + LONG + b"\r\n\r\n" + REQUEST], 1, b"431", id="too large a head"),
        pytest.param([REQUEST + BROKEN_CHUNK], 1, b"400", id="a bad body"),
        pytest.param([REQUEST * 2 + BROKEN_CHUNK, REQUEST], 2, b"400", id="a bad body behind two"),
        pytest.param([REQUEST, CHUNKED + b"0\r\nX: ", b"a" * 100_000], 1, b"431", id="trailers without end"),
    ],
)
@pytest.mark.usefixtures("patient")
async def test_what_is_refused_does_not_take_the_place_of_the_answers_before_it(port, application, sent, due, refusal):
    """RFC 9112 section 9.3.2: answers come in the order of the requests; these calls have run, and are recorded so."""
    application.held = asyncio.Event()
    async with connected(port) as (reader, writer):
        for piece in sent:
            writer.write(piece)
            await asyncio.sleep(0.01)
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n"), "it has begun"
        await asyncio.sleep(0.05)
        application.held.set()
        answers = await reader.read()

    assert answers.startswith(b"ok")
    assert [answer[:3] for answer in answers.split(b"HTTP/1.1 ")[1:]] == [b"200"] * (due - 1) + [refusal]
    assert application.got.count("http.request") == due


@pytest.mark.usefixtures("patient")
async def test_a_client_that_goes_is_missed_by_a_call_with_others_behind_it(port, application):
    """uvicorn tells only the newest one, which would leave the one that is under way to answer nobody."""
    application.held = asyncio.Event()
    async with connected(port) as (reader, writer):
        writer.write(REQUEST * 2)
        await reader.readuntil(b"\r\n\r\n")
    await asyncio.wait_for(application.watch(), 20)
    application.held.set()

    assert application.got == ["http.request"]


UPGRADE = REQUEST.replace(b"Host: a\r\n", b"Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nX:  y \r\n")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([UPGRADE], id="at once"),
        pytest.param([UPGRADE[:-4], UPGRADE[-4:]], id="its body apart"),
        pytest.param([UPGRADE[:60], UPGRADE[60:-2], UPGRADE[-2:]], id="in three pieces"),
        pytest.param([UPGRADE.replace(b"/1.1", b"/1.0")], id="by an old client"),
        pytest.param([UPGRADE.replace(b"h2c", b"websocket")], id="to a websocket"),
        pytest.param([UPGRADE * 3 + REQUEST + UPGRADE], id="again and again"),
        pytest.param(
            [CHUNKED[:-2] + b"Connection: upgrade\r\nUpgrade: a/1\r\n\r\n4\r\nbody\r\n0\r\n\r\n"], id="in chunks"
        ),
    ],
)
@pytest.mark.usefixtures("patient")
async def test_a_request_that_would_upgrade_is_read_as_any_other(port, application, sent, caplog):
    """RFC 9110 section 7.8: a server may ignore it. A body that is taken for the next request is CWE-444."""
    bodies = b"".join(sent).count(b"body")
    async with connected(port) as (reader, writer):
        for piece in sent:
            writer.write(piece)
            await asyncio.sleep(0.01)
        for _ in range(bodies):
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\nok")

    assert application.bodies == [b"body"] * bodies
    assert b"upgrade" not in {name for name, _ in application.headers}
    assert "uvicorn" not in caplog.text


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n" + REQUEST, id="to a tunnel from here"),
        pytest.param(b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n" + REQUEST, id="to a tunnel"),
        pytest.param(CHUNKED[:-2] + b"Connection: upgrade\r\nUpgrade: a\r\n\r\nzz" + REQUEST, id="with a bad body"),
    ],
)
@pytest.mark.usefixtures("patient")
async def test_what_follows_a_bad_request_that_would_upgrade_is_not_read(port, application, broken):
    async with connected(port) as (reader, writer):
        writer.write(broken)

        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert application.bodies == []


async def test_a_body_that_stays_away_is_no_body(port, application):
    async with connected(port) as (reader, writer):
        writer.write(REQUEST[:-1])
        await reader.read()

    while not application.got:
        await asyncio.sleep(0.01)
    assert application.got == ["http.disconnect"]


async def test_a_long_answer_is_not_cut_by_a_slow_next_request(port, application):
    application.held = asyncio.Event()
    async with connected(port) as (reader, writer):
        writer.write(REQUEST + REQUEST[:30])
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(Impatient.max_wait * 3)
        application.held.set()

        assert await reader.readexactly(2) == b"ok"
        assert b"408" in await reader.read(), "after that, its turn has come"


async def test_an_answered_connection_may_rest(port, application):
    """uvicorn's own keep-alive ends it, much later."""
    async with connected(port) as (reader, writer):
        for _ in range(2):
            writer.write(REQUEST)
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"ok"
            await asyncio.sleep(Impatient.max_wait * 3)


@pytest.mark.usefixtures("patient")
async def test_each_request_of_a_connection_may_have_a_whole_head(port, application):
    one = REQUEST.replace(b"\r\n\r\n", b"\r\nX: " + b"a" * 60_000 + b"\r\n\r\n")
    async with connected(port) as (reader, writer):
        for _ in range(3):
            for at in range(0, len(one), 9_000):
                writer.write(one[at : at + 9_000])
                await writer.drain()
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)


async def test_the_head_of_an_answer_leaves_with_what_follows_it_or_alone():
    joining = Joining(transport := Transport(), asyncio.get_running_loop(), 30.0)

    joining.write(HEAD)
    joining.write(b"ok")
    joining.write(HEAD)
    await asyncio.sleep(0)

    assert transport.written == [HEAD + b"ok", HEAD]


async def test_an_answer_whose_client_has_gone_is_not_written():
    """uvloop raises for each write to a connection that was lost: in the loop, and in the call."""
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    joining = Joining(transport := Transport(), asyncio.get_running_loop(), 30.0)

    joining.write(HEAD)
    transport.lost = True
    await asyncio.sleep(0)
    joining.write(b"ok")
    joining.write(HEAD)
    joining.close()
    await asyncio.sleep(0)

    assert transport.written == []
    assert failures == []


async def test_a_connection_that_is_closed_takes_the_head_with_it():
    joining = Joining(transport := Transport(), asyncio.get_running_loop(), 30.0)

    joining.write(HEAD)
    joining.close()

    assert transport.written == [HEAD]


async def test_a_client_that_takes_something_is_waited_for_and_one_that_takes_nothing_is_not(application, monkeypatch):
    """What it does not take is in our memory."""
    monkeypatch.setattr(Impatient, "max_stall", 0.001)
    config = uvicorn.Config(application, lifespan="off", log_config=None)
    protocol = Impatient(config, ServerState(), {})
    transport = Transport()
    transport.unread = iter([900, 800, 700, 700])
    protocol.connection_made(transport)

    protocol.pause_writing()
    await asyncio.wait_for(transport.aborted.wait(), 20)

    assert list(transport.unread) == []
    protocol.connection_lost(ConnectionResetError())


async def test_a_client_that_goes_on_reading_is_left_alone(application, monkeypatch):
    monkeypatch.setattr(Impatient, "max_stall", 0.001)
    config = uvicorn.Config(application, lifespan="off", log_config=None)
    protocol = Impatient(config, ServerState(), {})
    transport = Transport()
    protocol.connection_made(transport)

    protocol.pause_writing()
    protocol.resume_writing()
    await asyncio.sleep(0.02)

    assert not transport.aborted.is_set()
    protocol.connection_lost(ConnectionResetError())


async def test_a_closed_connection_does_not_wait_for_ever_for_its_client_to_read(application):
    joining = Joining(transport := Transport(), asyncio.get_running_loop(), 0.001)
    transport.unread = iter([900])

    joining.close()

    await asyncio.wait_for(transport.aborted.wait(), 20)
