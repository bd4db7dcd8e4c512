"""What was used for 1,000 calls and in scheduled runs, and its price, as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from performance.emulated import GIB, Loaded, Run
from performance.meter import Used
from performance.prices import LEAST_S, Usage

MILLION = 1_000_000
Rows = list[dict[str, str]]


def per_calls(loads: Sequence[Loaded]) -> Rows:
    """Counts for 1,000 calls, then USD for a million, for each number of connections."""
    heading = "of 1,000 calls, by connections"

    def row(name: str, count: Callable[[Loaded], float], per: int = 1_000, digits: int = 0) -> dict[str, str]:
        cells = {f"at {one.connections}": f"{count(one) / one.calls * per:,.{digits}f}" for one in loads}
        return {heading: name, **cells}

    def price(name: str, count: Callable[[Loaded], float]) -> dict[str, str]:
        return row(f"USD for 1,000,000: {name}", count, MILLION, 2)

    billed = [part for part in Usage().cost() if part != "signatures"]
    return [
        {heading: "calls measured", **{f"at {one.connections}": f"{one.calls:,}" for one in loads}},
        row("publish requests (segments)", lambda one: one.requests),
        row("Pub/Sub messages", lambda one: one.messages),
        row("Pub/Sub KiB billed, published and pushed", lambda one: one.pubsub / 1024),
        row("write_evidence: invocations", lambda one: one.writing.inserted),
        row("write_evidence: storage, class A", lambda one: one.writing.operations[0]),
        row("write_evidence: storage, class B", lambda one: one.writing.operations[1]),
        row("write_evidence: CPU s", lambda one: one.writing.cpu["write_evidence"], digits=2),
        row("sequence_log beyond idle runs: storage, class A", lambda one: one.sequencing.beyond[0]),
        row("sequence_log beyond idle runs: storage, class B", lambda one: one.sequencing.beyond[1]),
        row("sequence_log beyond idle runs: CPU s", lambda one: one.sequencing.beyond[2], digits=2),
        row("check_log beyond idle runs: storage, class A", lambda one: one.checking.beyond[0]),
        row("check_log beyond idle runs: storage, class B", lambda one: one.checking.beyond[1]),
        row("check_log beyond idle runs: CPU s", lambda one: one.checking.beyond[2], digits=2),
        *(price(part, lambda one, part=part: one.usage().cost()[part]) for part in billed),
        price("all", lambda one: one.usage().total),
        price("all, each write_evidence alone for 100 ms", lambda one: one.usage(least_s=LEAST_S).total),
    ]


def per_run(few: Loaded, loads: Sequence[Loaded]) -> Iterator[Rows]:
    """For each scheduled function: what its runs used with nothing new, after a few calls, and after each load."""
    for pick in (lambda one: one.sequencing, lambda one: one.checking):
        run = pick(loads[-1])
        columns = {
            "nothing new": _column(run, run.idle, runs=1, signatures=0),
            **{
                f"{one.calls:,} calls": _column(pick(one), pick(one).used, pick(one).runs, pick(one).signatures)
                for one in (few, *loads)
            },
        }
        names = sorted({name for column in columns.values() for name in column}, key=_order)
        yield [
            {run.function: name, **{title: column.get(name, "0") for title, column in columns.items()}}
            for name in names
        ]


_LAST = ("class A", "class B", "signatures", "runs", "CPU s", "USD for 1,000,000 times")


def _order(name: str) -> tuple[int, str]:
    return (_LAST.index(name) + 1, "") if name in _LAST else (0, name)


def _column(run: Run, used: Used, runs: int, signatures: int) -> dict[str, str]:
    (class_a, class_b), seconds = used.operations, used.cpu[run.function]
    usage = Usage(
        class_a=class_a,
        class_b=class_b,
        invocations=runs,
        seconds=seconds,
        gib_seconds=seconds * GIB[run.function],
        signatures=signatures,
    )
    return {
        **{name: f"{count:,}" for name, count in used.by_bucket().items()},
        "class A": f"{class_a:,}",
        "class B": f"{class_b:,}",
        "signatures": str(signatures),
        "runs": str(runs),
        "CPU s": f"{seconds:.2f}",
        "USD for 1,000,000 times": f"{usage.total * MILLION:,.0f}",
    }
