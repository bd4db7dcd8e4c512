"""A gRPC server of a few methods of one of Google's services, in this process or as a process of its own."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

LOOPBACK = "127.0.0.1"


class Failed(Exception):
    """A method's answer that is an error."""

    def __init__(self, code: grpc.StatusCode, message: str = "as told") -> None:
        super().__init__(message)
        self.code = code


@contextlib.contextmanager
def serving(service: str, methods: Mapping[str, tuple[Any, Callable[[Any], Any]]], port: int = 0) -> Iterator[str]:
    """Serve methods while the block lasts; gives host:port.

    Args:
        service: Its full name.
        methods: Name to the request's proto-plus type, and what answers with a proto-plus message.
        port: Where; 0 for any.
    """
    handlers = {name: _handler(kind, act) for name, (kind, act) in methods.items()}
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    bound = server.add_insecure_port(f"{LOOPBACK}:{port}")
    server.start()
    try:
        yield f"{LOOPBACK}:{bound}"
    finally:
        server.stop(0).wait()


def _handler(kind: Any, act: Callable[[Any], Any]) -> grpc.RpcMethodHandler:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return act(request)
        except Failed as failed:
            context.abort(failed.code, str(failed))

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=kind.deserialize,
        response_serializer=lambda message: type(message).serialize(message),
    )


def stay() -> None:
    """Wait until the process is told to stop."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
