# One deployment, for all tests: everything given, nothing locked.
auditors_address       = "auditors@example.net"
auditors_group         = "auditors@example.com"
dead_letters           = ["projects/acme-gateway-1/subscriptions/acme-evidence-dead"]
functions_zip          = "tests/functions-76038c5572ab3d54.zip"
gateway_account        = "acme-gateway@acme-gateway-1.iam.gserviceaccount.com"
on_call                = { first = "on-call@example.com" }
origin                 = "gateway.example.com/audit"
prefix                 = "acme"
project                = "acme-audit-1"
project_number         = 210987654321
region                 = "europe-west1"
request_log_writer     = "serviceAccount:service-123456789012@gcp-sa-logging.iam.gserviceaccount.com"
retention              = { payroll = 90, standard = 400 }
write_evidence_account = "acme-write-evidence@acme-gateway-1.iam.gserviceaccount.com"
