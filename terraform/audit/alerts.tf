# Who is told what. Each alarm is one stable word in a structured log entry; a policy matches it.

locals {
  on_call  = [for channel in google_monitoring_notification_channel.on_call : channel.name]
  alarming = "resource.type=\"cloud_run_revision\" AND severity>=ERROR AND jsonPayload.alarm"

  alarms = {
    check_failed      = "Something in the log is false, missing or forged, or was not verified for too long: the entry says which. Run `affidavit verify`; do not delete anything."
    dead_letter       = "A message could not be written for too long, or nobody can look for such: the entry says which. Mend the cause, then run `affidavit redrive`."
    sequencer_stopped = "What is stored contradicts itself, so nothing more is committed. Run `affidavit verify`."
    uncommitted_old   = "Records wait for their place in the log. Look whether the sequencer runs, and what its last error is."
    writer_lost       = "A gateway fell silent without closing. Its calls in flight are interrupted; look for why it ended."
  }
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
