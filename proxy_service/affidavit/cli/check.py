"""`affidavit check FILE`: explain a configuration, or everything that is wrong with it.

Never opens the files and addresses that the configuration names.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from affidavit.cli import told_rules
from affidavit.cli.told_rules import (
    duration,
    explain_networks,
    explain_rule,
    explain_statements,
    lines,
    networks_form,
    rule_form,
    statements_form,
)
from affidavit.masking.rule import MaskingRule
from affidavit.policy.configuration import (
    Configuration,
    IssuerEntry,
    PersonEntry,
    SponsorEntry,
    UpstreamEntry,
)
from affidavit.policy.credentials import CredentialEntry, FileHeader, GoogleIdToken, SecretHeader
from affidavit.policy.directories import DirectoryEntry, ScimDirectory
from affidavit.policy.document import STANDARD, load
from affidavit.policy.problems import ConfigurationErrors, Problem

_CI = {"github": "GitHub", "gitlab": "GitLab"}


def add_parser(subparsers: Any) -> None:
    """Add this command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser("check", help="explain a configuration file")
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration, affidavit.yaml")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check one file; return 0 when it holds, 2 when it does not."""
    path: Path = arguments.file
    try:
        configuration = load(path, path.read_bytes())
    except OSError as error:
        return _fail(path, [Problem(1, "", f"cannot be read: {error.strerror}")], as_json=arguments.json)
    except ConfigurationErrors as error:
        return _fail(path, error.errors, as_json=arguments.json)
    if arguments.json:
        _print_json(summary(configuration))
    else:
        _show(configuration, Console())
    return 0


def notes(configuration: Configuration) -> Iterator[str]:
    """Yield what is allowed to stand in a file, and may not be meant."""
    people = {person.email for person in configuration.people}
    for sponsor in configuration.sponsors:
        if sponsor.person not in people:
            then = "a directory must have them" if configuration.directories else "such jobs have nobody behind them"
            yield f"{sponsor.person} sponsors, but is not among people: {then}"
    yield from told_rules.notes(configuration)
    if not configuration.masks:
        yield "masking is switched off: credentials that are said are recorded as they are, for as long as the log"
    named = {upstream.retention for upstream in configuration.upstreams}
    for name in configuration.retention:
        if name not in named and name != STANDARD:
            yield f"no upstream uses the retention class {name}"


def summary(configuration: Configuration) -> dict[str, Any]:
    """Return the JSON form of what a file says."""
    return {
        "digest": configuration.digest,
        "origin": configuration.origin,
        "public_url": configuration.public_url,
        "issuers": [_issuer(issuer) for issuer in configuration.issuers],
        "people": [
            {"email": one.email, "github_id": one.github_id, "gitlab_id": one.gitlab_id, "groups": one.groups}
            for one in configuration.people
        ],
        "sponsors": [{"match": one.match.text, "person": one.person} for one in configuration.sponsors],
        "directories": [_directory(one) for one in configuration.directories],
        "upstreams": [_upstream(configuration, upstream) for upstream in configuration.upstreams],
        "networks": networks_form(configuration.networks),
        "rules": [rule_form(rule) for rule in configuration.rules],
        "tests": [case.name for case in configuration.tests],
        "masking": [_masking(rule) for rule in configuration.masking],
        "retention_days": dict(configuration.retention),
        "notes": list(notes(configuration)),
    }


def _issuer(issuer: IssuerEntry) -> dict[str, Any]:
    return {
        "name": issuer.name,
        "issuer": issuer.issuer,
        "audiences": issuer.audiences,
        "attribution": issuer.attribution,
        "keys": _keys(issuer),
        "domains": issuer.domains,
        "max_age": duration(issuer.max_age),
    }


def _upstream(configuration: Configuration, upstream: UpstreamEntry) -> dict[str, Any]:
    return {
        "name": upstream.name,
        "served_at": configuration.audience(upstream.name),
        "url": upstream.url,
        "timeout": duration(upstream.timeout),
        "retention": upstream.retention,
        "credential": _credential(upstream.credential) if upstream.credential else None,
        "statements": statements_form(upstream.statements),
    }


def _directory(entry: DirectoryEntry) -> dict[str, Any]:
    if isinstance(entry, ScimDirectory):
        return {"name": entry.name, "kind": "scim", "secret": str(entry.secret)}
    workspace = {"customer": entry.customer, "admin": entry.admin, "impersonate": entry.impersonate}
    return {"name": entry.name, "kind": "google_workspace", **workspace}


def _masking(rule: MaskingRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "fields": rule.fields,
        "pointers": rule.pointers,
        "pattern": rule.pattern,
        "check": rule.check,
        "sets": rule.sets,
        "upstreams": rule.upstreams,
        "tools": rule.tools,
        "direction": rule.direction,
        "views": sorted(rule.views),
        "except_groups": rule.except_groups,
    }


def _fail(path: Path, problems: Iterable[Problem], *, as_json: bool) -> int:
    if as_json:
        _print_json({"file": str(path), "errors": [problem.form() for problem in problems]})
        return 2
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for problem in problems:
        console.print(f"[red]{escape(str(path))}:[/red]{escape(str(problem))}")
    return 2


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _show(configuration: Configuration, console: Console) -> None:
    for title, told in _sections(configuration):
        console.print(f"[bold]{title}[/bold]", highlight=False)
        for line in told:
            console.print(f"  {line}", highlight=False, soft_wrap=True)


