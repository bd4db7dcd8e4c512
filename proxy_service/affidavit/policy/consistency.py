"""What single values of the configuration file cannot show: names given twice, and references to nothing.

Looks at the file as it was read, so that these stand beside all other errors.

Source: architecture "Configuration".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from affidavit.policy.condition import did_you_mean
from affidavit.policy.fields import secure_url
from affidavit.policy.problems import Place, Problem
from affidavit.policy.yaml_lines import Tree

# Their documentation names these; an entry need not.
WELL_KNOWN_KEYS = {
    "https://accounts.google.com": "https://www.googleapis.com/oauth2/v3/certs",
    "https://token.actions.githubusercontent.com": "https://token.actions.githubusercontent.com/.well-known/jwks",
    "https://cloud.google.com/iap": "https://www.gstatic.com/iap/verify/public_key-jwk",
}
IAP = "https://cloud.google.com/iap"
_ALL_TENANTS = frozenset({"common", "organizations", "consumers", "{tenantid}"})

MAX_MASKING_RULES = 200  # each is looked for in every message

_UNIQUE = (
    ("issuers", "name"),
    ("issuers", "issuer"),
    ("people", "email"),
    ("people", "github_id"),
    ("people", "gitlab_id"),
    ("directories", "name"),
    ("upstreams", "name"),
    ("rules", "name"),
    ("tests", "name"),
    ("masking", "name"),
)
_CREDENTIALS = ("header", "google_id_token", "google_access_token", "secret")
_OF_APPROVALS = ("approvers", "approvals", "expires", "strength", "hold", "reason_required")

MAX_RULES = 500  # a condition that is looked at costs a call some 3 us
MAX_LISTED = 50  # approvers or scopes of one rule
MAX_NETWORKS = 5_000  # in all; an address that is new is looked for in each

_DIRECTORIES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # by kind, what is needed and what is allowed
    "scim": (("secret",), ()),
    "google_workspace": (("admin", "impersonate"), ("customer",)),
}

Complain = Callable[[Place, str], None]


def contradictions(tree: Tree) -> list[Problem]:
    """Return what does not go together in a file, whatever else is wrong with it."""
    problems: list[Problem] = []

    def complain(place: Place, message: str) -> None:
        problems.append(tree.problem(place, message))

    top = tree.value if isinstance(tree.value, dict) else {}
    for section, key in _UNIQUE:
        _check_unique(top, section, key, tree, complain)
    for place, issuer in _entries(top, "issuers"):
        _check_issuer(place, issuer, complain)
    for place, directory in _entries(top, "directories"):
        _check_directory(place, directory, complain)
    for place, upstream in _entries(top, "upstreams"):
        _check_credential((*place, "credential"), upstream.get("credential"), complain)
    for name in ("issuers", "upstreams"):
        if top.get(name) == []:
            complain((name,), "there must be at least one")
    for place, rule in _entries(top, "rules"):
        _check_rule(place, rule, complain)
    _check_numbers(top, complain)
    _check_tests(top, complain)
    _check_masking(top, complain)
    _check_retention(top, complain)
    return problems


def _entries(top: dict[str, Any], section: str) -> Iterator[tuple[Place, dict[str, Any]]]:
    entries = top.get(section)
    for i, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            yield (section, i), entry


def _check_unique(top: dict[str, Any], section: str, key: str, tree: Tree, complain: Complain) -> None:
    seen: dict[Any, Place] = {}
    for place, entry in _entries(top, section):
        value = entry.get(key)
        if not isinstance(value, str | int):
            continue
        value = value.lower() if isinstance(value, str) else value
        first = seen.setdefault(value, (*place, key))
        if first[:2] != place:
            complain((*place, key), f"'{value}' stands already on line {tree.line(first)}")


def _check_issuer(place: Place, issuer: dict[str, Any], complain: Complain) -> None:
    url, attribution = issuer.get("issuer"), issuer.get("attribution")
    if "jwks_uri" in issuer and "jwks_file" in issuer:
        complain((*place, "jwks_file"), "either jwks_uri or jwks_file, not both")
    if "jwks_uri" not in issuer and "jwks_file" not in issuer and url not in WELL_KNOWN_KEYS:
        _check_discovered(place, url, complain)
    if attribution == "google" and not issuer.get("domains"):
        complain(place, "attribution google needs domains: anybody can have a Google account")
    if attribution != "google" and "domains" in issuer:
        complain((*place, "domains"), "domains mean something for attribution google only")
    if "ci" in issuer and attribution != "ci-person":
        complain((*place, "ci"), "ci means something for attribution ci-person only")
    if attribution == "iap":
        if url != IAP:
            complain((*place, "issuer"), f"IAP's assertions have the issuer {IAP}")
        if not issuer.get("audiences"):
            complain(place, "attribution iap needs audiences: /projects/NUMBER/…, as IAP shows it for the service")


def _check_discovered(place: Place, url: Any, complain: Complain) -> None:
    if not isinstance(url, str):
        return
    try:
        secure_url(url)
    except ValueError:
        complain(place, "its keys are missing: give jwks_uri or jwks_file")
        return
    if url.startswith("https://login.microsoftonline.com/") and url.split("/")[3] in _ALL_TENANTS:
        complain(
            (*place, "issuer"),
            "this is every tenant of Entra: name yours, https://login.microsoftonline.com/TENANT/v2.0",
        )


def _check_directory(place: Place, directory: dict[str, Any], complain: Complain) -> None:
    kind = directory.get("kind")
    if not isinstance(kind, str) or kind not in _DIRECTORIES:
        return
    needed, allowed = _DIRECTORIES[kind]
    for key in needed:
        if key not in directory:
            complain(place, f"a directory of kind {kind} needs {key}")
    for other in sorted({"secret", "customer", "admin", "impersonate"} & directory.keys() - {*needed, *allowed}):
        complain((*place, other), f"{other} means nothing for a directory of kind {kind}")


def _check_credential(place: Place, credential: Any, complain: Complain) -> None:
    if not isinstance(credential, dict):
        return
    given = [kind for kind in _CREDENTIALS if kind in credential]
    if not credential:
        complain(place, f"give one of {', '.join(_CREDENTIALS)}")
    for other in given[1:]:
        complain((*place, other), f"either {given[0]} or {other}, not both")
    tokens = credential.get("google_access_token")
    if isinstance(tokens, dict) and tokens.get("scopes") == []:
        complain((*place, "google_access_token", "scopes"), "there must be at least one")


def _check_tests(top: dict[str, Any], complain: Complain) -> None:
    rules = _names(top, "rules")
    upstreams = _names(top, "upstreams")
    for place, case in _entries(top, "tests"):
        rule, call = case.get("rule"), case.get("call")
        if isinstance(rule, str) and rule not in rules:
            complain((*place, "rule"), f"no rule '{rule}'{did_you_mean(rule, rules)}")
        upstream = call.get("upstream") if isinstance(call, dict) else None
        if isinstance(upstream, str) and upstream not in upstreams:
            complain((*place, "call", "upstream"), f"no upstream '{upstream}'{did_you_mean(upstream, upstreams)}")


def _names(top: dict[str, Any], section: str) -> list[str]:
    return [name for _, entry in _entries(top, section) if isinstance(name := entry.get("name"), str)]


def _check_masking(top: dict[str, Any], complain: Complain) -> None:
    known = [upstream.get("name") for _, upstream in _entries(top, "upstreams")]
    for place, rule in _entries(top, "masking"):
        named = rule.get("upstreams")
        for i, name in enumerate(named if isinstance(named, list) else []):
            if isinstance(name, str) and name not in known:
                names = [one for one in known if isinstance(one, str)]
                complain(
                    (*place, "upstreams", i),
                    f"no upstream '{name}'{did_you_mean(name, names)}; known are {', '.join(names)}",
                )
    rules = top.get("masking")
    if isinstance(rules, list) and len(rules) > MAX_MASKING_RULES:
        complain(("masking",), f"at most {MAX_MASKING_RULES} rules, please")


def _check_rule(place: Place, rule: dict[str, Any], complain: Complain) -> None:
    then = rule.get("then")
    if then != "require_approval":
        for key in _OF_APPROVALS:
            if key in rule:
                complain((*place, key), f"{key} means something with then: require_approval only")
    else:
        _check_approvers(place, rule, complain)
    if then == "deny":
        for key in ("scopes", "budget"):
            if key in rule:
                complain((*place, key), f"{key} means nothing for a rule that denies")
    budget = rule.get("budget")
    if isinstance(budget, dict) and "calls" not in budget and "answers" not in budget:
        complain((*place, "budget"), "it does not say what is counted: give calls, answers or both")


def _check_approvers(place: Place, rule: dict[str, Any], complain: Complain) -> None:
    approvers, wanted = rule.get("approvers"), rule.get("approvals", 1)
    if not approvers:
        where = (*place, "approvers") if "approvers" in rule else place
        complain(where, "require_approval needs approvers, as in [ana@example.com, group:dba]")
    elif isinstance(approvers, list) and all(isinstance(approver, str) for approver in approvers):
        people = {approver.lower() for approver in approvers}
        grouped = any(approver.startswith("group:") for approver in people)
        if len(people) < len(approvers):
            complain((*place, "approvers"), "an approver is named twice")
        if type(wanted) is int and len(people) < wanted and not grouped:
            complain((*place, "approvals"), f"{wanted} people must approve, and {len(people)} may")


def _check_numbers(top: dict[str, Any], complain: Complain) -> None:
    rules, networks = top.get("rules"), top.get("networks")
    if isinstance(rules, list) and len(rules) > MAX_RULES:
        complain(("rules",), f"there are at most {MAX_RULES} rules, these are {len(rules):,}")
    for place, rule in _entries(top, "rules"):
        for key in ("approvers", "scopes"):
            if isinstance(rule.get(key), list) and len(rule[key]) > MAX_LISTED:
                complain((*place, key), f"at most {MAX_LISTED}, these are {len(rule[key]):,}")
    for name, held in networks.items() if isinstance(networks, dict) else ():
        if isinstance(held, list) and not held:
            complain(("networks", name), "it holds nothing: name a network, or leave it out")
    total = sum(len(held) for held in networks.values() if isinstance(held, list)) if isinstance(networks, dict) else 0
    if total > MAX_NETWORKS:
        complain(("networks",), f"there are at most {MAX_NETWORKS:,} networks in all, these are {total:,}")


def _check_retention(top: dict[str, Any], complain: Complain) -> None:
    classes = top.get("retention", {"standard": "400d"})
    if not isinstance(classes, dict):
        return
    if "standard" not in classes:
        complain(("retention",), "the class standard is missing: what belongs to no upstream is kept in it")
    for place, upstream in _entries(top, "upstreams"):
        name = upstream.get("retention", "standard")
        if isinstance(name, str) and name not in classes:
            where = (*place, "retention") if "retention" in upstream else place
            near = did_you_mean(name, classes)
            complain(where, f"no class '{name}' in retention{near}; known are {', '.join(classes)}")
