data "sym_resolved_identity" "people" {
  for_each     = toset(local.users)
  user         = each.key
  service_type = var.services[0].service_type
  external_id  = var.services[0].external_id
}
