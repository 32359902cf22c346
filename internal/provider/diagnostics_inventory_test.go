// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// names is what a detail must name.
type names string

const (
	nothing  names = "" // a setting, or a value that is wrong in itself and stands at its attribute
	aUser    names = "user"
	aService names = "service"
	both     names = "user service"
)

// told is the shape of one diagnostic: what its detail names, and the remedy
// that it gives.
type told struct {
	names  names
	remedy string // RE2, without case
}

// anyFailure is the remedy of an action that failed: it depends on the failure, and
// TestAddFailure has them all. A refusal in the server's own words comes
// with the request that got them.
const anyFailure = `try again|set |use a token|must exist before|remove |plan again|apply |its log has|check |register |run it again|correct |declare |may limit|look at|grant |renew |later|request: \w+ \S+, status 4`

// inventory has every diagnostic of the provider by its summary, without the
// person or service behind a warning's colon. A new one is added here.
var inventory = map[string]told{
	// Settings.
	"Certificates Are Not Checked":               {nothing, `name the private CA in ca_cert_file`},
	"Two Identity APIs Configured":               {nothing, `remove one of them|unset`},
	"No Identity API Configured":                 {nothing, `set one of the two`},
	"No Token for the Identity API":              {nothing, `set |symflow login`},
	"Another Organization":                       {nothing, `use the token and the API of the right org`},
	"State Belongs to Another Store":             {nothing, `use the provider configuration of the store.*import it again`},
	"Further Resources Belong to Another Store":  {nothing, `the error about the first one`},
	"Further Resources Were Not Read":            {nothing, `the error about the first one`},
	"Account Not Found":                          {both, `correct it.*remove the mapping`},
	"Accounts Not Found":                         {both, `correct it.*remove the mapping`},
	"Account Planned for Two Users":              {both, `allow_shared = true in each`},
	"User Has Two Planned Identities":            {both, `keep one of them`},
	"Incomplete Client Certificate":              {nothing, `set both, or neither`},
	"Invalid Environment Variable":               {nothing, `SYM_\w+ is invalid: .* is (not|no|neither)`},
	"Invalid Provider Setting":                   {nothing, `write |leave .* out|is not |must |as in |holds |has at most|cannot be set beside|starts or ends with`},
	"Unknown Provider Setting":                   {nothing, `use a value that is known when planning`},
	"Unusable File":                              {nothing, `path\.module`},
	"Unable to Authenticate to the Identity API": {nothing, `set a new one`},
	"Unable to Connect to the Identity API":      {nothing, anyFailure},
	"Unable to Open the Embedded Identity API":   {nothing, `:\d+:\d+: |check |set |make `},
	"Token Sent Without Encryption":              {nothing, `allow_http = true`},

	// Values that are wrong in themselves; their attribute says whose they are.
	"Identities Cannot Be Declared":   {aService, `remove the mapping`},
	"Managed Service":                 {nothing, `remove the mapping|which registers them itself`},
	"Invalid User":                    {nothing, `an e-mail holds an @|name a person|exactly one of|must |set \w+ for a|remove it`},
	"Invalid Service":                 {nothing, `as in |remove it|is missing`},
	"Invalid Service Type":            {nothing, `as in |write "`},
	"Invalid External ID":             {nothing, `must `},
	"Invalid Identity":                {nothing, `must |delete the mapping instead|control characters|remove it|remove one of them|set identity|but the service's|are stored under`},
	"Invalid Label":                   {nothing, `leave it out|remove it|at most`},
	"Invalid Name":                    {nothing, `must be at most`},
	"Invalid E-mails":                 {nothing, `must be the e-mail of a person`},
	"Invalid Identity Mappings":       {aUser, `must|keep one|an e-mail holds|exactly|delete|both are|remove (the|it)|leave the entry out|allow_shared = true`},
	"Invalid Import ID":               {nothing, `terraform import ADDRESS '`},
	"Invalid Reducer Rule":            {nothing, `remove|needs|must|exactly one|unique|as in|write |fetch_remote_identity|there are \$0`},
	"Service Type Is Not a Known One": {nothing, `service_type = "\w+"`},
	"Unescaped Dot in a Domain":       {nothing, `(?s)escape the dots.*match = "`},
	"Missing Service Type":            {nothing, `set service_type as well`},
	"Duplicate User":                  {aUser, `keep one of them`},
	"Duplicate Service":               {aService, `keep one of them`},

	// Mappings.
	"Account Belongs to Another User":                {both, `remove or change that mapping first.*allow_shared = true`},
	"Another Identity Is Stored":                     {both, `terraform import ADDRESS '.*overwrite = true`},
	"Identity Mapping Changed Meanwhile":             {both, `run terraform plan again`},
	"Identity Mapping Is Gone":                       {both, `next apply stores it again`},
	"Identity Mapping Kept":                          {both, `to remove it as well`},
	"Identity Mapping Is Owned Elsewhere":            {both, `remove one of the two.*terraform apply -replace=ADDRESS`},
	"Identity Mapping Not Found":                     {both, `declare the mapping and apply it`},
	"Invalid Identity Mapping in State":              {nothing, `remove the resource from state and import it again`},
	"Stored Identity Will Be Overwritten":            {both, `to keep what is stored, declare it instead`},
	"Identity Mappings Conflict With What Is Stored": {both, `terraform import ADDRESS|overwrite = true|allow_shared = true`},
	"Identity Mappings Are Gone":                     {both, `next apply stores again`},
	"Identity Mappings Are Owned Elsewhere":          {both, `remove one of the two.*terraform apply -replace=ADDRESS`},
	"Identity Mappings Kept":                         {both, `to remove them as well`},
	"Identity Mappings Not Found":                    {aService, `declare the mappings and apply them`},
	"Invalid Identity Mappings in State":             {nothing, `remove the resource from state and import it again`},
	"Removals Are Not Known Yet":                     {both, `max_removals = 0`},
	"Stored Identities Will Be Overwritten":          {both, `to keep what is stored, declare it instead`},
	"Too Many Mappings Would Be Removed":             {both, `max_removals = \d+`},
	"Unlisted Mappings Will Be Removed":              {both, `to keep one, add it to identities`},

	// Services and users.
	"Service Is Not Registered":                 {aService, `register|sym_service|one of these|registered`},
	"Service Is Registered With Another Label":  {aService, `terraform import ADDRESS '|removed \{`},
	"Service Is Gone":                           {aService, `next apply registers it again`},
	"Service Is Owned Elsewhere":                {aService, `remove one of the two.*terraform apply -replace=ADDRESS`},
	"Service Kept":                              {aService, `to delete it as well`},
	"Service Not Found":                         {aService, `declare the service and apply it`},
	"Existing User Will Be Changed":             {aUser, `leave an attribute out to keep`},
	"Name Belongs to Another User":              {aUser, `map the identities of one to the other`},
	"User Is Destroyed and Created in One Plan": {aUser, `moved \{`},
	"User Is Gone":                              {aUser, `next apply|terraform plan again`},
	"User Is Owned Elsewhere":                   {aUser, `remove one of the two.*terraform apply -replace=ADDRESS`},
	"User Kept":                                 {aUser, `to delete the user as well`},
	"User Not Found":                            {nothing, `check the name|sym_users`},
	"User Still Has Identities":                 {both, `delete_identities = true`},

	// Resolving.
	"Unmapped User":                           {both, `resource "sym_identity"|add this to the map that declared takes|have the user log in|custom|fetch`},
	"Unmapped Users":                          {both, `resource "sym_identity"|add this to the map that declared takes|have |log in`},
	"Address of Several People":               {both, `give each its own address`},
	"Exempt Users Have Accounts":              {both, `remove the exemptions`},
	"Exempt Users May Have Accounts":          {both, `map it by hand and remove the exemption`},
	"Further Elements Are Wrong":              {nothing, `correct those above first`},
	"Exemption Without a Reason":              {both, `say why they have no account`},
	"Accounts Cannot Be Listed":               {aService, `give them a directory that lists accounts`},
	"Nobody to Resolve":                       {aService, `check that external_id is the right one`},
	"Stale Identity":                          {both, `to use the new account, declare it|if it is not, declare the right one|to keep|remove the mapping and take them out`},
	"Identity Was Not Stored":                 {both, `resolve the users in one sym_resolved_identities`},
	"Stale Identities":                        {both, `declare the account that is right`},
	"Identities to Review":                    {nothing, `correct the mapping|declare|to keep`},
	"Account Resolved to Two Users":           {both, `declare the right account of each user`},
	"Identity Belongs to Another Account Now": {both, `find out (which|what)`},
	"Identities Belong to Other Accounts Now": {both, `find out (which account the user has now|what each account is called now)`},
	"Account Was Renamed":                     {both, `declare the new name`},
	"Accounts Were Renamed":                   {both, `declare the new names`},
	"Reducer Rule Failed":                     {both, `correct the rule`},
	"Provider Is Read-Only":                   {nothing, `remove one of the two`},
	"Service Cannot Be Resolved":              {aService, `is the e-mail or username|remove`},

	// Actions that failed.
	"Unable to Check Who Holds the Account": {both, anyFailure},
	"Unable to Create Identity Mapping":     {both, anyFailure},
	"Unable to Read Identity Mapping":       {both, anyFailure},
	"Unable to Update Identity Mapping":     {both, anyFailure},
	"Unable to Delete Identity Mapping":     {both, anyFailure},
	"Unable to Create Identity Mappings":    {both, anyFailure},
	"Unable to Read Identity Mappings":      {aService, anyFailure},
	"Unable to Update Identity Mappings":    {both, anyFailure},
	"Unable to Delete Identity Mappings":    {both, anyFailure},
	"Unable to List Identity Mappings":      {nothing, anyFailure}, // a filter that names neither lists all
	"Unable to List Services":               {nothing, anyFailure},
	"Unable to List Users":                  {nothing, anyFailure},
	"Unable to Read Identities":             {nothing, anyFailure},
	"Unable to Read Accounts":               {aService, anyFailure},
	"Unable to Resolve Identity":            {both, anyFailure},
	"Unable to Resolve Identities":          {aService, anyFailure},
	"Unable to Create Service":              {aService, anyFailure},
	"Unable to Read Service":                {aService, anyFailure},
	"Unable to Read Services":               {nothing, anyFailure},
	"Unable to Update Service":              {aService, anyFailure},
	"Unable to Delete Service":              {aService, anyFailure},
	"Unable to Import Service":              {aService, anyFailure},
	"Unable to Create User":                 {aUser, anyFailure},
	"Unable to Read User":                   {aUser, anyFailure},
	"Unable to Read Users":                  {nothing, anyFailure},
	"Unable to Update User":                 {aUser, anyFailure},
	"Unable to Delete User":                 {aUser, anyFailure},
	"Unable to Import User":                 {aUser, anyFailure},
	"Unable to Set the Role of a New User":  {aUser, `next apply adopts the user`},
	"Unable to Write State":                 {nothing, anyFailure},
}

