"""`affidavit serve` from start to end: open the gateway, serve, drain, say the last words.

Source: architecture "The house"; Cloud Run's contract (SIGTERM, then ten seconds).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import uvicorn

from affidavit.clock import Clock
from affidavit.errors import Misconfigured
from affidavit.gateway.ports import Telemetry
from affidavit.policy.configuration import Configuration
from affidavit.serve.app import Application
from affidavit.serve.client_address import ClientAddress
from affidavit.serve.health import Health
from affidavit.serve.http import BoundedHttp
from affidavit.serve.supervisor import Supervisor
from affidavit.wiring.gateway import Ports, open_gateway
from affidavit.wiring.reloading import Reloading, Source

COLLECT_AFTER = 20_000  # objects; Python's own 700 costs a twentieth of all time under load (measured)
DRAIN = 2  # seconds that calls under way have to end by themselves after SIGTERM
LEAVE = 1.0  # seconds that those have to say how they ended which were cut off then

_diagnostics = logging.getLogger("affidavit.serve")


class Deployment(Protocol):
    """Where a gateway runs, and what it has there."""

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""
        ...

    @property
    def forwarders(self) -> int:
        """How many addresses those in front of this process append to `X-Forwarded-For`; see `ClientAddress`."""
        ...

    def locked(self) -> AbstractContextManager[None]:
        """Keep others out that must not run at the same time; raises `Misconfigured` where one does."""
        ...

    def ports(self, configuration: Configuration) -> Ports:
        """Return what the gateway needs of the outside; raises `Misconfigured`."""
        ...

    def worker(self, configuration: Configuration) -> Sequence[str] | None:
        """Return the arguments of the process that stores and sequences, or None where others do that."""
        ...

    def close(self) -> None:
        """Let go of what the gateway alone uses."""
        ...


async def serve(source: Source, configuration: Configuration, deployment: Deployment, host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status, 0 where nothing is left to be made durable.

    Args:
        source: Where the configuration was read, to be read again.
        configuration: What it says now.
        deployment: Where this runs.
        host: Where to listen; a name or an address.
        port: The same; 0 for any that is free.

    Raises:
        Misconfigured: The address is taken, the folder in use, or a mounted file wrong.
        Unavailable: Nothing takes records.
    """
    stopping = _stopping()
    with _listen(host, port) as listening, deployment.locked():
        bound = listening.getsockname()[1]
        ports = deployment.ports(configuration)
        gateway = await open_gateway(configuration, ports, loopback=_is_loopback(host), port=bound)
        worker = deployment.worker(configuration)
        health = Health(gateway.recorder, gateway.trail, deployment.clock, has_worker=worker is not None)
        if ports.telemetry is not None:
            ports.telemetry.watch(health.read)
        reloading = Reloading(source, configuration, gateway.adopt)
        health.policy = reloading.read
        health.revocation = gateway.revocations.read
        if gateway.people is not None:
            health.directories = gateway.people.read
        supervisor = Supervisor(worker, health) if worker is not None else None
        working = asyncio.ensure_future(supervisor.run()) if supervisor is not None else None
        gateway.start(reloading.keep_current())
        _settle_memory()
        _diagnostics.info("serving on http://%s:%s, writer %s", host, bound, gateway.recorder.writer.id)
        client = ClientAddress(deployment.forwarders)
        application = Application(gateway.path, health, configuration, client, gateway.scim)
        await _serve_http(application, listening, health, stopping)
        said = await gateway.close()
        deployment.close()
        _, committed = await asyncio.gather(_close(ports.telemetry), _finish(supervisor, working))
    if not (said and committed):
        _diagnostics.error("not everything is durable and committed; the next start goes on from what is")
    return 0 if said and committed else 1


def _settle_memory() -> None:
    """Keep the collector away from what stays, and let it come less often: calls leave no cycles to speak of."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _stopping() -> asyncio.Event:
    """Return what SIGTERM and SIGINT set, from the first moment: process 1 of a container is not ended otherwise."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


async def _serve_http(
    application: Application, listening: socket.socket, health: Health, stopping: asyncio.Event
) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            loop="none",
            http=BoundedHttp,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=DRAIN,
        )
    )

    async def stop() -> None:
        await stopping.wait()
        health.draining = True
        server.should_exit = True

    stopped = asyncio.ensure_future(stop())
    # `serve` would raise the signal again when it is done, and end us before our last words.
    await server._serve([listening])  # noqa: SLF001
    stopped.cancel()
    if server.server_state.tasks:  # cancelled, and not yet gone: what they still say comes before our last words
        await asyncio.wait(server.server_state.tasks, timeout=LEAVE)


async def _close(telemetry: Telemetry | None) -> None:
    if telemetry is not None:
        await asyncio.to_thread(telemetry.close)


async def _finish(supervisor: Supervisor | None, working: asyncio.Future[None] | None) -> bool:
    if supervisor is None or working is None:
        return True
    committed = await supervisor.finish()
    await working
    return committed


@contextlib.contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise Misconfigured(f"cannot listen on {host}:{port}: {error.strerror}") from error
        yield listening
    finally:
        listening.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
