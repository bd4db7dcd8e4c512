"""What the doctor finds in a deployment in which one thing is wrong, and with which command it is mended.

Source: google-cloud "Cloud Storage", "Pub/Sub", "KMS", "Firestore"; architecture "The way of one call" (who may what).
"""

from pathlib import Path

import pytest

from affidavit.errors import Misconfigured, Unavailable
from affidavit.policy.document import load
from affidavit.settings import ProxySettings
from affidavit.wiring.doctor import examine, gateway_can_start
from fakes.google_rest import google_rest, person, precondition, refusal, service_account
from fakes.sound_deployment import (
    BODIES,
    CHECKER,
    DEAD,
    DEAD_TOPIC,
    GATEWAY,
    KEY,
    PROXY,
    SECRET,
    SEQUENCER,
    SUBSCRIPTION,
    TOPIC,
    WRITER,
    build,
)

CONFIGURATION = b"""
version: 1
origin: gateway.example.com/audit
public_url: https://gateway.example.com
issuers:
  - {name: staff, issuer: https://staff.test, jwks_uri: https://staff.test/keys, attribution: person}
upstreams:
  - {name: warehouse, kind: mcp, url: https://warehouse.example.com/mcp}
retention: {standard: 400d, payroll: 90d}
"""
EVIDENCE = ("storage", "storage/v1/b/acme-evidence")
_GET, _LIST, _CREATE, _DELETE = (f"storage.objects.{verb}" for verb in ("get", "list", "create", "delete"))
_SIGN, _SEE = "cloudkms.cryptoKeyVersions.useToSign", "cloudkms.cryptoKeyVersions.viewPublicKey"


@pytest.fixture
def google():
    with google_rest() as server:
        build(server)
        yield server


@pytest.fixture
def configuration():
    return load(Path("affidavit.yaml"), CONFIGURATION)


def found(google, configuration=None, *, role="gateway", account=None, environment=PROXY):
    access = google.rest(), account or service_account(GATEWAY)
    return list(examine(role, environment, configuration, access))


def failures(google, configuration=None, **more):
    return [(one.about, one.says, one.mend) for one in found(google, configuration, **more) if one.status == "FAIL"]


def test_nothing_is_wrong_with_a_sound_deployment(google, configuration):
    findings = found(google, configuration)

    assert {one.status for one in findings} == {"ok"}
    assert ("bucket acme-evidence", "its retention is locked") in {(one.about, one.says) for one in findings}


def test_looking_changes_nothing(google, configuration):
    found(google, configuration)

    assert google.created == []
    assert sorted(google.given_up) == [
        "affidavit-doctor",
        "affidavit-doctor",
        "segment/affidavit-doctor",
        "writer/affidavit-doctor",
    ]
    assert not [asked for asked in google.asked if asked.startswith(("PUT", "PATCH")) or ":setIamPolicy" in asked]


@pytest.mark.parametrize(
    ("change", "says", "mend"),
    [
        ({"retentionPolicy": {"retentionPeriod": "315360000"}}, "not locked", "--lock-retention-period"),
        ({"retentionPolicy": None}, "kept for no time at all, and must be for 400 days", "--retention-period=400d"),
        (
            {"retentionPolicy": {"retentionPeriod": str(399 * 86_400), "isLocked": True}},
            "kept for 399 days, and must be for 400 days",
            "gcloud storage buckets update gs://acme-evidence --retention-period=400d",
        ),
        ({"versioning": {"enabled": True}}, "versioning is on", "--no-versioning"),
        (
            {
                "iamConfiguration": {
                    "uniformBucketLevelAccess": {"enabled": True},
                    "publicAccessPrevention": "inherited",
                }
            },
            "public access is not prevented",
            "--public-access-prevention",
        ),
        (
            {"iamConfiguration": {"publicAccessPrevention": "enforced"}},
            "object by object",
            "--uniform-bucket-level-access",
        ),
        (
            {"encryption": {"defaultKmsKeyName": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}},
            "whoever destroys that key destroys the evidence",
            "--clear-default-encryption-key",
        ),
    ],
)
def test_a_setting_that_lets_evidence_go_is_named_with_what_mends_it(google, configuration, change, says, mend):
    google.things[EVIDENCE].update({name: value for name, value in change.items() if value is not None})
    for name in [name for name, value in change.items() if value is None]:
        del google.things[EVIDENCE][name]

    wrong = failures(google, configuration)

    assert [about for about, _, _ in wrong] == ["bucket acme-evidence"] * len(wrong)
    assert any(says in told and mend in command for _, told, command in wrong), wrong


