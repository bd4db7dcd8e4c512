# What Google would answer, in its real forms: the real provider refuses other text where it checks a pattern.

override_resource {
  target = google_service_account.gateway
  values = {
    email  = "acme-gateway@acme-gateway-1.iam.gserviceaccount.com"
    member = "serviceAccount:acme-gateway@acme-gateway-1.iam.gserviceaccount.com"
    name   = "projects/acme-gateway-1/serviceAccounts/acme-gateway@acme-gateway-1.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.write_evidence
  values = {
    email  = "acme-write-evidence@acme-gateway-1.iam.gserviceaccount.com"
    member = "serviceAccount:acme-write-evidence@acme-gateway-1.iam.gserviceaccount.com"
    name   = "projects/acme-gateway-1/serviceAccounts/acme-write-evidence@acme-gateway-1.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.evidence_push
  values = {
    email  = "acme-evidence-push@acme-gateway-1.iam.gserviceaccount.com"
    member = "serviceAccount:acme-evidence-push@acme-gateway-1.iam.gserviceaccount.com"
    name   = "projects/acme-gateway-1/serviceAccounts/acme-evidence-push@acme-gateway-1.iam.gserviceaccount.com"
  }
}

mock_resource "google_service_account" {
  defaults = {
    email  = "acme-builder@acme-gateway-1.iam.gserviceaccount.com"
    member = "serviceAccount:acme-builder@acme-gateway-1.iam.gserviceaccount.com"
    name   = "projects/acme-gateway-1/serviceAccounts/acme-builder@acme-gateway-1.iam.gserviceaccount.com"
  }
}

mock_resource "google_cloudfunctions2_function" {
  defaults = {
    service_config = { uri = "https://acme-write-evidence-abc-ew.a.run.app" }
  }
}
