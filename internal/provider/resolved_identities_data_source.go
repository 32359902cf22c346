// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/hashicorp/terraform-plugin-framework-validators/objectvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

var (
	_ datasource.DataSource                   = (*resolvedIdentitiesDataSource)(nil)
	_ datasource.DataSourceWithConfigure      = (*resolvedIdentitiesDataSource)(nil)
	_ datasource.DataSourceWithValidateConfig = (*resolvedIdentitiesDataSource)(nil)
)

// NewResolvedIdentitiesDataSource returns sym_resolved_identities, which runs
// the chain for many users and services in one batch.
func NewResolvedIdentitiesDataSource() datasource.DataSource {
	return &resolvedIdentitiesDataSource{baseDataSource{name: "resolved_identities"}}
}

type resolvedIdentitiesDataSource struct{ baseDataSource }

func (d *resolvedIdentitiesDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Finds the accounts of many users in one or more services. Users without an account are listed in `unmapped` and in one diagnostic.\n\n" +
			"It tries the same steps as `sym_resolved_identity`, in batches: ten thousand people take at most 15 requests for a service.",
		Attributes: map[string]schema.Attribute{
			"users": schema.ListAttribute{
				Optional: true, CustomType: userListType{types.ListType{ElemType: types.StringType}}, ElementType: types.StringType,
				MarkdownDescription: "The users: people by e-mail, bots by username (no `@`). Two spellings of one user are an error. If rules or lookups find one account for several users, the user whose e-mail is its primary address gets it, or nobody if there is no such user. " +
					"Default, without `users_from`: everybody who is stored. An element that is unknown at plan defers the data source to apply.",
			},
			"users_from": schema.SingleNestedAttribute{
				Optional: true, Validators: []validator.Object{objectvalidator.ConflictsWith(path.MatchRoot("users"))},
				MarkdownDescription: "Takes the users from a service, in place of `users`: every person with an account that is active, invited or of unknown state (the service does not say), by primary address. It may be a service that is not in `services`. " +
					"The whole list is read. An incomplete list, or one without an active person, is an error. So is an address of several accounts, if the service's data does not show whose it is. " +
					"If an account has several primary addresses, the stored or declared one is used, otherwise the sign-in name.",
				Attributes: map[string]schema.Attribute{
					"service_type": optionalText("Required. Type of the service, such as `okta` or `google`."),
					"external_id":  optionalText("Required. Which workspace, domain or account of that type."),
				},
			},
			"services": schema.ListNestedAttribute{
				Required:            true,
				MarkdownDescription: "The services to find accounts in. Each must be registered, unless `declared` has all users.",
				// Not Required: the framework would call them missing in a service
				// that is unknown as a whole.
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"service_type": optionalText("Required. Type of the service, such as `okta`, `github` or `custom`."),
					"external_id":  optionalText("Required. Which workspace, domain or account of that type, such as `acme.okta.com`."),
				}},
			},
			"rules": dataSourceRulesAttribute(),
			"declared": optionalMap(identityMapType, "Manual mappings in this configuration, as a map of service key to user to identity. They are used before the store, "+
				"and the plan that adds them passes without `depends_on`. It may include services and users that are not in this data source."),
			"exempt": optionalMap(identityMapType, "Users who deliberately have no account in a service, as a map of service key to user to reason. They are not listed or counted as unmapped. "+
				"There is a warning if an exempt user has an account, or may have one (`alias`, `unverified`, `ambiguous`). A service that is not registered is an error. Users who are not in this data source are ignored."),
			"report_orphans": optionalBool("Reads the whole list of accounts of each service, and fills `orphans`, `account_counts` and the candidates of `unmapped`. " +
				"An incomplete list is an error. One warning lists the services that cannot list their accounts. Default: `false`."),
			"on_unmapped": optionalText("What to do if users are unmapped: `error` (default), `warn` or `ignore`. Failures of the API, of a directory or of a rule are always errors. "+
				"`error` also stops `terraform destroy`: use `-refresh=false` or a variable then.", stringvalidator.OneOf(onError, onWarn, onIgnore)),
			"persist": optionalBool("Stores accounts that rules and lookups find, as Sym does. This happens during the plan too. Later reads find them in the store. " +
				"Once stored, only a manual mapping changes them. Nothing is stored if the data source fails. An account that several users get is never stored. Default: `false`, a plan writes nothing."),
			"check_stale": optionalBool("Compares stored values with what rules and services give now, and checks that the accounts of stored and declared mappings exist and are active. " +
				"The result is in `stale`, `offboarding` and one warning. Services are asked even for mapped users, and their failures are errors. Default: `false`."),
			"on_stale": onStaleAttribute(),
			"identities": schema.MapAttribute{
				Computed: true, CustomType: wireMapType{types.MapType{ElemType: identityMapType}}, ElementType: identityMapType,
				MarkdownDescription: "Map of user to service key to identity. Every user is a key, spelled as in `users`. A service in which the user is unmapped is missing, so read it with `try` or `lookup`. " +
					"If the stored value has several keys, the identity is the value of the service type's own key, or otherwise all of them as `key=value` text. `sym_resolved_identity` returns them as a map.",
			},
			"by_service": schema.MapAttribute{
				Computed: true, CustomType: wireMapType{types.MapType{ElemType: identityMapType}}, ElementType: identityMapType,
				MarkdownDescription: "Map of service key to user to identity, for `identities_to_csv`. Every service in `services` is a key; unmapped users are missing.",
			},
			"unmapped": computedList("Unmapped users of each service, in the order of `services` and `users`.", map[string]schema.Attribute{
				"user":    computedText("The user, spelled as in `users`."),
				"service": computedText("The service key."),
				"reason":  computedText("Why the user is unmapped: " + reasonsDoc),
				"candidates": computedList("At most three accounts that belong to nobody and may be the user's. They are suggestions and never used automatically. Only with the reason `not_found`, "+
					"and only where the list of the service was read, for `report_orphans` or `users_from`.", map[string]schema.Attribute{
					"identity":   computedText("The account."),
					"account_id": computedText("Immutable id of the account. Null if the service has none in addition to the identity."),
					"name":       computedText("Full name. Null if the service shows none."),
					"why": computedText("What it has in common with the user: `same_local_part` (at another address), `same_name` (the full name), " +
						"or `handle` (the identity or sign-in name is the local part, or that or the full name without separators)."),
				}),
			}),
			"stale": computedList("Stored values that rules and services contradict. A manual mapping that they know nothing about is not stale, but one with an inactive or deleted account is. Null unless `check_stale = true`.", map[string]schema.Attribute{
				"user":          computedText("The user, spelled as in `users`."),
				"service":       computedText("The service key."),
				"stored":        computedText("The stored identity. It is used until a manual mapping replaces it."),
				"stored_source": computedText("Who stored it: `manual`, `rule`, `email` or `fetch_remote_identity`."),
				"current":       computedText("The identity that rules or the service give now. Null if they give none."),
				"reason":        computedText("`renamed` (the account has a new name), `changed` (rules or the service give another identity), `inactive` (the account is inactive), `absent` (the service no longer has it), or a reason as in `unmapped` if they give none."),
			}),
			"offboarding": computedList("Stored or declared mappings whose account is inactive or gone, usually because the person left. Null unless `check_stale = true`. "+
				"Services that cannot look up accounts by identity are not included.", map[string]schema.Attribute{
				"user":     computedText("The user, spelled as in `users`."),
				"service":  computedText("The service key."),
				"identity": computedText("The account."),
				"source":   computedText("Where the mapping is: `declared` or `store`."),
				"account":  computedText("`inactive`, or `absent` if the service has no such account."),
			}),
			"collisions": computedList("Accounts of more than one user: stored or declared for several users, found by rules or lookups for several, or found for one user but held by another. "+
				"Other holders of a stored account are only detected among the users of this data source.", map[string]schema.Attribute{
				"service":  computedText("The service key."),
				"identity": computedText("The account."),
				"users":    computedTexts("The users, sorted, spelled as in `users` if they are there."),
			}),
			"orphans": computedList("Accounts of people, in any state, that belong to nobody: not stored, not declared, and not found for a user of this data source. They are ordered as `services`, then by identity. Null unless `report_orphans = true`. "+
				"Accounts of people who are not users of this data source are included, so use it with `users_from` or without `users`.", map[string]schema.Attribute{
				"service":    computedText("The service key."),
				"identity":   computedText("The account."),
				"account_id": computedText("Immutable id of the account. Null if the service has none in addition to the identity."),
				"emails":     computedTexts("All addresses of the account."),
				"name":       computedText("Full name. Null if the service shows none."),
				"state":      computedText("State of the account: `active`, `invited`, `pending`, `inactive` or `unknown`."),
				"kind":       computedText("Kind of the account: `person`."),
			}),
			"account_counts": schema.MapNestedAttribute{
				Computed: true,
				MarkdownDescription: "Number of accounts by owner, as a map of service key to counts. `persons`, `bots` and `guests` add up to the service's own count. " +
					"A service that cannot list its accounts is missing. Null unless `report_orphans = true`.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"persons":   computedInt("Accounts of people in any state: the sum of `held`, `resolved`, `orphans` and `ambiguous`."),
					"held":      computedInt("Accounts with a stored mapping."),
					"resolved":  computedInt("Accounts that are not stored, but declared, or found for a user of this data source or for a leaver."),
					"orphans":   computedInt("Accounts that belong to nobody."),
					"ambiguous": computedInt("Accounts that share an address with another one, or whose record cannot be read."),
					"bots":      computedInt("Accounts of bots, and accounts that several people share, held or not."),
					"guests":    computedInt("Accounts of guests, held or not."),
				}},
			},
			"leavers": computedList("People who left and everything they hold, sorted. Their account in the service of `users_from` is inactive, or they have a stored mapping to it whose account is no longer in the whole list. "+
				"An inactive account in another service makes nobody a leaver. `persist` stores nothing for leavers. Empty without `users_from`.", map[string]schema.Attribute{
				"user":   computedText("The person's e-mail."),
				"reason": computedText("`inactive`, or `absent` if the account of a stored mapping is not in the list."),
				"mappings": computedList("What the person holds, sorted by service: stored and declared mappings in any service, and accounts that rules and lookups find in `services`.", map[string]schema.Attribute{
					"service":  computedText("The service key."),
					"identity": computedText("The account."),
					"source":   computedText("Source of the account: `declared`, `store`, `rule`, `email` or `fetch_remote_identity`."),
				}),
			}),
			"hcl":            computedText("`sym_identity` blocks for all unmapped users, sorted by service and user, to paste and fill in. With the reason `alias`, the account is filled in. A comment at the end has the matching entries of `declared`. Services that Sym manages itself are left out. Empty if nobody is unmapped."),
			"mapped_count":   computedInt("Number of pairs of user and service with an identity."),
			"unmapped_count": computedInt("Number of pairs of user and service without an identity, not counting exempt ones."),
			"exempt_count":   computedInt("Number of pairs of user and service without an identity that are in `exempt`."),
			"by_source":      computedMap(types.NumberType, "Number of identities from each step. `declared`, `store`, `rule`, `email` and `fetch_remote_identity` are always keys."),
			"by_evidence":    computedMap(types.NumberType, "Number of identities for each evidence. `declared`, `manual`, `rule`, `verified_email`, `email`, `alias` and `fetch_remote_identity` are always keys; see `evidence` of `sym_resolved_identity`."),
		},
	}
}

