"""The one call that every target is given, and the one answer that it must give.

Requests differ in their id and their statement, so that nothing can profit from having seen one before; all are of one
length. Source: the 300 bytes each way are of the requirements, "Speed and memory".
"""

from __future__ import annotations

import orjson

REQUESTS = 1_000  # different ones, used in turn
FIRST_ID = 100_000  # six digits each, so that all requests have one length

HEADERS = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
    "MCP-Protocol-Version": "2025-06-18",
}
ROWS = "id | name | city | orders\\n" + "\\n".join(
    f"{1000 + n} | Customer {n:02d} | Zurich | {n * 7:03d}" for n in range(5)
)
ANSWER_HEAD = b'{"jsonrpc":"2.0","id":'
ANSWER_TAIL = b',"result":{"content":[{"type":"text","text":"' + ROWS.encode() + b'"}],"isError":false}}'


LARGE_TAIL = ANSWER_TAIL.replace(
    ROWS.encode(),
    ROWS.encode() + b"".join(b"\\n%d | Customer %d | Zurich | %03d" % (n, n, n) for n in range(1100, 1147)),
)


def request(number: int) -> bytes:
    """The body of one `tools/call` of `sql.query`, about 300 bytes."""
    sql = (
        "select c.id, c.name, c.city, count(o.id) as orders from customers c join orders o on o.customer = c.id "
        f"where c.id >= {FIRST_ID + number} group by c.id order by orders desc limit 5"
    )
    call = {"name": "sql.query", "arguments": {"sql": sql, "database": "warehouse"}}
    return orjson.dumps({"jsonrpc": "2.0", "id": FIRST_ID + number, "method": "tools/call", "params": call})


def answer(id_: int) -> bytes:
    """What the upstream answers to the call of that id, about 300 bytes."""
    return ANSWER_HEAD + b"%d" % id_ + ANSWER_TAIL


def large_answer(id_: int) -> bytes:
    """What it answers where it is asked for more: about 2 KB."""
    return ANSWER_HEAD + b"%d" % id_ + LARGE_TAIL


def is_answer(body: bytes, number: int) -> bool:
    """Tell whether a body is the right result; the gateway adds `_meta` to it."""
    message = orjson.loads(body)
    wanted = orjson.loads(answer(FIRST_ID + number))
    result = message.get("result") or {}
    return bool(message["id"] == wanted["id"] and result.get("content") == wanted["result"]["content"])
