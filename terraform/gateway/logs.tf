# What the gateway does not write: who called it, who changed it, who made tokens of its accounts, and what its function found
# to be no evidence. It goes to a locked bucket of the audit project, where the owner of this one cannot remove it.

locals {
  sent_logs = join(" OR ", [
    "log_id(\"run.googleapis.com/requests\")",
    "log_id(\"requests\")", # the load balancer's
    "log_id(\"cloudaudit.googleapis.com/activity\")",
    "log_id(\"cloudaudit.googleapis.com/data_access\")",
    "log_id(\"cloudaudit.googleapis.com/policy\")",
    "jsonPayload.alarm:*",
  ])
}

# Nobody is exempt. Tokens that IAM Credentials makes are logged by the switch of iam.googleapis.com.
resource "google_project_iam_audit_config" "this" {
  for_each = {
    "iam.googleapis.com"           = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
    "secretmanager.googleapis.com" = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
    "storage.googleapis.com"       = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
    "sts.googleapis.com"           = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
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
  description            = "Request and audit logs and alarms, to the audit project"
  destination            = "logging.googleapis.com/${each.value}"
  filter                 = local.sent_logs
  unique_writer_identity = true
  deletion_policy        = "PREVENT"
}
