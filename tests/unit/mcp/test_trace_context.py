"""Where a request stands in its caller's trace.

Source: W3C Trace Context section 3.2; SEP-414.
"""

import pytest

from affidavit.mcp.jsonrpc import parse_message
from affidavit.mcp.trace_context import TraceContext, read_traceparent, trace_context

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True)])
def test_a_traceparent_is_read(flags, sampled):
    assert read_traceparent(f"00-{TRACE}-{SPAN}-{flags}") == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "nonsense",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f" 00-{TRACE}-{SPAN}-01",
    ],
)
def test_what_is_no_traceparent_says_nothing(text):
    """W3C Trace Context section 3.2.2: ids of zeros and version ff are invalid."""
    assert read_traceparent(text) is None


def message(meta):
    return parse_message(b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":%s}}' % meta)


def test_the_message_says_it_before_its_transport_does():
    other = "1" * 32
    said = message(b'{"traceparent":"00-%s-%s-00"}' % (other.encode(), SPAN.encode()))

    assert trace_context(HEADER, said) == TraceContext(other, SPAN, sampled=False)


@pytest.mark.parametrize("meta", [b"{}", b'{"traceparent":1}', b"7"])
def test_where_the_message_says_nothing_the_header_does(meta):
    assert trace_context(HEADER, message(meta)) == TraceContext(TRACE, SPAN, sampled=True)


def test_no_message_and_no_header_are_no_trace():
    assert trace_context({}, None) is None
