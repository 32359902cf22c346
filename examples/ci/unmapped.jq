# Who is unmapped, as a Markdown comment. $status is how the plan ended. Input,
# slurped (jq -rs), in any order:
#
#   terraform plan -json            messages, one a line: what a failed plan says
#   terraform show -json PLAN       a plan: what its data sources found
#   [{address, page, markdown}]     the reports on them
#
# Exactly the first line is the same for every comment, so that a pipeline finds
# its own again. Where nobody has anything to do, the second is "## Everybody is
# mapped".

def cell: tostring | gsub("[`|\\r\\n<>]"; " ");
def code: "`\(cell)`";
def counted(one; many): if length == 1 then "1 \(one)" else "\(length) \(many)" end;

# Every resource of a module and of the modules below it.
def resources: (.resources // [])[], ((.child_modules // [])[] | resources);

# A comment has room for 65,536 characters.
def room: 64000;

# What fits into a number of characters, in whole lines.
def fitting($most):
  if length <= $most then .
  else (.[:$most] | split("\n")[:-1] | join("\n")) + "\n… The rest did not fit: the log of the job has it." end;

[.[] | select(type == "object")] as $documents
| ([.[] | select(type == "array")] | add // []) as $reports

# The data sources that a plan has read, and those that it has not: they wait for
# apply, or failed in a check, which leaves them without a result.
| [ $documents[] | select(has("format_version")) | .prior_state.values.root_module // empty | resources
    | select(.mode == "data" and (.values.mapped_count // .values.mapped) != null)
  ] as $data
| ( [ $documents[] | (.resource_changes // [])[] | select(.mode == "data" and (.type | startswith("sym_resolved_identit"))) | .address ]
    - [$data[].address]
  ) as $unread
| [$data[] | select(.type == "sym_resolved_identities") | .values] as $many
| [ $data[] | select(.type == "sym_resolved_identity" and .values.mapped == false) | .values
    | {user, service: "\(.service_type):\(.external_id)", reason}
  ] | unique as $singles

# People, however many services they lack and however they are spelled.
| [ ($singles[], ($many[] | (.unmapped // [])[])) | .user
    | if test("@") then ascii_downcase | gsub("^\\s+|\\s+$"; "") else . end
  ] | unique as $people
| [$many[] | (.leavers // [])[] | .user] | unique as $leavers
| [$many[] | (.stale // [])[] | {user, service}] | unique as $stale

# The errors of a plan that failed, in their own words: there is no plan then.
| [ $documents[] | select(.type? == "diagnostic") | .diagnostic
    | select(.severity == "error") | {summary, detail: (.detail // ""), address}
  ] | unique as $errors

| ($errors | map(select(.summary | startswith("Unmapped User")))) as $unmapped
| ($errors - $unmapped) as $others

| [
    (if $errors != [] then empty
    elif [0, 2] | index($status) | not then
      "## The plan failed", "", "It ended with status \($status) and said no reason. The job's log may have one."
    else
      [
        ($people | select(length > 0) | counted("person is unmapped"; "people are unmapped")),
        ($leavers | select(length > 0) | counted("person who left holds accounts"; "people who left hold accounts")),
        ($stale | select(length > 0) | counted("stored identity is out of date"; "stored identities are out of date")),
        ($unread | select(length > 0) | counted("data source was not read"; "data sources were not read"))
      ]
      | "## " + if . == [] then "Everybody is mapped" else join(", ") end
    end),
    (if $errors == [] and $unread != [] then
      "",
      "These have no result yet. They wait for changes of this plan, or failed in a check; the log of the job says which:",
      "",
      ($unread[:20][] | "- \(code)"),
      (if ($unread | length) > 20 then "", "… and \(($unread | length) - 20) more." else empty end)
    else empty end),
    (if $singles != [] then
      "",
      "| user | service | reason |",
      "|---|---|---|",
      ($singles[:200][] | "| \(.user | code) | \(.service | code) | \(.reason | cell) |"),
      (if ($singles | length) > 200 then "", "… and \(($singles | length) - 200) more." else empty end)
    else empty end),
    (if $unmapped != [] then
      "## Unmapped people",
      "",
      "The plan fails until they are mapped.",
      # Diagnostics end with the blocks that map them.
      ($unmapped[:20][] | "", "<details open><summary>\(.address // .summary | code)</summary>", "", "````text", (.detail | gsub("`{4,}"; "```") | fitting(50000 / ([$unmapped | length, 20] | min) | floor)), "````", "", "</details>"),
      (if ($unmapped | length) > 20 then "", "… and \(($unmapped | length) - 20) more." else empty end)
    else empty end),
    (if $others != [] then
      "## The plan failed",
      "",
      ($others[:10][] | "- \(.address // "" | if . == "" then . else code + ": " end)\(.summary | cell)"),
      "",
      "Details are in the job's log. Who is unmapped is known when the plan passes."
    else empty end)
  ]
| reduce $reports[] as $r (join("\n");
    ("\n\n\($r.address | code), `\($r.page)`:\n\n") as $title
    | if length + ($title | length) + ($r.markdown | length) < room then . + $title + ($r.markdown | rtrimstr("\n"))
      else . + "\n\n\($r.address | code): too long for this comment. See `\($r.page)`." end)
# What maps them, to paste, where there is room: the attribute hcl has it as well.
| reduce ($data[] | select(.type == "sym_resolved_identities" and (.values.hcl // "") != "")) as $d (.;
    "\n\n<details><summary>HCL that maps the unmapped people of \($d.address | code)</summary>\n\n````hcl\n\($d.values.hcl | gsub("`{4,}"; "```") | rtrimstr("\n"))\n````\n\n</details>" as $block
    | if length + ($block | length) < room then . + $block else . end)
| "<!-- sym: unmapped people -->", .
