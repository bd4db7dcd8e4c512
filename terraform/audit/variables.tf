variable "auditors_address" {
  description = "E-mail address that gets the last checkpoint of each day. Outside of what the owner can reach, or it proves little."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+[.][^@\\s]+$", var.auditors_address))
    error_message = "An e-mail address."
  }
}

variable "auditors_group" {
  description = "Google group whose members may read everything that is verified; null: nobody."
  type        = string
  default     = null

  validation {
    condition     = var.auditors_group == null || can(regex("^[^@:\\s]+@[^@:\\s]+[.][^@:\\s]+$", var.auditors_group))
    error_message = "The e-mail address of a group, without group:."
  }
}

variable "config_file" {
  description = "Path of the gateway's affidavit.yaml. The lock looks at it: what is locked unmasked stays so for the whole period."
  type        = string
  default     = null

  validation {
    condition     = var.config_file == null || can(yamldecode(file(var.config_file)).version)
    error_message = "There is no such file, or it is no affidavit.yaml."
  }
}

variable "dead_letters" {
  description = "Dead-letter subscriptions that the checker looks at. Output `audit` of terraform/gateway."
  type        = set(string)
  default     = []

  validation {
    condition = alltrue([
      for name in var.dead_letters : can(regex("^projects/[^/]+/subscriptions/[A-Za-z][A-Za-z0-9._~+%-]{2,254}$", name))
    ])
    error_message = "A subscription is named projects/P/subscriptions/S."
  }
}

variable "evidence_days" {
  description = "Days for which evidence is kept: as long as the log must be provable. Once locked it can only grow."
  type        = number
  default     = 3650

  validation {
    condition     = var.evidence_days >= 1 && var.evidence_days <= 36500 && floor(var.evidence_days) == var.evidence_days
    error_message = "1 to 36500 whole days: Cloud Storage guarantees no period under a day, and takes none over 100 years."
  }

  validation {
    condition     = alltrue([for days in values(var.retention) : var.evidence_days >= days])
    error_message = "Records outlive bodies: evidence_days is not less than any period in retention."
  }
}

variable "functions_zip" {
  description = "Path of the functions' source, made by `make functions-zip`; its name holds its hash."
  type        = string

  validation {
    condition = try(
      startswith(filesha256(var.functions_zip), regex("(?:^|/)functions-([0-9a-f]{16})[.]zip$", var.functions_zip)[0]), false
    )
    error_message = "There is no such file, or it is not called functions-<the first 16 hex digits of its SHA-256>.zip."
  }
}

variable "gateway_account" {
  description = "The gateway's account, which the log admits as a gateway. Output `audit` of terraform/gateway; null: not made yet."
  type        = string
  default     = null

  validation {
    condition     = var.gateway_account == null || can(regex("^[a-z][a-z0-9-]+@[a-z][a-z0-9-]+[.]iam[.]gserviceaccount[.]com$", var.gateway_account))
    error_message = "The email of a service account."
  }

  validation {
    condition     = !endswith(coalesce(var.gateway_account, "none"), "@${var.project}.iam.gserviceaccount.com")
    error_message = "This account is in the audit project, whose owner owns the evidence: the two need projects of their own."
  }
}

variable "key_version" {
  description = "Version of the log's key that signs. A new one needs its public key in the auditors' hands first."
  type        = number
  default     = 1

  validation {
    condition     = var.key_version >= 1 && floor(var.key_version) == var.key_version
    error_message = "A version is a number from 1 on."
  }
}

variable "lock" {
  description = "Locks every retention for good, typed on purpose: \"<prefix>-evidence is locked for good\". Then it belongs into terraform.tfvars."
  type        = string
  default     = null

  validation {
    condition     = var.lock == null || var.lock == "${var.prefix}-evidence is locked for good"
    error_message = "To lock, which cannot be undone, type exactly: ${var.prefix}-evidence is locked for good"
  }

  # A file without the key masks credentials; an empty list masks nothing.
  validation {
    condition     = var.lock == null || try(length(yamldecode(file(var.config_file)).masking), var.config_file == null ? 0 : 1) > 0
    error_message = "Not with masking switched off: secrets that are recorded could not be removed for the whole period. Give config_file, and take the empty list masking out of it."
  }
}

