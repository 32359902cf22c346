// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

// NewAccountsDataSource returns sym_accounts, which lists the accounts of a
// service and who holds each.
func NewAccountsDataSource() datasource.DataSource { return newDataSource[accountsModel]("accounts") }

type accountsModel struct {
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
	State       types.String `tfsdk:"state"`
	Kind        types.String `tfsdk:"kind"`
	Held        types.Bool   `tfsdk:"held"`
	Accounts    types.List   `tfsdk:"accounts"`
	Total       types.Int64  `tfsdk:"total"`
	Counts      types.Object `tfsdk:"counts"`
}

// schema has no time at which the service was asked: it would change with every
// read, and with it every output that shows the data source.
func (*accountsModel) schema() schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Lists the accounts of one service and their holders, which are the users whose *stored* identity is the account. " +
			"`sym_resolved_identities` also includes what rules and lookups find. Filters combine. Without filters, all accounts are listed.",
		Attributes: map[string]schema.Attribute{
			"service_type": requiredText("Type of the service, such as `okta`."),
			"external_id":  requiredText("External id of the service, such as `acme.okta.com`."),
			"state":        optionalText("Only accounts in this state: `active`, `invited` (by an administrator), `pending` (self-registered and not approved), `inactive` or `unknown` (the service does not say).", stringvalidator.OneOf(identity.AccountStates()...)),
			"kind":         optionalText("Only accounts of this kind: `person` (the default if the service does not say), `guest`, `bot` or `shared`.", stringvalidator.OneOf(identity.AccountKinds()...)),
			"held":         optionalBool("Only accounts that somebody holds (`true`) or that nobody holds (`false`)."),
			"accounts":     computedList("The selected accounts, ordered by identity.", accountRecordAttributes()),
			"total":        computedInt("Number of accounts in the service, regardless of filters."),
			"counts": schema.SingleNestedAttribute{
				Computed: true, Attributes: accountCountsAttributes(),
				MarkdownDescription: "Accounts of the service, counted by holder, by state and by kind, regardless of filters. Each adds up to `total`.",
			},
		},
	}
}

func accountCountsAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"held":   computedInt("Number of accounts that somebody holds."),
		"unheld": computedInt("Number of accounts that nobody holds."),
		"states": computedMap(types.Int64Type, "Number of accounts in each state. Every state is a key."),
		"kinds":  computedMap(types.Int64Type, "Number of accounts of each kind. Every kind is a key."),
	}
}

var accountCountsType = recordType(accountCountsAttributes())

var (
	accountEmailType  = recordType(accountEmailAttributes())
	accountRecordType = recordType(accountRecordAttributes())
)

func accountEmailAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"address":  computedText("The address, normalised."),
		"kind":     computedText("Kind of address: `primary` (the account's own) or `alias`."),
		"verified": computedBool("Whether the service has verified the address. Null if the service does not say."),
	}
}

func accountRecordAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"identity":   computedText("The account as a mapping stores it, such as a user id or a login. Null if the service shows none."),
		"account_id": computedText("Immutable id of the account. Null if the service has none."),
		"sign_in":    computedText("Sign-in name, which may be an address. Null if the service shows none."),
		"name":       computedText("Full name. Null if the service shows none."),
		"emails":     computedList("The addresses of the account.", accountEmailAttributes()),
		"state":      computedText("State of the account: `active`, `invited`, `pending`, `inactive` or `unknown`."),
		"kind":       computedText("Kind of the account: `person`, `guest`, `bot` or `shared` (several people use it)."),
		"held_by":    computedTexts("The users whose stored identity is this account: normalised e-mails and usernames. Empty if nobody holds it."),
		"unreadable": computedText("Why the service's record of the account cannot be read. Null if it can be read."),
	}
}

func (m *accountsModel) check(_ context.Context, diags *diag.Diagnostics) {
	serviceKey(m.ServiceType, m.ExternalID, diags)
}

func (m *accountsModel) read(ctx context.Context, _ *providerData, api *readcache.Reader, diags *diag.Diagnostics) {
	service, _ := serviceKey(m.ServiceType, m.ExternalID, diags)
	list, err := api.Accounts(ctx, service)
	switch {
	case identity.CodeOf(err) == identity.CodeServiceNotFound:
		if _, known := findService(ctx, api, service, "Read Accounts", diags); known { // it comes or goes meanwhile
			addFailure(diags, "Read Accounts", "", service.String(), err)
		}
	case err != nil:
		addFailure(diags, "Read Accounts", "", service.String(), err)
	}
	m.setAccounts(service, list.Accounts)
}

// setAccounts selects and counts the accounts of a service.
func (m *accountsModel) setAccounts(service identity.ServiceKey, all []identity.Account) {
	states, kinds := map[string]int64{}, map[string]int64{}
	held := 0
	records := []attr.Value{}
	for _, a := range all {
		states[a.State]++
		kinds[a.Kind]++
		isHeld := len(a.HeldBy) > 0
		if isHeld {
			held++
		}
		if (m.State.IsNull() || m.State.ValueString() == a.State) && (m.Kind.IsNull() || m.Kind.ValueString() == a.Kind) &&
			(m.Held.IsNull() || m.Held.ValueBool() == isHeld) {
			records = append(records, accountRecord(service, a))
		}
	}
	m.Accounts = types.ListValueMust(accountRecordType, records)
	m.Total = types.Int64Value(int64(len(all)))
	m.Counts = types.ObjectValueMust(accountCountsType.AttrTypes, map[string]attr.Value{
		"held": types.Int64Value(int64(held)), "unheld": types.Int64Value(int64(len(all) - held)),
		"states": countsValue(identity.AccountStates(), states), "kinds": countsValue(identity.AccountKinds(), kinds),
	})
}

// countsValue returns counts by name. Every name is a key.
func countsValue(names []string, counts map[string]int64) types.Map {
	values := make(map[string]attr.Value, len(names))
	for _, name := range names {
		values[name] = types.Int64Value(counts[name])
	}
	return types.MapValueMust(types.Int64Type, values)
}

func accountRecord(service identity.ServiceKey, a identity.Account) attr.Value {
	id, _ := a.Matcher.Identity(service.Type)
	emails := each(a.Emails, func(e identity.AccountEmail) attr.Value {
		kind := "alias"
		if e.Primary {
			kind = "primary"
		}
		return types.ObjectValueMust(accountEmailType.AttrTypes, map[string]attr.Value{
			"address": types.StringValue(e.Address), "kind": types.StringValue(kind), "verified": types.BoolPointerValue(e.Proved),
		})
	})
	return types.ObjectValueMust(accountRecordType.AttrTypes, map[string]attr.Value{
		"identity": textOrNull(id), "account_id": textOrNull(a.AccountID), "sign_in": textOrNull(a.SignIn), "name": textOrNull(a.Name),
		"emails": types.ListValueMust(accountEmailType, emails), "state": types.StringValue(a.State), "kind": types.StringValue(a.Kind),
		"held_by":    types.ListValueMust(types.StringType, each(a.HeldBy, func(u identity.UserKey) attr.Value { return types.StringValue(string(u)) })),
		"unreadable": textOrNull(a.Unreadable),
	})
}
