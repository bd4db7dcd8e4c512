"""Ports for servers that have to be told theirs before they start."""

import contextlib
import random
import socket

LOOPBACK = "127.0.0.1"
# Below those that systems take the near ends of connections from (Linux: 32768 on): there, a connection of another test
# may take a port before its server does, and one to a port where nobody listens yet may be connected to itself.
LISTENING = range(20_000, 32_000)


def free_port() -> int:
    """Return a port that nobody listens on, and that no connection takes meanwhile.

    Raises:
        AssertionError: There is none.
    """
    for port in random.SystemRandom().sample(LISTENING, 100):  # which no seed of a test makes the same in two processes
        with contextlib.suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port
    raise AssertionError(f"100 ports of {LISTENING} are taken")
