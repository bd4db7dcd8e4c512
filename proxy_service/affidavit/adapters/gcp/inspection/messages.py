"""Topics and subscriptions: does what is published arrive, however long that takes.

Source: google-cloud "Pub/Sub"; Pub/Sub REST API v1, `Topic`, `Subscription`.
"""

from __future__ import annotations

from typing import Any

from affidavit.adapters.gcp.inspection.finding import Findings, fine, unseen, wrong
from affidavit.adapters.gcp.inspection.rest import Account, Denied, Missing, Rest

LONGEST = "2678400s"  # 31 days, the most that a topic keeps
_PUBLISH = "pubsub.topics.publish"
_SPOIL_TOPIC = frozenset({"pubsub.topics.delete", "pubsub.topics.update", "pubsub.topics.setIamPolicy"})


def look_at_publishing(rest: Rest, topic: str, account: Account) -> Findings:
    """Yield whether this account may publish; what the gateway looks at each time it starts."""
    about = f"topic {_last(topic)}"
    try:
        held = rest.held("pubsub", topic, frozenset({_PUBLISH}))
    except Missing:
        yield wrong(about, "there is no such topic", _make_topic(topic))
        return
    except Denied as error:
        yield wrong(about, f"its permissions cannot be asked: {error}", error.mend or _grant(topic, account))
        return
    if _PUBLISH in held:
        yield fine(about, "this account may publish")
    elif _is_missing(rest, topic):  # asked of what is not there, Pub/Sub answers as if nothing were allowed
        yield wrong(about, "there is no such topic", _make_topic(topic))
    else:
        yield wrong(about, f"this account lacks {_PUBLISH}, or there is no such topic", _grant(topic, account))


def look_at_topic(rest: Rest, topic: str, account: Account) -> Findings:
    """Yield what is found of a topic and of all that is subscribed to it."""
    yield from look_at_publishing(rest, topic, account)
    about = f"topic {_last(topic)}"
    if account.is_service and (too_much := sorted(rest.held("pubsub", topic, _SPOIL_TOPIC))):
        see = f"gcloud pubsub topics get-iam-policy {topic}"
        yield wrong(about, f"this account holds {', '.join(too_much)}, and must not", see)
    try:
        found = rest.get("pubsub", f"v1/{topic}")
        subscriptions = list(rest.pages("pubsub", f"v1/{topic}/subscriptions", "subscriptions"))
    except Missing:
        return  # it was said
    except Denied:
        yield unseen(about, "what it keeps, and who is subscribed to it: this account may not look")
        return
    if found.get("messageRetentionDuration") != LONGEST:
        says = "it does not keep what was published for 31 days, so an outage of its subscriber may lose records"
        yield wrong(about, says, f"gcloud pubsub topics update {topic} --message-retention-duration=31d")
    if found.get("messageTransforms"):
        says = "it transforms messages, so what is stored is not what was signed"
        yield wrong(about, says, f"gcloud pubsub topics update {topic} --clear-message-transforms")
    if not subscriptions:
        yield wrong(about, "nothing is subscribed to it, so it swallows what is published", _subscribe(topic))
    pushing = False
    for subscription in subscriptions:
        yield from look_at_subscription(rest, subscription, dead_letters=True)
        pushing = pushing or _pushes(rest, subscription)
    if subscriptions and not pushing:
        says = "no subscription pushes what is published to write_evidence, so nothing of it is stored"
        yield wrong(about, says, f"{_subscribe(topic)} --push-endpoint=URL --push-auth-service-account=ACCOUNT")


def look_at_subscription(rest: Rest, subscription: str, *, dead_letters: bool) -> Findings:
    """Yield what is found of a subscription; `dead_letters` where what fails must not be lost."""
    about = f"subscription {_last(subscription)}"
    try:
        found = rest.get("pubsub", f"v1/{subscription}")
    except Missing:
        yield wrong(about, "there is no such subscription", _make_subscription(subscription))
        return
    except Denied:
        yield unseen(about, "its settings: this account may not look at them")
        return
    yield from _settings(found, subscription)
    if dead_letters:
        yield from _dead_letters(rest, found, subscription)


