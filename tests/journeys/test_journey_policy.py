"""What a policy can say, between a client's line and the record's line.

Source: the requirements, "Policy"; mcp "Duties" (denials, listings); RFC 9110 section 10.2.3.
"""

from collections.abc import Iterator

import pytest

from fakes.gateway_house import House
from fakes.scripted_upstream import ScriptedUpstream

RULES = """\
networks: {here: [127.0.0.0/8], elsewhere: [203.0.113.0/24]}
rules:
  - name: twice-an-hour
    when: target == "scripted" && client.networks == ["here"]
    then: allow
    budget: {calls: 2, per: 1h}
  - name: a-kibibyte-an-hour
    when: target == "sometimes"
    then: allow
    budget: {answers: 1KiB, per: 1h}
  - name: with-an-approval
    when: target == "held"
    then: require_approval
    approvers: ["group:dba"]
    reason: Ask a database administrator.
  - name: reads
    when: target == "echo" && statement.effect == "read" && !("payroll" in statement.tables)
    then: allow
    effect: read
  - name: greeting
    when: method == "prompts/get" && target == "greeting"
    then: allow
    budget: {calls: 1, per: 1h}
  - name: open-files
    when: method == "resources/read" && target.startsWith("file:///open/")
    then: allow
  - name: once-upon-a-time
    when: target == "drop_table" && now < timestamp("2020-01-01T00:00:00Z")
    then: allow
"""
STATEMENTS = "url: {upstream}\n    statements: {echo: {argument: sql, dialect: postgres}}\n    credential:"


@pytest.fixture(scope="module")
def house(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory, start) -> Iterator[House]:
    def change(text: str) -> str:
        head = text.partition("rules:\n")[0]
        return head.replace("url: {upstream}\n    credential:", STATEMENTS, 1) + RULES

    yield from start(House(tmp_path_factory.mktemp("policy"), upstream), change)


def listed(house, upstream, method: str, **result) -> dict:
    """Let the upstream list something, and return what a client is shown."""
    upstream.holds = method
    client = house.client()
    with client.begin(client.request(method)) as begun:
        exchange = upstream.held()
        exchange.result({"resultType": "complete", "cacheScope": "public", "ttlMs": 1_000, **result})
        answer = begun.answer()
    upstream.holds = None
    return answer.result


def test_over_its_budget_a_call_is_refused_before_it_is_sent(house, upstream):
    ana = house.client("ana")
    assert [ana.call("scripted").text for _ in range(2)] == ["scripted ran"] * 2

    answer = ana.call("scripted")

    assert (answer.status, answer.code, answer.result["isError"]) == (200, "over_budget", True)
    assert "The rule 'twice-an-hour' gives you 2 calls in 1 h" in answer.text
    seconds = int(answer.headers["retry-after"])
    assert 3_000 < seconds <= 3_600
    assert answer.result["_meta"]["affidavit/retry_after_s"] == seconds
    assert len(upstream.calls()) == 2
    (record,) = house.evidence.records("call:refused", code="over_budget", target="scripted")
    assert record["policy"]["rule"] == "twice-an-hour"
    assert house.client("bob").call("scripted").text == "scripted ran", "it is another person's"


def test_what_is_no_tool_is_refused_with_429(house, upstream):
    client = house.client("ben")
    upstream.holds = "prompts/get"
    with client.begin(client.request("prompts/get", name="greeting")) as begun:
        upstream.held().result({"resultType": "complete", "messages": []})
        assert begun.answer().status == 200
    upstream.holds = None

    answer = client.ask("prompts/get", name="greeting")

    assert (answer.status, answer.code) == (429, "over_budget")
    assert answer.json["error"]["data"]["retry_after_s"] == int(answer.headers["retry-after"])


def test_past_its_bytes_a_person_is_refused(house, upstream):
    client = house.client("cleo")
    upstream.next_call(lambda exchange: exchange.result({"content": [{"type": "text", "text": "x" * 2_000}]}))
    assert client.call("sometimes").text == "x" * 2_000

    assert client.call("sometimes").code == "over_budget"


def test_a_call_that_takes_an_approval_is_told_so_and_recorded_so(house, upstream):
    answer = house.client().call("held")

    assert (answer.code, answer.result["isError"]) == ("approval_needed", True)
    assert "Ask a database administrator. (rule: with-an-approval; record: " in answer.text
    assert upstream.calls() == []
    (record,) = house.evidence.records("call:refused", code="approval_needed")
    assert record["policy"]["decision"] == "require_approval"


@pytest.mark.parametrize(
    "sql", ["delete from t", "select 1; delete from t", "select f()", "select 1 from payroll", "select 'a\\' from t"]
)
def test_a_rule_for_reads_lets_nothing_else_through(house, upstream, sql):
    assert house.client().call("echo", sql="select 1 from t").text == "echo ran"
    assert house.client().call("echo", sql=sql).code == "denied"
    assert house.client().call("echo").code == "denied"
    assert len(upstream.calls()) == 1


def test_what_depends_on_the_time_is_decided_each_time(house):
    assert house.client().call("drop_table").code == "denied"


def test_tools_that_take_an_approval_or_depend_on_arguments_are_listed(house):
    tools = house.client().ask("tools/list").result["tools"]

    assert [one["name"] for one in tools] == ["echo", "held", "scripted", "sometimes"]


def test_prompts_that_are_denied_for_certain_are_not_listed(house, upstream):
    result = listed(house, upstream, "prompts/list", prompts=[{"name": "greeting"}, {"name": "other"}, {"no": "name"}])

    assert result["prompts"] == [{"name": "greeting"}]
    assert result["cacheScope"] == "private"


def test_resources_that_are_denied_for_certain_are_not_listed(house, upstream):
    shown, hidden = {"uri": "file:///open/a", "name": "a"}, {"uri": "file:///closed/b", "name": "b"}

    result = listed(house, upstream, "resources/list", resources=[shown, hidden])

    assert result["resources"] == [shown]
    assert result["cacheScope"] == "private"


def test_a_template_is_listed_because_something_of_it_might_be_read(house, upstream):
    templates = [{"uriTemplate": "file:///closed/{name}", "name": "c"}]

    assert listed(house, upstream, "resources/templates/list", resourceTemplates=templates)["resourceTemplates"] == (
        templates
    )