// cannotHappen are bugs of ours, which no test can bring about.
var cannotHappen = map[string]bool{"Unable to Write State": true}

// ofTheFramework are summaries that terraform-plugin-framework and its
// validators write.
var ofTheFramework = regexp.MustCompile(`^(Invalid Attribute (Combination|Value|Value Length|Value Match)|Missing Attribute Configuration|` +
	`Missing Configuration for Required Attribute|Null List Value|Value Conversion Error)$`)

var (
	namesUser    = regexp.MustCompile(`[^\s"]+@[^\s"]+|[a-z]+-bot|\b(user|person|bot)[ -]?\w*\d|"[^"]+"`)
	namesService = regexp.MustCompile(`\b[a-z][a-z0-9_]*:[^\s/][^\s]*`)
	internals    = regexp.MustCompile(`%!|%[a-z]\b|\b(identity|client|types|path|store|symapi)\.[A-Z]|0x[0-9a-f]{8}|<nil>|<null>|<unknown>`)
)

// wrongIn says what is wrong with a diagnostic that the provider gave.
func wrongIn(d tfprotov6.Diagnostic) []string {
	title, about, named := strings.Cut(d.Summary, ": ")
	if ofTheFramework.MatchString(title) {
		return nil
	}
	var wrong []string
	note := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	want, known := inventory[title]
	if !known {
		note("it is not in the inventory")
		return wrong
	}
	if named && d.Severity == tfprotov6.DiagnosticSeverityError {
		note("an error's summary names nobody")
	}
	if named && !strings.Contains(d.Detail, strings.Split(about, " ")[0]) {
		note("the detail does not name %s, which the summary names", about)
	}
	if d.Detail == "" || strings.Contains(d.Detail, title) {
		note("the detail is empty, or repeats the summary")
	}
	if bad := internals.FindString(d.Detail); bad != "" {
		note("the detail shows the inside of the program: %s", bad)
	}
	if strings.Contains(string(want.names), "user") && !namesUser.MatchString(d.Detail) {
		note("the detail names no user")
	}
	if strings.Contains(string(want.names), "service") && !namesService.MatchString(d.Detail) {
		note("the detail names no service")
	}
	if remedy := regexp.MustCompile(`(?is)` + want.remedy); !remedy.MatchString(d.Detail) {
		note("the detail has no remedy like %q", want.remedy)
	}
	return wrong
}
