"""Which proxy leads to a URL, as the environment has it; nothing on this machine is asked for through one.

Source: curl "Environment variables" (`https_proxy`, `no_proxy`), which others follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from affidavit.connect.address import is_loopback

Proxy = Callable[[str], str | None]

_METADATA = ("metadata.google.internal", "169.254.169.254")  # the machine's own, under names that look like others'


def no_proxy(_: str) -> None:
    """Lead straight to everything."""


def proxies(environment: Mapping[str, str]) -> Proxy:
    """Return what the environment says; names in small letters count before those in capitals."""

    def said(name: str) -> str:
        return environment.get(name) or environment.get(name.upper()) or ""

    # In capitals, `HTTP_PROXY` may be a header of somebody's request (httpoxy), so it counts for nobody.
    through = {"https": said("https_proxy") or said("all_proxy"), "http": environment.get("http_proxy", "")}
    around = [one.strip().lstrip("*.").lower() for one in said("no_proxy").split(",") if one.strip()]

    def find(url: str) -> str | None:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if is_loopback(host) or host in _METADATA or any(_holds(one, host) for one in around):
            return None
        return through.get(parts.scheme) or None

    return find


def _holds(domain: str, host: str) -> bool:
    return domain in ("", host) or host.endswith(f".{domain}")  # an asterisk alone has become ""
