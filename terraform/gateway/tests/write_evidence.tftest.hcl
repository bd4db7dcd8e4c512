mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "it_is_told_where_evidence_goes" {
  command = plan

  assert {
    condition     = module.write_evidence.name == "acme-write-evidence"
    error_message = "Another name."
  }

  assert {
    condition = local.write_evidence == {
      AFFIDAVIT_BODY_BUCKETS      = "payroll=acme-body-payroll,standard=acme-body-standard"
      AFFIDAVIT_EVIDENCE_BUCKET   = "acme-evidence"
      AFFIDAVIT_ORIGIN            = "gateway.example.com/audit"
      AFFIDAVIT_QUARANTINE_BUCKET = "acme-quarantine"
    }
    error_message = "It is told something else."
  }
}
