# What holds for the whole project: it is not closed by mistake, and whoever touches evidence, key or accounts leaves a trace.

resource "google_resource_manager_lien" "this" {
  parent          = "projects/${var.project_number}"
  origin          = "affidavit"
  reason          = "Evidence under a retention lock"
  restrictions    = ["resourcemanager.projects.delete"]
  deletion_policy = "PREVENT"

  lifecycle {
    prevent_destroy = true
  }
}

# Nobody is exempt. Tokens that IAM Credentials makes are logged by the switch of iam.googleapis.com.
resource "google_project_iam_audit_config" "this" {
  for_each = {
    "cloudkms.googleapis.com" = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
    "iam.googleapis.com"      = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
    "storage.googleapis.com"  = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
    "sts.googleapis.com"      = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
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
