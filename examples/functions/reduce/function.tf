terraform {
  required_providers {
    sym = {
      source = "sym-identity/sym"
    }
  }
}

locals {
  rules = [
    {
      name         = "iam user"
      service_type = "aws_iam"
      match        = ".*@acme\\.example"
      identity     = "arn:aws:iam::123456789012:user/$${local}"
    },
  ]
}

# { identity = "arn:aws:iam::123456789012:user/ada.martin", rule = "iam user", lookup_email = null }
output "ada" {
  value = provider::sym::reduce(
    local.rules,
    { email = "Ada.Martin@acme.example" },
    { service_type = "aws_iam", external_id = "123456789012" },
  )
}
