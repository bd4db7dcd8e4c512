"""Diagnostics on stderr: lines of JSON as Cloud Logging reads them, or lines for whoever sits at the terminal.

For operators and their tools, never evidence. Beside its sentence an entry carries nothing but `FIELDS` and its call's
trace, whatever it was given, so that no secret can ride along.

Source: architecture "Words"; Cloud Logging "Structured logging" (special JSON fields); Error Reporting "Format errors".
"""

from __future__ import annotations

import json
import logging
import sys
from typing import TextIO

import orjson

from affidavit.clock import format_time
from affidavit.mcp.trace_context import TraceContext

# What `extra` may add. Alert policies match `alarm`, which says what is wrong in one stable word.
FIELDS = ("alarm", "call", "check", "event", "incident", "note", "object", "root", "size", "writer")

_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})  # of Python's, those that are LogSeverity's, too
_REPORTED = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"
_PLAIN = (str, int, float)


class OneLine(logging.Formatter):
    """One JSON object a message; a traceback becomes the places it went through, without values.

    Args:
        project: Whose traces Cloud Logging joins entries to; None where that is not known.
    """

    def __init__(self, project: str | None = None) -> None:
        super().__init__()
        self._traces = "" if project is None else f"projects/{project}/traces/"

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its end."""
        line: dict[str, object] = {
            "time": format_time(int(record.created * 1_000_000)),
            "severity": record.levelname if record.levelname in _LEVELS else "DEFAULT",
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        line.update(_fields(record))
        trace = getattr(record, "trace", None)
        if isinstance(trace, TraceContext):
            line.update(self._joined(trace))
        if record.exc_info and record.exc_info[1] is not None:
            line.update(_failure(record.exc_info[1]))
        return _print(line)

    def _joined(self, trace: TraceContext) -> dict[str, object]:
        return {
            "logging.googleapis.com/trace": self._traces + trace.trace_id,
            "logging.googleapis.com/spanId": trace.span_id,
            "logging.googleapis.com/trace_sampled": trace.sampled,
        }


def configure_diagnostics(
    stream: TextIO = sys.stderr, *, level: int = logging.INFO, project: str | None = None
) -> None:
    """Send all diagnostics of this process to a stream, as lines of JSON."""
    _configure(stream, OneLine(project), level)


def configure_terminal(stream: TextIO = sys.stderr, *, level: int = logging.INFO) -> None:
    """Send all diagnostics of this process to a stream that a person reads."""
    _configure(stream, logging.Formatter("%(levelname)s %(name)s: %(message)s"), level)


def _configure(stream: TextIO, formatter: logging.Formatter, level: int) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    given = ((name, getattr(record, name, None)) for name in FIELDS)
    return {name: value for name, value in given if isinstance(value, _PLAIN)}


def _failure(error: BaseException) -> dict[str, object]:
    places = _places(error)
    return {
        "@type": _REPORTED,  # without a stack trace in its message, Error Reporting goes by this and the location
        "context": {"reportLocation": places[-1]} if places else {},
        "error": type(error).__name__,
        "places": ["{filePath}.{functionName}:{lineNumber}".format_map(place) for place in places],
    }


def _places(error: BaseException) -> list[dict[str, object]]:
    places: list[dict[str, object]] = []
    at = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        module = at.tb_frame.f_globals.get("__name__", "?")
        places.append({"filePath": module, "functionName": code.co_name, "lineNumber": at.tb_lineno})
        at = at.tb_next
    return places


def _print(line: dict[str, object]) -> str:
    try:
        return orjson.dumps(line).decode()
    except (orjson.JSONEncodeError, TypeError):  # half a surrogate, as in a file name that is not UTF-8
        return json.dumps(line, separators=(",", ":"))
