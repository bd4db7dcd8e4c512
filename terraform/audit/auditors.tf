# Each day's last checkpoint leaves the house: a copy that nobody here can take back.

resource "google_monitoring_notification_channel" "auditors" {
  project         = var.project
  display_name    = "Affidavit auditors"
  description     = "Who keeps the checkpoint of each day, outside of everything that the owner can reach"
  type            = "email"
  labels          = { email_address = var.auditors_address }
  force_delete    = false
  deletion_policy = "PREVENT"
}

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
