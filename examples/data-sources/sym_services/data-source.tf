data "sym_services" "all" {}

output "service_keys" {
  value = data.sym_services.all.services[*].key
}

# Services without a directory: they need rules or manual mappings.
output "without_directory" {
  value = [for service in data.sym_services.all.services : service.key if !service.directory]
}
