terraform {
  required_providers {
    sym = {
      source = "sym-identity/sym"
    }
  }
}

data "sym_resolved_identities" "company" {
  users = ["ann@acme.example", "nora@acme.example"]
  services = [
    { service_type = "okta", external_id = "acme.okta.com" },
    { service_type = "github", external_id = "acme" },
  ]
  on_unmapped = "ignore" # the report shows them
}

output "report" {
  value = provider::sym::report(data.sym_resolved_identities.company, "html")
}

# terraform output -raw report > report.html
