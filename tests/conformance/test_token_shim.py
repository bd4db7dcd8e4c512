"""The shim touches heads only where it must. Source: its own docstring; RFC 9112 for the bytes."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.process import running

SLOW_ANSWER = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n", b"3\r\ntwo\r\n0\r\n\r\n")


class Target:
    """A server that keeps what it was sent, and answers in two parts, the second when it is told to."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.received = b""
        self.second_part = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            while not self.received.endswith(b"BODY"):
                self.received += connection.recv(65536)
            connection.sendall(SLOW_ANSWER[0])
            self.second_part.wait(5)
            connection.sendall(SLOW_ANSWER[1])

    def close(self) -> None:
        self.second_part.set()
        self._thread.join()
        self._listening.close()


@pytest.fixture
def target() -> Iterator[Target]:
    one = Target()
    yield one
    one.close()


@pytest.fixture
def shim(target: Target, tmp_path: Path) -> Iterator[int]:
    (tmp_path / "token").write_text("opaque\n", encoding="ascii")
    with running("fakes.token_shim", "--target", target.name, "--token-file", str(tmp_path / "token")) as port:
        yield port


def send(shim: int, *headers: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", shim), timeout=5)
    head = "\r\n".join(["POST /mcp HTTP/1.1", *headers, "Content-Length: 4", "", ""])
    client.sendall(head.encode("ascii") + b"BODY")
    return client


def test_token_is_added_and_nothing_else_changes(shim: int, target: Target) -> None:
    with send(shim, "Host: evil.example.com", "Origin: http://evil.example.com", "Mcp-Name:  two blanks  ") as client:
        client.recv(65536)

    assert target.received == (
        b"POST /mcp HTTP/1.1\r\nHost: evil.example.com\r\nOrigin: http://evil.example.com\r\n"
        b"Mcp-Name:  two blanks  \r\nContent-Length: 4\r\nAuthorization: Bearer opaque\r\n\r\nBODY"
    )


def test_own_name_becomes_the_name_of_the_target(shim: int, target: Target) -> None:
    with send(shim, f"Host: 127.0.0.1:{shim}", f"Origin: http://127.0.0.1:{shim}") as client:
        client.recv(65536)

    assert f"\r\nHost: {target.name}\r\nOrigin: http://{target.name}\r\n".encode() in target.received


def test_first_part_of_an_answer_arrives_before_the_second_is_sent(shim: int, target: Target) -> None:
    with send(shim, "Host: a") as client:
        first = client.recv(65536)
        target.second_part.set()
        second = client.recv(65536)

    assert (first, second) == SLOW_ANSWER
