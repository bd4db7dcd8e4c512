"""Diagnostics as lines of JSON on stderr: for operators and their tools, never evidence.

Source: architecture "Words".
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import orjson

from affidavit.clock import format_time


class OneLine(logging.Formatter):
    """One JSON object a message; a traceback becomes the places it went through, without values."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its end."""
        line: dict[str, object] = {
            "time": format_time(int(record.created * 1_000_000)),
            "severity": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = _places(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


def configure_diagnostics(stream: TextIO = sys.stderr, *, level: int = logging.INFO) -> None:
    """Send all diagnostics of this process to a stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _places(error: BaseException | None) -> list[str]:
    places: list[str] = []
    at = error.__traceback__ if error is not None else None
    while at is not None:
        code = at.tb_frame.f_code
        places.append(f"{at.tb_frame.f_globals.get('__name__', '?')}.{code.co_name}:{at.tb_lineno}")
        at = at.tb_next
    return places
