"""A gateway with everything switched on: 50 rules, 20 masking rules, listings filtered, tokens verified, 2 KB answers.

Source: the requirements, "Speed": at least 0.45 of the unaudited proxy at 32 connections.
"""

from __future__ import annotations

from performance.gateway import CONFIGURATION
from performance.report import Figure

RATIO = 0.45  # of the unaudited proxy's calls a second
RULES = 50
MASKS = 20
LARGE = "/large"  # the end of the upstream's path under which answers have 2 KB

_LOOKED_AT_BY_ALL = """\
  - name: nobody-who-is-banned
    when: principal.groups.exists(group, group == "banned")
    then: deny
  - name: only-from-here
    when: "!client.ip.startsWith('127.')"
    then: deny
  - name: nobody-drops-tables
    when: target == "sql.query" && arguments.sql.matches("(?i)\\\\b(drop|truncate)\\\\b")
    then: deny
"""
_MASKS = """\
masking:
  - {name: credentials, sets: [credentials]}
  - {name: payment, sets: [payment]}
  - {name: personal, sets: [personal], tools: [payroll.list]}
  - {name: passwords, fields: [password, passwd, secret, token, api_key, authorization]}
  - {name: births, fields: [birthday, date_of_birth]}
  - {name: rows, pointers: ["/result/structuredContent/rows/*/salary"]}
  - {name: employees, pattern: '\\bEMP-[0-9]{6}\\b'}
  - {name: patients, pattern: '\\bPAT[0-9]{8}\\b'}
  - {name: tickets, pattern: '\\bINC[0-9]{7,10}\\b', direction: request}
  - {name: ibans, pattern: '\\b[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}\\b', check: iban}
"""


def configuration() -> str:
    """Return the configuration, with the places that `CONFIGURATION` has."""
    head, _, _ = CONFIGURATION.partition("rules:\n")
    rules = _LOOKED_AT_BY_ALL + "".join(_rule(number) for number in range(RULES - 4))
    masks = _MASKS + "".join(_mask(number) for number in range(MASKS - 10))
    last = CONFIGURATION.rpartition("rules:\n")[2]
    return head + "rules:\n" + _literal(rules) + last + _literal(masks)


def figure(gateway: float, unaudited: float) -> Figure:
    """Return what came of it."""
    name = f"the same with {RULES} rules, {MASKS} masking rules and 2 KB answers"
    return Figure.at_least(name, gateway / unaudited, RATIO)


def _rule(number: int) -> str:
    if number % 3 == 0:
        when = f'upstream == "billing-{number}" && target == "invoices.list"'
    elif number % 3 == 1:
        when = f'target == "tool.{number}" && arguments.number > {number}'
    else:
        when = f'target in ["report.{number}", "report.{number}.export"] && principal.attribution == "person"'
    return f"  - name: rule-{number}\n    when: '{when}'\n    then: {'allow' if number % 2 else 'deny'}\n"


def _mask(number: int) -> str:
    return f"  - {{name: code-{number}, pattern: '\\b[A-Z]{{3}}-{number}-[0-9]{{4,8}}\\b', tools: [sql.query]}}\n"


def _literal(text: str) -> str:
    """Return a text that `str.format` leaves as it is."""
    return text.replace("{", "{{").replace("}", "}}")
