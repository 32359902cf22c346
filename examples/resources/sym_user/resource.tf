# A person. Another e-mail renames the user in place and keeps the identities.
resource "sym_user" "nora" {
  email      = "nora.lindqvist@acme.example"
  first_name = "Nora"
  last_name  = "Lindqvist"
  role       = "admin"
}

# A bot must exist before it is mapped: a mapping creates people, never bots.
resource "sym_user" "deploy_bot" {
  username = "deploy-bot"
}

# This reference makes a destroy remove the identity before the bot.
resource "sym_identity" "deploy_bot_github" {
  user         = sym_user.deploy_bot.username
  service_type = "github"
  external_id  = "acme"
  identity     = "acme-deploy-bot"
}
