mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "evidence_is_kept_for_its_period_and_not_locked_before_somebody_says_so" {
  command = plan

  assert {
    condition     = google_storage_bucket.evidence.name == "acme-evidence" && google_storage_bucket.evidence.retention_policy[0].retention_period == "315360000"
    error_message = "Not ten years."
  }

  assert {
    condition     = { for class, bucket in google_storage_bucket.body : bucket.name => bucket.retention_policy[0].retention_period } == { acme-body-payroll = "7776000", acme-body-standard = "34560000" }
    error_message = "Not one bucket a class, with its days."
  }

  assert {
    condition     = alltrue([for bucket in concat([google_storage_bucket.evidence], values(google_storage_bucket.body)) : bucket.retention_policy[0].is_locked == false])
    error_message = "Locked before it was verified."
  }

  assert {
    condition     = google_logging_project_bucket_config.requests.retention_days == 400 && google_logging_project_bucket_config.requests.locked == false
    error_message = "Not 400 days, or locked before it was verified."
  }
}

run "a_sentence_locks_all_of_it" {
  command = plan

  variables {
    config_file = "tests/masking.yaml"
    lock        = "acme-evidence is locked for good"
  }

  assert {
    condition     = alltrue([for bucket in concat([google_storage_bucket.evidence], values(google_storage_bucket.body)) : bucket.retention_policy[0].is_locked == true])
    error_message = "A bucket can still be emptied."
  }

  assert {
    condition     = google_logging_project_bucket_config.requests.locked == true
    error_message = "The request logs can still be emptied."
  }
}

run "nothing_that_destroys_evidence_is_near_it" {
  command = plan

  assert {
    condition     = alltrue([for bucket in concat([google_storage_bucket.evidence], values(google_storage_bucket.body)) : length(bucket.encryption) == 0])
    error_message = "Whoever destroys the key destroys the evidence."
  }

  assert {
    condition     = length(google_storage_bucket.evidence.lifecycle_rule) == 0
    error_message = "Evidence would go by itself."
  }

  assert {
    condition     = { for class, bucket in google_storage_bucket.body : class => one(bucket.lifecycle_rule[0].condition).age } == { payroll = 90, standard = 400 }
    error_message = "Bodies go before their period, or stay after it."
  }

  assert {
    condition     = one(google_storage_bucket.quarantine.lifecycle_rule[0].condition).age == 400
    error_message = "What may hold bodies stays longer than they do."
  }
}

run "no_bucket_can_be_public_versioned_or_destroyed" {
  command = plan

  assert {
    condition = alltrue([
      for bucket in concat([google_storage_bucket.evidence, google_storage_bucket.quarantine, google_storage_bucket.log, google_storage_bucket.check], values(google_storage_bucket.body)) :
      bucket.public_access_prevention == "enforced" && bucket.uniform_bucket_level_access == true &&
      bucket.versioning[0].enabled == false && bucket.force_destroy == false && bucket.deletion_policy == "PREVENT"
    ])
    error_message = "One can."
  }

  assert {
    condition = {
      for bucket in concat([google_storage_bucket.evidence, google_storage_bucket.quarantine, google_storage_bucket.log, google_storage_bucket.check], values(google_storage_bucket.body)) :
      bucket.name => bucket.soft_delete_policy[0].retention_duration_seconds
      } == {
      acme-evidence = 7776000, acme-quarantine = 604800, acme-log = 604800, acme-check = 604800, acme-body-payroll = 0, acme-body-standard = 0
    }
    error_message = "Disposed bodies come back, or evidence does not."
  }
}

run "the_project_is_not_closed_by_mistake" {
  command = plan

  assert {
    condition     = google_resource_manager_lien.this.parent == "projects/210987654321" && google_resource_manager_lien.this.restrictions == tolist(["resourcemanager.projects.delete"])
    error_message = "Closing the project would remove everything after 30 days."
  }
}
