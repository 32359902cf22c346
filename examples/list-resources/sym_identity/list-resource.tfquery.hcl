# terraform query -generate-config-out=identities.tf
#
# Writes a sym_identity and an import block for each mapping that was made by
# hand in one service.
list "sym_identity" "github" {
  provider = sym
  limit    = 1000

  # The generated blocks are filled in only with this.
  include_resource = true

  config {
    service_type = "github"
    external_id  = "acme"
    source       = "manual"
  }
}
