"""The resources. Source: the scenarios `resources-*` and `sep-2164-resource-not-found`."""

import json
import re

import mcp_types as types
from mcp.shared.exceptions import MCPError

from fakes.everything_server.content import PIXEL

LISTED = (
    types.Resource(uri="test://static-text", name="static-text", mime_type="text/plain"),
    types.Resource(uri="test://static-binary", name="static-binary", mime_type="image/png"),
    types.Resource(uri="test://watched-resource", name="watched-resource", mime_type="text/plain"),
)
TEMPLATES = (
    types.ResourceTemplate(uri_template="test://template/{id}/data", name="template", mime_type="application/json"),
)
TEXTS = {
    "test://static-text": "This is the content of the static text resource.",
    "test://watched-resource": "This is the content of the watched resource.",
}
_TEMPLATE = re.compile(r"test://template/([^/]+)/data")


def read(uri: str) -> types.ReadResourceResult:
    """What stands at `uri`.

    Raises:
        MCPError: Nothing stands there; -32602 with the URI, as MCP 2026-07-28 wants it (SEP-2164).
    """
    if uri == "test://static-binary":
        binary = types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PIXEL)
        return types.ReadResourceResult(contents=[binary])
    if uri in TEXTS:
        return _text(uri, "text/plain", TEXTS[uri])
    if match := _TEMPLATE.fullmatch(uri):
        described = {"id": match[1], "templateTest": True, "data": f"Data for ID: {match[1]}"}
        return _text(uri, "application/json", json.dumps(described))
    raise MCPError(code=types.INVALID_PARAMS, message="Resource not found", data={"uri": uri})


def _text(uri: str, media_type: str, text: str) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, mime_type=media_type, text=text)])
