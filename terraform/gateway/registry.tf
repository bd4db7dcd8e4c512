# Images of the proxy. Tags cannot be moved, and what runs is named by its digest.

resource "google_artifact_registry_repository" "this" {
  project                = var.project
  location               = var.region
  repository_id          = var.prefix
  description            = "Images of the Affidavit gateway"
  format                 = "DOCKER"
  cleanup_policy_dry_run = false
  deletion_policy        = "PREVENT"

  docker_config {
    immutable_tags = true
  }

  cleanup_policies {
    id     = "drop-untagged"
    action = "DELETE"

    condition {
      tag_state  = "UNTAGGED"
      older_than = "2592000s" # 30 days
    }
  }

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }
}
