# Containers of secrets. Versions are added by hand, so that no value is ever in a state file; the configuration alone is
# added here, because it holds no secret.

locals {
  config     = "${var.prefix}-config"
  deployment = "${var.prefix}-deployment"

  secrets = merge(var.secrets, {
    (local.config)     = "affidavit.yaml"
    (local.deployment) = "HMAC keys are derived from it: 32 random bytes, made once"
  })
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secrets

  project             = var.project
  secret_id           = each.key
  annotations         = { purpose = each.value }
  version_destroy_ttl = "2592000s" # 30 days in which a destroyed version comes back
  deletion_protection = true

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}

resource "google_secret_manager_secret_iam_member" "gateway_reads" {
  for_each = google_secret_manager_secret.this

  project   = var.project
  secret_id = each.value.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.gateway.member
}

# The old version outlives the revision that has it mounted, and can be enabled again to go back.
resource "google_secret_manager_secret_version" "config" {
  secret                = google_secret_manager_secret.this[local.config].id
  secret_data           = filebase64(var.config_file)
  is_secret_data_base64 = true
  deletion_policy       = "DISABLE"

  lifecycle {
    create_before_destroy = true
  }
}
