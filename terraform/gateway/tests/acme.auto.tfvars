# One deployment, for all tests.
body_buckets      = { payroll = "acme-body-payroll", standard = "acme-body-standard" }
config_file       = "tests/deployment/affidavit.yaml"
evidence_bucket   = "acme-evidence"
functions_zip     = "tests/deployment/functions-76038c5572ab3d54.zip"
image             = "europe-west1-docker.pkg.dev/acme-gateway-1/acme/gateway@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
origin            = "gateway.example.com/audit"
prefix            = "acme"
project           = "acme-gateway-1"
project_number    = 123456789012
quarantine_bucket = "acme-quarantine"
region            = "europe-west1"
