# All people, without bots.
data "sym_users" "people" {
  type = "normal"
}

output "people" {
  value = [for user in data.sym_users.people.users : user.email]
}

# The people of a team who are stored. Missing people are no error.
data "sym_users" "platform_team" {
  emails = ["ada.martin@acme.example", "sam.okafor@acme.example"]
}

output "not_in_sym_yet" {
  value = data.sym_users.platform_team.missing
}
