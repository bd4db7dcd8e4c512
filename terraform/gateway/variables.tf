variable "body_buckets" {
  description = "The audit project's body buckets: retention class to bucket. Output `gateway` of terraform/audit."
  type        = map(string)

  validation {
    condition = length(var.body_buckets) > 0 && alltrue([
      for class, bucket in var.body_buckets : can(regex("^[a-z0-9_]{1,64}=[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", "${class}=${bucket}"))
    ])
    error_message = "At least one class is needed; classes are [a-z0-9_]{1,64}, and each names a bucket."
  }
}

variable "checker_account" {
  description = "The audit project's account that looks after the dead letters; null before terraform/audit has made it."
  type        = string
  default     = null

  validation {
    condition     = var.checker_account == null || can(regex("^[a-z][a-z0-9-]+@[a-z0-9.-]+[.]gserviceaccount[.]com$", var.checker_account))
    error_message = "The checker's account is the email of a service account."
  }
}

variable "concurrency" {
  description = "Requests that one instance takes at once; each open stream is one."
  type        = number
  default     = 80

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 1000 && floor(var.concurrency) == var.concurrency
    error_message = "Cloud Run takes 1 to 1000 requests an instance."
  }
}

variable "config_file" {
  description = "Path of affidavit.yaml. It is no secret: secrets stand in it as references, and the log keeps a copy."
  type        = string

  validation {
    condition     = can(filebase64(var.config_file)) && try(length(filebase64(var.config_file)), 0) <= 87384
    error_message = "There is no such file, or it is larger than the 64 KiB that Secret Manager takes."
  }
}

variable "database" {
  description = "Name of the Firestore database; the first one of a project, (default), has a free quota."
  type        = string
  default     = "(default)"

  validation {
    condition     = can(regex("^([(]default[)]|[a-z][a-z0-9-]{2,61}[a-z0-9])$", var.database))
    error_message = "A database is called (default), or 4 to 63 of a-z, 0-9 and -, from a letter to no hyphen."
  }
}

variable "dead_letter_attempts" {
  description = "Deliveries of a message before it is a dead letter. With the slowest retries, 100 outlast 16 hours of outage."
  type        = number
  default     = 100

  validation {
    condition     = var.dead_letter_attempts >= 5 && var.dead_letter_attempts <= 100 && floor(var.dead_letter_attempts) == var.dead_letter_attempts
    error_message = "Pub/Sub takes 5 to 100 attempts."
  }
}

variable "deployment_secret_version" {
  description = "Version of the deployment secret. With another version the HMACs of equal values are no longer equal."
  type        = number
  default     = 1

  validation {
    condition     = var.deployment_secret_version >= 1 && floor(var.deployment_secret_version) == var.deployment_secret_version
    error_message = "A version is a number from 1 on; \"latest\" would change the keys unseen."
  }
}

variable "domain" {
  description = "Host name to serve behind an external load balancer with a managed certificate; null: the run.app address."
  type        = string
  default     = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]{2,63}$", var.domain))
    error_message = "A host name in lower case, without scheme, port or path."
  }
}

variable "evidence_bucket" {
  description = "The audit project's evidence bucket. Output `gateway` of terraform/audit."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", var.evidence_bucket))
    error_message = "Not the name of a bucket."
  }
}

variable "functions_zip" {
  description = "Path of the functions' source, made by `make functions-zip`; its name holds its hash."
  type        = string

  validation {
    condition     = try(startswith(filesha256(var.functions_zip), regex("(?:^|/)functions-([0-9a-f]{16})[.]zip$", var.functions_zip)[0]), false)
    error_message = "There is no such file, or it is not called functions-<the first 16 hex digits of its SHA-256>.zip."
  }
}

variable "image" {
  description = "The proxy's image, by digest; null until the first one is in the registry: all but the proxy is made."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^[a-z0-9.-]+(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "An image is named by its digest, HOST/PATH@sha256:<64 hex digits>: a tag can be moved."
  }
}

variable "impersonated_accounts" {
  description = "Service accounts that upstream credentials, or the reading of a Google Workspace, impersonate: a name for each, and its email. Made for that, and for nothing else."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for account in values(var.impersonated_accounts) : can(regex("^[a-z][a-z0-9-]+@[a-z][a-z0-9-]+[.]iam[.]gserviceaccount[.]com$", account)) && !strcontains(account, "@gcp-sa-")])
    error_message = "Each is the email of a service account that somebody made: a default account or Google's own may do far too much."
  }
}

