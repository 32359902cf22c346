# An e-mail, a bot's username, or the id that the API gave the user
terraform import sym_user.nora 'nora.lindqvist@acme.example'
