# Whether the gateway's project still sends its logs: its owner can stop them, and then no alert about it says anything.

locals {
  # An idle gateway says that it is alive each minute, and what it says goes through this function.
  gateway_logs = { for project in local.gateway_projects : "gateway" => join(" AND ", [
    "log_id(\"run.googleapis.com/requests\")",
    "resource.labels.project_id=\"${project}\"",
    "resource.labels.service_name=\"${var.prefix}-write-evidence\"",
  ]) }
}

resource "google_logging_metric" "gateway_logs" {
  for_each = local.gateway_logs

  project         = var.project
  name            = "${var.prefix}/gateway_logs"
  description     = "Requests to write_evidence whose log entries arrived here"
  bucket_name     = google_logging_project_bucket_config.requests.id
  filter          = each.value
  deletion_policy = "PREVENT"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
  }
}

resource "google_monitoring_alert_policy" "gateway_logs" {
  for_each = google_logging_metric.gateway_logs

  project               = var.project
  display_name          = "Affidavit: logs of the gateway's project are silent"
  combiner              = "OR"
  severity              = "CRITICAL"
  enabled               = true
  notification_channels = local.on_call
  deletion_policy       = "PREVENT"

  conditions {
    display_name = "no request to write_evidence for half an hour"

    # Not only absent: what is counted in logs may go on as zeros.
    condition_threshold {
      filter                  = "resource.type=\"logging_bucket\" AND metric.type=\"logging.googleapis.com/user/${each.value.name}\""
      comparison              = "COMPARISON_LT"
      threshold_value         = 1
      duration                = "1800s"
      evaluation_missing_data = "EVALUATION_MISSING_DATA_ACTIVE"

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
    content   = "Either no gateway runs and nothing is published, or its project sends its logs no longer. Until it does again, no alert sees tokens that are made there."
    mime_type = "text/markdown"
  }
}
