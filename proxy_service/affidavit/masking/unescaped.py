"""The print of a JSON value as a text to search: every text in it stands there as it is, without escapes.

Texts may be JSON themselves, and their own texts stand there, too. It is for finding out whether anything could be
found; what is masked is always the value.

Source: RFC 8259 section 7.
"""

from __future__ import annotations

import json
import re

MAX_INNER = 8  # texts of JSON inside each other; each level doubles the backslashes of those inside

_BACKSLASH, _ESCAPED_BACKSLASH = b"\\", b"\\\\"
_CONTROLS = ((b"\\n", b"\n"), (b"\\r", b"\r"), (b"\\t", b"\t"), (b"\\b", b"\b"), (b"\\f", b"\f"))
_BY_NUMBER = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+")


def searchable(printed: bytes) -> bytes:
    """Return the print, and behind it what it is without its escapes, one level after the other.

    Args:
        printed: JSON; what stands outside of it is not misunderstood, only searched in vain.
    """
    if _BACKSLASH not in printed:
        return printed
    levels = []
    for _ in range(MAX_INNER):
        printed = _unescaped(printed)
        levels.append(printed)
        if _BACKSLASH not in printed:
            break
    return b"\n".join(levels)


def _unescaped(text: bytes) -> bytes:
    # Nearly always there are escaped quotes, perhaps ends of lines, and nothing else: counting tells, several times
    # faster than asking for each of the others.
    others = text.count(_BACKSLASH) - text.count(b'\\"')
    if others and others == text.count(b"\\n"):
        text, others = text.replace(b"\\n", b"\n"), 0
    if not others:
        return text.translate(None, _BACKSLASH)
    # A row of backslashes begins with an escape, so splitting from the left takes none apart.
    if _ESCAPED_BACKSLASH in text:
        return _BACKSLASH.join(map(_without_others, text.split(_ESCAPED_BACKSLASH)))
    return _without_others(text)


def _without_others(text: bytes) -> bytes:
    if _BACKSLASH not in text:
        return text
    for escape, char in _CONTROLS:
        if escape in text:
            text = text.replace(escape, char)
    if b"\\u" in text:
        text = _BY_NUMBER.sub(_character, text)
    return text.translate(None, _BACKSLASH)  # what is left stands before a quote or a slash; many times faster


def _character(match: re.Match[bytes]) -> bytes:
    text: str = json.loads(b'"' + match[0] + b'"')
    return text.encode("utf-8", "surrogatepass")
