mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "writers_create_registrations_and_segments_and_nothing_else" {
  command = plan

  assert {
    condition = { for name, grant in google_storage_bucket_iam_member.writers_create_evidence : name => "${grant.bucket} ${grant.role} ${grant.member}" } == {
      gateway        = "acme-evidence roles/storage.objectCreator serviceAccount:acme-gateway@acme-gateway-1.iam.gserviceaccount.com"
      write_evidence = "acme-evidence roles/storage.objectCreator serviceAccount:acme-write-evidence@acme-gateway-1.iam.gserviceaccount.com"
    }
    error_message = "Somebody else, or more."
  }

  assert {
    condition     = alltrue([for grant in google_storage_bucket_iam_member.writers_create_evidence : grant.condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/acme-evidence/objects/writer/\") || resource.name.startsWith(\"projects/_/buckets/acme-evidence/objects/segment/\")"])
    error_message = "A writer could decide about the log."
  }

  assert {
    condition     = google_storage_bucket_iam_member.write_evidence_reads_registrations["write_evidence"].condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/acme-evidence/objects/writer/\") || resource.name == \"projects/_/buckets/acme-evidence\""
    error_message = "It reads records, or cannot tell a missing registration from a forbidden one."
  }

  assert {
    condition     = google_storage_bucket_iam_member.sequencer_creates_evidence.condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/acme-evidence/objects/commit/\") || resource.name.startsWith(\"projects/_/buckets/acme-evidence/objects/checkpoint/\")"
    error_message = "The sequencer could write records."
  }
}

run "roles_of_our_own_hold_nothing_else" {
  command = plan

  assert {
    condition     = google_project_iam_custom_role.reader.role_id == "acme_object_reader" && google_project_iam_custom_role.reader.permissions == toset(["storage.objects.get", "storage.objects.list"])
    error_message = "A reader may do more."
  }

  assert {
    condition     = google_project_iam_custom_role.keeper.role_id == "acme_object_keeper" && google_project_iam_custom_role.keeper.permissions == toset(["storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"])
    error_message = "A keeper may do more."
  }
}

run "without_a_group_no_person_reads" {
  command = plan

  variables {
    auditors_group = null
  }

  assert {
    condition = length([
      for grant in concat(
        values(google_storage_bucket_iam_member.readers_read_evidence), values(google_storage_bucket_iam_member.readers_read_bodies),
        values(google_storage_bucket_iam_member.readers_read_quarantine), values(google_storage_bucket_iam_member.readers_read_log),
        values(google_kms_crypto_key_iam_member.readers_see_public_key),
      ) : grant if !startswith(grant.member, "serviceAccount:")
    ]) + length(google_project_iam_member.auditors_read_logs) == 0
    error_message = "Somebody does."
  }
}
