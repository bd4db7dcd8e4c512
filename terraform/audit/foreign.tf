# What nobody but a service itself should do with its account, and what would keep us from seeing it: filters of audit logs.

locals {
  # Tokens from the metadata server are in no audit log: one that is was made by somebody else than the service itself.
  watched_accounts = concat(compact([var.gateway_account, var.write_evidence_account]), [
    google_service_account.checker.email, google_service_account.sequencer.email,
  ])
  any_watched = "(${join(" OR ", [for account in local.watched_accounts : "\"${account}\""])})"

  foreign_token = join(" AND ", [
    "protoPayload.serviceName=(\"iamcredentials.googleapis.com\" OR \"iam.googleapis.com\")", # IAM's older methods sign, too
    "protoPayload.methodName=~\"(GenerateAccessToken|GenerateIdToken|SignBlob|SignJwt)$\"",
    "resource.labels.email_id=${local.any_watched}",
  ])

  # A key signs for itself, and what an account is put into asks the metadata server: neither is a token in an audit log.
  acts = "log_id(\"cloudaudit.googleapis.com/activity\")"
  foreign_key = join(" AND ", [
    "resource.type=\"service_account\"",
    "resource.labels.email_id=${local.any_watched}",
    "protoPayload.methodName=~\"(CreateServiceAccountKey|UploadServiceAccountKey|SetIAMPolicy|SetIamPolicy)$\"",
  ])
  foreign_place = join(" AND ", [
    local.any_watched, # in any field
    "NOT resource.type=\"service_account\"",
    "NOT protoPayload.methodName=~\"[sS]etI(am|AM)\"", # what it may do itself is the README's table
    "NOT protoPayload.serviceName=(\"logging.googleapis.com\" OR \"monitoring.googleapis.com\")",
    "NOT protoPayload.resourceName=~\"^(namespaces|projects)/(${join("|", local.own_services)})$\"",
  ])
  foreign_use = "${local.acts} AND ((${local.foreign_key}) OR (${local.foreign_place}))"

  own_place = "/(locations/[^/]+/)?(services|functions)/${var.prefix}-"
  own_services = concat(["${var.project}${local.own_place}(check-log|sequence-log)"], [
    for project in local.gateway_projects : "${project}${local.own_place}(gateway|write-evidence)"
  ])
  gateway_projects = [for account in compact([var.gateway_account]) : regex("@([a-z0-9-]+)[.]", account)[0]]

  # Who stops the logs first is seen by that.
  blinded = join(" OR ", [
    "protoPayload.serviceData.policyDelta.auditConfigDeltas.action=\"REMOVE\"",
    "protoPayload.serviceData.policyDelta.auditConfigDeltas.exemptedMember:*",
    "protoPayload.methodName=~\"(UpdateSink|DeleteSink|CreateExclusion|UpdateExclusion|UpdateLogMetric|DeleteLogMetric)$\"",
    "protoPayload.methodName=~\"(Update|Delete)(AlertPolicy|NotificationChannel)$\"",
  ])
}
