data "sym_user" "sam" {
  email = "sam.okafor@acme.example"
}

# What is stored, or null: nothing is looked up for it.
output "sam_on_github" {
  value = lookup(data.sym_user.sam.identities, "github:acme", null)
}
