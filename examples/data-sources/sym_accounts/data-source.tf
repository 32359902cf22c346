# Accounts of people that nobody holds.
data "sym_accounts" "nobodys" {
  service_type = "okta"
  external_id  = "acme.okta.com"
  kind         = "person"
  held         = false
}

output "nobodys" {
  value = [for account in data.sym_accounts.nobodys.accounts : { identity = account.identity, name = account.name, state = account.state }]
}

# How many accounts of the service are mapped.
output "coverage" {
  value = "${data.sym_accounts.nobodys.counts.held} of ${data.sym_accounts.nobodys.total} accounts"
}
