variable "people" {
  description = "E-mails of the team."
  type        = list(string)
}

variable "service" {
  description = "The service in which accounts are wanted."
  type = object({
    service_type = string
    external_id  = string
  })
}

variable "mapped_by_hand" {
  description = "What nobody can look up: e-mail to identity."
  type        = map(string)
  default     = {}
}

variable "rules" {
  description = "Reducer rules for this team, before the provider's."
  type = list(object({
    name         = string
    service_type = string
    external_id  = optional(string)
    match        = optional(string)
    identity     = optional(string)
    identities   = optional(map(string))
    expression   = optional(string)
    lookup_email = optional(string)
  }))
  default = []
}

variable "on_unmapped" {
  description = "error, warn or ignore."
  type        = string
  default     = "error"
}
