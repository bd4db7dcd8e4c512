# Who is told what. Each alarm is one stable word in a structured log entry; a policy matches it.

locals {
  on_call  = [for channel in google_monitoring_notification_channel.on_call : channel.name]
  alarming = "resource.type=\"cloud_run_revision\" AND severity>=ERROR AND jsonPayload.alarm"

  alarms = {
    check_failed      = "Something in the log is false, missing or forged. Run `affidavit verify`; do not delete anything."
    dead_letter       = "A message could not be written for too long. Mend the cause, then run `affidavit redrive`."
    sequencer_stopped = "What is stored contradicts itself, so nothing more is committed. Run `affidavit verify`."
    uncommitted_old   = "Records wait for their place in the log. Look whether the sequencer runs, and what its last error is."
    writer_lost       = "A gateway fell silent without closing. Its calls in flight are interrupted; look for why it ended."
  }

  # Tokens from the metadata server are in no audit log: one that is was made by somebody else than the service itself.
  watched_accounts = concat(compact([var.gateway_account, var.write_evidence_account]), [
    google_service_account.checker.email, google_service_account.sequencer.email,
  ])
  foreign_token = join(" AND ", [
    "protoPayload.serviceName=\"iamcredentials.googleapis.com\"",
    "protoPayload.methodName=~\"(GenerateAccessToken|GenerateIdToken|SignBlob|SignJwt)$\"",
    "resource.labels.email_id=(${join(" OR ", [for account in local.watched_accounts : "\"${account}\""])})",
  ])
  signature = "protoPayload.serviceName=\"cloudkms.googleapis.com\" AND protoPayload.methodName=~\"AsymmetricSign$\""
}

resource "google_monitoring_notification_channel" "on_call" {
  for_each = var.on_call

  project         = var.project
  display_name    = "Affidavit on call: ${each.key}"
  type            = "email"
  labels          = { email_address = each.value }
  force_delete    = false
  deletion_policy = "PREVENT"
}

resource "google_monitoring_notification_channel" "auditors" {
  project         = var.project
  display_name    = "Affidavit auditors"
  description     = "Who keeps the checkpoint of each day, outside of everything that the owner can reach"
  type            = "email"
  labels          = { email_address = var.auditors_address }
  force_delete    = false
  deletion_policy = "PREVENT"
}

resource "google_monitoring_alert_policy" "alarm" {
  for_each = local.alarms

  project               = var.project
  display_name          = "Affidavit: ${each.key}"
  combiner              = "OR"
  severity              = "CRITICAL"
  enabled               = true
  notification_channels = local.on_call
  deletion_policy       = "PREVENT"

  conditions {
    display_name = each.key

    condition_matched_log {
      filter           = "${local.alarming}=\"${each.key}\""
      label_extractors = { service = "EXTRACT(resource.labels.service_name)" }
    }
  }

  alert_strategy {
    auto_close = "86400s"

    notification_rate_limit {
      period = "3600s"
    }
  }

  documentation {
    content   = each.value
    mime_type = "text/markdown"
  }
}

# These happen in the gateway's project, and are counted in the locked bucket here, where its owner cannot unsay them.
locals {
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

# A function that is not called says nothing, so silence is an alarm, too.
resource "google_monitoring_alert_policy" "silent" {
  for_each = { sequence_log = module.sequence_log.name, check_log = module.check_log.name }

  project               = var.project
  display_name          = "Affidavit: ${each.key} is silent"
  combiner              = "OR"
  severity              = "CRITICAL"
  enabled               = var.gateway_account != null # until then both are paused
  notification_channels = local.on_call
  deletion_policy       = "PREVENT"

  conditions {
    display_name = "no success for half an hour"

    condition_absent {
      filter   = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${each.value}\" AND metric.type=\"run.googleapis.com/request_count\" AND metric.labels.response_code_class=\"2xx\""
      duration = "1800s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }

      trigger {
        count = 1
      }
    }
  }

  documentation {
    content   = "`${each.value}` has not succeeded for half an hour. Look at its schedule and its last error."
    mime_type = "text/markdown"
  }
}

# Each day's last checkpoint leaves the house: a copy that nobody here can take back.
resource "google_monitoring_alert_policy" "daily_checkpoint" {
  project               = var.project
  display_name          = "Affidavit: checkpoint of the day"
  combiner              = "OR"
  enabled               = true
  notification_channels = [google_monitoring_notification_channel.auditors.name]
  deletion_policy       = "PREVENT"

  conditions {
    display_name = "daily_checkpoint"

    condition_matched_log {
      filter = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${module.check_log.name}\" AND jsonPayload.event=\"daily_checkpoint\""

      label_extractors = {
        note = "EXTRACT(jsonPayload.note)"
        root = "EXTRACT(jsonPayload.root)"
        size = "EXTRACT(jsonPayload.size)"
      }
    }
  }

  alert_strategy {
    auto_close = "1800s"

    notification_rate_limit {
      period = "300s"
    }
  }

  documentation {
    subject   = "Checkpoint of ${var.origin}"
    mime_type = "text/markdown"

    content = <<-EOT
      Keep this message. `affidavit verify --known` takes the note, and whatever the log says later has to agree with it.

      - size: $${log.extracted_label.size}
      - root: $${log.extracted_label.root}
      - note: $${log.extracted_label.note}
    EOT
  }
}
