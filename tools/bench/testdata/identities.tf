resource "sym_identities" "all" {
  service_type = var.services[0].service_type
  external_id  = var.services[0].external_id
  identities   = local.people
}
