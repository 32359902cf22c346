// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// MaxExternalIDBytes bounds external ids.
const MaxExternalIDBytes = 1024

// Service describes one registered target service.
type Service struct {
	ID    string     `json:"id"` // UUID
	Key   ServiceKey `json:"key"`
	Label string     `json:"label"`
	// Revision grows with each change of the label, and when the service is
	// asserted. 0 = not known, or managed.
	Revision  int64     `json:"revision,omitempty"`
	UpdatedAt time.Time `json:"updated_at"` // when Revision was given
	UpdatedBy string    `json:"updated_by"` // by whose token
	// NoDirectory means that the server said it cannot look people up in this
	// service. False if it can, or did not say.
	NoDirectory bool `json:"-"`
	// Configured means that the server's configuration file owns the service.
	Configured bool `json:"-"`
}

// ServiceKey names one service: its type and the external id that tells one
// workspace, domain or account of that type from another.
type ServiceKey struct {
	Type       string
	ExternalID string
}

// SymCloud returns the key of every user's own record. It is always registered.
func SymCloud() ServiceKey { return ServiceKey{Type: "sym", ExternalID: "cloud"} }

// String returns the service key, type:external_id.
func (k ServiceKey) String() string { return k.Type + ":" + k.ExternalID }

// MarshalText writes the service key.
func (k ServiceKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText cuts a service key and does not check its parts: today's rules must
// not make one that is stored unreadable.
func (k *ServiceKey) UnmarshalText(text []byte) error {
	var ok bool
	if k.Type, k.ExternalID, ok = strings.Cut(string(text), ":"); !ok {
		return Invalid(CodeServiceInvalid, Quote(string(text))+" is not a service key",
			"A service key is SERVICE_TYPE:EXTERNAL_ID, as in okta:acme.okta.com.")
	}
	return nil
}

// ParseServiceKey cuts a service key at its first colon: external ids hold
// colons and slashes, as in aws_sso:arn:aws:sso:::instance/ssoins-1. The parts
// are checked as Validate does.
func ParseServiceKey(s string) (ServiceKey, error) {
	var k ServiceKey
	if err := k.UnmarshalText([]byte(s)); err != nil {
		return ServiceKey{}, err
	}
	return k, k.Validate()
}

var serviceTypePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// ValidateServiceType checks the form of a service type alone; types that are
// not in the table are fine.
func ValidateServiceType(name string) error {
	if serviceTypePattern.MatchString(name) && len(name) <= 64 {
		return nil
	}
	hint := "A service type is lower case letters, digits and underscores and starts with a letter, as in okta or aws_iam."
	if likely := LikelyServiceType(name); likely != "" {
		hint = fmt.Sprintf("Write %q.", likely)
	}
	return Invalid(CodeServiceInvalid, Quote(name)+" is not a service type", hint)
}

// LikelyServiceType returns the known type that a name differs from by case,
// separators or one slip of the keyboard, or "".
func LikelyServiceType(name string) string {
	plain := strings.NewReplacer("_", "", "-", "", " ", "", ".", "")
	written := plain.Replace(FoldASCII(name))
	known := append(slices.Sorted(maps.Keys(serviceTypes)), "datadog", "entra", "gitlab", "ldap", "scim")
	if slices.Contains(known, name) {
		return ""
	}
	for _, likely := range known {
		if oneSlip(written, plain.Replace(likely)) {
			return likely
		}
	}
	return ""
}

// oneSlip reports whether two texts are equal but for one letter that is missing,
// added or another, or two that changed places.
func oneSlip(a, b string) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// Validate checks the service type's form and the external id by the rules of
// its type.
func (k ServiceKey) Validate() error {
	if err := ValidateServiceType(k.Type); err != nil {
		return err
	}
	bad := func(hint string) error {
		return Invalid(CodeServiceInvalid,
			fmt.Sprintf("The external ID '%s' is invalid for service type '%s'", Truncate(k.ExternalID), k.Type), hint)
	}
	switch {
	case strings.TrimSpace(k.ExternalID) == "":
		return bad("It must not be empty.")
	case OuterSpace(k.ExternalID) != "":
		return bad("It must not start or end with a space: it " + OuterSpace(k.ExternalID) + ".")
	case len(k.ExternalID) > MaxExternalIDBytes:
		return bad(fmt.Sprintf("It must have at most %d bytes; it has %d.", MaxExternalIDBytes, len(k.ExternalID)))
	}
	if problem, _ := textProblem(k.ExternalID); problem != "" {
		return bad("It " + problem + ".")
	}
	if check := typeOf(k.Type).externalID; check != nil {
		if hint := check(k, k.ExternalID); hint != "" {
			return bad(hint)
		}
	}
	return nil
}

// Managed reports whether identities of this service are managed by Sym and
// can be neither declared nor deleted.
func (k ServiceKey) Managed() bool { return typeOf(k.Type).managed }

// CheckDeclarable refuses services whose identities Sym manages itself.
func (k ServiceKey) CheckDeclarable() error {
	if !k.Managed() {
		return nil
	}
	return Invalid(CodeServiceManaged, fmt.Sprintf("Identities of %s cannot be declared or deleted: they are managed by Sym", k),
		"Remove the mapping; Sym keeps these identities itself.")
}

// Custom reports whether the service uses fetch_remote_identity in place of
// reducer rules.
func (k ServiceKey) Custom() bool { return k.Type == "custom" }

// serviceType holds the rules of a type: the key of its matcher, the form of its
// external id, how its identities are checked and compared.
type serviceType struct {
	matcherKey string
	externalID func(service ServiceKey, id string) (hint string)
	identity   func(service ServiceKey, id string) (hint string)
	fold       func(id string) string // the form in which identities compare; nil = exactly
	reusable   bool                   // identities are names, which may be given to another account
	isID       bool                   // identities are the accounts' immutable ids
	managed    bool
}

var serviceTypes = map[string]serviceType{
	"slack":     {matcherKey: "user_id", externalID: slackWorkspace, identity: slackMember, isID: true},
	"aws_sso":   {matcherKey: "principal_uuid", externalID: ssoInstance, identity: ssoPrincipal, isID: true},
	"aws_iam":   {matcherKey: "user_arn", externalID: awsAccount, identity: arnOfAccount, reusable: true},
	"pagerduty": {matcherKey: "user_id", externalID: noURL, identity: pagerDutyUser, isID: true},
	"okta":      {matcherKey: "user_id", externalID: noURL, identity: oktaUser, isID: true},
	"onelogin":  {matcherKey: "user_id", externalID: noURL, identity: oneLoginUser, isID: true},
	"github":    {matcherKey: "user_id", identity: gitHubLogin, fold: FoldASCII, reusable: true},
	"google":    {matcherKey: "email", externalID: noURL, identity: isEmail, fold: FoldASCII, reusable: true},
	"tailscale": {matcherKey: "email", fold: FoldASCII, reusable: true},
	"aptible":   {matcherKey: "user_id", identity: aptibleUser, isID: true},
	"boundary":  {matcherKey: "user_id", identity: boundaryUser, isID: true},
	"custom":    {matcherKey: "user_id"},
	"auth0":     {matcherKey: "idp_id", managed: true},
	"sym":       {matcherKey: "email", externalID: symCloud, managed: true},
}

func typeOf(name string) serviceType {
	if t, known := serviceTypes[name]; known {
		return t
	}
	t := serviceType{matcherKey: "user_id"}
	if name == "ldap" {
		t.fold = foldDN
	}
	return t
}

// MatcherKey returns the key under which identities of a service type are stored.
func MatcherKey(serviceType string) string { return typeOf(serviceType).matcherKey }

// SymType reports whether a service type is one of Sym's own, which symflow knows.
func SymType(name string) bool {
	_, known := serviceTypes[name]
	return known
}

// Plain reports whether symflow can carry the mapping back: its service has one of
// Sym's own types, and its matcher is that type's key alone.
func (m Mapping) Plain() bool {
	_, plain := m.Matcher.Identity(m.Service.Type)
	return plain && SymType(m.Service.Type)
}

// Reusable reports whether identities of a service type are names that may be
// given to another account. The account's id is kept beside them.
func Reusable(serviceType string) bool { return typeOf(serviceType).reusable }

var (
	slackWorkspace = form(`T[A-Z0-9]+`, "Must start with 'T' and be all upper case")
	ssoInstance    = form(`arn:aws:sso:::instance/.+`, "Must start with 'arn:aws:sso:::instance/'")
	awsAccount     = form(`[0-9]{12}`, "Must be a 12 digit account number")
	symCloud       = form(`cloud`, "Must be 'cloud'")
)

// noURL refuses what people copy from a browser: the service is known by its
// domain alone.
func noURL(_ ServiceKey, id string) string {
	_, host, found := strings.Cut(id, "://")
	if !found {
		return ""
	}
	host, _, _ = strings.Cut(host, "/")
	return fmt.Sprintf("Must be the domain alone, as in %q", host)
}

// Ids are checked where their form is known, so that a name pasted in place of
// an id, or a letter of another alphabet, is noticed before it is stored. Where a
// service does not document its ids, all of ASCII without spaces is accepted.
var (
	slackMember   = form(`[UW][A-Z0-9]+`, "It must be a member ID: U or W, then upper case letters and digits, as in U024BE7LH.")
	ssoPrincipal  = form(`[!-~]+`, "It must be a user ID of Identity Center, which is a UUID; it has no spaces and ASCII characters only.")
	pagerDutyUser = form(`[!-~]+`, "It must be a user ID, as in PXPGF42; it has no spaces and ASCII characters only.")
	oktaUser      = form(`[!-~]+`, "It must be a user ID, as in 00ub0oNGTSWTBKOLGLNR; it has no spaces and ASCII characters only.")
	oneLoginUser  = form(`[!-~]+`, "It must be a user ID, which is a number; it has no spaces and ASCII characters only.")
	gitHubLogin   = form(`[A-Za-z0-9_-]+(\[bot\])?`, "It must be a login, as in octocat: letters, digits, - and _.")
	aptibleUser   = form(`[!-~]+`, "It must be a user ID, which is a UUID; it has no spaces and ASCII characters only.")
	boundaryUser  = form(`[!-~]+`, "It must be a user ID, as in u_1234567890; it has no spaces and ASCII characters only.")
)

// form returns a check that a whole id has the form of a regular expression.
func form(expression, hint string) func(ServiceKey, string) string {
	whole := regexp.MustCompile(`^(?:` + expression + `)$`)
	return func(_ ServiceKey, id string) string {
		if whole.MatchString(id) {
			return ""
		}
		return hint
	}
}

var iamUserARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):user/[!-~]+$`)

func arnOfAccount(service ServiceKey, id string) string {
	m := iamUserARN.FindStringSubmatch(id)
	switch {
	case m == nil:
		return "It must be the ARN of an IAM user, as in arn:aws:iam::" + service.ExternalID + ":user/NAME."
	case m[1] != service.ExternalID:
		return "Its account is " + m[1] + ", but the service's external ID is " + service.ExternalID + "."
	}
	return ""
}

func isEmail(_ ServiceKey, id string) string {
	if k, err := ParseUser(id); err == nil && k.IsEmail() {
		return ""
	}
	return "It must be an e-mail."
}