def _settings(found: dict[str, Any], subscription: str) -> Findings:
    about, update = f"subscription {_last(subscription)}", f"gcloud pubsub subscriptions update {subscription}"
    if found.get("expirationPolicy", {"ttl": "the default"}).get("ttl"):
        yield wrong(about, "it is removed when nothing happens for a while", f"{update} --expiration-period=never")
    else:
        yield fine(about, "it stays")
    if found.get("messageTransforms"):
        says = "it transforms messages, so what is stored is not what was signed"
        yield wrong(about, says, f"{update} --clear-message-transforms")
    if found.get("messageRetentionDuration") != LONGEST:
        says = "it does not keep what is not acknowledged for 31 days, so a longer outage loses records"
        yield wrong(about, says, f"{update} --message-retention-duration=31d")
    if found.get("filter"):
        says = "it has a filter: what does not pass is acknowledged and lost. A filter cannot be changed"
        yield wrong(about, says, f"gcloud pubsub subscriptions delete {subscription}  # then: terraform apply")
    if found.get("detached"):
        says = "it is detached from its topic, so nothing comes any more"
        yield wrong(about, says, f"gcloud pubsub subscriptions delete {subscription}  # then: terraform apply")
    if found.get("topic") == "_deleted-topic_":
        yield wrong(about, "its topic was deleted, so nothing comes any more", _make_subscription(subscription))


def _dead_letters(rest: Rest, found: dict[str, Any], subscription: str) -> Findings:
    about = f"subscription {_last(subscription)}"
    topic = found.get("deadLetterPolicy", {}).get("deadLetterTopic")
    if topic is None:
        says = "it has no dead-letter topic, so a message that always fails is tried for ever, or until it is lost"
        mend = f"gcloud pubsub subscriptions update {subscription} --dead-letter-topic=TOPIC --max-delivery-attempts=20"
        yield wrong(about, says, mend)
        return
    try:
        waiting = list(rest.pages("pubsub", f"v1/{topic}/subscriptions", "subscriptions"))
    except Missing:
        yield wrong(f"topic {_last(topic)}", "there is no such topic, and dead letters go to it", _make_topic(topic))
        return
    except Denied:
        yield unseen(f"topic {_last(topic)}", "who is subscribed to it: this account may not look")
        return
    if not waiting:
        says = "nothing is subscribed to it, so dead letters are lost"
        yield wrong(f"topic {_last(topic)}", says, _subscribe(topic))
    for one in waiting:
        yield from look_at_subscription(rest, one, dead_letters=False)


def _pushes(rest: Rest, subscription: str) -> bool:
    try:
        return bool(rest.get("pubsub", f"v1/{subscription}").get("pushConfig", {}).get("pushEndpoint"))
    except (Missing, Denied):
        return True  # it was said that it is not there, or cannot be looked at


def _is_missing(rest: Rest, topic: str) -> bool:
    try:
        rest.get("pubsub", f"v1/{topic}")
    except Missing:
        return True
    except Denied:
        pass
    return False


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _make_topic(topic: str) -> str:
    return f"gcloud pubsub topics create {topic} --message-retention-duration=31d"


def _grant(topic: str, account: Account) -> str:
    role = "--role=roles/pubsub.publisher"
    return f"gcloud pubsub topics add-iam-policy-binding {topic} --member={account.member} {role}"


def _subscribe(topic: str) -> str:
    return f"gcloud pubsub subscriptions create SUBSCRIPTION --topic={topic} --expiration-period=never"


def _make_subscription(subscription: str) -> str:
    return f"gcloud pubsub subscriptions create {subscription} --topic=TOPIC --expiration-period=never"
