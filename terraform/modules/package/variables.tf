variable "bucket" {
  description = "Name of the bucket that holds the zip."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "3 to 63 of a-z, 0-9 and -, with neither end a hyphen."
  }
}

variable "prefix" {
  description = "What the account's and the repository's names begin with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,13}[a-z0-9]$", var.prefix))
    error_message = "3 to 15 of a-z, 0-9 and -, from a letter to no hyphen: accounts have 30 characters at most."
  }
}

variable "project" {
  description = "The functions' project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's ID, not its number or name."
  }
}

variable "region" {
  description = "The functions' region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region such as europe-west1, not a zone and not a multi-region."
  }
}

variable "zip" {
  description = "Path of the functions' source, made by `make functions-zip`; its name holds its hash."
  type        = string

  validation {
    condition = try(
      startswith(filesha256(var.zip), regex("(?:^|/)functions-([0-9a-f]{16})[.]zip$", var.zip)[0]), false
    )
    error_message = "There is no such file, or it is not called functions-<the first 16 hex digits of its SHA-256>.zip."
  }
}
