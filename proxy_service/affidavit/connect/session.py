"""What a legacy session is to the client's side: how it was begun, under which id, in which version.

Modern messages have none, and know nothing of this.

Source: MCP 2025-11-25 "Session Management", "Lifecycle". Never does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.connect.outgoing import INITIALIZE, Outgoing
from affidavit.mcp.headers import SESSION
from affidavit.mcp.jsonrpc import Message


class Session:
    """The session that there is, if there is one.

    Attributes:
        hello: The client's own `initialize`, for beginning again.
        id: As the gateway gave it; None where it gave none.
        version: As it was agreed.
        opened: How many times one was begun.
    """

    def __init__(self) -> None:
        self.hello: Outgoing | None = None
        self.id: str | None = None
        self.version: str | None = None
        self.opened = 0

    def open(self, hello: Outgoing, answer: Message, headers: Mapping[str, str]) -> bool:
        """Take the answer to an `initialize`; return whether it began a session."""
        version = (answer.result or {}).get("protocolVersion")
        if type(version) is not str:
            return False
        self.hello, self.id, self.version = hello, headers.get(SESSION), version
        self.opened += 1
        return True

    def close(self) -> None:
        """Forget the id: it is over."""
        self.id = None

    def again(self) -> Outgoing:
        """Return an `initialize` of our own, which says what the client's said."""
        assert self.hello is not None  # noqa: S101 whoever asks was in a session
        return Outgoing.make(INITIALIZE, self.hello.message.params, f"affidavit-connect-{self.opened}")

    def headers(self, outgoing: Outgoing | None = None) -> dict[str, str]:
        """Return what a request within the session says; the one that begins it says nothing yet."""
        if outgoing is not None and (outgoing.version is not None or outgoing.message.method == INITIALIZE):
            return {}
        said: dict[str, str] = {}
        if self.id is not None:
            said["Mcp-Session-Id"] = self.id
        if self.version is not None:
            said["MCP-Protocol-Version"] = self.version
        return said

    def holds(self, outgoing: Outgoing) -> bool:
        """Tell whether a message is part of it."""
        return self.id is not None and bool(self.headers(outgoing))
