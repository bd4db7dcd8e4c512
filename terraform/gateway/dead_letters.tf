# Messages that could not be written for too long. They wait in a subscription of their own until `affidavit redrive`.

resource "google_pubsub_topic" "evidence_dead" {
  project                    = var.project
  name                       = "${var.prefix}-evidence-dead"
  message_retention_duration = local.days_31
  deletion_policy            = "PREVENT"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_topic_iam_member" "agent_publishes_dead" {
  project = var.project
  topic   = google_pubsub_topic.evidence_dead.name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

# Without it Pub/Sub would drop every dead letter: a topic without a subscription keeps nothing.
resource "google_pubsub_subscription" "evidence_dead" {
  project                    = var.project
  name                       = "${var.prefix}-evidence-dead"
  topic                      = google_pubsub_topic.evidence_dead.id
  ack_deadline_seconds       = 600
  message_retention_duration = local.days_31
  enable_message_ordering    = false
  deletion_policy            = "PREVENT"

  expiration_policy {
    ttl = ""
  }
}

# The checker looks whether anything waits here. Whoever may look may also acknowledge: Pub/Sub has one permission for both.
resource "google_pubsub_subscription_iam_member" "checker_looks" {
  for_each = var.checker_account == null ? {} : { checker = "serviceAccount:${var.checker_account}" }

  project      = var.project
  subscription = google_pubsub_subscription.evidence_dead.name
  role         = "roles/pubsub.subscriber"
  member       = each.value
}