def test_a_body_bucket_is_kept_for_the_period_of_its_class(google, configuration):
    """evidence-format section 2: one a retention class, each locked for its own period."""
    google.things["storage", "storage/v1/b/acme-body-payroll"]["retentionPolicy"]["retentionPeriod"] = str(89 * 86_400)

    ((about, says, mend),) = failures(google, configuration)

    assert (about, says) == ("bucket acme-body-payroll", "what lies in it is kept for 89 days, and must be for 90 days")
    assert mend == "gcloud storage buckets update gs://acme-body-payroll --retention-period=90d"


def test_a_bucket_that_is_not_there_is_named_with_how_to_make_it(google, configuration):
    del google.things[EVIDENCE]

    ((about, says, mend),) = failures(google, configuration)

    assert (about, says) == ("bucket acme-evidence", "there is no such bucket")
    assert mend.startswith("gcloud storage buckets create gs://acme-evidence --project=PROJECT")


def test_what_this_account_may_not_look_at_is_no_failure(google, configuration):
    """The gateway may create evidence and nothing else; so its settings are for somebody else to look at."""
    google.hidden.add("storage/v1/b/acme-evidence")

    findings = found(google, configuration)

    assert [one.about for one in findings if one.status == "unchecked"] == ["bucket acme-evidence"]
    assert not [one for one in findings if one.status == "FAIL"]


def test_an_account_that_may_not_write_is_told_which_role_it_lacks(google):
    google.uploads["acme-body-payroll"] = ("\0",)

    ((about, says, mend),) = failures(google)

    assert (about, says) == ("bucket acme-body-payroll", "this account may not create objects")
    assert mend == (
        "gcloud storage buckets add-iam-policy-binding gs://acme-body-payroll "
        f"--member=serviceAccount:{GATEWAY} --role=roles/storage.objectCreator"
    )


@pytest.mark.parametrize("permission", [_GET, _LIST, _DELETE, "storage.buckets.update", "storage.buckets.setIamPolicy"])
def test_a_gateway_that_can_read_or_spoil_evidence_can_do_too_much(google, permission):
    """architecture: the proxy may create evidence and never read, replace or delete it."""
    google.held["acme-evidence"] = {permission}

    ((about, says, mend),) = failures(google)

    assert (about, says) == ("bucket acme-evidence", f"this account holds {permission}, and must not")
    assert "remove-iam-policy-binding" in mend


def test_a_gateway_that_can_create_commits_can_do_too_much(google):
    """google-cloud "Cloud Storage": limited by a condition to `writer/` and `segment/`."""
    google.held["acme-evidence"] = {_CREATE}

    ((_, says, _),) = failures(google)

    assert "commits among them" in says


def test_of_a_person_it_is_not_said_that_the_gateway_can_do_too_much(google):
    google.held["acme-evidence"] = {_GET, _LIST, _DELETE, _CREATE}

    findings = found(google, account=person("ana@example.com"))

    assert not [one for one in findings if one.status == "FAIL"]
    (said,) = [one for one in findings if one.about == "bucket acme-evidence" and one.status == "unchecked"]
    assert "this is you" in said.says


def test_a_topic_that_is_not_there_is_told_apart_from_one_that_may_not_be_used(google):
    google.held[TOPIC] = set()
    lacking = failures(google)
    del google.things["pubsub", f"v1/{TOPIC}"]
    missing = failures(google)

    assert [says for _, says, _ in lacking] == ["this account lacks pubsub.topics.publish, or there is no such topic"]
    assert lacking[0][2] == (
        f"gcloud pubsub topics add-iam-policy-binding {TOPIC} "
        f"--member=serviceAccount:{GATEWAY} --role=roles/pubsub.publisher"
    )
    assert [(says, mend) for _, says, mend in missing] == [
        ("there is no such topic", f"gcloud pubsub topics create {TOPIC} --message-retention-duration=31d")
    ]


