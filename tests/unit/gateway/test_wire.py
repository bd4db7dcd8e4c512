"""`gateway.wire`: HTTP/1.1 to an upstream that may say anything, over connections that are kept.

Source: RFC 9112; architecture "Failures" (a request is sent once; an answer is whole or none).
"""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from affidavit.gateway import wire
from affidavit.gateway.wire import BrokenAnswer, Unreachable, Wire

EVENTS = "text/event-stream"
LIMIT = 1 << 20
OK = b"HTTP/1.1 200 OK\r\nContent-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Server:
    """Answers each request on a connection with the next of what it was given; keeps what it was asked.

    Attributes:
        heads: Of each request, its bytes up to the empty line.
        connections: How many were made, and how many of them the client has closed.
    """

    def __init__(self, *answers):
        self.answers = list(answers)
        self.heads, self.bodies = [], []
        self.made = self.closed = 0
        self.going = asyncio.Event()
        self._serving = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/mcp?a=b"
        self.wire = Wire(self.url, streams=EVENTS, limit=LIMIT)
        return self

    async def __aexit__(self, *_):
        self.wire.close()
        self._server.close()
        for serving in self._serving:
            serving.cancel()

    async def ask(self, body=b"", **headers):
        return await self.wire.send("POST", headers, body)

    async def _serve(self, reader, writer):
        self.made += 1
        self._serving.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = next(
                    (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), b":0"
                )
                self.bodies.append(await reader.readexactly(int(length.partition(b":")[2])))
                answer = self.answers.pop(0)
                if callable(answer):
                    await answer(writer)
                    continue
                writer.write(answer)
                await writer.drain()
        self.closed += 1
        writer.close()

    async def until_closed(self, number=1):
        while self.closed < number:
            await asyncio.sleep(0.005)


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


async def test_a_request_is_what_was_asked_byte_for_byte():
    async with Server(OK) as server:
        response = await server.ask(b"[1]", **{"Content-Type": "application/json", "X-Name": "Zoë"})

        authority = server.url.split("/")[2].encode()
        assert server.heads == [
            b"POST /mcp?a=b HTTP/1.1\r\nHost: " + authority + b"\r\nContent-Type: application/json\r\n"
            b"X-Name: Zo\xc3\xab\r\nContent-Length: 3\r\n\r\n"
        ]
        assert server.bodies == [b"[1]"]
        assert (response.status, response.media_type, response.body) == (200, "application/json", b"{}")
        assert response.headers[0] == (b"Content-Type", b"Application/JSON; charset=utf-8")


async def test_a_get_has_neither_a_body_nor_a_length():
    async with Server(OK) as server:
        await server.wire.send("GET", {}, b"")

        assert b"ontent-" not in server.heads[0]


@pytest.mark.parametrize("value", ["a\r\nEvil: b", "a\nEvil: b", "a\rb", "a\0b", "half \ud83d of a letter"])
async def test_a_header_cannot_become_another_one(value):
    """RFC 9110 section 5.5."""
    async with Server(OK) as server:
        with pytest.raises(BrokenAnswer):
            await server.ask(Name=value)

        assert server.made == 0


async def test_a_connection_serves_one_request_after_the_other():
    async with Server(OK, OK, OK) as server:
        for _ in range(3):
            await server.ask()

        assert server.made == 1


async def test_requests_side_by_side_have_connections_of_their_own():
    async def slowly(writer):
        await server.going.wait()
        writer.write(OK)

    async with Server(slowly, slowly, OK) as server:
        asking = [asyncio.ensure_future(server.ask()) for _ in range(2)]
        while len(server.heads) < 2:
            await asyncio.sleep(0.005)
        assert server.made == 2
        server.going.set()
        await asyncio.gather(*asking)
        await server.ask()
        assert server.made == 2


async def test_who_finds_all_connections_taken_waits_for_one(monkeypatch):
    monkeypatch.setattr(wire, "CONNECTIONS", 1)

    async def slowly(writer):
        await server.going.wait()
        writer.write(OK)

    async with Server(slowly, OK, OK) as server:
        first, second, third = (asyncio.ensure_future(server.ask()) for _ in range(3))
        await asyncio.sleep(0.02)
        second.cancel()  # it gives its place up
        server.going.set()

        assert (await first).body == (await third).body == b"{}"
        assert second.cancelled()
        assert (server.made, len(server.heads)) == (1, 2)


