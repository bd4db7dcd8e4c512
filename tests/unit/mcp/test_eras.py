"""affidavit.mcp.eras against MCP 2026-07-28 "Versioning and Compatibility" and "Streamable HTTP"."""

from __future__ import annotations

import contextlib
import json

import mcp_types
import pytest
from mcp.shared.inbound import InboundLadderRejection, classify_inbound_request
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from affidavit.errors import Refused
from affidavit.mcp.eras import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    LEGACY_VERSIONS,
    METHOD_NOT_FOUND,
    MISSING_CAPABILITY,
    MODERN_ERRORS,
    MODERN_VERSIONS,
    UNSUPPORTED_VERSION,
    VERSION_KEY,
    Era,
    client_info,
    era_of,
    own_error,
    unsupported,
)
from affidavit.mcp.jsonrpc import parse_message

MODERN = "2026-07-28"


def read(**members):
    return parse_message(json.dumps({"jsonrpc": "2.0", **members}).encode())


def request(method="tools/list", meta=None, **params):
    return read(id=1, method=method, params=params | ({} if meta is None else {"_meta": meta}))


def refusal(message, header):
    with pytest.raises(Refused) as refused:
        era_of(message, header)
    return refused.value.code


def test_the_versions_are_those_of_the_sdk():
    """mcp_types.version: every released revision."""
    assert LEGACY_VERSIONS == HANDSHAKE_PROTOCOL_VERSIONS
    assert MODERN_VERSIONS == MODERN_PROTOCOL_VERSIONS


def test_the_error_codes_are_those_of_the_specification():
    """MCP 2026-07-28 "Error Codes"; mcp_types.jsonrpc."""
    assert {code: code for code in MODERN_ERRORS} == {
        mcp_types.INVALID_PARAMS: INVALID_PARAMS,
        mcp_types.METHOD_NOT_FOUND: METHOD_NOT_FOUND,
        mcp_types.HEADER_MISMATCH: HEADER_MISMATCH,
        mcp_types.MISSING_REQUIRED_CLIENT_CAPABILITY: MISSING_CAPABILITY,
        mcp_types.UNSUPPORTED_PROTOCOL_VERSION: UNSUPPORTED_VERSION,
    }
    assert {-32602, -32601, -32020, -32021, -32022} == MODERN_ERRORS


def test_a_version_in_meta_makes_a_request_modern():
    assert era_of(request(meta={VERSION_KEY: MODERN}), MODERN) == (Era.MODERN, "mcp/2026-07-28")


def test_initialize_is_legacy_and_of_the_version_that_it_offers():
    hello = request("initialize", protocolVersion="2025-11-25", capabilities={})

    assert era_of(hello, None) == (Era.LEGACY, "mcp/2025-11-25")


@pytest.mark.parametrize("version", [None, 7, {"x": 1}])
def test_initialize_without_a_version_is_of_the_oldest(version):
    assert era_of(request("initialize", protocolVersion=version), None) == (Era.LEGACY, "mcp/2025-03-26")
    assert era_of(read(id=1, method="initialize"), None) == (Era.LEGACY, "mcp/2025-03-26")


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
@pytest.mark.parametrize("message", [request(), None, read(method="notifications/initialized"), read(id=1, result={})])
def test_a_legacy_header_says_the_version_of_all_that_follows(message, version):
    assert era_of(message, version) == (Era.LEGACY, f"mcp/{version}")


@pytest.mark.parametrize("message", [request(), request(meta={"progressToken": 1}), request(meta=[VERSION_KEY]), None])
def test_no_version_at_all_is_the_oldest(message):
    """MCP 2025-11-25 "Protocol Version Header": the server SHOULD assume 2025-03-26."""
    assert era_of(message, None) == (Era.LEGACY, "mcp/2025-03-26")


@pytest.mark.parametrize("version", ["2027-01-01", "2025-11-25", "", None, 7, [MODERN], {"a": MODERN}])
def test_a_version_in_meta_that_nobody_here_knows_is_unsupported(version):
    header = version if isinstance(version, str) else None

    assert refusal(request(meta={VERSION_KEY: version}), header) == "unsupported_version"


@pytest.mark.parametrize(("body", "header"), [(MODERN, "2025-11-25"), ("2027-01-01", MODERN), (MODERN, ""), (7, "7")])
def test_two_versions_in_one_request_are_a_mismatch_before_all_else(body, header):
    assert refusal(request(meta={VERSION_KEY: body}), header) == "header_mismatch"


@pytest.mark.parametrize("header", [MODERN, "2027-01-01", "nonsense"])
@pytest.mark.parametrize("message", [request(), request(meta={}), request("initialize", protocolVersion="2025-11-25")])
def test_a_modern_header_on_a_legacy_body_is_refused_because_upstreams_go_by_the_header(message, header):
    """MCP 2026-07-28 "Per-request protocol fields": a request missing any required field is malformed, -32602."""
    assert refusal(message, header) == "missing_version"


