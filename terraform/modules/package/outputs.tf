output "bucket" {
  description = "Where the zip lies."
  value       = google_storage_bucket_object.this.bucket
}

output "builder" {
  description = "The account that builds, by its full name; known when it may do so."
  value       = google_service_account.builder.name

  depends_on = [
    google_artifact_registry_repository_iam_member.builder_writes,
    google_project_iam_member.builder_logs,
    google_project_iam_member.builder_reads_copies,
    google_storage_bucket_iam_member.builder_reads,
  ]
}

output "object" {
  description = "The zip's name, which holds its hash."
  value       = google_storage_bucket_object.this.name
}

output "repository" {
  description = "Where images are built into."
  value       = google_artifact_registry_repository.this.id
}