async def test_a_failed_connection_leaves_its_place_to_the_next(monkeypatch):
    monkeypatch.setattr(wire, "CONNECTIONS", 1)
    async with Server() as server:
        port = server.url
    closed = Wire(port, streams=EVENTS, limit=LIMIT)

    outcomes = await asyncio.gather(*(closed.send("POST", {}, b"") for _ in range(3)), return_exceptions=True)

    assert [type(one) for one in outcomes] == [Unreachable] * 3


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", id="empty"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"ab") + chunk(b"c") + chunk(b""),
            b"abc",
            id="chunked",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"ab") + b"0\r\nX-Trailer: 1\r\n\r\n",
            b"ab",
            id="with a trailer",
        ),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"{}", id="1xx before"
        ),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", b"", id="204"),
        pytest.param(b"HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nbad", b"bad", id="500"),
    ],
)
async def test_answers_come_whole_and_leave_the_connection_to_the_next(answer, body):
    async with Server(answer, OK) as server:
        assert (await server.ask()).body == body
        assert (await server.ask()).body == b"{}"
        assert server.made == 1


async def test_a_header_that_follows_a_body_is_no_header():
    """RFC 9110 section 6.5.1."""
    trailing = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nMcp-Session-Id: evil\r\n\r\n"
    async with Server(trailing) as server:
        response = await server.ask()

        assert [name for name, _ in response.headers] == [b"Transfer-Encoding"]


async def test_an_answer_may_end_with_its_connection():
    """RFC 9112 section 6.3, the last case."""

    async def until_closed(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
        await writer.drain()
        writer.write(b"}")
        writer.close()

    async with Server(until_closed) as server:
        assert (await server.ask()).body == b"{}"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", id="shorter than it says"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"{}"), id="without a last chunk"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="half a head"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_an_answer_that_breaks_off_is_none(said):
    async def breaks_off(writer):
        writer.write(said)
        writer.close()

    async with Server(breaks_off) as server:
        with pytest.raises(BrokenAnswer, match="broke off"):
            await server.ask()


HOSTILE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b""),
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "a folded header": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
    "a bare line feed": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    "chunks of no size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a head of many headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"A%d: %b\r\n" % (n, b"x" * 90) for n in range(1000)),
    "a header that does not end": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 400_000,
    "a trailer that does not end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"x" * 900_000,
    "interim answers without end": b"HTTP/1.1 103 Early Hints\r\nLink: xxxxxxxxxx\r\n\r\n" * 20_000,
    "more than it may": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (LIMIT + 1) + b"x" * (LIMIT + 1),
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
async def test_what_no_server_should_say_is_broken_and_its_connection_is_closed(said):
    """RFC 9112 sections 5.2, 6.1, 6.3 and 11.2: what two readers could read differently is not read at all."""

    async def says(writer):
        writer.write(said)
        await asyncio.sleep(30)

    async with Server(says) as server:
        with pytest.raises(BrokenAnswer):
            await asyncio.wait_for(server.ask(), 20)
        assert server.wire._open == set() or all(not one.usable for one in server.wire._open)


@pytest.mark.parametrize("together", [True, False])
async def test_what_nobody_asked_for_answers_nothing(together):
    """RFC 9112 section 6.3: what follows an answer may be the answer to another client's request."""

    async def says_more(writer):
        writer.write(OK + OK if together else OK)
        if not together:
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(OK.replace(b"{}", b"[]"))

    async with Server(says_more, OK) as server:
        assert (await server.ask()).body == b"{}"
        await asyncio.sleep(0.1)

        assert (await server.ask()).body == b"{}"
        assert server.made == 2


async def test_a_connection_that_the_server_closes_is_not_used_again():
    async def last(writer):
        writer.write(OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))

    async with Server(last, OK) as server:
        await server.ask()
        await server.ask()

        assert server.made == 2


async def test_an_idle_connection_is_closed_before_its_server_does(monkeypatch):
    monkeypatch.setattr(wire, "IDLE_TIMEOUT", 0.05)
    async with Server(OK, OK) as server:
        await server.ask()
        await asyncio.wait_for(server.until_closed(), 20)
        await server.ask()

        assert server.made == 2


async def test_a_request_that_is_cancelled_closes_its_connection():
    """mcp: closing the connection is how a modern server learns of a cancel."""

    async def never(writer):
        await asyncio.sleep(30)

    async with Server(never, OK) as server:
        asking = asyncio.ensure_future(server.ask())
        while not server.heads:
            await asyncio.sleep(0.005)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        assert all(not one.usable for one in server.wire._open)


