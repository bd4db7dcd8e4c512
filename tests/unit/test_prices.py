"""The cost arithmetic of `make bench`, by hand-made sums.

Source: the price lists that performance/prices.py names.
"""

from collections import Counter

import pytest

from performance.meter import Used
from performance.prices import Usage, billed_bytes, message_bytes, operations


def test_a_million_of_each_thing_costs_what_the_list_says():
    usage = Usage(
        pubsub=2**40,
        class_a=1_000_000,
        class_b=1_000_000,
        invocations=1_000_000,
        seconds=1_000_000,
        gib_seconds=1_000_000,
        signatures=1_000_000,
    )
    assert usage.cost() == {
        "Pub/Sub": pytest.approx(40),
        "storage, class A": pytest.approx(5),
        "storage, class B": pytest.approx(0.4),
        "function requests": pytest.approx(0.4),
        "functions' vCPU and memory": pytest.approx(24 + 2.5),
        "signatures": pytest.approx(3),
    }
    assert usage.total == pytest.approx(40 + 5 + 0.4 + 0.4 + 26.5 + 3)


def test_nothing_costs_nothing():
    assert Usage().total == 0


def test_a_message_is_its_data_its_attributes_its_id_and_its_time():
    assert message_bytes(100, {"v": "1", "bucket": "body"}) == 100 + 1 + 1 + 6 + 4 + 20 + 17


@pytest.mark.parametrize(
    ("requests", "billed"),
    [
        ([], 0),
        ([[400]], 1_000 + 1_000),  # the least of a request, when it is published and when it is pushed
        ([[400, 500]], 1_000 + 1_000 + 1_000),  # published together, pushed one by one
        ([[1_500, 400]], 1_900 + 1_500 + 1_000),
        ([[400], [500]], 4 * 1_000),
    ],
)
def test_every_request_counts_as_a_thousand_bytes_at_least(requests, billed):
    assert billed_bytes(requests) == billed


def test_operations_are_of_the_classes_of_the_list_and_what_was_refused_is_free():
    counts = {
        ("objects.insert", "evidence", 200): 5,
        ("objects.insert", "evidence", 412): 7,
        ("objects.list", "log", 200): 11,
        ("objects.get", "evidence", 200): 13,
        ("objects.get", "evidence", 404): 17,
        ("objects.delete", "log", 204): 19,
    }
    assert operations(counts) == (5 + 11, 13)


def test_what_was_used_between_two_moments_is_the_difference():
    insert, again = ("objects.insert", "acme-evidence", 200), ("objects.insert", "acme-evidence", 412)
    before = Used(requests=Counter({insert: 2}), cpu=Counter({"write_evidence": 1.0}), calls=3)
    after = Used(requests=Counter({insert: 5, again: 1}), cpu=Counter({"write_evidence": 1.5}), calls=10)
    used = after - before
    assert (used.requests, used.cpu, used.calls) == (Counter({insert: 3, again: 1}), {"write_evidence": 0.5}, 7)
    assert used.inserted == 4  # an invocation that finds its object there is one, too
    assert used.by_bucket() == {"evidence insert": 3}