@pytest.mark.parametrize(
    ("path", "change", "expected"),
    [
        (
            f"v1/{SUBSCRIPTION}",
            {"expirationPolicy": {"ttl": "2678400s"}},
            (
                "subscription acme-evidence-write",
                "it is removed when nothing happens for a while",
                f"gcloud pubsub subscriptions update {SUBSCRIPTION} --expiration-period=never",
            ),
        ),
        (
            f"v1/{DEAD}",
            {"expirationPolicy": None},
            (
                "subscription acme-evidence-dead",
                "it is removed when nothing happens for a while",
                f"gcloud pubsub subscriptions update {DEAD} --expiration-period=never",
            ),
        ),
        (
            f"v1/{SUBSCRIPTION}",
            {"deadLetterPolicy": None},
            (
                "subscription acme-evidence-write",
                "it has no dead-letter topic, so a message that always fails is tried for ever, or until it is lost",
                (
                    f"gcloud pubsub subscriptions update {SUBSCRIPTION} --dead-letter-topic=TOPIC "
                    "--max-delivery-attempts=20"
                ),
            ),
        ),
        (
            f"v1/{SUBSCRIPTION}",
            {"pushConfig": {}},
            (
                "topic acme-evidence",
                "no subscription pushes what is published to write_evidence, so nothing of it is stored",
                (
                    f"gcloud pubsub subscriptions create SUBSCRIPTION --topic={TOPIC} --expiration-period=never "
                    "--push-endpoint=URL --push-auth-service-account=ACCOUNT"
                ),
            ),
        ),
        (
            f"v1/{SUBSCRIPTION}",
            {"filter": 'attributes.bucket = "body"'},
            (
                "subscription acme-evidence-write",
                "it has a filter: what does not pass is acknowledged and lost. A filter cannot be changed",
                f"gcloud pubsub subscriptions delete {SUBSCRIPTION}  # then: terraform apply",
            ),
        ),
        (
            f"v1/{SUBSCRIPTION}",
            {"detached": True},
            (
                "subscription acme-evidence-write",
                "it is detached from its topic, so nothing comes any more",
                f"gcloud pubsub subscriptions delete {SUBSCRIPTION}  # then: terraform apply",
            ),
        ),
        (
            f"v1/{DEAD}",
            {"messageRetentionDuration": "604800s"},
            (
                "subscription acme-evidence-dead",
                "it does not keep what is not acknowledged for 31 days, so a longer outage loses records",
                f"gcloud pubsub subscriptions update {DEAD} --message-retention-duration=31d",
            ),
        ),
        (
            f"v1/{SUBSCRIPTION}",
            {"topic": "_deleted-topic_"},
            (
                "subscription acme-evidence-write",
                "its topic was deleted, so nothing comes any more",
                f"gcloud pubsub subscriptions create {SUBSCRIPTION} --topic=TOPIC --expiration-period=never",
            ),
        ),
        (
            f"v1/{TOPIC}/subscriptions",
            {"subscriptions": []},
            (
                "topic acme-evidence",
                "nothing is subscribed to it, so it swallows what is published",
                f"gcloud pubsub subscriptions create SUBSCRIPTION --topic={TOPIC} --expiration-period=never",
            ),
        ),
        (
            f"v1/{DEAD_TOPIC}/subscriptions",
            {"subscriptions": None},
            (
                "topic acme-evidence-dead",
                "nothing is subscribed to it, so dead letters are lost",
                f"gcloud pubsub subscriptions create SUBSCRIPTION --topic={DEAD_TOPIC} --expiration-period=never",
            ),
        ),
        (
            f"v1/{TOPIC}",
            {"messageRetentionDuration": None},
            (
                "topic acme-evidence",
                "it does not keep what was published for 31 days, so an outage of its subscriber may lose records",
                f"gcloud pubsub topics update {TOPIC} --message-retention-duration=31d",
            ),
        ),
    ],
)
def test_a_way_on_which_messages_are_lost_is_named_with_what_mends_it(google, path, change, expected):
    """google-cloud "Pub/Sub": a topic without a subscription swallows messages; one expires after 31 days."""
    thing = google.things["pubsub", path]
    for name, value in change.items():
        thing.pop(name, None)
        if value is not None:
            thing[name] = value

    assert expected in failures(google)