variable "on_call" {
  description = "Who is told of alarms: a name for each, and an e-mail address."
  type        = map(string)

  validation {
    condition     = length(var.on_call) > 0 && alltrue([for address in values(var.on_call) : can(regex("^[^@\\s]+@[^@\\s]+[.][^@\\s]+$", address))])
    error_message = "At least one, and each an e-mail address: an alarm that nobody hears is none."
  }
}

variable "origin" {
  description = "The log's name, for ever, as `origin` in affidavit.yaml and in terraform/gateway."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+(/[A-Za-z0-9._~-]+)*$", var.origin))
    error_message = "A host name and path without scheme, such as gateway.example.com/audit."
  }
}

variable "prefix" {
  description = "What all names begin with, in both projects."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,13}[a-z0-9]$", var.prefix)) && !startswith(var.prefix, "goog") && !strcontains(var.prefix, "google")
    error_message = "3 to 15 of a-z, 0-9 and -, from a letter to no hyphen, no goog… and no google in it: accounts have 30 characters at most."
  }
}

variable "project" {
  description = "The audit project; never the gateway's."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's ID, not its number or name."
  }
}

variable "project_number" {
  description = "The same project's number, which its lien names."
  type        = number

  validation {
    condition     = var.project_number > 0 && floor(var.project_number) == var.project_number
    error_message = "A project's number."
  }
}

variable "protection_level" {
  description = "Where the log's key lives: SOFTWARE, or HSM. Cannot be changed for a version that was made."
  type        = string
  default     = "SOFTWARE"

  validation {
    condition     = contains(["HSM", "SOFTWARE"], var.protection_level)
    error_message = "One of HSM, SOFTWARE."
  }
}

variable "region" {
  description = "Where everything of the log is."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region such as europe-west1, not a zone and not a multi-region."
  }
}

variable "request_log_days" {
  description = "Days for which request and audit logs are kept. Once locked it cannot be changed, not even to grow."
  type        = number
  default     = 400

  validation {
    condition     = var.request_log_days >= 1 && var.request_log_days <= 3650 && floor(var.request_log_days) == var.request_log_days
    error_message = "1 to 3650 whole days."
  }
}

variable "request_log_writer" {
  description = "Whom the gateway's project sends its logs as. Output `audit` of terraform/gateway; null: not made yet."
  type        = string
  default     = null

  validation {
    condition     = var.request_log_writer == null || can(regex("^serviceAccount:[^@\\s]+@[^@\\s]+[.]gserviceaccount[.]com$", var.request_log_writer))
    error_message = "A service account as an IAM member, serviceAccount:…"
  }
}

variable "retention" {
  description = "Retention classes of bodies and their days, as `retention` in affidavit.yaml. Once locked they can only grow."
  type        = map(number)

  validation {
    condition = length(var.retention) > 0 && alltrue([
      for class, days in var.retention :
      can(regex("^[a-z0-9_]{1,40}$", class)) && days >= 1 && days <= 36500 && floor(days) == days
    ])
    error_message = "At least one class of [a-z0-9_]{1,40}, each for 1 to 36500 whole days."
  }

  validation {
    condition     = alltrue([for class in keys(var.retention) : !endswith(class, "_")])
    error_message = "A class does not end in _: the name of a bucket ends in a letter or digit."
  }
}

variable "write_evidence_account" {
  description = "The account of the function that stores what was published. Output `audit` of terraform/gateway; null: not made yet."
  type        = string
  default     = null

  validation {
    condition     = var.write_evidence_account == null || can(regex("^[a-z][a-z0-9-]+@[a-z][a-z0-9-]+[.]iam[.]gserviceaccount[.]com$", var.write_evidence_account))
    error_message = "The email of a service account."
  }

  validation {
    condition     = !endswith(coalesce(var.write_evidence_account, "none"), "@${var.project}.iam.gserviceaccount.com")
    error_message = "This account is in the audit project, whose owner owns the evidence: the two need projects of their own."
  }
}
