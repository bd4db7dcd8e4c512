"""Hundreds of secrets at every place of a message, in both eras: none is found afterwards, anywhere.

Source: the requirements "Masking" (a corpus of at least 300 secrets of 15 kinds; under 2 % of look-alikes masked).
"""

import base64
import json
import subprocess
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from corpus.secrets import look_alikes, secrets
from fakes.gateway_house import House
from fakes.gateway_process import PROGRAM

SEED = 20261127
RULES = """\
  - name: everything-for-people
    when: principal.attribution == "person"
    then: allow
masking:
  - name: all-kinds
    sets: [credentials, payment, personal]
  - name: plates
    pattern: 'PLATE-[0-9]{6}'
    views: [recorded, forwarded, released]
"""
SECRETS = secrets(SEED)
TEXTS = [one.text for one in SECRETS]
NEEDLES = sorted({needle for one in SECRETS for needle in one.needles})
PLATE = "PLATE-123456"


@pytest.fixture(scope="module")
def house(upstream, tmp_path_factory, start) -> Iterator[House]:
    yield from start(House(tmp_path_factory.mktemp("house"), upstream), lambda text: text + RULES)


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from leaves(member)
    elif isinstance(value, list):
        for member in value:
            yield from leaves(member)
    elif value is not None:
        yield str(value)


def readings(data: bytes) -> Iterator[bytes]:
    """Yield every way in which somebody might read bytes: as they are, as JSON or its events, base64 in those."""
    yield data
    for line in [data, *data.splitlines()]:
        try:
            value = json.loads(line.removeprefix(b"data: "))
        except ValueError:
            continue
        texts = list(leaves(value))
        yield "\n".join(texts).encode("utf-8", "surrogatepass")
        for text in texts:
            try:
                yield base64.b64decode(text, validate=True)
            except ValueError:
                continue


def kept(house) -> Iterator[bytes]:
    """Yield everything that lies in the data folder, and the diagnostics, unpacked."""
    yield house.gateway.diagnostics().encode()
    for data in house.evidence.files():
        yield data
        at = -1
        while (at := data.find(b"\x1f\x8b\x08", at + 1)) >= 0:  # members of the journal, too
            try:
                unpacked = zlib.decompressobj(wbits=31).decompress(data[at:])
            except zlib.error:
                continue
            yield unpacked
            for line in unpacked.splitlines():
                entry = json.loads(line)
                if "base64" in entry:
                    yield from readings(base64.b64decode(entry["base64"]))
                else:
                    yield from readings(line)


def found(haystack: bytes) -> list[str]:
    return [needle for needle in NEEDLES if needle.encode("utf-8", "surrogatepass") in haystack]


def nothing_in(*said: bytes) -> None:
    for data in said:
        for reading in readings(data):
            assert found(reading) == []


def blob(text: str) -> dict[str, Any]:
    return {"uri": "file:///x", "mimeType": "text/plain", "blob": base64.b64encode(text.encode()).decode()}


def everything() -> list[dict[str, Any]]:
    """Return a tool's content with all secrets in every kind of block."""
    blocks: list[dict[str, Any]] = [{"type": "text", "text": text} for text in TEXTS]
    blocks.append({"type": "text", "text": json.dumps({"rows": [{"note": text} for text in TEXTS]})})
    blocks += [
        {"type": "resource", "resource": {"uri": "file:///x", "mimeType": "text/plain", "text": text}} for text in TEXTS
    ]
    return blocks + [{"type": "resource", "resource": blob(text)} for text in TEXTS]


def calling(client, era: str, tool: str, **arguments: Any) -> dict[str, Any]:
    return client.calling(tool, **arguments) if era == "modern" else client.legacy_calling(tool, **arguments)


def asking(client, era: str, method: str, **params: Any) -> dict[str, Any]:
    modern = client.request(method, **params)
    return modern if era == "modern" else {**modern, "params": params}