@pytest.mark.parametrize("path", [f"v1/{TOPIC}", f"v1/{SUBSCRIPTION}"])
def test_what_transforms_messages_forges_them(google, path):
    """google-cloud "Pub/Sub": forbid message transforms on audit topics."""
    google.things["pubsub", path]["messageTransforms"] = [{"javascriptUdf": {"functionName": "f"}}]

    ((_, says, mend),) = failures(google)

    assert says == "it transforms messages, so what is stored is not what was signed"
    assert "--clear-message-transforms" in mend


@pytest.mark.parametrize(
    ("held", "state", "says", "mend"),
    [
        (set(), "ENABLED", "lacks secretmanager.versions.access", "--role=roles/secretmanager.secretAccessor"),
        (None, None, "there is no such secret, or no version 1 of it", "gcloud secrets create acme-deployment"),
        (None, "DESTROYED", "its version 1 is destroyed", "gcloud secrets versions add acme-deployment"),
    ],
)
def test_a_secret_that_cannot_be_had_is_named_with_what_mends_it(google, held, state, says, mend):
    if held is not None:
        google.held[SECRET] = held
    if state is None:
        del google.things["secretmanager", f"v1/{SECRET}/versions/1"]
    else:
        google.things["secretmanager", f"v1/{SECRET}/versions/1"]["state"] = state

    ((about, told, command),) = failures(google)

    assert about == "secret acme-deployment"
    assert says in told
    assert mend in command


def test_no_secret_is_read(google):
    found(google)

    assert not [asked for asked in google.asked if ":access" in asked]


@pytest.mark.parametrize(
    ("change", "says", "mend"),
    [
        (None, "there is no such database", "gcloud firestore databases create --database='(default)'"),
        ({"type": "DATASTORE_MODE"}, "it is no database of the native kind", "--type=firestore-native"),
        (
            {"deleteProtectionState": "DELETE_PROTECTION_DISABLED"},
            "not protected from being deleted",
            "--delete-protection",
        ),
        ({"pointInTimeRecoveryEnablement": None}, "its past cannot be recovered", "--enable-pitr"),
    ],
)
def test_a_database_that_forgets_is_named_with_what_mends_it(google, change, says, mend):
    path = "firestore", "v1/projects/acme-gateway-1/databases/(default)"
    if change is None:
        del google.things[path]
    else:
        google.things[path].update(change)

    wrong = failures(google)

    assert [about for about, _, _ in wrong] == ["database (default)"]
    assert says in wrong[0][1]
    assert mend in wrong[0][2]


def test_a_service_that_is_not_switched_on_is_named_with_what_switches_it_on(google):
    """google.rpc.ErrorInfo, reason SERVICE_DISABLED."""
    google.disabled.add("firestore")

    assert failures(google) == [
        (
            "database (default)",
            "firestore.googleapis.com is not switched on",
            "gcloud services enable firestore.googleapis.com --project=123",
        )
    ]


def test_a_database_that_may_not_be_read_is_named_with_the_role_that_it_takes(google):
    """Its grant may have a condition on the database's name, so a document is asked for, and not the project."""
    google.hidden.add("v1/projects/acme-gateway-1/databases/(default)/documents/affidavit-doctor/nothing")

    assert failures(google) == [
        (
            "database (default)",
            "this account may not read it: this account may not look",
            (
                "gcloud projects add-iam-policy-binding acme-gateway-1 "
                f"--member=serviceAccount:{GATEWAY} --role=roles/datastore.user"
            ),
        )
    ]


def test_a_project_that_is_not_there_is_named(google):
    """google.rpc.ErrorInfo, reason CONSUMER_INVALID."""
    path = "firestore", "v1/projects/acme-gateway-1/databases/(default)"
    google.things[path] = refusal("CONSUMER_INVALID", "firestore", "acme-gateway-1")

    assert failures(google) == [
        (
            "database (default)",
            "there is no project acme-gateway-1",
            "gcloud projects describe acme-gateway-1",
        )
    ]


