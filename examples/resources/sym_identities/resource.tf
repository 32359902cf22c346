# Thousands of mappings of one service, as one resource.
resource "sym_identities" "okta" {
  service_type = "okta"
  external_id  = "acme.okta.com"

  identities = {
    "nora.lindqvist@acme.example" = "00uaj8gxbenyx4k2q5d7"
    "sam.okafor@acme.example"     = "00ub2m7tqkdw90zx1c5e"
    "deploy-bot"                  = "00uc9p3xwv6h4rj8y2n1" # a bot, by username
  }
}

# All manual mappings of the service. Others are removed.
resource "sym_identities" "github" {
  service_type = "github"
  external_id  = "acme"
  identities   = local.github_logins
  exclusive    = true
}

locals {
  github_logins = {
    "kofi.mensah@contractor.example" = "nightowl-42"
    "sam.okafor@acme.example"        = "sam-okafor-acme"
  }
}
