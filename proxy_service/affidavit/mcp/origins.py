"""Under which names, and from which pages, a gateway is called: the guard against DNS rebinding.

Source: MCP 2026-07-28 "Streamable HTTP" (security); RFC 6454 section 7; RFC 9110 section 7.2. Never does I/O.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from affidavit.errors import Refused

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z._-]+)(?::([0-9]{1,5}))?", re.ASCII)
_ORIGIN = re.compile(r"(https?)://(.+)", re.ASCII)

Place = tuple[str, str | None]  # host and port; None where the scheme's own is meant


class Origins:
    """Knows the gateway's own place, and on a developer's machine every loopback name.

    Args:
        public_url: What clients call the gateway.
        listens_on_loopback: Whether it is reached at loopback names. Their port is free: no name server can point a
            foreign page at them, and whoever forwards a port chooses its number.
    """

    def __init__(self, public_url: str, *, listens_on_loopback: bool) -> None:
        public = urlsplit(public_url)
        self._scheme = public.scheme
        self._place = _place(public.netloc.lower(), public.scheme)
        self._loopback = _LOOPBACK if listens_on_loopback else frozenset()

    def check_host(self, host: str | None) -> None:
        """Check the header `Host`.

        Raises:
            Refused: It is missing, or somebody else's name (`forbidden_host`).
        """
        place = _place((host or "").lower(), self._scheme)
        if place is None or not (place == self._place or place[0] in self._loopback):
            raise Refused("This gateway is not served under that Host.", code="forbidden_host")

    def check_origin(self, origin: str | None) -> None:
        """Check the header `Origin`, which only browsers send.

        Raises:
            Refused: The page is somebody else's, or hides whose it is (`forbidden_origin`).
        """
        if origin is None:
            return
        found = _ORIGIN.fullmatch(origin.lower())
        scheme, place = (found[1], _place(found[2], found[1])) if found else ("", None)
        own = place is not None and scheme == self._scheme and place == self._place
        if not own and (place is None or place[0] not in self._loopback):
            raise Refused("Pages of that Origin may not call this gateway.", code="forbidden_origin")


def _place(authority: str, scheme: str) -> Place | None:
    found = _HOST.fullmatch(authority)
    if found is None:
        return None
    port = found[2]
    return found[1], None if port == _DEFAULT_PORTS.get(scheme) else port
