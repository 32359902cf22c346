# Everybody who is not a bot.
data "sym_users" "people" {
  type = "normal"
}

output "people" {
  value = [for user in data.sym_users.people.users : user.email]
}

# Who of a team is stored already; who is missing does not make it fail.
data "sym_users" "platform_team" {
  emails = ["ada.martin@acme.example", "sam.okafor@acme.example"]
}

output "not_in_sym_yet" {
  value = data.sym_users.platform_team.missing
}
