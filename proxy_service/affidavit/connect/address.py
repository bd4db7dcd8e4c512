"""The gateway's address: where messages go, and what a token may go to.

Source: RFC 6750 section 5.3 (tokens over TLS only); RFC 8252 section 7.3 (loopback); RFC 9728 section 3.1.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from affidavit.errors import Misconfigured

_WELL_KNOWN = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway serves one upstream.

    Attributes:
        url: As it was given.
        origin: Scheme and authority, in lower case.
        path: From the first slash on.
    """

    url: str
    origin: str
    path: str

    @classmethod
    def read(cls, text: str) -> Address:
        """Read an address such as `https://gateway.example.com/mcp/warehouse`.

        Raises:
            Misconfigured: It is none that a token may be sent to.
        """
        check_safe(text, "the gateway's address")
        parts = urlsplit(text)
        if parts.query or parts.fragment:
            raise Misconfigured("the gateway's address has a query or a fragment: say https://HOST/mcp/UPSTREAM")
        return cls(text, origin_of(text), parts.path)

    @property
    def metadata_url(self) -> str:
        """Where RFC 9728 section 3.1 has the metadata of this resource."""
        return f"{self.origin}{_WELL_KNOWN}{self.path.rstrip('/')}"

    def is_within(self, resource: str) -> bool:
        """Tell whether a resource identifier stands for this address or for what holds it (RFC 9728 section 3.3)."""
        if origin_of(resource) != self.origin:
            return False
        path = urlsplit(resource).path.rstrip("/")
        return self.path.rstrip("/") == path or self.path.startswith(f"{path}/")


def origin_of(url: str) -> str:
    """Return scheme and authority of a URL, in lower case; empty where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.scheme and parts.netloc else ""


def check_safe(url: str, what: str) -> None:
    """Refuse a URL that no secret may be sent to.

    Raises:
        Misconfigured: It is not https, nor loopback, or holds a password.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise Misconfigured(f"{what} is no URL") from error
    if not host or parts.scheme not in ("http", "https"):
        raise Misconfigured(f"{what} is no URL: say https://HOST/mcp/UPSTREAM")
    if parts.username is not None or parts.password is not None:
        raise Misconfigured(f"{what} holds a user or a password, which stand in logs: leave them out")
    if parts.scheme == "http" and not is_loopback(host):
        raise Misconfigured(f"{what} is http, and a token is sent over https only (http is for 127.0.0.1)")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
