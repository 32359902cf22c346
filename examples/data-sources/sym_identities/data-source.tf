# Everything that is stored.
data "sym_identities" "all" {}

output "ada_on_okta" {
  value = try(data.sym_identities.all.by_user["ada.martin@acme.example"]["okta:acme.okta.com"], null)
}

# What rules stored in one service. Check it before you change a rule.
data "sym_identities" "github_by_rule" {
  service_type = "github"
  external_id  = "acme"
  source       = "rule"
}

output "github_by_rule" {
  value = { for found in data.sym_identities.github_by_rule.identities : found.user => "${found.identity} (${found.rule})" }
}
