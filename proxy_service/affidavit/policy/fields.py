"""Single values of the configuration file: text in, value out, a sentence when it is wrong.

Source: architecture "Configuration".
"""

from __future__ import annotations

import re
from pathlib import PurePath
from urllib.parse import SplitResult, urlsplit

from affidavit.clock import DAY, MINUTE, SECOND, Micros
from affidavit.errors import Malformed
from affidavit.tlog.note import check_key_name

MAX_DURATION: Micros = 36_500 * DAY

_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])", re.ASCII)
_UNITS = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE, "d": DAY}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_RETENTION_CLASS = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)  # evidence-format section 6
_ADDRESS = re.compile(r"[!-~]+@[!-~]+", re.ASCII)
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)  # RFC 9110 section 5.6.2
_ACCOUNT = re.compile(r"[a-z0-9.-]+@([a-z0-9-]+\.)+gserviceaccount\.com", re.ASCII)  # it becomes a part of a URL
_SCOPE_TOKEN = re.compile(r"[!#-\[\]-~]{1,256}", re.ASCII)
_SIZE = re.compile(r"([1-9][0-9]{0,8})(KiB|MiB|GiB)", re.ASCII)
_BYTES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_TOOL = re.compile(r"[^\x00-\x1f]{1,256}")
_CUSTOMER = re.compile(r"my_customer|C[0-9a-z]{1,20}", re.ASCII)  # Admin SDK, `customer`
_SECRET = re.compile(  # Secret Manager's resource names, and the short form of them
    r"secret:[A-Za-z0-9_-]{1,255}(@[1-9][0-9]*)?"
    r"|projects/[a-z0-9.:-]+/secrets/[A-Za-z0-9_-]{1,255}/versions/(latest|[1-9][0-9]*)",
    re.ASCII,
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

# gcloud's own OAuth client: everybody's `gcloud auth print-identity-token` has this audience.
_GCLOUD = "32555940559.apps.googleusercontent.com"
# What the gateway itself says on the upstream leg.
_TAKEN_HEADERS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "te", "trailer"}
    | {"last-event-id", "traceparent", "tracestate", "transfer-encoding", "upgrade", "user-agent"}
)


def duration(text: str) -> Micros:
    """Read `60s`, `15m`, `12h` or `400d`."""
    found = _DURATION.fullmatch(text)
    length = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < length <= MAX_DURATION:
        raise ValueError(f"'{text}' is not a duration: write a whole number and s, m, h or d, as in 60s, 15m or 400d")
    return length


def days(text: str) -> int:
    """Read a duration that is whole days, and return how many."""
    number, rest = divmod(duration(text), DAY)
    if rest:
        raise ValueError(f"'{text}' is not whole days, as in 400d")
    return number


def name(text: str) -> str:
    """Check the name of an entry."""
    return _check(_NAME, text, "a name: small letters, digits, '-' and '_', at most 64")


def retention_class(text: str) -> str:
    """Check the name of a class of bodies."""
    return _check(_RETENTION_CLASS, text, "a class of bodies: small letters, digits and '_', at most 64")


def origin(text: str) -> str:
    """Check the log's name."""
    try:
        check_key_name(text)
    except Malformed as error:
        raise ValueError(f"this cannot name a log: {error}") from error
    return _check(_VISIBLE, text, "a log's name: printable ASCII without spaces")


def email(text: str) -> str:
    """Check an address and return it in lower case."""
    return _check(_ADDRESS, text, "an address, as in ana@example.com").lower()


def domain(text: str) -> str:
    """Check a domain."""
    return _check(_DOMAIN, text, "a domain in small letters, as in example.com")


def issuer(text: str) -> str:
    """Check what tokens have as `iss`."""
    return _check(_VISIBLE, text, "an issuer, as in https://accounts.google.com")


def audience(text: str) -> str:
    """Check what tokens have as `aud`."""
    if text == _GCLOUD:
        raise ValueError("this is gcloud's own client, which everybody's tokens carry: register one of your own")
    return _check(_VISIBLE, text, "an audience: printable ASCII without spaces")


def upstream_url(text: str) -> str:
    """Check where an upstream is."""
    _split(text)
    return text


