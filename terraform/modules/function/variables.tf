variable "account" {
  description = "Email of the account that the function runs as."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]+@[a-z][a-z0-9-]+[.]iam[.]gserviceaccount[.]com$", var.account))
    error_message = "The email of a service account of its own; a default account may do far too much."
  }
}

variable "concurrency" {
  description = "Requests that one instance takes at once."
  type        = number
  default     = 1

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 1000 && floor(var.concurrency) == var.concurrency
    error_message = "Cloud Run takes 1 to 1000 requests an instance."
  }
}

variable "description" {
  description = "What the function does."
  type        = string
  default     = null
}

variable "entry_point" {
  description = "Name of the function in main.py."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z_]*[a-z]$", var.entry_point))
    error_message = "A name of Python, such as write_evidence."
  }
}

variable "environment" {
  description = "What the function is told: AFFIDAVIT_* variables. Never a secret."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.environment) : startswith(name, "AFFIDAVIT_")])
    error_message = "Each begins with AFFIDAVIT_; the rest belongs to the runtime."
  }
}

variable "invokers" {
  description = "Who may call it: a name for each, and the account as an IAM member."
  type        = map(string)

  validation {
    condition     = alltrue([for member in values(var.invokers) : startswith(member, "serviceAccount:")])
    error_message = "Only service accounts call functions."
  }
}

variable "max_instances" {
  description = "Most instances at once."
  type        = number
  default     = 10

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 1000 && floor(var.max_instances) == var.max_instances
    error_message = "1 to 1000 instances."
  }
}

variable "memory" {
  description = "Memory of one instance."
  type        = string
  default     = "512Mi"

  validation {
    condition     = contains(["512Mi", "1Gi", "2Gi", "4Gi"], var.memory)
    error_message = "One of 512Mi, 1Gi, 2Gi, 4Gi: one vCPU takes no more."
  }
}

variable "name" {
  description = "The function's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,61}[a-z0-9]$", var.name))
    error_message = "2 to 63 of a-z, 0-9 and -, from a letter to no hyphen."
  }
}

variable "package" {
  description = "What it is built from and by whom: the module package."
  type = object({
    bucket     = string
    builder    = string
    object     = string
    repository = string
  })
}

variable "project" {
  description = "The function's project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's ID, not its number or name."
  }
}

variable "region" {
  description = "The function's region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region such as europe-west1, not a zone and not a multi-region."
  }
}

variable "timeout_seconds" {
  description = "Longest that one request may take."
  type        = number
  default     = 60

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 3600 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "1 to 3600 seconds."
  }
}
