data "sym_resolved_identities" "all" {
  users    = local.users
  services = var.services
  rules = [{
    name         = "contractors"
    service_type = "okta"
    match        = "(.+)@contractor\\.acme\\.com"
    identity     = "c-$1"
  }]
}