def test_a_wrong_project_is_named(google):
    environment = {**PROXY, "AFFIDAVIT_PROJECT": "acme-gateway-2"}

    said = [says for about, says, _ in failures(google, environment=environment) if about == "environment"]

    assert said == [
        "AFFIDAVIT_PROJECT is acme-gateway-2, and AFFIDAVIT_EVIDENCE_TOPIC is in acme-gateway-1",
        "AFFIDAVIT_PROJECT is acme-gateway-2, and AFFIDAVIT_DEPLOYMENT_SECRET is in acme-gateway-1",
    ]


def test_a_service_that_runs_in_another_project_than_it_says_is_named(google):
    said = failures(google, account=service_account(GATEWAY, project="acme-other-1"))

    assert [says for _, says, _ in said] == ["AFFIDAVIT_PROJECT is acme-gateway-1, and this runs in acme-other-1"]


def test_a_retention_class_without_a_bucket_is_named(google, configuration):
    environment = {**PROXY, "AFFIDAVIT_BODY_BUCKETS": "standard=acme-body-standard"}

    ((about, says, _),) = failures(google, configuration, environment=environment)

    assert (about, says) == ("environment", "AFFIDAVIT_BODY_BUCKETS names no bucket for the retention class payroll")


@pytest.fixture
def sequencer(google):
    google.held = {
        "acme-evidence": {_GET, _LIST, _CREATE},
        "acme-body-standard": {_LIST},
        "acme-body-payroll": {_LIST},
        "acme-log": {_GET, _LIST, _CREATE, _DELETE},
        KEY: {_SIGN, _SEE},
    }
    return {"role": "sequence-log", "environment": SEQUENCER, "account": service_account("acme-sequencer@a.test")}


def test_nothing_is_wrong_with_a_sound_sequencer(google, configuration, sequencer):
    assert failures(google, configuration, **sequencer) == []


@pytest.mark.parametrize("algorithm", ["EC_SIGN_P256_SHA256", "PQ_SIGN_ML_DSA_44"])
def test_a_key_of_another_algorithm_is_named_with_how_to_make_the_right_one(google, sequencer, algorithm):
    google.things["cloudkms", f"v1/{KEY}/cryptoKeyVersions/1/publicKey"]["algorithm"] = algorithm

    ((about, says, mend),) = failures(google, **sequencer)

    assert about == "key log"
    assert says.startswith(f"it is for {algorithm}, and the log is signed with EC_SIGN_ED25519")
    assert mend == (
        "gcloud kms keys create ANOTHER-NAME --keyring=acme --location=europe-west1 --project=acme-audit-1 "
        "--purpose=asymmetric-signing --default-algorithm=ec-sign-ed25519"
    )


def test_a_key_version_that_is_disabled_is_named(google, sequencer):
    google.things["cloudkms", f"v1/{KEY}/cryptoKeyVersions/1/publicKey"] = precondition()

    ((_, says, mend),) = failures(google, **sequencer)

    assert says == "its version 1 is disabled or destroyed"
    assert mend.startswith("gcloud kms keys versions enable 1 --key=log --keyring=acme")


def test_a_key_that_is_not_there_is_named(google, sequencer):
    del google.things["cloudkms", f"v1/{KEY}/cryptoKeyVersions/1/publicKey"]

    ((_, says, mend),) = failures(google, **sequencer)

    assert says == "there is no version 1 of such a key"
    assert mend.startswith("gcloud kms keys create log --keyring=acme")


def test_a_sequencer_that_may_not_sign_is_told_so(google, sequencer):
    google.held[KEY] = {_SEE}

    ((_, says, mend),) = failures(google, **sequencer)

    assert says == f"this account lacks {_SIGN}"
    assert "--role=roles/cloudkms.signer" in mend


def test_only_the_sequencer_signs(google):
    """google-cloud "KMS": only the sequencer's account may sign."""
    google.held = {
        **{name: {_GET, _LIST} for name in ("acme-evidence", *BODIES.values(), "acme-log", "acme-quarantine")},
        "acme-check": {_GET, _LIST, _CREATE, _DELETE},
        KEY: {_SEE},
    }
    checker = {"role": "check-log", "environment": CHECKER, "account": service_account("acme-checker@a.test")}
    sound = failures(google, **checker)
    google.held[KEY] = {_SEE, _SIGN}

    assert sound == []
    assert [says for _, says, _ in failures(google, **checker)] == [f"this account holds {_SIGN}, and must not"]


