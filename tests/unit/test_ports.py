"""`fakes.ports`: a server that starts a second later still finds its port free."""

import socket
from pathlib import Path

import pytest

from fakes.ports import LISTENING, LOOPBACK, free_port

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not RANGE.exists(), reason="not Linux: nobody says which ports connections take")
def test_no_connection_takes_a_port_that_a_server_was_told():
    lowest = int(RANGE.read_text().split()[0])

    assert LISTENING.stop <= lowest


def test_a_port_that_somebody_listens_on_is_not_free(monkeypatch):
    with socket.create_server((LOOPBACK, free_port())) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("fakes.ports.LISTENING", range(port, port + 1))
        monkeypatch.setattr("random.SystemRandom.sample", lambda _, ports, __: list(ports))

        with pytest.raises(AssertionError):
            free_port()
