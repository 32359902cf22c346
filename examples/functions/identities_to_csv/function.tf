terraform {
  required_providers {
    sym = {
      source = "sym-identity/sym"
    }
  }
}

# sym:cloud,github:acme,okta:acme.okta.com
# kofi.mensah@acme.example,nightowl-42,00u2kb7n4ctrex9w5d7
# nora.lindqvist@acme.example,,00uaj8gxbenyx4k2q5d7
output "csv" {
  value = provider::sym::identities_to_csv({
    "github:acme" = {
      "kofi.mensah@acme.example" = "nightowl-42"
    }
    "okta:acme.okta.com" = {
      "kofi.mensah@acme.example"    = "00u2kb7n4ctrex9w5d7"
      "nora.lindqvist@acme.example" = "00uaj8gxbenyx4k2q5d7"
    }
  })
}