def test_the_log_must_not_state_another_retention_than_the_configuration(google, configuration, sequencer):
    sequencer["environment"] = {**SEQUENCER, "AFFIDAVIT_RETENTION": "standard=400,payroll=30"}

    ((about, says, _),) = failures(google, configuration, **sequencer)

    assert about == "environment"
    assert "differ" in says


@pytest.mark.parametrize(
    ("process", "bucket"),
    [
        ({"role": "sequence-log", "environment": SEQUENCER}, "acme-body-standard"),
        ({"role": "write-evidence", "environment": WRITER}, "acme-evidence"),
    ],
    ids=str,
)
def test_who_has_to_list_and_may_not_is_named(google, process, bucket):
    """The sequencer lists bodies to know that they are there; who may not list is told 403 of what is not there."""
    google.held[bucket] = {_GET}

    said = failures(google, **process)

    assert (f"bucket {bucket}", f"this account lacks {_LIST}") in {(about, says) for about, says, _ in said}


def test_the_function_that_writes_may_read_registrations_and_nothing_of_bodies(google, configuration):
    google.held = {"acme-evidence": {_GET, _LIST}, "acme-quarantine": {_CREATE}, "acme-body-payroll": {_GET}}
    writer = {"role": "write-evidence", "environment": WRITER, "account": service_account("acme-write@a.test")}

    ((about, says, _),) = failures(google, configuration, **writer)

    assert (about, says) == ("bucket acme-body-payroll", f"this account holds {_GET}, and must not")


def test_functions_of_another_log_are_named(google, configuration):
    environment = {**WRITER, "AFFIDAVIT_ORIGIN": "other.example.com/audit"}

    said = failures(google, configuration, role="write-evidence", environment=environment)

    assert (
        "environment",
        "AFFIDAVIT_ORIGIN is other.example.com/audit, and the configuration's origin is gateway.example.com/audit",
    ) in {(about, says) for about, says, _ in said}


def test_a_process_that_is_not_described_is_wrong_usage(google):
    with pytest.raises(Misconfigured, match="AFFIDAVIT_PROJECT is not set"):
        found(google, environment={})


def start(google, configuration, account=None):
    gateway_can_start(
        ProxySettings.read(PROXY), configuration, PROXY, (google.rest(), account or service_account(GATEWAY))
    )


def test_a_gateway_over_a_sound_deployment_starts(google, configuration):
    start(google, configuration)

    assert google.created == []


def test_a_gateway_starts_without_a_right_to_look_at_settings(google, configuration):
    google.hidden |= {path for _, path in google.things}

    start(google, configuration)


def test_a_gateway_that_cannot_record_does_not_start_half_way(google, configuration):
    """All that is wrong at once, each with its command."""
    google.held[TOPIC] = set()
    google.held[SECRET] = set()
    del google.things["storage", "storage/v1/b/acme-body-payroll"]
    google.uploads["acme-evidence"] = ("writer/",)

    with pytest.raises(Misconfigured) as refused:
        start(google, configuration)

    said = str(refused.value)
    assert "topic acme-evidence: this account lacks pubsub.topics.publish" in said
    assert "secret acme-deployment: this account lacks secretmanager.versions.access" in said
    assert "bucket acme-body-payroll: there is no such bucket" in said
    assert "bucket acme-evidence: this account may not create objects under segment/" in said
    assert said.count("\n    gcloud ") == 4


def test_a_gateway_that_cannot_ask_does_not_start(google, configuration):
    google.url = "http://127.0.0.1:1"

    with pytest.raises(Unavailable):
        start(google, configuration)


def test_a_doctor_that_cannot_ask_says_so_of_each_thing(google):
    google.url = "http://127.0.0.1:1"

    said = failures(google)

    assert {about.split()[0] for about, _, _ in said} == {"bucket", "topic", "secret", "database"}
    assert all("cannot be asked" in says for _, says, _ in said)
