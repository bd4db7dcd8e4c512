"""A gRPC server that answers, fails, falls silent, or does what it is asked and loses the answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc

SILENT_S = 30  # at most; callers have a deadline
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

Answer = Callable[[grpc.HandlerCallDetails, bytes], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens instead of an answer: an error, or where there is none, silence."""

    error: grpc.StatusCode | None
    persisted: bool = False


class FailingServer:
    """Answers every method, with one request and any number of answers, by `answer`.

    `fail(fault, times, method=…)` breaks the next requests, without `times` all until `mend()`.
    """

    def __init__(self, answer: Answer) -> None:
        self.address = ""
        self._answer = answer
        self._fault: Fault | None = None
        self._method = ""
        self._times = 0.0
        self._lock = threading.Lock()
        self.start()

    def start(self) -> None:
        """Listen, where it did before if it did."""
        self._server = grpc.server(ThreadPoolExecutor(16), options=[*UNLIMITED, ("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((_Every(self._serve),))
        port = self._server.add_insecure_port(self.address or "127.0.0.1:0")
        self.address = f"127.0.0.1:{port}"
        self._server.start()

    def stop(self) -> None:
        """Be gone: connections break, and new ones are refused."""
        self._server.stop(grace=None).wait()

    def fail(self, fault: Fault, times: float = float("inf"), *, method: str = "") -> None:
        with self._lock:
            self._fault, self._times, self._method = fault, times, method

    def mend(self) -> None:
        with self._lock:
            self._fault = None

    def _serve(self, call: grpc.HandlerCallDetails, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        fault = self._next_fault(call, request)
        answers: list[bytes] = []
        if fault is None or fault.persisted:
            try:
                answers += self._answer(call, request)
            except grpc.RpcError as error:  # what the server behind says, where there is one
                context.abort(error.code(), error.details())
        if fault is None:
            yield from answers
        elif fault.error is not None:
            context.abort(fault.error, "as the test wants it")
        else:
            gone = threading.Event()
            if context.add_callback(gone.set):
                gone.wait(SILENT_S)

    def _next_fault(self, call: grpc.HandlerCallDetails, request: bytes) -> Fault | None:
        with self._lock:
            if self._fault is None or self._times <= 0 or not call.method.endswith(self._method):
                return None
            self._times -= 1
            return self._fault


class _Every(grpc.GenericRpcHandler):
    """Takes every method: on the wire, one answer is a stream of one."""

    def __init__(self, serve: Callable[..., Iterator[bytes]]) -> None:
        self._serve = serve

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_stream_rpc_method_handler(
            lambda request, context: self._serve(call, request, context),
        )


def forward_to(channel: grpc.Channel, *, headers: Sequence[str]) -> Answer:
    """Return what hands requests on, with these headers of theirs, and gives the answers back."""

    def answer(call: grpc.HandlerCallDetails, request: bytes) -> Iterable[bytes]:
        passed = [(name, value) for name, value in call.invocation_metadata if name in headers]
        return channel.unary_stream(call.method)(request, metadata=passed, timeout=SILENT_S)

    return answer
