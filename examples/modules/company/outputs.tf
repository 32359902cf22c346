output "exceptions" {
  description = "The file of exceptions, as YAML: what it holds, and a blank entry for everybody unmapped."
  value = yamlencode(concat(
    [for e in local.entries : e if e.identity != "" || e.exempt != ""],
    [for u in data.sym_resolved_identities.company.unmapped : {
      service    = u.service
      user       = u.user
      identity   = ""
      exempt     = ""
      reason     = u.reason
      candidates = [for c in coalesce(u.candidates, []) : "${c.identity} (${c.why})"]
    }]
  ))
}

output "unmapped" {
  description = "E-mails of people without an account and without an exception."
  value       = distinct([for u in data.sym_resolved_identities.company.unmapped : u.user])
}

output "leavers" {
  description = "People who left, and what they still hold."
  value       = data.sym_resolved_identities.company.leavers
}

output "report" {
  description = "The report as an HTML page."
  value       = provider::sym::report(data.sym_resolved_identities.company, "html")
}
