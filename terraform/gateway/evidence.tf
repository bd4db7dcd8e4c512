# From the proxy to the evidence bucket: a topic, and one push subscription to write_evidence. No ordering (names hold the
# order), no schema and no message transforms: what is signed must arrive byte for byte.

locals {
  days_31      = "2678400s" # the longest that Pub/Sub keeps messages
  pubsub_agent = "serviceAccount:service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_topic" "evidence" {
  project                    = var.project
  name                       = "${var.prefix}-evidence"
  message_retention_duration = local.days_31
  deletion_policy            = "PREVENT"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_topic_iam_member" "gateway_publishes" {
  project = var.project
  topic   = google_pubsub_topic.evidence.name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.gateway.member
}

resource "google_pubsub_subscription" "evidence_write" {
  project                    = var.project
  name                       = "${var.prefix}-evidence-write"
  topic                      = google_pubsub_topic.evidence.id
  ack_deadline_seconds       = 120 # longer than the function may take
  message_retention_duration = local.days_31
  enable_message_ordering    = false
  deletion_policy            = "PREVENT"

  expiration_policy {
    ttl = "" # never: the default removes it after 31 days without messages
  }

  push_config {
    push_endpoint = module.write_evidence.uri

    oidc_token {
      service_account_email = google_service_account.evidence_push.email
      audience              = module.write_evidence.uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.evidence_dead.id
    max_delivery_attempts = var.dead_letter_attempts
  }

  depends_on = [
    google_pubsub_subscription.evidence_dead,
    google_pubsub_topic_iam_member.agent_publishes_dead,
    google_service_account_iam_member.agent_signs_in,
  ]
}

# Pub/Sub acknowledges here what it moves to the dead letters.
resource "google_pubsub_subscription_iam_member" "agent_moves_dead" {
  project      = var.project
  subscription = google_pubsub_subscription.evidence_write.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

resource "google_service_account" "evidence_push" {
  project         = var.project
  account_id      = "${var.prefix}-evidence-push"
  display_name    = "Affidavit evidence push"
  description     = "Whom the push subscription speaks as; may call write_evidence and nothing else."
  deletion_policy = "PREVENT"
}

resource "google_service_account_iam_member" "agent_signs_in" {
  service_account_id = google_service_account.evidence_push.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.pubsub_agent
}
