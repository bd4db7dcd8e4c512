mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "the_key_signs_ed25519_and_is_not_destroyed_at_once" {
  command = plan

  assert {
    condition     = google_kms_crypto_key.log.name == "log" && google_kms_crypto_key.log.purpose == "ASYMMETRIC_SIGN" && google_kms_crypto_key.log.version_template[0].algorithm == "EC_SIGN_ED25519"
    error_message = "Another kind of key."
  }

  assert {
    condition     = google_kms_crypto_key.log.destroy_scheduled_duration == "2592000s" && google_kms_crypto_key.log.deletion_policy == "PREVENT"
    error_message = "It could be gone before anybody sees it."
  }

  assert {
    condition     = google_kms_key_ring.this.name == "acme" && google_kms_crypto_key.log.version_template[0].protection_level == "SOFTWARE"
    error_message = "Another ring or protection level."
  }

  assert {
    condition     = output.log_key == "projects/acme-audit-1/locations/europe-west1/keyRings/acme/cryptoKeys/log/cryptoKeyVersions/1"
    error_message = "Another version signs."
  }
}

run "the_key_lives_in_hardware_if_asked" {
  command = plan

  variables {
    key_version      = 2
    protection_level = "HSM"
  }

  assert {
    condition     = google_kms_crypto_key.log.version_template[0].protection_level == "HSM"
    error_message = "In software."
  }

  assert {
    condition     = module.sequence_log.environment.AFFIDAVIT_LOG_KEY == "projects/acme-audit-1/locations/europe-west1/keyRings/acme/cryptoKeys/log/cryptoKeyVersions/2"
    error_message = "The sequencer signs with another version."
  }
}
