mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "messages_are_kept_for_31_days" {
  command = plan

  assert {
    condition = alltrue([
      for kept in [
        google_pubsub_topic.evidence, google_pubsub_topic.evidence_dead,
        google_pubsub_subscription.evidence_write, google_pubsub_subscription.evidence_dead,
      ] : kept.message_retention_duration == "2678400s"
    ])
    error_message = "Something is kept for less than 31 days."
  }
}

run "no_subscription_expires" {
  command = plan

  assert {
    condition     = google_pubsub_subscription.evidence_write.expiration_policy[0].ttl == ""
    error_message = "After 31 quiet days the subscription would be gone, and records with it."
  }

  assert {
    condition     = google_pubsub_subscription.evidence_dead.expiration_policy[0].ttl == ""
    error_message = "After 31 days without dead letters, the first one would be lost."
  }
}

run "records_are_pushed_to_write_evidence_with_a_token" {
  command = plan

  override_resource {
    target          = google_pubsub_topic.evidence
    override_during = plan
    values          = { id = "projects/acme-gateway-1/topics/acme-evidence" }
  }

  assert {
    condition     = google_pubsub_subscription.evidence_write.topic == "projects/acme-gateway-1/topics/acme-evidence"
    error_message = "Another topic is written."
  }

  assert {
    condition     = google_pubsub_subscription.evidence_write.push_config[0].push_endpoint == module.write_evidence.uri
    error_message = "Records are pushed somewhere else."
  }

  assert {
    condition     = google_pubsub_subscription.evidence_write.push_config[0].oidc_token[0].service_account_email == "acme-evidence-push@acme-gateway-1.iam.gserviceaccount.com"
    error_message = "The push speaks as somebody else."
  }

  assert {
    condition     = google_pubsub_subscription.evidence_write.push_config[0].oidc_token[0].audience == module.write_evidence.uri
    error_message = "The token is for something else."
  }

  assert {
    condition     = length(google_pubsub_subscription.evidence_write.push_config[0].no_wrapper) == 0
    error_message = "Attributes would be lost."
  }
}

run "nothing_changes_or_orders_messages_on_their_way" {
  command = plan

  assert {
    condition = alltrue([
      for topic in [google_pubsub_topic.evidence, google_pubsub_topic.evidence_dead] :
      length(topic.message_transforms) == 0 && length(topic.schema_settings) == 0
    ])
    error_message = "A topic changes or refuses messages."
  }

  assert {
    condition = alltrue([
      for subscription in [google_pubsub_subscription.evidence_write, google_pubsub_subscription.evidence_dead] :
      length(subscription.message_transforms) == 0 && subscription.enable_message_ordering == false && subscription.filter == null
    ])
    error_message = "A subscription changes, orders or leaves out messages."
  }
}

run "a_message_that_cannot_be_written_becomes_a_dead_letter" {
  command = plan

  override_resource {
    target          = google_pubsub_topic.evidence_dead
    override_during = plan
    values          = { id = "projects/acme-gateway-1/topics/acme-evidence-dead" }
  }

  assert {
    condition     = google_pubsub_subscription.evidence_write.dead_letter_policy[0].dead_letter_topic == "projects/acme-gateway-1/topics/acme-evidence-dead"
    error_message = "It is retried for 31 days, and then it is gone."
  }

  assert {
    condition     = google_pubsub_subscription.evidence_write.dead_letter_policy[0].max_delivery_attempts == 100
    error_message = "A short outage would fill the dead letters."
  }

  assert {
    condition     = google_pubsub_subscription.evidence_write.retry_policy[0].minimum_backoff == "10s" && google_pubsub_subscription.evidence_write.retry_policy[0].maximum_backoff == "600s"
    error_message = "Retries are not spread."
  }
}

run "dead_letters_are_subscribed" {
  command = plan

  override_resource {
    target          = google_pubsub_topic.evidence_dead
    override_during = plan
    values          = { id = "projects/acme-gateway-1/topics/acme-evidence-dead" }
  }

  assert {
    condition     = google_pubsub_subscription.evidence_dead.topic == "projects/acme-gateway-1/topics/acme-evidence-dead"
    error_message = "A topic without a subscription swallows what is published."
  }

  assert {
    condition     = length(google_pubsub_subscription.evidence_dead.push_config) == 0
    error_message = "Dead letters wait for a person."
  }
}

run "pubsub_may_move_messages_to_the_dead_letters" {
  command = plan

  assert {
    condition = (
      google_pubsub_topic_iam_member.agent_publishes_dead.topic == "acme-evidence-dead" &&
      google_pubsub_topic_iam_member.agent_publishes_dead.role == "roles/pubsub.publisher" &&
      google_pubsub_topic_iam_member.agent_publishes_dead.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    )
    error_message = "Pub/Sub cannot publish dead letters, and says nothing."
  }

  assert {
    condition = (
      google_pubsub_subscription_iam_member.agent_moves_dead.subscription == "acme-evidence-write" &&
      google_pubsub_subscription_iam_member.agent_moves_dead.role == "roles/pubsub.subscriber" &&
      google_pubsub_subscription_iam_member.agent_moves_dead.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    )
    error_message = "Pub/Sub cannot acknowledge what it moves, and says nothing."
  }
}

run "records_stay_in_the_region" {
  command = plan

  assert {
    condition = alltrue([
      for topic in [google_pubsub_topic.evidence, google_pubsub_topic.evidence_dead] :
      topic.message_storage_policy[0].allowed_persistence_regions == toset(["europe-west1"])
    ])
    error_message = "Messages are kept in other regions."
  }
}

run "neither_topics_nor_subscriptions_are_destroyed_by_mistake" {
  command = plan

  assert {
    condition = alltrue([
      for kept in [
        google_pubsub_topic.evidence, google_pubsub_topic.evidence_dead,
        google_pubsub_subscription.evidence_write, google_pubsub_subscription.evidence_dead,
      ] : kept.deletion_policy == "PREVENT"
    ])
    error_message = "A plan could destroy messages."
  }
}