def _keys(issuer: IssuerEntry) -> str:
    if issuer.jwks_file is not None:
        return str(issuer.jwks_file)
    return issuer.jwks_uri or f"{issuer.issuer.removesuffix('/')}/.well-known/openid-configuration"


def _sections(configuration: Configuration) -> Iterator[tuple[str, Iterable[str]]]:
    yield f"{escape(str(configuration.path))} holds", _heading(configuration)
    yield "Issuers, whose tokens are accepted", map(_explain_issuer, configuration.issuers)
    yield "People", map(_explain_person, configuration.people)
    yield "Sponsors, who answer for machines", map(_explain_sponsor, configuration.sponsors)
    yield "Directories, which say who is a person now", map(_explain_directory, configuration.directories)
    yield "Upstreams", map(_explain_upstream, configuration.upstreams)
    yield "Networks", explain_networks(configuration.networks)
    yield "Rules, the first match wins", [*map(explain_rule, configuration.rules), "[red]deny[/red]   everything else"]
    if configuration.tests:
        yield "Tests, which `affidavit policy test` runs", (escape(case.name) for case in configuration.tests)
    yield "Masking, of every message", map(_explain_masking, configuration.masking)
    yield "Notes", (f"[yellow]{escape(note)}[/yellow]" for note in notes(configuration))


def _heading(configuration: Configuration) -> Iterator[str]:
    yield f"log        {escape(configuration.origin)}"
    yield f"served at  {escape(configuration.public_url)}"
    yield f"sha256     {configuration.digest}"
    yield "retention  " + ", ".join(f"{name} {days} days" for name, days in configuration.retention.items())


def _explain_issuer(issuer: IssuerEntry) -> str:
    means = {
        "person": "every subject is a person",
        "google": f"a person of {', '.join(issuer.domains)}, or a sponsored machine",
        "iap": "a person whom Identity-Aware Proxy vouches for",
        "delegated": "a person, or whoever acts for one",
        "ci-person": f"a job of the person who started it ({_CI[issuer.ci]}), or a sponsored one",
        "sponsored": "a sponsored machine",
    }
    audiences = [*issuer.audiences, *([] if issuer.attribution == "iap" else ["the upstream's own"])]
    return lines(
        f"[cyan]{issuer.name}[/cyan]  {escape(issuer.issuer)}",
        f"is         {means[issuer.attribution]}",
        f"for        {escape(', '.join(audiences))}",
        f"at most    {duration(issuer.max_age)} old",
        f"keys from  {escape(_keys(issuer))}",
    )


def _explain_person(person: PersonEntry) -> str:
    github = f"GitHub {person.github_id}" if person.github_id is not None else ""
    gitlab = f"GitLab {person.gitlab_id}" if person.gitlab_id is not None else ""
    return "  ".join(filter(None, (f"[cyan]{escape(person.email)}[/cyan]", github, gitlab, " ".join(person.groups))))


def _explain_sponsor(sponsor: SponsorEntry) -> str:
    return f"[cyan]{escape(sponsor.person)}[/cyan]  {escape(sponsor.match.text.strip())}"


def _explain_directory(entry: DirectoryEntry) -> str:
    name = f"[cyan]{entry.name}[/cyan]"
    if isinstance(entry, ScimDirectory):
        return f"{name}  pushes to /scim/v2/ (SCIM 2.0) with the secret of {escape(str(entry.secret))}"
    return lines(
        f"{name}  users of Google Workspace {escape(entry.customer)}, read every 5 minutes",
        f"as         {escape(entry.admin)}, by {escape(entry.impersonate)} (domain-wide delegation)",
    )


def _explain_upstream(upstream: UpstreamEntry) -> str:
    credential = upstream.credential
    return lines(
        f"[cyan]/mcp/{upstream.name}[/cyan]  {escape(upstream.url)}",
        f"waits      {duration(upstream.timeout)}",
        f"bodies     {upstream.retention}",
        f"sends      {escape(_credential(credential))}" if credential else "sends      no credential",
        *explain_statements(upstream.statements),
    )


def _explain_masking(rule: MaskingRule) -> str:
    kinds = (
        ("fields", ", ".join(rule.fields)),
        ("pointers", ", ".join(rule.pointers)),
        ("pattern", f"{rule.pattern}{f' that passes {rule.check}' if rule.check else ''}" if rule.pattern else ""),
        ("built in", ", ".join(rule.sets)),
        ("only of", ", ".join((*rule.upstreams, *rule.tools, *([f"{rule.direction}s"] if rule.direction else [])))),
        ("but not", f"for people of {', '.join(rule.except_groups)}; recorded masked" if rule.except_groups else ""),
        ("where it is", ", ".join(sorted(rule.views))),
    )
    return lines(f"[cyan]{rule.name}[/cyan]", *(f"{kind:<12}{escape(said)}" for kind, said in kinds if said))


def _credential(credential: CredentialEntry) -> str:
    if isinstance(credential, FileHeader):
        return f"header {credential.name} from {credential.file}"
    if isinstance(credential, SecretHeader):
        return f"header {credential.name} from {credential.secret}, read again every 5 minutes"
    if isinstance(credential, GoogleIdToken):
        what = f"a Google ID token for {credential.audience}"
    else:
        what = f"a Google access token for {', '.join(credential.scopes)}"
    return f"header Authorization with {what}, of {credential.impersonate or 'the account that the gateway runs as'}"
