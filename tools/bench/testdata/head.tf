terraform {
  required_providers {
    sym = {
      source = "sym-identity/sym"
    }
  }
}

variable "services" {
  type = list(object({ service_type = string, external_id = string }))
}

# A literal list of 10,000 elements takes Terraform seconds, which would hide the provider's part.
locals {
  users  = split(",", file("emails.txt"))
  people = zipmap(local.users, split(",", file("accounts.txt")))
}
