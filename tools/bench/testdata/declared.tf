resource "sym_identity" "people" {
  for_each     = local.people
  user         = each.key
  service_type = var.services[0].service_type
  external_id  = var.services[0].external_id
  identity     = each.value
}
