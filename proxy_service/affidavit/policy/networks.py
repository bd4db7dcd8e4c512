"""Named networks: which of them hold an address.

Source: architecture "Configuration" (`client.networks`). Never asks a resolver.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

REMEMBERED = 4_096  # addresses

_NETWORK = re.compile(r"[0-9A-Fa-f.:]+/(0|[1-9][0-9]{0,2})", re.ASCII)

Network = IPv4Network | IPv6Network


class Networks:
    """The `networks` of a file: names, each with the networks that it means."""

    def __init__(self, named: Mapping[str, tuple[Network, ...]] | None = None) -> None:
        self.named = dict(named or {})
        self._known: dict[str, list[str]] = {}

    def holding(self, ip: str) -> list[str]:
        """Return the names of those that hold an address, in the order of the file; none hold what is no address."""
        known = self._known.get(ip)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[ip] = self._find(ip)
        return known

    def _find(self, ip: str) -> list[str]:
        address = _read(ip)
        if address is None:
            return []
        return [name for name, networks in self.named.items() if any(address in network for network in networks)]


def network(text: str) -> Network:
    """Read a network: an address, a slash and a length, with no bits behind it; raises ValueError."""
    if not _NETWORK.fullmatch(text):
        raise ValueError(f"'{text}' is not a network, as in 203.0.113.0/24 or 2001:db8::/32")
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"'{text}' is not a network, as in 203.0.113.0/24 or 2001:db8::/32") from None
    if ip_address(text.partition("/")[0]) != found.network_address:
        raise ValueError(f"'{text}' has bits behind its length: did you mean {found}?")
    if getattr(found.network_address, "ipv4_mapped", None) is not None:
        raise ValueError(f"'{text}' is a network of IPv4: write it as one")
    return found


def _read(ip: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(ip)
    except ValueError:
        return None
    # A listener on both families shows IPv4 clients so (RFC 4291 section 2.5.5.2).
    return getattr(address, "ipv4_mapped", None) or address