@pytest.fixture(params=["modern", "legacy"])
def era(request) -> str:
    return request.param


@pytest.fixture
def client(house, era):
    client = house.client(f"clerk-{era}")
    return client if era == "modern" else client.initialize()


def test_arguments_contents_and_structure(client, era, upstream):
    def answer(exchange):
        result = {"content": everything(), "structuredContent": {"rows": [{"deep": [{"note": one}]} for one in TEXTS]}}
        exchange.result({**exchange.said("x"), **result})

    upstream.next_call(answer)
    said = client.post(calling(client, era, "scripted", notes=TEXTS, deep={"list": [{"note": one} for one in TEXTS]}))

    assert said.status == 200
    assert "affidavit/masked" in said.result["_meta"]
    nothing_in(said.body)


def test_urls_with_secrets_in_their_query(client, era):
    safe = [needle for needle in NEEDLES if needle.isascii() and needle.isalnum() and len(needle) > 12]
    assert len(safe) > 50
    urls = [f"https://files.test/report?a=b&access_token={needle}&c=d" for needle in safe]

    nothing_in(client.post(calling(client, era, "echo", urls=urls)).body)
    nothing_in(client.post(asking(client, era, "resources/read", uri=urls[0])).body)


def test_prompts_and_errors(client, era, upstream):
    def prompt(exchange):
        messages = [{"role": "user", "content": {"type": "text", "text": text}} for text in TEXTS]
        exchange.result({"messages": messages, "resultType": "complete"})

    upstream.holds = "prompts/get"
    try:
        with client.begin(asking(client, era, "prompts/get", name="p", arguments={"all": "\n".join(TEXTS)})) as begun:
            prompt(upstream.held())
            nothing_in(begun.answer().body)
    finally:
        upstream.holds = None

    def fails(exchange):
        body = {"code": -32001, "message": "\n".join(TEXTS), "data": {"rows": TEXTS}}
        exchange.answer(json.dumps({"jsonrpc": "2.0", "id": exchange.id, "error": body}).encode())

    upstream.next_call(fails)
    nothing_in(client.post(calling(client, era, "scripted")).body)
    upstream.next_call(lambda exchange: exchange.answer("\n".join(TEXTS).encode(), status=500, media_type="text/plain"))
    nothing_in(client.post(calling(client, era, "scripted")).body)


