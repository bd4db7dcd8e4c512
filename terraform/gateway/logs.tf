# What the gateway does not write: who called it, who changed it, and who made tokens of its accounts. It goes to a locked
# bucket of the audit project, where the owner of this one cannot remove it.

resource "google_project_iam_audit_config" "this" {
  for_each = {
    "iam.googleapis.com"           = ["ADMIN_READ", "DATA_READ"] # tokens made by IAM Credentials, too: it has no switch of its own
    "secretmanager.googleapis.com" = ["DATA_READ"]
  }

  project = var.project
  service = each.key

  dynamic "audit_log_config" {
    for_each = toset(each.value)

    content {
      log_type = audit_log_config.value
    }
  }
}

resource "google_logging_project_sink" "audit" {
  for_each = var.request_log_bucket == null ? {} : { audit = var.request_log_bucket }

  project                = var.project
  name                   = "${var.prefix}-audit"
  description            = "Request and audit logs, to the audit project"
  destination            = "logging.googleapis.com/${each.value}"
  filter                 = "log_id(\"run.googleapis.com/requests\") OR log_id(\"requests\") OR log_id(\"cloudaudit.googleapis.com/activity\") OR log_id(\"cloudaudit.googleapis.com/data_access\")"
  unique_writer_identity = true
}
