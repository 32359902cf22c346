data "sym_user" "sam" {
  email = "sam.okafor@acme.example"
}

# The stored identity, or null. Nothing is looked up.
output "sam_on_github" {
  value = lookup(data.sym_user.sam.identities, "github:acme", null)
}
