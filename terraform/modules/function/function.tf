# One function of the zip: an HTTP function that only Google's own services reach, and of those only who is named. Nothing
# triggers it by Eventarc, whose subscription takes neither dead letters nor a retry policy.

resource "google_cloudfunctions2_function" "this" {
  project         = var.project
  location        = var.region
  name            = var.name
  description     = var.description
  deletion_policy = "PREVENT"

  build_config {
    runtime           = "python313" # from 3.14 on nothing shows that vendored wheels are taken
    entry_point       = var.entry_point
    docker_repository = var.package.repository
    service_account   = var.package.builder

    environment_variables = {
      GOOGLE_VENDOR_PIP_DEPENDENCIES = "wheels" # the zip holds every wheel; no index is asked
    }

    source {
      storage_source {
        bucket = var.package.bucket
        object = var.package.object
      }
    }
  }

  service_config {
    service_account_email            = var.account
    ingress_settings                 = "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision   = true
    available_cpu                    = "1" # less takes one request at a time
    available_memory                 = var.memory
    max_instance_request_concurrency = var.concurrency
    min_instance_count               = 0
    max_instance_count               = var.max_instances
    timeout_seconds                  = var.timeout_seconds
    environment_variables            = var.environment
  }
}

# On the Cloud Run service underneath, which is what is called.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = var.invokers

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = each.value
}
