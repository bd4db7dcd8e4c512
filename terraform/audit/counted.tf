# Alarms about what happens in the gateway's project, too: counted in the log bucket here, where its owner cannot unsay them.

locals {
  signature = "protoPayload.serviceName=\"cloudkms.googleapis.com\" AND protoPayload.methodName=~\"AsymmetricSign$\""

  counted = {
    evidence_quarantined = {
      filter   = "jsonPayload.alarm=\"evidence_quarantined\""
      labels   = { service = "EXTRACT(resource.labels.service_name)" }
      document = "An object was published that is no evidence: malformed, forged, or of a writer that never registered. It lies in the quarantine bucket, and the log entry says why."
    }
    foreign_token = {
      filter   = local.foreign_token
      labels   = { account = "EXTRACT(resource.labels.email_id)", by = "EXTRACT(protoPayload.authenticationInfo.principalEmail)" }
      document = "Somebody made a token of an account that only its own service acts as: an attestation by anyone else than the service itself, or a way to write, or to sign, in its name."
    }
    foreign_use = {
      filter   = local.foreign_use
      labels   = { by = "EXTRACT(protoPayload.authenticationInfo.principalEmail)", what = "EXTRACT(protoPayload.methodName)" }
      document = "Somebody made a key of an account that only its own service acts as, let somebody act as it, or runs something else with it: whoever that is can attest a writer, or sign, in its name."
    }
    blinded = {
      filter   = "${local.acts} AND (${local.blinded})"
      labels   = { by = "EXTRACT(protoPayload.authenticationInfo.principalEmail)", what = "EXTRACT(protoPayload.methodName)" }
      document = "Somebody changed what is logged, where logs go, or who is told of alarms. If it was no apply of yours, what came after it may be unseen."
    }
    foreign_signature = {
      filter   = "${local.signature} AND protoPayload.authenticationInfo.principalEmail!=\"${google_service_account.sequencer.email}\""
      labels   = { by = "EXTRACT(protoPayload.authenticationInfo.principalEmail)" }
      document = "Somebody else than the sequencer asked the log's key for a signature."
    }
  }
}

resource "google_logging_metric" "counted" {
  for_each = local.counted

  project          = var.project
  name             = "${var.prefix}/${each.key}"
  description      = each.value.document
  bucket_name      = google_logging_project_bucket_config.requests.id
  filter           = each.value.filter
  label_extractors = each.value.labels
  deletion_policy  = "PREVENT"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    dynamic "labels" {
      for_each = each.value.labels

      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }
}

resource "google_monitoring_alert_policy" "counted" {
  for_each = google_logging_metric.counted

  project               = var.project
  display_name          = "Affidavit: ${each.key}"
  combiner              = "OR"
  severity              = "CRITICAL"
  enabled               = true
  notification_channels = local.on_call
  deletion_policy       = "PREVENT"

  conditions {
    display_name = each.key

    condition_threshold {
      filter          = "resource.type=\"logging_bucket\" AND metric.type=\"logging.googleapis.com/user/${each.value.name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_DELTA"
      }

      trigger {
        count = 1
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    content   = local.counted[each.key].document
    mime_type = "text/markdown"
  }
}

# How often the key signed: the number of kept checkpoints, and a few more for runs that were cut off. Many more are a fork.
resource "google_logging_metric" "signatures" {
  project         = var.project
  name            = "${var.prefix}/signatures"
  description     = "Signatures by the log's key; to be compared with the number of kept checkpoints"
  filter          = local.signature
  deletion_policy = "PREVENT"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
  }
}