async def test_a_stream_comes_as_it_comes_and_leaves_its_connection_to_the_next():
    async def streams(writer):
        writer.write(STREAM)
        await server.going.wait()
        writer.write(chunk(b"data: 1\n\n"))
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(chunk(b"data: 2\n\n") + chunk(b""))

    async with Server(streams, OK) as server:
        response = await server.ask()
        assert response.body is None
        server.going.set()

        assert b"".join([part async for part in response.chunks()]) == b"data: 1\n\ndata: 2\n\n"
        response.close()
        await server.ask()
        assert server.made == 1


async def test_a_stream_that_ends_at_once_is_whole():
    async with Server(STREAM + chunk(b"data: 1\n\n") + chunk(b""), STREAM + chunk(b""), OK) as server:
        assert [part async for part in (await server.ask()).chunks()] == [b"data: 1\n\n"]
        assert [part async for part in (await server.ask()).chunks()] == []
        await server.ask()
        assert server.made == 1


@pytest.mark.parametrize("first", [b"", chunk(b"data: 1\n\n")])
async def test_a_stream_that_breaks_off_says_so_after_what_came(first):
    async def breaks_off(writer):
        writer.write(STREAM + first)
        writer.close()

    async with Server(breaks_off) as server:
        response = await server.ask()
        came = []

        async def read():
            async for part in response.chunks():
                came.append(part)  # noqa: PERF401 what came before the error counts

        with pytest.raises(BrokenAnswer):
            await read()
        assert b"".join(came) == (b"data: 1\n\n" if first else b"")


async def test_a_stream_that_is_let_go_closes_its_connection():
    async def streams(writer):
        writer.write(STREAM + chunk(b"data: 1\n\n"))

    async with Server(streams, OK) as server:
        response = await server.ask()
        await anext(response.chunks())

        response.close()

        await asyncio.wait_for(server.until_closed(), 20)


async def test_a_stream_that_nobody_reads_is_not_read_either():
    """Whoever does not take its events must not fill the memory of all."""
    written = 0

    async def floods(writer):
        nonlocal written
        writer.write(STREAM)
        for _ in range(1000):
            writer.write(chunk(b"x" * 65_536))
            await writer.drain()
            written += 65_536
        writer.write(chunk(b""))

    async with Server(floods) as server:
        response = await server.ask()
        before = -1
        while before != written:  # until it can write no more
            before = written
            await asyncio.sleep(0.3)
        assert written < 1000 * 65_536

        assert sum([len(part) async for part in response.chunks()]) == 1000 * 65_536


async def test_an_error_is_no_stream():
    """Only what succeeded is read event by event."""
    async with Server(STREAM.replace(b"200 OK", b"404 No") + chunk(b"data: 1\n\n") + chunk(b"")) as server:
        response = await server.ask()

        assert (response.status, response.body) == (404, b"data: 1\n\n")


async def test_a_name_that_is_none_is_unreachable():
    for host in ("no-such-host.invalid", "a" * 70 + ".test"):
        with pytest.raises(Unreachable):
            await Wire(f"http://{host}/", streams=EVENTS, limit=LIMIT).send("POST", {}, b"")


class Authority:
    """A certificate for 127.0.0.1 that vouches for itself."""

    def __init__(self, folder, names):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "upstream")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.file = folder / "upstream.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)

    @contextlib.asynccontextmanager
    async def serving(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        context.set_alpn_protocols(["h2", "http/1.1"])

        async def answer(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            await writer.drain()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
        server.close()


HERE = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]


async def test_over_tls_a_server_that_is_vouched_for_is_spoken_to(tmp_path, monkeypatch):
    authority = Authority(tmp_path, HERE)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with authority.serving() as url:
        one = Wire(url, streams=EVENTS, limit=LIMIT)

        assert (await one.send("POST", {}, b"")).body == b"{}"
        one.close()


@pytest.mark.parametrize("names", [HERE, [x509.DNSName("elsewhere.test")]], ids=["unknown", "another's"])
async def test_over_tls_a_server_that_nobody_vouches_for_is_unreachable(tmp_path, monkeypatch, names):
    authority = Authority(tmp_path, names)
    if names is not HERE:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with authority.serving() as url:
        with pytest.raises(Unreachable):
            await Wire(url, streams=EVENTS, limit=LIMIT).send("POST", {}, b"")