func (d *resolvedIdentitiesDataSource) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	readBulkConfig(ctx, req.Config, &resp.Diagnostics)
}

func (d *resolvedIdentitiesDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	config := readBulkConfig(ctx, req.Config, &resp.Diagnostics)
	resp.Diagnostics = resp.Diagnostics.Errors() // validation has given the warnings
	if resp.Diagnostics.HasError() {
		return
	}
	d.data.checkPersist(config.persist, &resp.Diagnostics)
	api, ok := d.data.connect(ctx, &resp.Diagnostics)
	if !ok {
		return
	}
	config.checkExempt(ctx, api, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	pass, err := config.resolve(ctx, api, rules.Join(config.rules, d.data.rules))
	if err != nil {
		addBulkFailure(&resp.Diagnostics, config, err)
		return
	}
	addAccountConflicts(&resp.Diagnostics, d.data.claims.add(pass.Resolutions))
	if resp.Diagnostics.HasError() {
		return
	}
	if config.persist {
		finish, stop := finishing(ctx)
		defer stop()
		holds := func(answers []resolve.Resolution) bool {
			var diags diag.Diagnostics
			summarize(config, answers).report(&diags)
			return !diags.HasError()
		}
		if err := pass.Persist(finish, holds); err != nil {
			addBulkFailure(&resp.Diagnostics, config, err)
			return
		}
	}
	pass.classify()
	summary := summarize(config, pass.Resolutions)
	summary.unlisted = pass.unlisted
	summary.report(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	summary.setState(ctx, pass, req.Config, &resp.State, &resp.Diagnostics)
}

// bulkConfig holds a configuration of sym_resolved_identities, without what is
// still unknown.
type bulkConfig struct {
	users         []identity.UserKey
	names         map[identity.UserKey]string // as configured, where that is not the key
	everybody     bool                        // neither users nor usersFrom is configured
	usersFrom     *identity.ServiceKey        // nil: not configured, or not known yet
	services      []identity.ServiceKey
	rules         *rules.Set
	declared      map[identity.ServiceKey]map[identity.UserKey]identity.Matcher
	hasDeclared   bool                                                // the configuration has a map in declared, which may be empty
	exempt        map[identity.ServiceKey]map[identity.UserKey]string // the reasons
	onUnmapped    string
	persist       bool
	checkStale    bool
	onStale       string
	reportOrphans bool
}

// readBulkConfig reads and checks a configuration, and reports what is wrong at
// its element. It reads attribute by attribute: for a model the framework would
// convert each of ten thousand elements three times.
func readBulkConfig(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) *bulkConfig {
	users := attribute[userList](ctx, config, "users", diags)
	from := attribute[types.Object](ctx, config, "users_from", diags)
	declared := attribute[types.Map](ctx, config, "declared", diags)
	c := &bulkConfig{
		everybody:     users.IsNull() && from.IsNull(),
		hasDeclared:   !declared.IsNull(),
		onUnmapped:    attribute[types.String](ctx, config, "on_unmapped", diags).ValueString(),
		persist:       attribute[types.Bool](ctx, config, "persist", diags).ValueBool(),
		checkStale:    attribute[types.Bool](ctx, config, "check_stale", diags).ValueBool(),
		onStale:       attribute[types.String](ctx, config, "on_stale", diags).ValueString(),
		reportOrphans: attribute[types.Bool](ctx, config, "report_orphans", diags).ValueBool(),
	}
	c.readUsers(users.List, diags)
	if service, known := serviceIn(from, path.Root("users_from"), diags); known {
		c.usersFrom = &service
	}
	c.readServices(attribute[types.List](ctx, config, "services", diags), diags)
	set, found := compileRules(ctx, attribute[types.List](ctx, config, "rules", diags), path.Root("rules"))
	diags.Append(found...)
	c.rules = set
	c.declared = byService(declared, path.Root("declared"), diags, declaredMappings)
	c.exempt = byService(attribute[types.Map](ctx, config, "exempt", diags), path.Root("exempt"), diags, readExempt)
	return c
}

// attribute returns an attribute of a configuration as a value of the framework.
func attribute[T attr.Value](ctx context.Context, config tfsdk.Config, name string, diags *diag.Diagnostics) (value T) {
	diags.Append(config.GetAttribute(ctx, path.Root(name), &value)...)
	return value
}

// name returns a user as the configuration spells it.
func (c *bulkConfig) name(user identity.UserKey) string {
	if name, ok := c.names[user]; ok {
		return name
	}
	return string(user)
}

func (c *bulkConfig) readUsers(list types.List, diags *diag.Diagnostics) {
	at := path.Root("users")
	elements := list.Elements()
	c.users = make([]identity.UserKey, 0, len(elements))
	c.names = map[identity.UserKey]string{}
	first := make(map[identity.UserKey]int, len(elements)) // index of each user
	wrong := elementErrors{diags: diags, at: at}
	defer wrong.end()
	for i, element := range elements {
		text, ok := element.(types.String)
		switch {
		case !ok || text.IsUnknown():
			continue
		case text.IsNull():
			addAt(wrong.next(), at.AtListIndex(i), "Invalid User", "A user is null. Remove it from the list, or name a person by e-mail or a bot by username.")
			continue
		}
		name := text.ValueString()
		user, err := identity.ParseUser(name)
		if err != nil {
			addInvalid(wrong.next(), at.AtListIndex(i), "Invalid User", err)
			continue
		}
		if j, twice := first[user]; twice {
			addUserTwice(wrong.next(), at.AtListIndex(i), user, i, name, j, elements[j])
			continue
		}
		first[user] = i
		c.users = append(c.users, user)
		if name != string(user) {
			c.names[user] = name
		}
	}
}

func addUserTwice(diags *diag.Diagnostics, at path.Path, user identity.UserKey, i int, name string, j int, other attr.Value) {
	first, _ := other.(types.String)
	why := "they are spelled alike"
	if first.ValueString() != name {
		why = "e-mails compare without case and outer spaces"
	}
	diags.AddAttributeError(at, "Duplicate User",
		fmt.Sprintf("Elements %d (%q) and %d (%q) are the same user, %s: %s. Keep one of them; distinct() removes equal ones.",
			j, first.ValueString(), i, name, user, why))
}

func (c *bulkConfig) readServices(list types.List, diags *diag.Diagnostics) {
	at := path.Root("services")
	first := map[identity.ServiceKey]int{}
	for i, element := range list.Elements() {
		object, ok := element.(types.Object)
		switch {
		case !ok || object.IsUnknown():
			continue
		case object.IsNull():
			addAt(diags, at.AtListIndex(i), "Invalid Service", "A service is null. Remove it from the list, or give it a service_type and an external_id.")
			continue
		}
		service, known := serviceIn(object, at.AtListIndex(i), diags)
		if !known {
			continue
		}
		if j, twice := first[service]; twice {
			diags.AddAttributeError(at.AtListIndex(i), "Duplicate Service",
				fmt.Sprintf("Elements %d and %d are the same service, %s. Keep one of them.", j, i, service))
			continue
		}
		first[service] = i
		c.services = append(c.services, service)
	}
}

// serviceIn reads a service from the attributes of an object. ok is false while
// one is unknown, or where one is missing or wrong, which it reports.
func serviceIn(object types.Object, at path.Path, diags *diag.Diagnostics) (key identity.ServiceKey, ok bool) {
	if object.IsNull() || object.IsUnknown() {
		return key, false
	}
	serviceType, _ := object.Attributes()["service_type"].(types.String)
	externalID, _ := object.Attributes()["external_id"].(types.String)
	for name, value := range map[string]types.String{"service_type": serviceType, "external_id": externalID} {
		if value.IsNull() {
			addAt(diags, at.AtName(name), "Invalid Service", "A service needs a service_type and an external_id; "+name+" is missing.")
			return key, false
		}
	}
	key, ok = serviceAt(at, serviceType, externalID, diags)
	return key, ok && isResolvable(key, at, "users already names", diags)
}

// byService reads each entry of a map by service key. It reports keys that are none.
func byService[T any](value types.Map, at path.Path, diags *diag.Diagnostics, read func(types.Map, identity.ServiceKey, path.Path, *diag.Diagnostics) T) map[identity.ServiceKey]T {
	elements := value.Elements()
	entries := make(map[identity.ServiceKey]T, len(elements))
	for _, name := range slices.Sorted(maps.Keys(elements)) {
		service, err := identity.ParseServiceKey(name)
		if err != nil {
			addInvalid(diags, at.AtMapKey(name), "Invalid Service", err)
			continue
		}
		if users, ok := elements[name].(types.Map); ok {
			entries[service] = read(users, service, at.AtMapKey(name), diags)
		}
	}
	return entries
}

// everybody answers from a list of all users who exists and who holds an
// account, without a request.
type everybody struct {
	*readcache.Reader
	users   *identity.Index
	holders sync.Mutex // of users.Holders, which services ask for at the same time
}

func readEverybody(ctx context.Context, api *readcache.Reader) (*everybody, error) {
	all := &everybody{Reader: api, users: identity.NewIndex()}
	for user, err := range api.AllUsers(ctx) {
		if err == nil {
			err = all.users.Add(user)
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// keys returns the keys of all users, sorted.
func (e *everybody) keys() []identity.UserKey {
	return each(e.users.All(), func(u identity.User) identity.UserKey { return u.Key })
}

// FindUsers returns the users among keys who existed when all were read.
func (e *everybody) FindUsers(_ context.Context, keys []identity.UserKey) ([]identity.User, error) {
	var found []identity.User
	for _, key := range keys {
		if u := e.users.Find(key); u != nil {
			found = append(found, *u)
		}
	}
	return found, nil
}

// Holders returns who had the accounts when the users were read. The server
// checks writes besides.
func (e *everybody) Holders(_ context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) ([]identity.Holder, error) {
	e.holders.Lock()
	defer e.holders.Unlock()
	return e.users.Holders(service, accounts...), nil
}

// bulkSummary sorts the answers by what there is to say of them.
type bulkSummary struct {
	config       *bulkConfig
	answers      []resolve.Resolution // service by service, each in the order of config.users
	failed       []resolve.Resolution
	reused       []resolve.Resolution // mappings whose identity is another account's name now
	unmapped     []resolve.Resolution
	stale        []resolve.Resolution // stored values that rules or the service contradict
	retired      []resolve.Resolution // mappings, stored or declared, whose account is inactive or gone
	collisions   []collision
	mapped       int
	exempt       int // unmapped on purpose
	exemptMapped []resolve.Resolution
	exemptMaybe  []resolve.Resolution // an account may be theirs
	unlisted     []*serviceError
	bySource     map[resolve.Origin]int
	byEvidence   map[identity.Evidence]int
}

// collision is an account that several users have or claim.
type collision struct {
	service identity.ServiceKey
	account string
	users   []identity.UserKey // sorted
}

// accountText returns an identity as maps of strings hold it: the value of the
// service type's own key, else the whole matcher; "" for none.
func accountText(matcher identity.Matcher, serviceType string) string {
	if id, ok := matcher[identity.MatcherKey(serviceType)]; ok {
		return id
	}
	return matcher.String()
}

func summarize(config *bulkConfig, answers []resolve.Resolution) *bulkSummary {
	s := &bulkSummary{config: config, answers: answers, bySource: map[resolve.Origin]int{}, byEvidence: map[identity.Evidence]int{}}
	for i := range config.services {
		inService := answers[i*len(config.users) : (i+1)*len(config.users)]
		for _, a := range inService {
			switch {
			case a.Err != nil:
				s.failed = append(s.failed, a)
				continue
			case a.Reused():
				s.reused = append(s.reused, a)
				continue
			case a.Mapped():
				s.mapped++
				s.bySource[a.Source]++
				s.byEvidence[a.Evidence]++
			case s.isExempt(a):
				s.exempt++
				if a.Reason == resolve.Alias || a.Reason == resolve.Unverified || a.Reason == resolve.Ambiguous {
					s.exemptMaybe = append(s.exemptMaybe, a)
				}
			default:
				s.unmapped = append(s.unmapped, a)
			}
			if a.Mapped() && s.isExempt(a) {
				s.exemptMapped = append(s.exemptMapped, a)
			}
			if a.Retired() {
				s.retired = append(s.retired, a)
			}
			if a.Stale {
				s.stale = append(s.stale, a)
			}
		}
		s.collisions = append(s.collisions, collisionsIn(inService)...)
	}
	return s
}

func (s *bulkSummary) isExempt(a resolve.Resolution) bool {
	_, exempt := s.config.exempt[a.Service][a.User]
	return exempt
}

// staleReason returns why a stored value is stale, as a word.
func staleReason(a resolve.Resolution) string {
	return cmp.Or(contradiction(a), string(a.FreshReason))
}

// collisionsIn returns the accounts that several users of one service have or
// claim, sorted by account. Accounts that share a name or an id are one: an account
// that was renamed has two names.
func collisionsIn(answers []resolve.Resolution) []collision {
	type claim struct {
		user    identity.UserKey
		account identity.Matcher
		key     string // account key
	}
	var claims []claim
	same := map[string]string{} // account key or id → another one of the account
	root := func(key string) string {
		for same[key] != "" {
			key = same[key]
		}
		return key
	}
	add := func(user identity.UserKey, account identity.Matcher, accountID string, service identity.ServiceKey) {
		key := account.AccountKey(service.Type)
		claims = append(claims, claim{user, account, key})
		if accountID == "" {
			return
		}
		if id, name := root("\x00"+accountID), root(key); id != name { // no account key begins so
			same[name] = id
		}
	}
	for _, a := range answers {
		if a.Mapped() {
			add(a.User, a.Matcher, a.AccountID, a.Service)
		}
	}
	// After those who have accounts, so that an account is written as stored and
	// not as found.
	for _, a := range answers {
		if len(a.Candidates) == 0 {
			continue
		}
		c := a.Candidates[0]
		switch {
		case a.Reason == resolve.Claimed:
			as := c.Matcher
			if a.HolderAs != nil {
				as = a.HolderAs
			}
			add(a.Holder, as, c.AccountID, a.Service)
			add(a.User, c.Matcher, c.AccountID, a.Service)
		case len(a.Rivals) > 0: // they are among the answers as well
			add(a.User, c.Matcher, c.AccountID, a.Service)
		}
	}
	first := make(map[string]claim, len(claims))
	found := map[string]map[identity.UserKey]bool{} // root → users; nearly always empty
	for _, c := range claims {
		account := root(c.key)
		holder, taken := first[account]
		switch {
		case !taken:
			first[account] = c
			continue
		case found[account] == nil:
			found[account] = map[identity.UserKey]bool{holder.user: true}
		}
		found[account][c.user] = true
	}
	byAccount := func(a, b string) int { return strings.Compare(first[a].key, first[b].key) }
	list := make([]collision, 0, len(found))
	for _, account := range slices.SortedFunc(maps.Keys(found), byAccount) {
		service := answers[0].Service
		list = append(list, collision{service, accountText(first[account].account, service.Type), slices.Sorted(maps.Keys(found[account]))})
	}
	return list
}

// pasteBlocks returns sym_identity blocks for unmapped users, sorted by service
// and user, each with its own name, and as a comment what declared takes then.
func pasteBlocks(unmapped []resolve.Resolution, declared map[identity.ServiceKey]map[identity.UserKey]identity.Matcher) string {
	blocks := namedBlocks(unmapped)
	var b strings.Builder
	for _, block := range blocks {
		b.WriteString(block.hcl + "\n")
	}
	if entries := declaredMap(blocks, namedBlock.reference, declaredShape{true, declared}); entries != "" {
		b.WriteString("# In declared of the data source, so that the next plan passes:\n#\n# ")
		formatted := string(hclwrite.Format([]byte(entries)))
		b.WriteString(strings.ReplaceAll(strings.TrimSuffix(formatted, "\n"), "\n", "\n# ") + "\n")
	}
	return b.String()
}

// namedBlock is a sym_identity block with a name that no other block has.
type namedBlock struct {
	resolve.Resolution
	name, hcl string
}

// reference returns the entry of declared that reads the block, "" where its
// matcher is no plain identity, which declared cannot hold.
func (b namedBlock) reference() string {
	if matcher := likelyAccount(b.Resolution); len(matcher) > 0 {
		if _, plain := matcher.Identity(b.Service.Type); !plain {
			return ""
		}
	}
	return fmt.Sprintf("%s = sym_identity.%s.identity\n", hclString(string(b.User)), b.name)
}

// uniqueNames numbers names that were used before.
type uniqueNames struct{ uses map[string]int }

func (u *uniqueNames) next(first string) string {
	name := first
	for u.uses[name] > 0 {
		u.uses[first]++
		name = fmt.Sprintf("%s_%d", first, u.uses[first])
	}
	put(&u.uses, name, 1)
	return name
}

func namedBlocks(unmapped []resolve.Resolution) []namedBlock {
	sorted := slices.Clone(unmapped)
	slices.SortFunc(sorted, func(a, b resolve.Resolution) int {
		return cmp.Or(compareServices(a.Service, b.Service), cmp.Compare(a.User, b.User))
	})
	var names uniqueNames
	blocks := make([]namedBlock, 0, len(sorted))
	for _, a := range sorted {
		if a.Service.Managed() {
			continue
		}
		// Two people may have one local part, and one person is in two
		// services of a type.
		name := names.next(blockLabel(a.User, a.Service))
		_, body, _ := strings.Cut(replacingBlock(a, likelyAccount(a)), "\n")
		blocks = append(blocks, namedBlock{a, name, fmt.Sprintf("resource \"sym_identity\" %q {\n%s\n", name, body)})
	}
	return blocks
}

var (
	stringMapType    = tftypes.Map{ElementType: tftypes.String}
	stringMapMapType = tftypes.Map{ElementType: stringMapType}
)

// record is an object or a map of a result.
type record = map[string]any

// wire returns a value of a type: a record is an object or a map, nil is null.
func wire(of tftypes.Type, value any) tftypes.Value {
	switch v := value.(type) {
	case record:
		values := make(map[string]tftypes.Value, len(v))
		switch of := of.(type) {
		case tftypes.Object:
			for name, t := range of.AttributeTypes {
				values[name] = wire(t, v[name])
			}
		case tftypes.Map:
			for name, element := range v {
				values[name] = wire(of.ElementType, element)
			}
		}
		value = values
	case []any:
		list, _ := of.(tftypes.List)
		value = each(v, func(element any) tftypes.Value { return wire(list.ElementType, element) })
	}
	return tftypes.NewValue(of, value)
}

// asked returns a list of records, nil where it was not asked for.
func asked[T any](isAsked bool, list []T, convert func(T) any) any {
	if !isAsked {
		return nil
	}
	return each(list, convert)
}

// textOrNil returns nil for a blank text.
func textOrNil(text string) any {
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	return text
}

// setState writes the configuration and the answers to state. It builds the
// protocol's own values: the framework would make them from ten thousand
// attr.Values by reflection, which takes longer than everything else here.
func (s *bulkSummary) setState(ctx context.Context, company *companyPass, config tfsdk.Config, state *tfsdk.State, diags *diag.Diagnostics) {
	var configured map[string]tftypes.Value
	object, _ := config.Schema.Type().TerraformType(ctx).(tftypes.Object)
	if err := config.Raw.As(&configured); err != nil {
		addFailure(diags, "Write State", "", "", err)
		return
	}
	attributes := maps.Clone(configured)
	attributes["identities"], attributes["by_service"] = s.identities()
	for name, result := range (record{
		"unmapped":       each(s.unmapped, s.unmappedRecord),
		"stale":          asked(s.config.checkStale, s.stale, s.staleRecord),
		"offboarding":    asked(s.config.checkStale, s.retired, s.offboardingRecord),
		"collisions":     each(s.collisions, s.collisionRecord),
		"orphans":        asked(s.config.reportOrphans, company.orphans, orphanRecord),
		"account_counts": company.accountCounts(),
		"leavers":        each(company.leavers, leaverRecord),
		"hcl":            pasteBlocks(s.unmapped, s.config.declared),
		"mapped_count":   s.mapped,
		"unmapped_count": len(s.unmapped),
		"exempt_count":   s.exempt,
		"by_source":      countsOf(s.bySource, resolve.Declared, resolve.Store, resolve.Rule, resolve.Email, resolve.Remote),
		"by_evidence": countsOf(s.byEvidence, identity.EvidenceDeclared, identity.EvidenceManual, identity.EvidenceRule,
			identity.EvidenceVerifiedEmail, identity.EvidenceEmail, identity.EvidenceAlias, identity.EvidenceFetch),
	}) {
		attributes[name] = wire(object.AttributeTypes[name], result)
	}
	state.Raw = tftypes.NewValue(object, attributes)
}

func wireText(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }

// identities returns the answers by user and by service, without unmapped ones.
func (s *bulkSummary) identities() (byUser, byService tftypes.Value) {
	users, services := s.config.users, s.config.services
	ofUser := make([]map[string]tftypes.Value, len(users))
	for i := range ofUser {
		ofUser[i] = make(map[string]tftypes.Value, len(services))
	}
	ofService := make(map[string]tftypes.Value, len(services))
	for i, service := range services {
		key := service.String()
		accounts := make(map[string]tftypes.Value, len(users))
		for j, a := range s.answers[i*len(users) : (i+1)*len(users)] {
			if !a.Mapped() {
				continue
			}
			account := wireText(accountText(a.Matcher, service.Type))
			ofUser[j][key] = account
			accounts[s.config.name(a.User)] = account
		}
		ofService[key] = tftypes.NewValue(stringMapType, accounts)
	}
	all := make(map[string]tftypes.Value, len(users))
	for i, user := range users {
		all[s.config.name(user)] = tftypes.NewValue(stringMapType, ofUser[i])
	}
	return tftypes.NewValue(stringMapMapType, all), tftypes.NewValue(stringMapMapType, ofService)
}

func (s *bulkSummary) unmappedRecord(a resolve.Resolution) any {
	return record{
		"user": s.config.name(a.User), "service": a.Service.String(), "reason": string(a.Reason),
		"candidates": each(a.Suggestions, func(c resolve.Suggestion) any {
			return record{
				"identity": accountText(c.Account.Matcher, a.Service.Type), "account_id": textOrNil(c.Account.AccountID),
				"name": textOrNil(c.Account.Name), "why": string(c.Why),
			}
		}),
	}
}

func (s *bulkSummary) staleRecord(a resolve.Resolution) any {
	return record{
		"user": s.config.name(a.User), "service": a.Service.String(), "stored": accountText(a.Matcher, a.Service.Type),
		"stored_source": string(a.StoredSource), "current": textOrNil(accountText(a.Fresh, a.Service.Type)), "reason": staleReason(a),
	}
}

func (s *bulkSummary) offboardingRecord(a resolve.Resolution) any {
	return record{
		"user": s.config.name(a.User), "service": a.Service.String(), "identity": accountText(a.Matcher, a.Service.Type),
		"source": string(a.Source), "account": string(a.Account),
	}
}

func (s *bulkSummary) collisionRecord(c collision) any {
	return record{
		"service": c.service.String(), "identity": c.account,
		"users": each(c.users, func(user identity.UserKey) any { return s.config.name(user) }),
	}
}

// countsOf returns counts by name. Every name is a key.
func countsOf[T ~string](found map[T]int, names ...T) record {
	counts := make(record, len(names))
	for _, name := range names {
		counts[string(name)] = found[name]
	}
	return counts
}

// After a data source is read, the framework compares its state with its
// configuration, attribute by attribute and element by element. For attributes
// with an element for each of a hundred thousand users, that takes as much memory
// as the state itself. userListType and wireMapType end the comparison at the attribute.

// userListType is the type of a configured list of users.
type userListType struct{ types.ListType }

// Equal reports whether the other type is the same.
func (t userListType) Equal(other attr.Type) bool {
	o, ok := other.(userListType)
	return ok && t.ListType.Equal(o.ListType)
}

// ValueFromTerraform returns a userList.
func (t userListType) ValueFromTerraform(ctx context.Context, value tftypes.Value) (attr.Value, error) {
	read, err := t.ListType.ValueFromTerraform(ctx, value)
	list, _ := read.(types.List)
	return userList{list}, err
}

// userList is a list that the state takes over from the configuration as it is.
type userList struct{ types.List }

// Type returns the type of the list.
func (l userList) Type(ctx context.Context) attr.Type {
	return userListType{types.ListType{ElemType: l.ElementType(ctx)}}
}

// Equal reports whether the other value is a list with the same elements.
func (l userList) Equal(other attr.Value) bool {
	o, ok := other.(userList)
	return ok && l.List.Equal(o.List)
}

// ListSemanticEquals returns true.
func (l userList) ListSemanticEquals(context.Context, basetypes.ListValuable) (bool, diag.Diagnostics) {
	return true, nil
}

// wireMapType is the type of a computed map with an entry for each user.
type wireMapType struct{ types.MapType }

// Equal reports whether the other type is the same.
func (t wireMapType) Equal(other attr.Type) bool {
	o, ok := other.(wireMapType)
	return ok && t.MapType.Equal(o.MapType)
}

// ValueFromTerraform returns a known map as a wireMap.
func (t wireMapType) ValueFromTerraform(ctx context.Context, value tftypes.Value) (attr.Value, error) {
	if value.IsNull() || !value.IsKnown() {
		return t.MapType.ValueFromTerraform(ctx, value)
	}
	return &wireMap{value, t}, nil
}

// wireMap is a known map in the protocol's own form.
type wireMap struct {
	tftypes.Value
	of wireMapType
}

// Type returns the type of the map.
func (m *wireMap) Type(context.Context) attr.Type { return m.of }

// ToTerraformValue returns the protocol's value.
func (m *wireMap) ToTerraformValue(context.Context) (tftypes.Value, error) { return m.Value, nil }

// Equal reports whether the other value is a map with the same entries.
func (m *wireMap) Equal(other attr.Value) bool {
	o, ok := other.(*wireMap)
	return ok && (m == o || m.Value.Equal(o.Value))
}

// IsUnknown returns false.
func (m *wireMap) IsUnknown() bool { return false }
