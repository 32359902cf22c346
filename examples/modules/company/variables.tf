variable "users_from" {
  description = "The service that knows who works here."
  type = object({
    service_type = string
    external_id  = string
  })
}

variable "services" {
  description = "The services in which everybody has an account, or an exception."
  type = list(object({
    service_type = string
    external_id  = string
  }))
}

variable "exceptions" {
  description = "Path of the file of exceptions. It need not exist yet."
  type        = string
}

variable "report_orphans" {
  description = "Whether to list accounts that belong to nobody. The services must be able to list their accounts."
  type        = bool
  default     = true
}

variable "on_unmapped" {
  description = "error, warn or ignore: what to do about people without an account and without an exception."
  type        = string
  default     = "warn"
}