def secure_url(text: str) -> str:
    """Check the URL of something that is believed: https, or this machine."""
    parts = _split(text)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ValueError(f"'{text}' is believed, so it must be https (http only on this machine)")
    return text


def public_url(text: str) -> str:
    """Check the address that clients use, and return it without a slash at the end."""
    secure_url(text)
    parts = _split(text)
    if parts.path not in ("", "/") or parts.query:
        raise ValueError(f"'{text}' has more than a scheme, a host and a port")
    return text.removesuffix("/")


def file(text: str) -> str:
    """Check a path; one that is not absolute is meant from the configuration file's folder."""
    if not PurePath(text).name or "\0" in text:
        raise ValueError(f"'{text}' names no file")
    return text


def header_name(text: str) -> str:
    """Check a header that a credential may stand in."""
    _check(_HEADER_NAME, text, "a header's name, as in Authorization")
    if text.lower() in _TAKEN_HEADERS or text.lower().startswith(("mcp-", "proxy-")):
        raise ValueError(f"the header '{text}' is not for credentials")
    return text


def header_prefix(text: str) -> str:
    """Check what stands before a credential in its header."""
    if not re.fullmatch(r"[ -~]*", text):
        raise ValueError("a prefix is printable ASCII, as in 'Bearer '")
    return text


def target_audience(text: str) -> str:
    """Check the audience of a token that the gateway shows."""
    return _check(_VISIBLE, text, "an audience, as in https://warehouse-abc.a.run.app")


def scope(text: str) -> str:
    """Check what an access token is good for."""
    return _check(_VISIBLE, text, "a scope, as in https://www.googleapis.com/auth/bigquery.readonly")


def service_account(text: str) -> str:
    """Check the address of a service account."""
    return _check(_ACCOUNT, text, "a service account, as in reader@my-project.iam.gserviceaccount.com")


def scope_token(text: str) -> str:
    """Check a scope that a client's token must have (RFC 6749 section 3.3)."""
    return _check(_SCOPE_TOKEN, text, "one scope: printable ASCII without spaces, quotes and backslashes")


def approver(text: str) -> str:
    """Check who may approve: a person by address, in lower case, or a group."""
    if text.startswith("group:"):
        return f"group:{name(text.removeprefix('group:'))}"
    return _check(_ADDRESS, text, "an approver, as in ana@example.com or group:dba").lower()


def size(text: str) -> int:
    """Read `500KiB`, `10MiB` or `1GiB`, in bytes."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(f"'{text}' is not a size: write a whole number and KiB, MiB or GiB, as in 10MiB")
    return int(found[1]) * _BYTES[found[2]]


def tool(text: str) -> str:
    """Check the name of a tool."""
    return _check(_TOOL, text, "a tool's name: at most 256 characters on one line")


def argument(text: str) -> str:
    """Check where among a tool's arguments something stands: a member's name, or a JSON pointer (RFC 6901)."""
    _check(_TOOL, text, "an argument's name, or a JSON pointer such as /query/sql")
    if text.startswith("/") and re.search("~(?![01])", text):
        raise ValueError(f"'{text}' is not a JSON pointer: a ~ is written ~0, and a / within a name ~1")
    return text


def customer(text: str) -> str:
    """Check which Google Workspace is meant."""
    return _check(_CUSTOMER, text, "a customer of Google Workspace: my_customer, or its id as in C03az79cb")


def secret(text: str) -> str:
    """Check a reference to a secret of Secret Manager."""
    example = "a reference to a secret: secret:NAME, secret:NAME@VERSION or projects/P/secrets/NAME/versions/latest"
    return _check(_SECRET, text, example)


def sentence(text: str) -> str:
    """Check a text that people read."""
    if not text.strip() or len(text) > 500 or any(char < " " for char in text):  # noqa: PLR2004
        raise ValueError("one line of at most 500 characters, please")
    return text


def _check(pattern: re.Pattern[str], text: str, expected: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"'{text}' is not {expected}")
    return text


def _split(text: str) -> SplitResult:
    """Take a URL apart; raises ValueError."""
    parts = urlsplit(_check(_VISIBLE, text, "a URL"))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"'{text}' is not a URL that begins with http:// or https:// and a host")
    if parts.username is not None or parts.fragment or parts.password is not None:
        raise ValueError("a URL here has no user, password or fragment: secrets come from mounted files")
    return parts
