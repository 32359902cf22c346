# terraform query -generate-config-out=users.tf
#
# Writes a sym_user and an import block for each bot: mappings create people, but
# never bots.
list "sym_user" "bots" {
  provider = sym
  limit    = 1000

  # Required to fill in the generated blocks.
  include_resource = true

  config {
    type = "bot"
  }
}
