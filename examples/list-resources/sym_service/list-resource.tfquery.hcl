# terraform query -generate-config-out=services.tf
#
# Writes a sym_service and an import block for each AWS account that is registered.
list "sym_service" "aws_accounts" {
  provider = sym
  limit    = 1000

  # Required to fill in the generated blocks.
  include_resource = true

  config {
    service_type = "aws_iam"
  }
}
