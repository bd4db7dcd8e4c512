"""`serve.client_address`: what a client says of itself is not its address (google-cloud "Cloud Run and functions")."""

import pytest

from affidavit.serve.client_address import ClientAddress


def scope(*forwarded, client=("10.0.0.1", 4711)):
    return {"client": client, "headers": [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]}


def test_where_clients_connect_themselves_nothing_that_they_say_counts():
    assert ClientAddress(0)(scope("203.0.113.9")) == "10.0.0.1"


def test_the_front_end_has_the_last_word():
    assert ClientAddress(1)(scope("198.51.100.1, 203.0.113.9")) == "203.0.113.9"


def test_behind_a_load_balancer_the_one_before_its_own_is_the_clients():
    assert ClientAddress(2)(scope("198.51.100.1,203.0.113.9,35.191.0.1")) == "203.0.113.9"


def test_several_headers_are_one_list():
    """RFC 9110 section 5.3."""
    assert ClientAddress(1)(scope("198.51.100.1", "203.0.113.9")) == "203.0.113.9"


def test_one_address_has_one_text():
    assert ClientAddress(1)(scope("2001:DB8:0:0::1")) == "2001:db8::1"


@pytest.mark.parametrize("value", ["", "evil\u00e9", "203.0.113.9:80", "unix:", "203.0.113.9\x00"])
def test_what_is_no_address_is_unknown(value):
    assert ClientAddress(1)(scope(value)) == "unknown"


@pytest.mark.parametrize(("forwarders", "values"), [(1, ()), (2, ("203.0.113.9",))])
def test_too_few_are_unknown_rather_than_the_clients_word(forwarders, values):
    assert ClientAddress(forwarders)(scope(*values)) == "unknown"
