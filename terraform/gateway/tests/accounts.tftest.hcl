mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "accounts_are_called_as_the_log_admits_them" {
  command = plan

  assert {
    condition = (
      google_service_account.gateway.account_id == "acme-gateway" &&
      google_service_account.write_evidence.account_id == "acme-write-evidence" &&
      google_service_account.evidence_push.account_id == "acme-evidence-push"
    )
    error_message = "Another name."
  }

  assert {
    condition     = alltrue([for account in [google_service_account.gateway, google_service_account.write_evidence, google_service_account.evidence_push] : account.deletion_policy == "PREVENT"])
    error_message = "A plan could destroy an account that the log names."
  }
}

run "the_proxy_publishes_reads_its_secrets_and_keeps_state" {
  command = plan

  variables {
    secrets = { slack-bot = "Bot token of the approvals' channel" }
  }

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].service_account == "acme-gateway@acme-gateway-1.iam.gserviceaccount.com"
    error_message = "The proxy runs as somebody else."
  }

  assert {
    condition     = google_pubsub_topic_iam_member.gateway_publishes.topic == "acme-evidence" && google_pubsub_topic_iam_member.gateway_publishes.role == "roles/pubsub.publisher"
    error_message = "Not publisher of the one topic."
  }

  assert {
    condition = { for grant in google_secret_manager_secret_iam_member.gateway_reads : grant.secret_id => "${grant.role} ${grant.member}" } == {
      for name in ["acme-config", "acme-deployment", "slack-bot"] :
      name => "roles/secretmanager.secretAccessor serviceAccount:acme-gateway@acme-gateway-1.iam.gserviceaccount.com"
    }
    error_message = "Not reader of its own secrets and of no other."
  }

  assert {
    condition     = google_project_iam_member.gateway_database.role == "roles/datastore.user" && google_project_iam_member.gateway_database.condition[0].expression == "resource.name == \"projects/acme-gateway-1/databases/(default)\""
    error_message = "Not user of the one database."
  }
}

run "the_proxy_impersonates_nobody_that_was_not_named" {
  command = plan

  assert {
    condition     = length(google_service_account_iam_member.impersonates) == 0
    error_message = "Somebody."
  }
}

run "the_proxy_impersonates_who_was_named" {
  command = plan

  variables {
    impersonated_accounts = { warehouse = "warehouse-reader@acme-data-1.iam.gserviceaccount.com" }
  }

  assert {
    condition     = google_service_account_iam_member.impersonates["warehouse"].service_account_id == "projects/-/serviceAccounts/warehouse-reader@acme-data-1.iam.gserviceaccount.com"
    error_message = "Somebody else."
  }

  assert {
    condition     = google_service_account_iam_member.impersonates["warehouse"].member == "serviceAccount:acme-gateway@acme-gateway-1.iam.gserviceaccount.com"
    error_message = "Somebody else may."
  }
}

run "pubsub_alone_makes_tokens_of_the_push_identity" {
  command = plan

  assert {
    condition = (
      google_service_account_iam_member.agent_signs_in.service_account_id == "projects/acme-gateway-1/serviceAccounts/acme-evidence-push@acme-gateway-1.iam.gserviceaccount.com" &&
      google_service_account_iam_member.agent_signs_in.role == "roles/iam.serviceAccountOpenIdTokenCreator" &&
      google_service_account_iam_member.agent_signs_in.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    )
    error_message = "Somebody else could push, or nobody."
  }
}

run "before_there_is_a_checker_nobody_reads_dead_letters" {
  command = plan

  assert {
    condition     = length(google_pubsub_subscription_iam_member.checker_looks) == 0
    error_message = "Somebody."
  }
}

run "the_audit_projects_checker_looks_at_dead_letters" {
  command = plan

  variables {
    checker_account = "acme-checker@acme-audit-1.iam.gserviceaccount.com"
  }

  assert {
    condition = (
      google_pubsub_subscription_iam_member.checker_looks["checker"].subscription == "acme-evidence-dead" &&
      google_pubsub_subscription_iam_member.checker_looks["checker"].role == "roles/pubsub.subscriber" &&
      google_pubsub_subscription_iam_member.checker_looks["checker"].member == "serviceAccount:acme-checker@acme-audit-1.iam.gserviceaccount.com"
    )
    error_message = "It cannot look, or at something else."
  }
}

run "the_audit_project_is_told_whom_to_let_in" {
  command = plan

  assert {
    condition     = output.audit.gateway_account == "acme-gateway@acme-gateway-1.iam.gserviceaccount.com" && output.audit.write_evidence_account == "acme-write-evidence@acme-gateway-1.iam.gserviceaccount.com"
    error_message = "The log would admit somebody else."
  }

  assert {
    condition     = output.audit.dead_letters == ["projects/acme-gateway-1/subscriptions/acme-evidence-dead"]
    error_message = "The checker would look somewhere else."
  }
}
