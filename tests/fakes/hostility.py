"""What every hostile request must come to: a clear answer, a record as the design says, nothing forwarded, no harm.

Source: the requirements "Hostile input"; evidence-format section 5, `call:refused` and `identity:rejected`.
"""

from typing import Any

from fakes.gateway_house import House
from fakes.mcp_client import Answer, McpClient

BEFORE_AUTHENTICATION = {"call", "code", "reason", "request"}
OF_EVERY_RECORD = {"kind", "prev", "salt", "seq", "time", "v", "writer"}


def refused(house: House, answer: Answer, status: int, code: str) -> dict[str, Any]:
    """Check the answer of a request that was turned away, and return the record that it names."""
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.headers["content-type"] == "application/json"
    assert_says_nothing_of_itself(answer.body)
    assert house.upstream.requests == [], "nothing may reach the upstream"
    record = house.evidence.wait_until(lambda: [one for one in house.evidence.records() if _id(one) == answer.record])
    return dict(record[0])


def refused_before_authentication(house: House, answer: Answer, status: int, code: str) -> None:
    """Check that the record carries size, HMAC and code, and nothing that a stranger could have written into it."""
    record = refused(house, answer, status, code)
    assert (record["kind"], record["code"]) == ("call:refused", code)
    assert set(record) - OF_EVERY_RECORD == BEFORE_AUTHENTICATION
    assert set(record["request"]) == {"received_hmac", "size"}


def refused_after_authentication(house: House, answer: Answer, status: int, code: str) -> dict[str, Any]:
    """Check that the record says who it was."""
    record = refused(house, answer, status, code)
    assert (record["kind"], record["code"]) == ("call:refused", code)
    assert record["principal"]["person"] == "ana@example.com"
    return record


def assert_says_nothing_of_itself(body: bytes) -> None:
    """Check that nothing of the gateway's inside is shown."""
    for telling in (b"Traceback", b'File "', b".py", b"/home", b"/work", b"Exception", b"object at 0x"):
        assert telling not in body, body


def goes_on(client: McpClient) -> None:
    """Check that the gateway serves the next call."""
    client.session = None
    assert client.call("echo").text == "echo ran"


def _id(record: dict[str, Any]) -> str:
    return f"{record['writer']}/{record['seq']}"
