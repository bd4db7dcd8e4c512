"""How long the policy takes to decide a call: 50 rules, most of them about other upstreams and tools.

Source: the requirements, "Speed": p50 under 100 us for 50 rules.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

from affidavit.policy.decide import RULES, Facts, Policy, Rule, Surroundings
from affidavit.policy.facts import StatementSource
from affidavit.policy.statement import read_statement
from performance.report import Figure, Found

RULE_COUNT = 50
P50 = 100.0  # us
SOURCE = StatementSource(argument="sql", dialect="postgres")
AROUND = Surroundings(statements={("warehouse", "sql.query"): SOURCE})
STATEMENT = (
    "select c.name, sum(o.total) from sales.orders o join sales.customers c on c.id = o.customer "
    "where o.day between '2026-01-01' and '2026-03-31' and c.country in ('DE', 'FR') group by c.name order by 2"
)
PRINCIPAL = {
    "principal.attribution": "ci-person",
    "principal.issuer": "https://token.actions.githubusercontent.com",
    "principal.subject": "repo:example/warehouse:ref:refs/heads/main",
    "principal.email": "",
    "principal.person": "ana@example.com",
    "principal.groups": ["dba", "oncall", "engineering"],
    "principal.actor": "",
    "principal.on_behalf_of": "",
    "principal.run": "1234567",
    "principal.claims": {"repository_id": "1", "run_id": "2"},
    "claims": {f"claim_{i}": f"value {i}" for i in range(25)},
}
# The first are looked at by every call; the others only by those that they could match.
BROAD = (
    ("principal.groups.exists(group, group == 'banned')", "deny"),
    ("client.ip.startsWith('192.168.')", "deny"),
    ("claims.claim_1 == 'nobody'", "deny"),
)
LAST = (
    ("target == 'sql.query' && statement.effect == 'ddl'", "deny"),
    ("target == 'sql.query' && statement.effect == 'read' && 'payroll' in statement.tables", "require_approval"),
    ("upstream == 'warehouse' && target in ['sql.query', 'customers.lookup'] && arguments.sql.size() > 4000", "deny"),
    ("upstream == 'warehouse' && target in ['sql.query', 'customers.lookup']", "allow"),
)


def figures(times: int) -> Found:
    """Return how long decisions take, and what was seen of each kind."""
    found: list[Figure] = []
    details = {}
    for name, decide, most in _measured():
        spent = _times(decide, times)
        median, tail = statistics.median(spent), statistics.quantiles(spent, n=100)[98]
        details[name] = {"p50_us": median, "p99_us": tail, "times": len(spent)}
        if most is None:
            found.append(Figure(name=f"{name}, p50", value=median, unit="us"))
        else:
            found.append(Figure.at_most(f"{name}, p50", median, most, "us"))
        found.append(Figure(name=f"{name}, p99", value=tail, unit="us"))
    return found, details


def _measured() -> Iterator[tuple[str, Callable[[], object], float | None]]:
    policy, pinned_by_nobody = _policy(_pinned), _policy(_unpinned)
    query = _facts("sql.query", {"sql": STATEMENT})
    other = _facts("customers.lookup", {"sql": "x"})
    yield f"a decision, {RULE_COUNT} rules", lambda: policy.decide(other), P50
    yield f"a decision, {RULE_COUNT} rules, statement known", lambda: policy.decide(query), P50
    yield (
        f"a decision, {RULE_COUNT} rules, none of which names an upstream or a tool",
        (lambda: pinned_by_nobody.decide(other)),
        None,
    )
    yield "whether a tool is listed", lambda: policy.may_ever_allow(other), None
    yield f"a statement of {len(STATEMENT)} characters, read anew", _read_anew, None


def _read_anew() -> None:
    read_statement.cache_clear()
    read_statement(STATEMENT, "postgres")


def _policy(form: Callable[[int], str]) -> Policy:
    middle = [(form(i), "allow") for i in range(RULE_COUNT - len(BROAD) - len(LAST))]
    texts = (*BROAD, *middle, *LAST)
    rules = [Rule(name=f"r{i}", when=RULES.compile(when), then=then) for i, (when, then) in enumerate(texts)]  # type: ignore[arg-type]
    return Policy(rules, "0" * 64, AROUND)


def _pinned(number: int) -> str:
    return (
        f"upstream == 'upstream-{number % 7}' && target in ['tool.{number}', 'other.{number}'] "
        "&& principal.attribution in ['person', 'ci-person']"
    )


def _unpinned(number: int) -> str:
    return f"target.startsWith('tool.{number}.') && principal.attribution in ['person', 'ci-person']"


def _facts(target: str, arguments: dict[str, str]) -> Facts:
    return Facts(
        principal=PRINCIPAL,
        ip="203.0.113.7",
        upstream="warehouse",
        method="tools/call",
        target=target,
        arguments=arguments,
        session="5e55",
    )


def _times(decide: Callable[[], object], times: int) -> list[float]:
    for _ in range(100):
        decide()
    spent = []
    for _ in range(times):
        began = time.perf_counter_ns()
        decide()
        spent.append((time.perf_counter_ns() - began) / 1_000)
    return spent