variable "ingress" {
  description = "Where requests may come from. With a domain only its load balancer, or who knows the run.app address goes around it."
  type        = string
  default     = "INGRESS_TRAFFIC_ALL"

  validation {
    condition     = contains(["INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"], var.ingress)
    error_message = "One of INGRESS_TRAFFIC_ALL, INGRESS_TRAFFIC_INTERNAL_ONLY, INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER."
  }

  validation {
    condition     = var.domain == null || var.ingress == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    error_message = "With a domain, ingress is INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER."
  }
}

variable "max_instances" {
  description = "Most instances of the proxy; each is one writer of records."
  type        = number
  default     = 10

  validation {
    condition     = var.max_instances >= var.min_instances && var.max_instances <= 1000 && floor(var.max_instances) == var.max_instances
    error_message = "From min_instances to 1000."
  }
}

variable "memory" {
  description = "Memory of one instance. It holds up to 256 MiB of bodies that come and 256 MiB of answers that leave."
  type        = string
  default     = "1Gi"

  validation {
    condition     = contains(["1Gi", "2Gi", "4Gi"], var.memory)
    error_message = "One of 1Gi, 2Gi, 4Gi: one vCPU takes no more, and less does not hold the bodies."
  }
}

variable "min_instances" {
  description = "Instances that are always there. The first costs what being idle costs; a second survives a zone."
  type        = number
  default     = 1

  validation {
    condition     = var.min_instances >= 1 && floor(var.min_instances) == var.min_instances
    error_message = "At least 1: a proxy that is started by a call makes it wait for a registration."
  }
}

variable "network" {
  description = "Send what the proxy sends through a network (Direct VPC egress), for upstreams with internal ingress; null: the internet."
  type        = object({ egress = string, network = string, subnetwork = string })
  default     = null

  validation {
    condition     = var.network == null || contains(["ALL_TRAFFIC", "PRIVATE_RANGES_ONLY"], try(var.network.egress, ""))
    error_message = "network.egress is ALL_TRAFFIC or PRIVATE_RANGES_ONLY."
  }
}

variable "origin" {
  description = "The log's name, for ever, as `origin` in affidavit.yaml and in terraform/audit."
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
  description = "The gateway's project; never the audit project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's ID, not its number or name."
  }
}

variable "project_number" {
  description = "The same project's number, which names its Pub/Sub service agent."
  type        = number

  validation {
    condition     = var.project_number > 0 && floor(var.project_number) == var.project_number
    error_message = "A project's number."
  }
}

variable "quarantine_bucket" {
  description = "The audit project's bucket for what is no evidence. Output `gateway` of terraform/audit."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", var.quarantine_bucket))
    error_message = "Not the name of a bucket."
  }
}

variable "rate_limit" {
  description = "Requests a minute that the load balancer takes of one address (Cloud Armor); null: no limit, no Cloud Armor."
  type        = number
  default     = null

  validation {
    condition     = var.rate_limit == null || try(var.rate_limit >= 1 && var.rate_limit <= 1000000, false)
    error_message = "1 to 1000000 requests a minute."
  }

  validation {
    condition     = var.rate_limit == null || var.domain != null
    error_message = "Only the load balancer limits rates: set domain, too."
  }
}

variable "region" {
  description = "Where everything of the gateway is."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region such as europe-west1, not a zone and not a multi-region."
  }
}

variable "request_log_bucket" {
  description = "The audit project's locked log bucket, projects/P/locations/L/buckets/B. Output `gateway` of terraform/audit; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.request_log_bucket == null || can(regex("^projects/[^/]+/locations/[^/]+/buckets/[A-Za-z0-9_.-]+$", var.request_log_bucket))
    error_message = "A log bucket is named projects/P/locations/L/buckets/B."
  }
}

variable "secrets" {
  description = "Secrets that affidavit.yaml refers to as secret:NAME (upstream credentials, directories' secrets): the name, and what it is for. Values are added by hand."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[A-Za-z0-9_-]{1,255}$", name))])
    error_message = "Names of secrets are [A-Za-z0-9_-]{1,255}."
  }
}

variable "telemetry_endpoint" {
  description = "Where spans and metrics go by OTLP: a collector, or https://telemetry.googleapis.com; null: nowhere."
  type        = string
  default     = null

  validation {
    condition     = var.telemetry_endpoint == null || can(regex("^https?://[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._/-]*)?$", var.telemetry_endpoint))
    error_message = "An address without credentials, such as https://telemetry.googleapis.com."
  }
}