def test_a_modern_notification_need_not_say_its_version_in_the_body():
    """MCP 2026-07-28 "Sending Messages": header requirements for notification POSTs are not defined."""
    assert era_of(read(method="notifications/x"), MODERN) == (Era.MODERN, "mcp/2026-07-28")
    assert refusal(read(method="notifications/x"), "2027-01-01") == "unsupported_version"


def test_a_modern_client_sends_no_responses():
    """MCP 2026-07-28 "Sending Messages" 4: the client MUST NOT send JSON-RPC responses."""
    assert refusal(read(id=1, result={}), MODERN) == "unexpected_response"


@pytest.mark.parametrize("header", [MODERN, "2027-01-01"])
def test_a_get_with_a_modern_header_is_modern_so_that_it_gets_405(header):
    assert era_of(None, header) == (Era.MODERN, f"mcp/{header}")


def test_a_recorded_version_is_bounded():
    assert era_of(None, "9" * 5000)[1] == "mcp/" + "9" * 32
    assert era_of(request("initialize", protocolVersion="9" * 5000), None)[1] == "mcp/" + "9" * 32


VERSIONS = [None, MODERN, "2025-11-25", "2027-01-01"]


@pytest.mark.parametrize("header", VERSIONS)
@pytest.mark.parametrize("body", VERSIONS)
def test_what_goes_on_as_modern_is_modern_to_the_sdk_and_what_it_refuses_is_refused_alike(header, body):
    """mcp.shared.inbound: the SDK's server goes by the header, and then checks the same ladder."""
    meta = {"io.modelcontextprotocol/clientCapabilities": {}} | ({} if body is None else {VERSION_KEY: body})
    message = request(meta=meta)
    sdk_is_modern = header is not None and header not in HANDSHAKE_PROTOCOL_VERSIONS
    verdict = classify_inbound_request(
        message.value,
        headers={"mcp-method": "tools/list"} | ({} if header is None else {"mcp-protocol-version": header}),
    )
    codes = {"header_mismatch": -32020, "unsupported_version": -32022, "missing_version": -32602}

    if isinstance(verdict, InboundLadderRejection) and (sdk_is_modern or body is not None):
        with contextlib.suppress(Refused):  # without a header, `headers.compare_with_body` refuses
            assert (header, era_of(message, header)[0]) == (None, Era.MODERN)
        if sdk_is_modern:
            assert codes[refusal(message, header)] == verdict.code
    else:
        assert (era_of(message, header)[0] is Era.MODERN) is sdk_is_modern


def test_an_unsupported_version_is_answered_with_those_that_are():
    """MCP 2026-07-28 schema, `UnsupportedProtocolVersionError`."""
    data = unsupported(request(meta={VERSION_KEY: "2027-01-01"}), "2027-01-01")

    assert data == {"supported": ["2026-07-28"], "requested": "2027-01-01"}
    assert unsupported(request(meta={VERSION_KEY: "2027-01-01"}), None) == data
    assert mcp_types.UnsupportedProtocolVersionErrorData.model_validate(data)


@pytest.mark.parametrize("message", [None, read(method="notifications/x"), request(meta={VERSION_KEY: 7})])
def test_what_was_asked_for_is_text_even_where_the_body_has_none(message):
    assert unsupported(message, "2027-01-01")["requested"] == "2027-01-01"
    assert unsupported(message, None)["requested"] == ""


@pytest.mark.parametrize("code", [-32600, -32700, -31001, -32603])
def test_an_own_400_on_modern_traffic_carries_a_modern_error(code):
    """MCP 2026-07-28 "Backward Compatibility": else a client of both eras falls back to `initialize`."""
    assert own_error(Era.MODERN, 400, code) in MODERN_ERRORS
    assert own_error(Era.LEGACY, 400, code) == code
    assert own_error(Era.MODERN, 403, code) == code


@pytest.mark.parametrize("code", sorted(MODERN_ERRORS))
def test_a_modern_error_stays_what_it_is(code):
    assert own_error(Era.MODERN, 400, code) == code


def test_only_a_modern_client_cancels_by_going_away():
    """MCP 2026-07-28 "Cancellation"; MCP 2025-11-25: disconnection SHOULD NOT be interpreted as cancelling."""
    assert Era.MODERN.disconnect_cancels
    assert not Era.LEGACY.disconnect_cancels


def test_a_client_says_who_it_is_in_initialize_or_in_meta():
    info = {"name": "inspector", "version": "1.2"}

    assert client_info(request("initialize", clientInfo=info)) == ("inspector", "1.2")
    assert client_info(request(meta={"io.modelcontextprotocol/clientInfo": info})) == ("inspector", "1.2")
    assert client_info(request(clientInfo=info)) == (None, None)


@pytest.mark.parametrize("info", [None, 1, "x", [], {"name": 1, "version": None}, {}])
def test_what_a_client_says_of_itself_is_text_or_nothing(info):
    assert client_info(request(meta={"io.modelcontextprotocol/clientInfo": info})) == (None, None)
    assert client_info(read(method="notifications/initialized")) == (None, None)


def test_what_a_client_says_of_itself_is_bounded():
    assert client_info(request("initialize", clientInfo={"name": "n" * 999, "version": "v" * 999})) == (
        "n" * 128,
        "v" * 128,
    )
