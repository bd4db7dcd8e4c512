output "gateway" {
  description = "Variables of terraform/gateway."
  value = {
    body_buckets       = { for class, bucket in google_storage_bucket.body : class => bucket.name }
    checker_account    = google_service_account.checker.email
    evidence_bucket    = google_storage_bucket.evidence.name
    quarantine_bucket  = google_storage_bucket.quarantine.name
    request_log_bucket = "projects/${var.project}/locations/${var.region}/buckets/${google_logging_project_bucket_config.requests.bucket_id}"
  }
}

output "log_key" {
  description = "The version of the key that signs checkpoints."
  value       = local.key_version
}
