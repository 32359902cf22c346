# What each sym_resolved_identities of a plan found. Input: terraform show -json PLAN.
# Those that wait for apply are not there; those that failed in a check have no result.

# Every resource of a module and of the modules below it.
def resources: (.resources // [])[], ((.child_modules // [])[] | resources);

[ .prior_state.values.root_module // empty | resources
  | select(.mode == "data" and .type == "sym_resolved_identities" and .values.mapped_count != null)
]
| to_entries
| map({
    address: .value.address,
    provider: .value.provider_name,
    page: "\(.key + 1)-\(.value.name).html", # a name has letters, digits, _ and - only
    result: .value.values
  })
