"""Everything that one process rests on, looked at in order: whose account, which project, then each thing it uses.

Source: google-cloud, all of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from affidavit.adapters.gcp.inspection.buckets import look_at_bucket, look_at_creation
from affidavit.adapters.gcp.inspection.deployment import Deployment
from affidavit.adapters.gcp.inspection.finding import Finding, Findings, fine, unseen, wrong
from affidavit.adapters.gcp.inspection.keys import look_at_key
from affidavit.adapters.gcp.inspection.messages import look_at_publishing, look_at_subscription, look_at_topic
from affidavit.adapters.gcp.inspection.rest import Account, Denied, Missing, Rest, Unusable
from affidavit.adapters.gcp.inspection.state import look_at_database, look_at_secret
from affidavit.errors import Misconfigured, Unavailable

_AGAIN = "curl -sS https://status.cloud.google.com/incidents.json  # and try again"


def inspect(deployed: Deployment, rest: Rest, account: Account) -> Findings:
    """Yield everything that is found, as it is found."""
    yield from _who(deployed, account)
    yield from _where(deployed, account)
    for bucket in deployed.buckets:
        yield from _asked(f"bucket {bucket.name}", look_at_bucket(rest, bucket, account))
    if deployed.topic is not None:
        yield from _asked(f"topic {deployed.topic}", look_at_topic(rest, deployed.topic, account))
    for subscription in deployed.subscriptions:
        found = look_at_subscription(rest, subscription, dead_letters=False)
        yield from _asked(f"subscription {subscription}", found)
    if deployed.key is not None:
        yield from _asked(f"key {deployed.key.version}", look_at_key(rest, deployed.key, account))
    if deployed.secret is not None:
        yield from _asked(f"secret {deployed.secret}", look_at_secret(rest, deployed.secret, account))
    if deployed.project is not None and deployed.database is not None:
        found = look_at_database(rest, deployed.project, deployed.database, account)
        yield from _asked(f"database {deployed.database}", found)


def gateway_can_start(deployed: Deployment, rest: Rest, account: Account) -> None:
    """Return where the gateway can record; a few questions, so that it never starts half-way.

    Raises:
        Misconfigured: It cannot; everything that is wrong, each with the command that mends it.
        Unavailable: Google cannot be asked.
    """
    found = [*_where(deployed, account)]
    if deployed.topic is not None:
        found += look_at_publishing(rest, deployed.topic, account)
    for bucket in deployed.buckets:
        found += look_at_creation(rest, bucket, account)
    if deployed.secret is not None:
        found += look_at_secret(rest, deployed.secret, account)
    failed = [finding for finding in found if finding.status == "FAIL"]
    if failed:
        raise Misconfigured("the gateway cannot start here:\n" + "\n".join(map(_told, failed)))


def _who(deployed: Deployment, account: Account) -> Findings:
    name = account.email or "an account that the credentials do not name"
    if account.is_service:
        yield fine("account", f"this asks as {name}")
    else:
        says = (
            f"this asks as {name}, and not as the {deployed.role}'s account: what is said of permissions is said of it"
        )
        yield unseen("account", says)


def _where(deployed: Deployment, account: Account) -> Findings:
    for contradiction in deployed.contradictions:
        yield wrong("environment", contradiction, "terraform -chdir=terraform/gateway apply")
    if deployed.project is None:
        return
    if account.at_home and account.project not in (None, deployed.project):
        says = f"AFFIDAVIT_PROJECT is {deployed.project}, and this runs in {account.project}"
        yield wrong(f"project {deployed.project}", says, "terraform -chdir=terraform/gateway apply")


def _asked(about: str, findings: Iterable[Finding]) -> Findings:
    try:
        yield from findings
    except (Denied, Missing, Unavailable, Unusable) as error:
        yield wrong(about, f"it cannot be looked at: {error}", _AGAIN)


def _told(finding: Finding) -> str:
    return f"  {finding.about}: {finding.says}\n    {finding.mend}"
