# What the gateway does not write: requests, audit logs and alarms of both projects, in a log bucket that, once it is locked,
# nobody empties before its time. Reconciliation and the alerts below read it.

locals {
  kept_logs = join(" OR ", [
    "log_id(\"run.googleapis.com/requests\")",
    "log_id(\"requests\")",
    "log_id(\"cloudaudit.googleapis.com/activity\")",
    "log_id(\"cloudaudit.googleapis.com/data_access\")",
    "log_id(\"cloudaudit.googleapis.com/policy\")",
    "jsonPayload.alarm:*",
    "jsonPayload.event=\"daily_checkpoint\"",
  ])
}

resource "google_logging_project_bucket_config" "requests" {
  project          = var.project
  location         = var.region
  bucket_id        = "${var.prefix}-requests"
  description      = "Request and audit logs of both projects, for reconciliation with the evidence"
  retention_days   = var.request_log_days
  enable_analytics = false
  locked           = local.locked
  deletion_policy  = "PREVENT"

  lifecycle {
    prevent_destroy = true
  }
}

# To a bucket of the same project Logging writes by itself.
resource "google_logging_project_sink" "requests" {
  project                = var.project
  name                   = "${var.prefix}-requests"
  description            = "Request and audit logs of the audit project"
  destination            = "logging.googleapis.com/projects/${var.project}/locations/${var.region}/buckets/${google_logging_project_bucket_config.requests.bucket_id}"
  filter                 = local.kept_logs
  unique_writer_identity = true
  deletion_policy        = "PREVENT"
}

# The gateway's project sends its own.
resource "google_project_iam_member" "gateway_sends_logs" {
  for_each = var.request_log_writer == null ? {} : { gateway = var.request_log_writer }

  project = var.project
  role    = "roles/logging.bucketWriter"
  member  = each.value

  condition {
    title      = "this bucket alone"
    expression = "resource.name.endsWith(\"locations/${var.region}/buckets/${var.prefix}-requests\")"
  }
}

resource "google_project_iam_member" "auditors_read_logs" {
  for_each = local.auditors

  project = var.project
  role    = "roles/logging.viewAccessor"
  member  = each.value

  condition {
    title      = "this bucket alone"
    expression = "resource.name == \"projects/${var.project}/locations/${var.region}/buckets/${var.prefix}-requests/views/_AllLogs\""
  }
}
