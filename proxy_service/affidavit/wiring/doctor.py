"""What `affidavit doctor` looks at, put together from a process's environment.

Source: architecture "The house" (the only places that choose adapters).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from affidavit.adapters.gcp.inspection.bypass import look_for_bypasses
from affidavit.adapters.gcp.inspection.deployment import AnySettings, Role, deployment
from affidavit.adapters.gcp.inspection.finding import Finding, wrong
from affidavit.adapters.gcp.inspection.process import gateway_can_start as can_start
from affidavit.adapters.gcp.inspection.process import inspect
from affidavit.adapters.gcp.inspection.rest import Account, Rest, open_rest
from affidavit.errors import Misconfigured
from affidavit.policy.configuration import Configuration
from affidavit.settings import CheckLogSettings, ProxySettings, SequenceLogSettings, WriteEvidenceSettings

_SETTINGS: Mapping[Role, type[AnySettings]] = {
    "gateway": ProxySettings,
    "write-evidence": WriteEvidenceSettings,
    "sequence-log": SequenceLogSettings,
    "check-log": CheckLogSettings,
}

Access = tuple[Rest, Account]


def examine(
    role: Role, environment: Mapping[str, str], configuration: Configuration | None, access: Access | None = None
) -> Iterator[Finding]:
    """Yield what is found of a process and of all that it rests on.

    Args:
        role: Whose environment it is.
        environment: Of that process.
        configuration: Says how long what must be kept; None where that is not known.
        access: The way to Google's services; by default with the credentials that are here.

    Raises:
        Misconfigured: The environment describes no deployment, or there are no credentials.
    """
    settings = _SETTINGS[role].read(environment)
    rest, account = access or open_rest(environment)
    return chain(_masking(configuration), inspect(deployment(settings, configuration), rest, account))


def _masking(configuration: Configuration | None) -> Iterator[Finding]:
    """Complain about a gateway that hides nothing; it starts all the same."""
    if configuration is not None and not configuration.masks:
        says = "masking is switched off, and what is recorded under a retention lock cannot be removed"
        yield wrong("masking", says, "take the empty list out: without the key `masking`, credentials are masked")


def bypasses(
    environment: Mapping[str, str],
    configuration: Configuration,
    *,
    gateway: str | None,
    projects: Sequence[str],
    access: Access | None = None,
) -> Iterator[Finding]:
    """Yield everybody but the gateway who can reach an upstream.

    Args:
        environment: Of the gateway, as far as it is known.
        configuration: Says what the upstreams are.
        gateway: Its account's e-mail; by default the one that this asks as.
        projects: Where services are searched for; by default the gateway's own.
        access: The way to Google's services; by default with the credentials that are here.

    Raises:
        Misconfigured: It is not known who the gateway is, or there are no credentials.
    """
    rest, account = access or open_rest(environment)
    email = gateway or (account.email if account.is_service else None)
    if email is None:
        raise Misconfigured("who the gateway is, is not known here: give its account with --account")
    known = environment.get("AFFIDAVIT_PROJECT") or account.project
    return look_for_bypasses(configuration.upstreams, rest, email, projects or ([known] if known else []))


def gateway_can_start(
    settings: ProxySettings, configuration: Configuration, environment: Mapping[str, str], access: Access | None = None
) -> None:
    """Return where the gateway could record what it is asked to do; to be called before it registers.

    Raises:
        Misconfigured: It could not: everything that is wrong, each with the command that mends it.
        Unavailable: Google cannot be asked.
    """
    rest, account = access or open_rest(environment)
    can_start(deployment(settings, configuration), rest, account)
