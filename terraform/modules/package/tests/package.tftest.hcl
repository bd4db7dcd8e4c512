mock_provider "google" {
  override_during = plan

  mock_resource "google_service_account" {
    defaults = {
      member = "serviceAccount:acme-builder@acme-audit-1.iam.gserviceaccount.com"
      name   = "projects/acme-audit-1/serviceAccounts/acme-builder@acme-audit-1.iam.gserviceaccount.com"
    }
  }
}

variables {
  bucket  = "acme-audit-functions"
  prefix  = "acme"
  project = "acme-audit-1"
  region  = "europe-west1"
  zip     = "tests/functions-76038c5572ab3d54.zip"
}

run "the_zip_is_named_by_its_hash" {
  command = plan

  assert {
    condition     = output.object == "functions-76038c5572ab3d54.zip" && google_storage_bucket_object.this.source == "tests/functions-76038c5572ab3d54.zip"
    error_message = "Another zip, or under another name."
  }
}

run "a_zip_under_another_hash_is_refused" {
  command = plan

  variables {
    zip = "tests/functions-0000000000000000.zip"
  }

  expect_failures = [var.zip]
}

run "the_sources_are_not_public" {
  command = plan

  assert {
    condition = (
      google_storage_bucket.this.public_access_prevention == "enforced" &&
      google_storage_bucket.this.uniform_bucket_level_access == true
    )
    error_message = "Somebody could make the zip public."
  }
}

run "the_builder_reads_sources_and_writes_images_and_nothing_else" {
  command = plan

  assert {
    condition     = google_storage_bucket_iam_member.builder_reads.bucket == "acme-audit-functions" && google_storage_bucket_iam_member.builder_reads.role == "roles/storage.objectViewer"
    error_message = "It cannot read the zip, or may do more."
  }

  assert {
    condition     = google_project_iam_member.builder_reads_copies.condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
    error_message = "It reads evidence."
  }

  assert {
    condition     = google_artifact_registry_repository_iam_member.builder_writes.repository == "acme-functions" && google_artifact_registry_repository_iam_member.builder_writes.role == "roles/artifactregistry.writer"
    error_message = "It cannot write images, or writes others."
  }

  assert {
    condition     = google_project_iam_member.builder_logs.role == "roles/logging.logWriter"
    error_message = "A build that cannot log fails."
  }
}
