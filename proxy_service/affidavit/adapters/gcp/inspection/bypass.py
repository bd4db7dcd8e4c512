"""Who can reach an upstream without passing the gateway.

That every call is on record rests on the gateway being the only way in. Looks at upstreams that are Cloud Run services;
of others it says that it does not know.

Source: architecture "What it costs" (the deployment closes the bypasses); Cloud Run "Authentication overview".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from affidavit.adapters.gcp.inspection.finding import Finding, Findings, fine, unseen, wrong
from affidavit.adapters.gcp.inspection.policies import Holder, Policies
from affidavit.adapters.gcp.inspection.rest import Denied, Missing, Rest
from affidavit.adapters.gcp.inspection.run_services import RunService, find_service, is_run_address
from affidavit.policy.configuration import UpstreamEntry

_INVOKE = frozenset({"run.routes.invoke"})
# Whoever may do one of these with an account can call in its name.
_BORROW = frozenset(
    {
        "iam.serviceAccounts.actAs",
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.getOpenIdToken",
        "iam.serviceAccounts.implicitDelegation",
        "iam.serviceAccounts.signBlob",
        "iam.serviceAccounts.signJwt",
        "iam.serviceAccountKeys.create",
    }
)
_INGRESS = {
    "INGRESS_TRAFFIC_ALL": ("the whole internet reaches its front door", "anybody on the internet"),
    "INGRESS_TRAFFIC_INTERNAL_ONLY": ("its front door is inside the project's network", "anybody inside the network"),
    "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER": (
        "its front door is inside the network and behind load balancers",
        "anybody inside the network or through a load balancer",
    ),
    "INGRESS_TRAFFIC_NONE": ("it has no front door", "nobody"),
}


def look_for_bypasses(
    upstreams: Iterable[UpstreamEntry], rest: Rest, gateway: str, projects: Sequence[str]
) -> Findings:
    """Yield everybody but the gateway's account who can reach an upstream.

    Args:
        upstreams: Of the configuration.
        rest: As an account that may look at policies.
        gateway: The e-mail of the gateway's account.
        projects: Where services whose address does not name their project are searched for.
    """
    policies = Policies(rest)
    for upstream in upstreams:
        yield from _upstream(upstream, rest, policies, gateway, projects)
    yield from _borrowers(policies, gateway)


def _upstream(
    upstream: UpstreamEntry, rest: Rest, policies: Policies, gateway: str, projects: Sequence[str]
) -> Findings:
    about = f"upstream {upstream.name}"
    if not is_run_address(upstream.url):
        yield unseen(about, f"{upstream.url} is no address of Cloud Run's: who else reaches it is not known here")
        return
    try:
        service = find_service(rest, upstream.url, projects)
        if service is None:
            says = f"no service in {', '.join(projects) or 'any project named'} answers at {upstream.url}"
            yield wrong(about, says, "affidavit doctor --bypass --project=PROJECT  # the one that the service is in")
            return
        found = rest.get("run", f"v2/{service.resource}")
        holders = list(policies.holders("run", service.resource, service.project, _INVOKE))
    except Missing:
        yield wrong(about, f"there is no service at {upstream.url}", "gcloud run services list")
        return
    except Denied as error:
        mend = error.mend or "gcloud projects add-iam-policy-binding PROJECT --member=user:YOU --role=roles/run.viewer"
        yield wrong(about, f"its service cannot be looked at: {error}", mend)
        return
    others = [*_open_doors(about, service, found), *_others(about, holders, gateway, service)]
    yield from others
    if all(one.status == "ok" for one in others):
        yield fine(about, f"nobody but {gateway} can call it")


def _open_doors(about: str, service: RunService, found: dict[str, Any]) -> Findings:
    door, everybody = _INGRESS.get(found.get("ingress", ""), ("its front door is unknown", "anybody"))
    if found.get("invokerIamDisabled"):
        says = f"{everybody} can call it: its IAM check is off"
        yield wrong(about, says, f"gcloud run services update {service.flags} --invoker-iam-check")
    else:
        yield fine(about, f"{door}, and IAM decides who is let in")
    if found.get("iapEnabled"):
        says = "whomever Identity-Aware Proxy lets in can call it"
        yield wrong(about, says, f"gcloud beta run services update {service.flags} --no-iap")


def _others(about: str, holders: Iterable[Holder], gateway: str, service: RunService) -> Findings:
    for holder in holders:
        if holder.member == f"serviceAccount:{gateway}":
            continue
        if not holder.member:
            yield _unread(about, holder)
        elif holder.is_agent:
            yield fine(about, f"{holder.who}, Google's own, can call it as {holder.role} on {_where(holder, service)}")
        else:
            may = "can call it" if holder.certain else "may be able to call it"
            says = f"{holder.who} {may}: {_how(holder, _where(holder, service))}"
            yield wrong(about, says, _remove(holder, f"gcloud run services remove-iam-policy-binding {service.flags}"))


def _borrowers(policies: Policies, gateway: str) -> Findings:
    about = f"account {gateway}"
    project = gateway.partition("@")[2].partition(".")[0]
    resource = f"projects/{project}/serviceAccounts/{gateway}"
    try:
        holders = list(policies.holders("iam", resource, project, _BORROW))
    except Missing:
        yield wrong(about, "there is no such account", f"gcloud iam service-accounts list --project={project}")
        return
    except Denied as error:
        mend = error.mend or f"gcloud iam service-accounts get-iam-policy {gateway} --project={project}"
        yield wrong(about, f"who may act as it cannot be looked at: {error}", mend)
        return
    others = [holder for holder in holders if holder.member != f"serviceAccount:{gateway}"]
    own = f"gcloud iam service-accounts remove-iam-policy-binding {gateway} --project={project}"
    for holder in others:
        if not holder.member:
            yield _unread(about, holder)
        elif holder.is_agent:
            yield fine(about, f"{holder.who}, Google's own, can act as it as {holder.role} on {holder.where}")
        else:
            may = "can act as it, and so call every upstream" if holder.certain else "may be able to act as it"
            yield wrong(about, f"{holder.who} {may}: {_how(holder, holder.where)}", _remove(holder, own))
    if all(holder.is_agent for holder in others):  # an unread policy is nobody's
        yield fine(about, "nobody can act as it")


def _unread(about: str, holder: Holder) -> Finding:
    return unseen(about, f"the policy of {holder.where} cannot be read, so who inherits a way in is not known")


def _how(holder: Holder, where: str) -> str:
    condition = f", on the condition {holder.condition!r}" if holder.condition else ""
    return f"{holder.role} on {where}{condition}"


def _where(holder: Holder, service: RunService) -> str:
    return "the service" if holder.where == service.resource else holder.where


def _remove(holder: Holder, own: str) -> str:
    kind, _, name = holder.where.partition("/")
    inherited = {
        "folders": f"gcloud resource-manager folders remove-iam-policy-binding {name}",
        "organizations": f"gcloud organizations remove-iam-policy-binding {name}",
    }
    command = inherited.get(kind, own)
    if kind == "projects" and "/" not in name:
        command = f"gcloud projects remove-iam-policy-binding {name}"
    every = " --all" if holder.condition else ""  # whatever its condition
    return f"{command} --member='{holder.member}' --role={holder.role}{every}"
