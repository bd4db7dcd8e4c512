"""The events that a legacy client may ask for again after its stream broke.

Source: MCP 2025-11-25 basic/transports, "Resumability and Redelivery". In memory, for as long as the process lives.
"""

from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp_types import JSONRPCMessage


class RememberedEvents(EventStore):
    """Every event of every stream, in order; an event's id is its place."""

    def __init__(self) -> None:
        self._events: list[tuple[StreamId, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        last = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else 0
        if not 1 <= last <= len(self._events):
            return None
        wanted = self._events[last - 1][0]
        for event_id, (stream_id, message) in enumerate(self._events[last:], start=last + 1):
            if stream_id == wanted and message is not None:  # without a message it only named a place to resume from
                await send_callback(EventMessage(message, str(event_id)))
        return wanted
