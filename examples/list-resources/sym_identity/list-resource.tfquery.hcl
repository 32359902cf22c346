# terraform query -generate-config-out=identities.tf
#
# Writes a sym_identity and an import block for each manual mapping of one
# service.
list "sym_identity" "github" {
  provider = sym
  limit    = 1000

  # Required to fill in the generated blocks.
  include_resource = true

  config {
    service_type = "github"
    external_id  = "acme"
    source       = "manual"
  }
}
