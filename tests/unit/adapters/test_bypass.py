"""Who can reach an upstream around the gateway, as the doctor tells it.

Source: Cloud Run Admin API v2 `Service`; IAM "Policy inheritance"; architecture: that everything was recorded rests on
the gateway being the only way in.
"""

from pathlib import Path

import pytest

from affidavit.errors import Misconfigured
from affidavit.policy.document import load
from affidavit.wiring.doctor import bypasses
from fakes.google_rest import google_rest, person, service_account
from fakes.sound_deployment import GATEWAY

CONFIGURATION = """
version: 1
origin: gateway.example.com/audit
public_url: https://gateway.example.com
issuers:
  - {name: staff, issuer: https://staff.test, jwks_uri: https://staff.test/keys, attribution: person}
upstreams:
  - {name: warehouse, kind: mcp, url: "%s"}
"""
SERVICE = "projects/789/locations/europe-west1/services/warehouse"
ACCOUNT = f"projects/acme-gateway-1/serviceAccounts/{GATEWAY}"
DETERMINISTIC = "https://warehouse-789.europe-west1.run.app/mcp"
HASHED = "https://warehouse-abc123xyz-ew.a.run.app/mcp"
ROLES = {
    "roles/run.invoker": ["run.jobs.run", "run.routes.invoke"],
    "roles/run.viewer": ["run.services.get", "run.routes.get"],
    "roles/run.admin": ["run.routes.invoke", "run.services.setIamPolicy"],
    "roles/run.serviceAgent": ["run.routes.invoke", "iam.serviceAccounts.getAccessToken"],
    "roles/owner": ["run.routes.invoke", "resourcemanager.projects.setIamPolicy"],
    "roles/iam.serviceAccountTokenCreator": ["iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.signJwt"],
    "roles/iam.workloadIdentityUser": ["iam.serviceAccounts.getOpenIdToken"],
}


@pytest.fixture
def google():
    with google_rest() as server:
        server.things["run", f"v2/{SERVICE}"] = {"name": SERVICE, "ingress": "INGRESS_TRAFFIC_ALL"}
        server.policies[SERVICE] = [binding("roles/run.invoker", f"serviceAccount:{GATEWAY}")]
        for project in ("projects/789", "projects/acme-gateway-1"):
            server.policies[project] = []
            server.things["cloudresourcemanager", f"v3/{project}"] = {"name": project, "parent": "folders/5"}
        server.things["cloudresourcemanager", "v3/folders/5"] = {"name": "folders/5", "parent": "organizations/9"}
        server.policies |= {"folders/5": [], "organizations/9": [], ACCOUNT: []}
        for role, permissions in ROLES.items():
            server.things["iam", f"v1/{role}"] = {"name": role, "includedPermissions": permissions}
        yield server


def binding(role, *members, condition=None):
    return {"role": role, "members": list(members), **({"condition": condition} if condition else {})}


def found(google, url=DETERMINISTIC, *, account=None, gateway=None, projects=(), environment=None):
    configuration = load(Path("affidavit.yaml"), (CONFIGURATION % url).encode())
    access = google.rest(), account or service_account(GATEWAY)
    return list(bypasses(environment or {}, configuration, gateway=gateway, projects=projects, access=access))


def failures(google, url=DETERMINISTIC, **more):
    return [(one.about, one.says, one.mend) for one in found(google, url, **more) if one.status == "FAIL"]


def test_a_service_that_only_the_gateway_can_call_is_closed(google):
    assert [(one.about, one.status, one.says) for one in found(google)] == [
        ("upstream warehouse", "ok", "the whole internet reaches its front door, and IAM decides who is let in"),
        ("upstream warehouse", "ok", f"nobody but {GATEWAY} can call it"),
        (f"account {GATEWAY}", "ok", "nobody can act as it"),
    ]


@pytest.mark.parametrize(
    ("member", "who"),
    [
        ("allUsers", "anybody on the internet, without a credential,"),
        ("allAuthenticatedUsers", "anybody with a Google account"),
        ("user:ana@example.com", "ana@example.com"),
        ("group:devs@example.com", "everybody in the group devs@example.com"),
        ("domain:example.com", "everybody of the domain example.com"),
        ("serviceAccount:ci@p.iam.gserviceaccount.com", "the service account ci@p.iam.gserviceaccount.com"),
        ("projectEditor:acme", "every editor of the project acme"),
        ("principalSet://iam.googleapis.com/x", "the outside identities principalSet://iam.googleapis.com/x"),
    ],
)
def test_everybody_else_who_is_let_in_is_named_in_plain_words(google, member, who):
    google.policies[SERVICE].append(binding("roles/run.invoker", member))

    assert failures(google) == [
        (
            "upstream warehouse",
            f"{who} can call it: roles/run.invoker on the service",
            (
                "gcloud run services remove-iam-policy-binding warehouse --region=europe-west1 --project=789 "
                f"--member='{member}' --role=roles/run.invoker"
            ),
        )
    ]


