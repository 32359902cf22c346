terraform {
  required_providers {
    sym = {
      source = "sym-identity/sym"
    }
  }
}

locals {
  # The output of `symflow users list-identities -o identities.csv`. Usually file("identities.csv").
  export = <<-CSV
    sym:cloud,github:acme,okta:acme.okta.com,User ID
    kofi.mensah@acme.example,nightowl-42,00u2kb7n4ctrex9w5d7,5f1c
    nora.lindqvist@acme.example,,00uaj8gxbenyx4k2q5d7,9ae0
  CSV
}

# {
#   "github:acme"        = { "kofi.mensah@acme.example" = "nightowl-42" }
#   "okta:acme.okta.com" = {
#     "kofi.mensah@acme.example"    = "00u2kb7n4ctrex9w5d7"
#     "nora.lindqvist@acme.example" = "00uaj8gxbenyx4k2q5d7"
#   }
# }
output "by_service" {
  value = provider::sym::identities_from_csv(local.export)
}
