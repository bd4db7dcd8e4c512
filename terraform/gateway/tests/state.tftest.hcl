mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "the_database_is_native_and_protected" {
  command = plan

  assert {
    condition     = google_firestore_database.state.type == "FIRESTORE_NATIVE" && google_firestore_database.state.location_id == "europe-west1"
    error_message = "Not a native database of the region."
  }

  assert {
    condition     = google_firestore_database.state.delete_protection_state == "DELETE_PROTECTION_ENABLED" && google_firestore_database.state.deletion_policy == "PREVENT"
    error_message = "The database could be deleted, or forgotten by the state (ABANDON is the default)."
  }

  assert {
    condition     = google_firestore_database.state.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED"
    error_message = "What was overwritten a day ago is gone."
  }
}

run "secrets_are_containers_whose_values_are_added_by_hand" {
  command = plan

  variables {
    secrets = { slack-bot = "Bot token of the approvals' channel" }
  }

  assert {
    condition     = toset(keys(google_secret_manager_secret.this)) == toset(["acme-config", "acme-deployment", "slack-bot"])
    error_message = "Other secrets than were asked for."
  }

  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.this : secret.deletion_protection == true && secret.version_destroy_ttl == "2592000s"])
    error_message = "A secret could be destroyed at once: with the deployment secret, equal values stop being equal."
  }

  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.this : one(secret.replication[0].user_managed[0].replicas[*].location) == "europe-west1"])
    error_message = "Secrets are kept in other regions."
  }
}

run "the_configuration_alone_has_a_value_here_and_its_old_versions_stay" {
  command = plan

  override_resource {
    target          = google_secret_manager_secret.this["acme-config"]
    override_during = plan
    values          = { id = "projects/acme-gateway-1/secrets/acme-config" }
  }

  assert {
    condition     = google_secret_manager_secret_version.config.secret == "projects/acme-gateway-1/secrets/acme-config"
    error_message = "The configuration is the version of another secret."
  }

  assert {
    condition     = nonsensitive(google_secret_manager_secret_version.config.secret_data) == filebase64("tests/deployment/affidavit.yaml") && google_secret_manager_secret_version.config.is_secret_data_base64 == true
    error_message = "Not the file's exact bytes: the log records their hash."
  }

  assert {
    condition     = google_secret_manager_secret_version.config.deletion_policy == "DISABLE"
    error_message = "There is no way back to the last configuration."
  }
}

run "a_tag_is_never_moved" {
  command = plan

  assert {
    condition     = google_artifact_registry_repository.this.format == "DOCKER" && google_artifact_registry_repository.this.docker_config[0].immutable_tags == true
    error_message = "Tags can be moved."
  }

  assert {
    condition     = google_artifact_registry_repository.this.cleanup_policy_dry_run == false && length(google_artifact_registry_repository.this.cleanup_policies) == 2
    error_message = "Nothing is cleaned up."
  }

  assert {
    condition     = alltrue([for policy in google_artifact_registry_repository.this.cleanup_policies : one(policy.condition).tag_state == "UNTAGGED" if policy.action == "DELETE"])
    error_message = "An image that has a tag, such as the one that runs, could be deleted."
  }

  assert {
    condition     = google_artifact_registry_repository.this.deletion_policy == "PREVENT"
    error_message = "A plan could destroy all images."
  }
}
