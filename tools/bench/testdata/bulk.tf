data "sym_resolved_identities" "all" {
  users    = local.users
  services = var.services
}