def test_notices_and_events_that_are_cut_into_pieces(client, era, upstream):
    def answer(exchange):
        exchange.stream()
        for text in TEXTS[::4]:
            exchange.notify(text)
        exchange.event(
            {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": TEXTS}}
        )
        progress = {"progressToken": "p", "progress": 1, "message": "\n".join(TEXTS)}
        event = json.dumps(
            {"jsonrpc": "2.0", "method": "notifications/progress", "params": progress}, ensure_ascii=False
        )
        raw = b"id: 7\ndata: " + f"{event}\n\n".encode()
        for at in range(0, len(raw), 701):  # inside secrets, and inside letters
            exchange.chunk(raw[at : at + 701])
        exchange.event(exchange.response({**exchange.said("x"), "content": everything()}))
        exchange.end()

    upstream.next_call(answer)
    nothing_in(client.post(calling(client, era, "scripted")).body)


def test_what_an_upstream_asks_and_a_client_answers(house, upstream):
    client = house.client("asked-about-secrets", upstream="asking").initialize()
    question = {"jsonrpc": "2.0", "id": 31, "method": "elicitation/create", "params": {"message": "\n".join(TEXTS)}}

    with client.begin(client.legacy_calling("held")) as begun:
        exchange = upstream.held()
        exchange.stream()
        with begun.stream() as stream:
            exchange.event(question)
            nothing_in(stream.next_event())
            content = {f"field-{number}": text for number, text in enumerate(TEXTS)}
            answer = {"jsonrpc": "2.0", "id": 31, "result": {"action": "accept", "content": content}}
            assert client.post(answer).status == 202
            exchange.event(exchange.response(exchange.said("done")))
            exchange.end()
            stream.rest()


def test_headers_say_what_the_body_says(house, upstream):
    """mcp "Duties": if a mask changes an argument that is also a header, the header changes too."""
    client = house.client("header-clerk")
    message = client.calling("echo", plate=PLATE, other="x")

    client.post(message, mcp_param_plate=PLATE, mcp_param_unknown=f"before {PLATE} after", mcp_param_other="x")

    (request,) = upstream.calls("tools/call")
    assert request.params["arguments"] == {"plate": "[masked:plates]", "other": "x"}
    assert request.header("mcp-param-plate") == "[masked:plates]"
    assert request.header("mcp-param-unknown") == "before [masked:plates] after"
    assert request.header("mcp-param-other") == "x"
    (call,) = house.evidence.wait_until(lambda: _calls_of(house, "header-clerk@example.com"))
    assert "header:mcp-param-unknown" in [one["where"] for one in call["masks"]]


def test_what_is_structured_stays_what_the_tool_promises(house, upstream):
    """The requirements: `structuredContent` is still valid against `outputSchema`."""
    number = next(one.needles[0] for one in SECRETS if one.kind == "card" or "card" in one.kind)
    digits = "".join(char for char in number if char.isdigit())
    schema = {
        "type": "object",
        "properties": {"card": {"type": "string", "pattern": f"^[0-9]{{{len(digits)}}}$"}, "name": {"type": "string"}},
    }
    honest = list(upstream.tools)
    upstream.tools = [one | {"outputSchema": schema} if one["name"] == "held" else one for one in honest]
    client = house.client("schema-clerk", upstream="hasty")
    client.ask("tools/list")
    house.evidence.wait_for("tool:defined", upstream="hasty", target="held")

    def answer(exchange):
        exchange.result({**exchange.said("x"), "structuredContent": {"card": digits, "name": "Ana"}})

    subprocess.run(
        [PROGRAM, "definitions", str(house.data), "--accept", "hasty/held", "--by", "ana@example.com"],
        check=True,
        capture_output=True,
        timeout=20,
    )
    upstream.next_call(answer)
    said = client.call("held")
    upstream.tools = honest

    assert said.result["structuredContent"] == {"card": "0" * len(digits), "name": "Ana"}
    assert digits.encode() not in said.body


def test_who_says_a_secret_of_itself_has_it_masked(house):
    client = house.client("agent-clerk")

    said = f"agent {TEXTS[0]}".encode("ascii", "replace").decode().splitlines()[0]

    nothing_in(client.post(client.calling("echo"), user_agent=said).body)


def _calls_of(house, person: str) -> list[dict[str, Any]]:
    calls = house.evidence.records("call:requested", target="echo")
    return [one for one in calls if one["principal"]["person"] == person]


def test_look_alikes_are_left_as_they_are(house, upstream):
    """Under 2 % may be masked."""
    client = house.client("look-alike-clerk")
    texts = look_alikes(SEED)
    assert len(texts) >= 300

    client.call("echo", texts=texts)

    (call,) = house.evidence.wait_until(lambda: _calls_of(house, "look-alike-clerk@example.com"))
    recorded = json.loads(house.evidence.body(call["request"]))["params"]["arguments"]["texts"]
    changed = [text for text, kept_text in zip(texts, recorded, strict=True) if text != kept_text]
    assert len(changed) < 0.02 * len(texts), changed


def test_no_secret_is_anywhere_afterwards(house):
    """In nothing under the data folder, nor in the diagnostics."""
    assert len(SECRETS) >= 300
    assert len({one.kind for one in SECRETS}) >= 15
    house.evidence.wait_until(lambda: all(house.evidence.ends().values()))
    looked = 0
    for data in kept(house):
        looked += len(data)
        assert found(data) == []
    assert looked > 1_000_000, "something was looked at"
