data "sym_services" "all" {}

output "service_keys" {
  value = data.sym_services.all.services[*].key
}

# Services whose people the API cannot look up: rules or manual mappings only.
output "without_directory" {
  value = [for service in data.sym_services.all.services : service.key if !service.directory]
}
