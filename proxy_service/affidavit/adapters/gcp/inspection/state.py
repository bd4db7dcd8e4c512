"""The deployment's secret and the database: are they there, and may this account use them.

Never reads a secret's value.

Source: google-cloud "Firestore"; Secret Manager and Firestore REST APIs v1.
"""

from __future__ import annotations

from affidavit.adapters.gcp.inspection.finding import Findings, fine, unseen, wrong
from affidavit.adapters.gcp.inspection.rest import Account, Denied, Missing, Rest

_ACCESS = "secretmanager.versions.access"
_ENTITIES = frozenset({"datastore.entities.get", "datastore.entities.create", "datastore.entities.update"})


def look_at_secret(rest: Rest, version: str, account: Account) -> Findings:
    """Yield whether a secret is there and this account may have it."""
    name, _, number = version.partition("/versions/")
    project, secret = name.split("/")[1], name.rpartition("/")[2]
    about, flags = f"secret {secret}", f"{secret} --project={project}"
    make = f"gcloud secrets create {flags} --replication-policy=automatic"
    fill = f"head -c 32 /dev/urandom | gcloud secrets versions add {flags} --data-file=-"
    member = f"--member={account.member} --role=roles/secretmanager.secretAccessor"
    grant = f"gcloud secrets add-iam-policy-binding {flags} {member}"
    try:
        may = _ACCESS in rest.held("secretmanager", name, frozenset({_ACCESS}))
    except Missing:
        yield wrong(about, "there is no such secret", make)
        return
    except Denied as error:
        yield wrong(about, f"its permissions cannot be asked: {error}", error.mend or grant)
        return
    try:
        state = rest.get("secretmanager", f"v1/{version}").get("state")
    except Missing:
        yield wrong(about, f"there is no such secret, or no version {number} of it", f"{make}; {fill}")
        return
    except Denied:
        state = None
    if state in ("DISABLED", "DESTROYED"):
        yield wrong(about, f"its version {number} is {state.lower()}", fill)
    if may:
        yield fine(about, "this account may read it")
    else:
        yield wrong(about, f"this account lacks {_ACCESS}, or there is no such secret", grant)


def look_at_database(rest: Rest, project: str, database: str, account: Account) -> Findings:
    """Yield what is found of the Firestore database."""
    about, flags = f"database {database}", f"--database='{database}' --project={project}"
    try:
        found = rest.get("firestore", f"v1/projects/{project}/databases/{database}")
    except Missing:
        mend = f"gcloud firestore databases create {flags} --location=LOCATION --type=firestore-native"
        yield wrong(about, "there is no such database", mend)
        return
    except Denied as error:
        if error.mend is not None:
            yield wrong(about, str(error), error.mend)
            return
        yield unseen(about, "its settings: this account may not look at them")
    else:
        update = f"gcloud firestore databases update {flags}"
        if found.get("type") != "FIRESTORE_NATIVE":
            yield wrong(about, "it is no database of the native kind", f"{update} --type=firestore-native")
        if found.get("deleteProtectionState") != "DELETE_PROTECTION_ENABLED":
            yield wrong(about, "it is not protected from being deleted", f"{update} --delete-protection")
        if found.get("pointInTimeRecoveryEnablement") != "POINT_IN_TIME_RECOVERY_ENABLED":
            yield wrong(about, "its past cannot be recovered", f"{update} --enable-pitr")
    yield from _entities(rest, project, about, account)


def _entities(rest: Rest, project: str, about: str, account: Account) -> Findings:
    member = f"--member={account.member} --role=roles/datastore.user"
    grant = f"gcloud projects add-iam-policy-binding {project} {member}"
    try:
        held = rest.held("cloudresourcemanager", f"projects/{project}", _ENTITIES)
    except (Denied, Missing) as error:
        mend = error.mend if isinstance(error, Denied) else None
        says = f"project {project} cannot be asked what this account may do there, so it is the wrong one, or {error}"
        yield wrong(f"project {project}", says, mend or f"gcloud projects describe {project}")
        return
    lacking = sorted(_ENTITIES - held)
    if lacking:
        yield wrong(about, f"this account lacks {', '.join(lacking)}", grant)
    else:
        yield fine(about, "this account may read and write it")