def test_a_role_that_does_not_let_in_lets_nobody_in(google):
    google.policies[SERVICE].append(binding("roles/run.viewer", "user:ana@example.com"))

    assert failures(google) == []


def test_somebody_who_is_gone_is_nobody(google):
    google.policies[SERVICE].append(binding("roles/run.invoker", "deleted:user:ana@example.com?uid=1"))

    assert failures(google) == []


@pytest.mark.parametrize(
    ("where", "remove"),
    [
        ("projects/789", "gcloud projects remove-iam-policy-binding 789"),
        ("folders/5", "gcloud resource-manager folders remove-iam-policy-binding 5"),
        ("organizations/9", "gcloud organizations remove-iam-policy-binding 9"),
    ],
)
def test_whoever_inherits_a_way_in_is_named_with_where_from(google, where, remove):
    """A role on a project, a folder or the organization holds for every service below."""
    google.policies[where].append(binding("roles/owner", "user:boss@example.com"))

    assert failures(google) == [
        (
            "upstream warehouse",
            f"boss@example.com can call it: roles/owner on {where}",
            f"{remove} --member='user:boss@example.com' --role=roles/owner",
        )
    ]


def test_a_condition_is_told(google):
    night = {"title": "at night", "expression": "request.time.getHours() < 6"}
    google.policies[SERVICE].append(binding("roles/run.invoker", "user:ana@example.com", condition=night))

    ((_, says, mend),) = failures(google)

    assert says == "ana@example.com can call it: roles/run.invoker on the service, on the condition 'at night'"
    assert mend.endswith("--role=roles/run.invoker --all")


def test_a_role_that_cannot_be_read_may_let_in(google):
    google.policies[SERVICE].append(binding("projects/789/roles/custom", "user:ana@example.com"))

    ((_, says, _),) = failures(google)

    assert says == "ana@example.com may be able to call it: projects/789/roles/custom on the service"


def test_a_policy_that_cannot_be_read_is_not_taken_for_an_empty_one(google):
    google.hidden.add("organizations/9")

    findings = found(google)

    assert not [one for one in findings if one.status == "FAIL"]
    assert "nobody" not in " ".join(one.says for one in findings)
    assert {one.about for one in findings if one.status == "unchecked"} == {"upstream warehouse", f"account {GATEWAY}"}


def test_what_a_project_belongs_to_may_be_hidden(google):
    google.hidden.add("v3/projects/789")

    said = [one.says for one in found(google) if one.about == "upstream warehouse" and one.status == "unchecked"]

    assert said == [
        "the policy of what projects/789 belongs to cannot be read, so who inherits a way in is not known",
    ]


@pytest.mark.parametrize(
    ("ingress", "everybody"),
    [
        ("INGRESS_TRAFFIC_ALL", "anybody on the internet"),
        ("INGRESS_TRAFFIC_INTERNAL_ONLY", "anybody inside the network"),
        ("INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", "anybody inside the network or through a load balancer"),
    ],
)
def test_a_service_without_its_iam_check_lets_everybody_in_who_reaches_it(google, ingress, everybody):
    google.things["run", f"v2/{SERVICE}"] |= {"ingress": ingress, "invokerIamDisabled": True}

    ((_, says, mend),) = failures(google)

    assert says == f"{everybody} can call it: its IAM check is off"
    assert mend == "gcloud run services update warehouse --region=europe-west1 --project=789 --invoker-iam-check"


def test_a_service_behind_iap_has_a_second_door(google):
    google.things["run", f"v2/{SERVICE}"]["iapEnabled"] = True

    assert [says for _, says, _ in failures(google)] == ["whomever Identity-Aware Proxy lets in can call it"]


