"""The address that a client has for us: the last one that nobody but those in front of us can have written.

Source: evidence-format section 5, `client.ip`; google-cloud "Cloud Run and functions"; RFC 7239 section 5.2.
"""

from __future__ import annotations

import ipaddress
from collections.abc import MutableMapping
from typing import Any

UNKNOWN = "unknown"
_HEADER = b"x-forwarded-for"


class ClientAddress:
    """Tells the address of a request's client.

    Args:
        forwarders: How many addresses those in front of this process append to `X-Forwarded-For`: none where clients
            connect to it themselves, one on Cloud Run, two where a load balancer stands before it. What stands further
            left is the client's word.
    """

    def __init__(self, forwarders: int) -> None:
        self._forwarders = forwarders

    def __call__(self, scope: MutableMapping[str, Any]) -> str:
        """Return the address, or `unknown` where there is none."""
        client = scope["client"]
        if not self._forwarders:
            return str(client[0]) if client else UNKNOWN
        named = b",".join(value for name, value in scope["headers"] if name == _HEADER).split(b",")
        if len(named) < self._forwarders:
            return UNKNOWN
        try:
            return str(ipaddress.ip_address(named[-self._forwarders].strip().decode("ascii")))
        except ValueError:
            return UNKNOWN
