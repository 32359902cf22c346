# Manual mappings: service → e-mail → account. None yet.

locals {
  mappings = {}
}
