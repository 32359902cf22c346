# A mocked provider answers with empty maps, so they are read with lookup and
# try: the module then also plans where no API is.

output "accounts" {
  description = "E-mail to identity; null for who is unmapped."
  value = {
    for person in var.people :
    person => lookup(try(data.sym_resolved_identities.team.identities[person], {}), local.service_key, null)
  }
}

output "unmapped" {
  description = "E-mails of who is unmapped."
  value       = [for u in data.sym_resolved_identities.team.unmapped : u.user]
}