def test_googles_own_agent_is_told_and_is_no_way_around(google):
    agent = "serviceAccount:service-789@serverless-robot-prod.iam.gserviceaccount.com"
    google.policies["projects/789"].append(binding("roles/run.serviceAgent", agent))

    findings = found(google)

    assert any("Google's own, can call it as roles/run.serviceAgent on projects/789" in one.says for one in findings)
    assert not [one for one in findings if one.status == "FAIL"]


@pytest.mark.parametrize(
    ("role", "member"),
    [
        ("roles/run.invoker", "serviceAccount:service-789@serverless-robot-prod.iam.gserviceaccount.com"),
        ("roles/run.serviceAgent", "serviceAccount:service-789@acme.iam.gserviceaccount.com"),
        ("roles/run.serviceAgent", "user:ana@example.com"),
    ],
)
def test_nobody_passes_for_googles_own_by_a_name(google, role, member):
    google.policies["projects/789"].append(binding(role, member))

    assert len(failures(google)) == 1


@pytest.mark.parametrize("where", [ACCOUNT, "projects/acme-gateway-1", "folders/5"])
def test_whoever_can_act_as_the_gateway_can_call_every_upstream(google, where):
    """A token of the gateway's account is all that an upstream asks for."""
    google.policies[where].append(binding("roles/iam.serviceAccountTokenCreator", "group:devs@example.com"))

    ((about, says, mend),) = failures(google)

    assert about == f"account {GATEWAY}"
    assert says == (
        "everybody in the group devs@example.com can act as it, and so call every upstream: "
        f"roles/iam.serviceAccountTokenCreator on {where}"
    )
    assert "remove-iam-policy-binding" in mend
    assert mend.endswith("--member='group:devs@example.com' --role=roles/iam.serviceAccountTokenCreator")


@pytest.fixture
def listed(google):
    """Two pages, as the v1 API gives them; the service is on the second."""
    service = {
        "metadata": {
            "name": "warehouse",
            "namespace": "789",
            "labels": {"cloud.googleapis.com/location": "europe-west1"},
            "annotations": {
                "run.googleapis.com/urls": '["https://warehouse-789.europe-west1.run.app","https://warehouse-abc123xyz-ew.a.run.app"]'
            },
        },
        "status": {"url": "https://warehouse-abc123xyz-ew.a.run.app"},
    }
    other = {"metadata": {"name": "other", "labels": {"cloud.googleapis.com/location": "us-east1"}}, "status": {}}
    google.things["run", "v1/projects/789/locations/-/services"] = [
        {"items": [other], "metadata": {"continue": "1"}},
        {"items": [service], "metadata": {}},
    ]


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("url", [HASHED, HASHED.replace("https://", "https://canary---")])
def test_an_address_that_does_not_name_its_project_is_searched_for(google, url):
    findings = found(google, url, projects=["acme-nothing-here", "789"])

    assert [one.says for one in findings if one.about == "upstream warehouse"][
        -1
    ] == f"nobody but {GATEWAY} can call it"


@pytest.mark.usefixtures("listed")
def test_it_is_searched_for_in_the_gateways_own_project_unless_said_otherwise(google):
    findings = found(google, HASHED, environment={"AFFIDAVIT_PROJECT": "789"})

    assert any(one.says == f"nobody but {GATEWAY} can call it" for one in findings)


def test_a_service_that_is_nowhere_is_not_taken_for_a_closed_one(google):
    ((about, says, mend),) = failures(google, HASHED, projects=["789"])

    assert (about, says) == ("upstream warehouse", f"no service in 789 answers at {HASHED}")
    assert "--project=PROJECT" in mend


def test_a_project_that_may_not_be_looked_into_is_named_with_the_role_that_it_takes(google):
    google.hidden.add("v1/projects/789/locations/-/services")

    ((_, says, mend),) = failures(google, HASHED, projects=["789"])

    assert says == "its service cannot be looked at: this account may not look"
    assert "--role=roles/run.viewer" in mend


def test_of_an_upstream_elsewhere_it_is_said_that_nothing_is_known(google):
    (said,) = [one for one in found(google, "https://warehouse.example.com/mcp") if one.status == "unchecked"]

    assert said.says == (
        "https://warehouse.example.com/mcp is no address of Cloud Run's: who else reaches it is not known here"
    )


def test_a_person_says_who_the_gateway_is(google):
    with pytest.raises(Misconfigured, match="--account"):
        found(google, account=person("ana@example.com"))

    assert failures(google, account=person("ana@example.com"), gateway=GATEWAY) == []
