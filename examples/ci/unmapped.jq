# Who is unmapped, as a Markdown comment. Input, slurped (jq -rs):
#
#   terraform plan -json            messages, one a line: what a failed plan says
#   terraform show -json PLAN       a plan: what its data sources found
#
# both, one after the other, or only one of them. Exactly the first line is the
# same for every comment, so that a pipeline finds its own again.

def cell: tostring | gsub("[`|\\r\\n<>]"; " ");
def code: "`\(cell)`";

# Every resource of a module and of the modules below it.
def resources: (.resources // [])[], ((.child_modules // [])[] | resources);

[.[] | select(type == "object")] as $documents

# The data sources that a plan has read. Those that wait for apply are not there.
| [ $documents[] | select(has("format_version")) | .prior_state.values.root_module // empty | resources
    | select(.mode == "data")
    | if .type == "sym_resolved_identities" then
        (.values.unmapped // [])[] | {user, service, reason}
      elif .type == "sym_resolved_identity" and .values.mapped == false then
        .values | {user, service: "\(.service_type):\(.external_id)", reason}
      else empty end
  ] | unique as $people

# The errors of a plan that failed, in their own words: there is no plan then.
| [ $documents[] | select(.type? == "diagnostic") | .diagnostic
    | select(.severity == "error") | {summary, detail: (.detail // ""), address}
  ] | unique as $errors

| ($errors | map(select(.summary | startswith("Unmapped User")))) as $unmapped
| ($errors - $unmapped) as $others

| "<!-- sym: unmapped people -->",
  if $people == [] and $errors == [] then "### Everybody is mapped"
  else
    (if $people != [] then
      "### \($people | length) unmapped",
      "",
      "| user | service | reason |",
      "|---|---|---|",
      ($people[:200][] | "| \(.user | code) | \(.service | code) | \(.reason | cell) |"),
      (if ($people | length) > 200 then "", "… and \(($people | length) - 200) more." else empty end)
    elif $unmapped != [] then
      "### Unmapped people",
      "",
      "The plan fails until they are mapped.",
      # Diagnostics end with the blocks that map them. A comment has room for 65,536 characters.
      ($unmapped[:20][] | "", "<details open><summary>\(.address // .summary | code)</summary>", "", "````text", (.detail | gsub("`{4,}"; "```") | .[:2500]), "````", "", "</details>"),
      (if ($unmapped | length) > 20 then "", "… and \(($unmapped | length) - 20) more." else empty end)
    else empty end),
    (if $others != [] then
      "### The plan failed",
      "",
      ($others[:10][] | "- \(.address // "" | if . == "" then . else code + ": " end)\(.summary | cell)"),
      "",
      "Details are in the job's log. Who is unmapped is known when the plan passes."
    else empty end)
  end
