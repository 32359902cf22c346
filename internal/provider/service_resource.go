// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/httpx"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/readcache"
)

var (
	_ resource.ResourceWithConfigure      = (*serviceResource)(nil)
	_ resource.ResourceWithValidateConfig = (*serviceResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*serviceResource)(nil)
	_ resource.ResourceWithIdentity       = (*serviceResource)(nil)
	_ resource.ResourceWithImportState    = (*serviceResource)(nil)
)

// NewServiceResource returns sym_service: one registered target service.
func NewServiceResource() resource.Resource {
	return &serviceResource{baseResource{name: "service"}}
}

type serviceResource struct{ baseResource }

// serviceModel is a service as configuration and state have it. No label and
// an empty one are the same to the API; here it is null.
type serviceModel struct {
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
	Label       types.String `tfsdk:"label"`
	ID          types.String `tfsdk:"id"`
	Key         types.String `tfsdk:"key"`
}

// serviceKeyModel is Terraform's resource identity of a service.
type serviceKeyModel struct {
	ServiceType types.String `tfsdk:"service_type"`
	ExternalID  types.String `tfsdk:"external_id"`
}

func (r *serviceResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Registers a service, so that people can be mapped in it.\n\n" +
			"If the service is already registered with the same label, the resource adopts it. Another label is an error, so that two configurations do not " +
			"overwrite each other. Services in the server's configuration file belong to that file: you can adopt them, but not change their label or delete them.\n\n" +
			"Destroying deletes the service. A service that mappings refer to cannot be deleted. " +
			"If another resource or a person has changed or adopted the service since, it stays, with a warning.",
		Attributes: map[string]schema.Attribute{
			"service_type": replacingText("Type of the service, such as `okta`, `github`, `aws_iam` or `custom`: lower case letters, digits and underscores. Changing it replaces the service.", likelyServiceType...),
			"external_id":  replacingText("Which workspace, domain or account of that type, such as `acme.okta.com`. Changing it replaces the service."),
			"label":        optionalResourceText("Name to show to people. Default: no label.", labelCheck),
			"id":           computedResourceText("Id of the service (a UUID), given by the API.", keep...),
			"key":          computedResourceText("Service key: `SERVICE_TYPE:EXTERNAL_ID`. It is also the import id.", keep...),
		},
	}
}

func serviceIdentitySchema() identityschema.Schema {
	return identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"service_type": identityschema.StringAttribute{RequiredForImport: true, Description: "Type of the service."},
		"external_id":  identityschema.StringAttribute{RequiredForImport: true, Description: "External id of the service."},
	}}
}

func (r *serviceResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = serviceIdentitySchema()
}

func (r *serviceResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	config, ok := decode[serviceModel](ctx, req.Config, &resp.Diagnostics)
	if !ok {
		return
	}
	if managed := (identity.ServiceKey{Type: config.ServiceType.ValueString()}).Managed(); managed {
		resp.Diagnostics.AddAttributeError(path.Root("service_type"), "Managed Service",
			"Services of type "+config.ServiceType.ValueString()+" cannot be declared: they are managed by Sym, which registers them itself.")
		return
	}
	serviceKey(config.ServiceType, config.ExternalID, &resp.Diagnostics)
}

func (r *serviceResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	ctx, stop, api, ok := r.begin(ctx, resp.Private, &resp.Diagnostics)
	defer stop()
	if !ok {
		return
	}
	plan, _ := decode[serviceModel](ctx, req.Plan, &resp.Diagnostics)
	key, ok := serviceKey(plan.ServiceType, plan.ExternalID, &resp.Diagnostics) // may have been unknown until now
	if !ok {
		return
	}
	adopted, err := adoptService(ctx, api, key, plan.Label.ValueString())
	switch {
	case identity.CodeOf(err) == identity.CodeServiceConflict:
		if stored := r.find(ctx, key, "Create Service", &resp.Diagnostics); stored != nil {
			addLabelConflict(key, stored.Label, plan.Label.ValueString(), false, err, &resp.Diagnostics)
		} else if !resp.Diagnostics.HasError() { // deleted in between
			addFailure(&resp.Diagnostics, "Create Service", "", key.String(), err)
		}
		return
	case err != nil:
		addFailure(&resp.Diagnostics, "Create Service", "", key.String(), err)
		return
	}
	// State says what was planned: a difference shows in the next plan, where
	// Terraform would taint the service for it now.
	adopted.Label = plan.Label.ValueString()
	saveWritten(ctx, resp.Private, adopted.Revision, &resp.Diagnostics)
	saveService(ctx, adopted, &resp.State, resp.Identity, &resp.Diagnostics)
}

// adoptService registers a service and then asserts it, so that whoever registered it
// before no longer owns it. It starts over when the service goes away in between.
func adoptService(ctx context.Context, api *readcache.Reader, key identity.ServiceKey, label string) (identity.Service, error) {
	for attempt := 0; ; attempt++ {
		created, err := api.CreateService(ctx, key, label)
		if err != nil {
			return created, err
		}
		asserted, err := api.UpdateService(ctx, key, label, created.Revision)
		if attempt < maxAdoptions && identity.CodeOf(err) == identity.CodeServiceNotFound {
			continue
		}
		return asserted, err
	}
}

// assertService gives a registered service a label and a new revision. It starts over
// when the service changes in between.
func assertService(ctx context.Context, api *readcache.Reader, key identity.ServiceKey, label string) (identity.Service, error) {
	for attempt := 0; ; attempt++ {
		stored, err := storedService(ctx, api, key)
		if err != nil {
			return identity.Service{}, err
		}
		revision := int64(0) // not registered: the API says so
		if stored != nil {
			revision = stored.Revision
		}
		updated, err := api.UpdateService(ctx, key, label, revision)
		if attempt < maxAdoptions && identity.CodeOf(err) == identity.CodeServiceConflict {
			if again, findErr := storedService(ctx, api, key); findErr == nil && again != nil && again.Revision != revision {
				continue
			}
		}
		return updated, err
	}
}

func (r *serviceResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	defer r.foldOutage(&resp.Diagnostics)
	state, _ := decode[serviceModel](ctx, req.State, &resp.Diagnostics)
	setIdentity(ctx, resp.Identity, serviceKeyModel{state.ServiceType, state.ExternalID}, &resp.Diagnostics) // state written before there were identities has none, and the framework wants one
	if !r.sameStore(ctx, resp.Private, reading, &resp.Diagnostics) {
		return
	}
	stored := r.find(ctx, state.key(), "Read Service", &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if stored == nil {
		warnServiceGone(&resp.Diagnostics, state.key(), r.data.storeCreated())
		resp.State.RemoveResource(ctx)
		return
	}
	if assertedSince(ctx, resp.Private, stored.Revision, stored.Revision, &resp.Diagnostics) && stored.Label == state.Label.ValueString() {
		warnServiceOwnedElsewhere(&resp.Diagnostics, *stored)
	}
	saveService(ctx, *stored, &resp.State, resp.Identity, &resp.Diagnostics)
}

// Update changes the label; everything else replaces the service.
func (r *serviceResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	ctx, stop, api, ok := r.begin(ctx, resp.Private, &resp.Diagnostics)
	defer stop()
	if !ok {
		return
	}
	plan, _ := decode[serviceModel](ctx, req.Plan, &resp.Diagnostics)
	updated, err := assertService(ctx, api, plan.key(), plan.Label.ValueString())
	if err != nil {
		addFailure(&resp.Diagnostics, "Update Service", "", plan.key().String(), err)
		return
	}
	updated.Label = plan.Label.ValueString()
	saveWritten(ctx, resp.Private, updated.Revision, &resp.Diagnostics)
	saveService(ctx, updated, &resp.State, resp.Identity, &resp.Diagnostics)
}

func (r *serviceResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	ctx, stop, api, ok := r.begin(ctx, resp.Private, &resp.Diagnostics)
	defer stop()
	if !ok {
		return
	}
	state, _ := decode[serviceModel](ctx, req.State, &resp.Diagnostics)
	// Whether it was there does not matter: gone already is success.
	written := loadWritten(ctx, req.Private, &resp.Diagnostics)
	_, err := api.DeleteService(ctx, state.key(), written)
	for poll := 0; poll < adoptionPolls && identity.CodeOf(err) == identity.CodeServiceReferenced && httpx.Sleep(ctx, adoptionPause) == nil; poll++ {
		_, err = api.DeleteService(ctx, state.key(), written)
	}
	if err == nil {
		return
	}
	if written != 0 && identity.CodeOf(err) == identity.CodeServiceConflict {
		stored := r.find(ctx, state.key(), "Delete Service", &resp.Diagnostics)
		if resp.Diagnostics.HasError() || stored == nil {
			return
		}
		if stored.Revision != written {
			warnServiceKept(&resp.Diagnostics, *stored)
			return
		}
	}
	addNotDeleted(&resp.Diagnostics, state.key(), err)
}

// forgetService is how a service stays registered that is in state.
const forgetService = "To keep the service and only forget it here, take the resource out of the configuration and write:\n\n" +
	"  removed {\n    from = sym_service.NAME\n    lifecycle {\n      destroy = false\n    }\n  }"

// addNotDeleted reports a refused deletion, with the way to forget a service that
// must stay.
func addNotDeleted(diags *diag.Diagnostics, key identity.ServiceKey, err error) {
	detail := failureDetail("", key.String(), err)
	switch identity.CodeOf(err) {
	case identity.CodeServiceReferenced, identity.CodeServiceConflict:
		detail += "\n\n" + forgetService
	}
	diags.AddError(failureSummary("Delete Service"), detail)
}

// ModifyPlan makes the key known at plan, so that what depends on it is too. It
// refuses, before anybody approves it, to adopt a service under another label, and to
// change the label of one that the server's configuration file owns.
func (r *serviceResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	defer r.foldOutage(&resp.Diagnostics)
	if !r.sameStore(ctx, resp.Private, planning, &resp.Diagnostics) || req.Plan.Raw.IsNull() {
		return // another store, or destroy
	}
	plan, _ := decode[serviceModel](ctx, req.Plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || plan.ServiceType.IsUnknown() || plan.ExternalID.IsUnknown() {
		return
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("key"), plan.key().String())...)
	r.data.planned.addService(plan.key())
	if plan.Label.IsUnknown() {
		return
	}
	inState := !req.State.Raw.IsNull()
	if inState {
		state, _ := decode[serviceModel](ctx, req.State, &resp.Diagnostics)
		if state.key() != plan.key() || state.Label.Equal(plan.Label) {
			return // Terraform plans a replacement again, without state
		}
	}
	stored := r.find(ctx, plan.key(), "Read Service", &resp.Diagnostics)
	if stored != nil && stored.Label != plan.Label.ValueString() && (!inState || stored.Configured) {
		addLabelConflict(plan.key(), stored.Label, plan.Label.ValueString(), inState, nil, &resp.Diagnostics)
	}
}

func (r *serviceResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	key, err := importedServiceKey(ctx, req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if err != nil {
		addBadImportID(&resp.Diagnostics, "sym_service", "SERVICE_TYPE:EXTERNAL_ID", "okta:acme.okta.com", err)
		return
	}
	stored := r.find(ctx, key, "Import Service", &resp.Diagnostics)
	switch {
	case resp.Diagnostics.HasError():
	case stored == nil:
		resp.Diagnostics.AddError("Service Not Found",
			fmt.Sprintf("No service is registered for %s, so there is nothing to import.\n\n"+
				"Check the service key, or declare the service and apply it instead of importing it.", key))
	default:
		saveWritten(ctx, resp.Private, stored.Revision, &resp.Diagnostics)
		saveService(ctx, *stored, &resp.State, resp.Identity, &resp.Diagnostics)
	}
}

// importedServiceKey returns the service that an import names, by id or by
// resource identity.
func importedServiceKey(ctx context.Context, req resource.ImportStateRequest, diags *diag.Diagnostics) (identity.ServiceKey, error) {
	if !byIdentity(req) {
		return identity.ParseServiceKey(req.ID)
	}
	var named serviceKeyModel
	diags.Append(req.Identity.Get(ctx, &named)...)
	key := identity.ServiceKey{Type: named.ServiceType.ValueString(), ExternalID: named.ExternalID.ValueString()}
	return key, key.Validate()
}

// find reads one service; nil where it is not registered, or after an error in diags.
func (r *serviceResource) find(ctx context.Context, key identity.ServiceKey, action string, diags *diag.Diagnostics) *identity.Service {
	api, ok := r.data.connect(ctx, diags)
	if !ok {
		return nil
	}
	stored, err := storedService(ctx, api, key)
	if err != nil {
		addFailure(diags, action, "", key.String(), err)
	}
	return stored
}

// storedService reads one service; nil where it is not registered.
func storedService(ctx context.Context, api *readcache.Reader, key identity.ServiceKey) (*identity.Service, error) {
	services, err := api.Services(ctx)
	for _, s := range services {
		if s.Key == key {
			return &s, err
		}
	}
	return nil, err
}

func saveService(ctx context.Context, s identity.Service, state *tfsdk.State, id *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	m := newServiceModel(s)
	diags.Append(state.Set(ctx, m)...)
	setIdentity(ctx, id, serviceKeyModel{m.ServiceType, m.ExternalID}, diags)
}

func newServiceModel(s identity.Service) serviceModel {
	return serviceModel{
		ServiceType: types.StringValue(s.Key.Type), ExternalID: types.StringValue(s.Key.ExternalID), Label: textOrNull(s.Label),
		ID: types.StringValue(s.ID), Key: types.StringValue(s.Key.String()),
	}
}

func (m serviceModel) key() identity.ServiceKey {
	return identity.ServiceKey{Type: m.ServiceType.ValueString(), ExternalID: m.ExternalID.ValueString()}
}

// addLabelConflict shows both labels and the ways out. inState says that the service is
// in state and that the server's configuration file owns it. err is the API's refusal,
// nil where the plan found it.
func addLabelConflict(key identity.ServiceKey, stored, label string, inState bool, err error, diags *diag.Diagnostics) {
	keep := "declare label = " + hclString(stored)
	if stored == "" {
		keep = "declare it without a label"
	}
	change := "If the server's configuration file names the service, its label is the file's: change it there. " +
		"To change the label of any other from here, import it first:\n\n  " + importCommand(key.String())
	if inState {
		change = "The server's configuration file owns the service: change its label there. " + forgetService
	}
	diags.AddAttributeError(path.Root("label"), "Service Is Registered With Another Label",
		fmt.Sprintf("%s is registered already, and its label was not overwritten.\n\n  stored:   %q\n  declared: %q\n\nTo keep it as it is, %s. %s%s",
			key, stored, label, keep, change, saidByServer(err)))
}

// describeService shows what is stored of a service, and who stored it.
func describeService(s identity.Service) string {
	return fmt.Sprintf("label %q%s", s.Label, lastChange("", s.UpdatedBy, s.UpdatedAt))
}

// warnServiceKept reports a service that was not deleted because somebody else has
// stored it since.
func warnServiceKept(diags *diag.Diagnostics, stored identity.Service) {
	diags.AddWarning(fmt.Sprintf("Service Kept: %s", stored.Key),
		fmt.Sprintf("%s was changed or adopted after this resource stored it last. Stored now: %s. "+
			"Another resource or a person keeps the service, as after renaming the resource: it was left in place, and this resource forgets it. "+
			"To delete it as well, remove it there.",
			stored.Key, describeService(stored)))
}

// warnServiceOwnedElsewhere tells a resource that somebody has adopted its service
// since.
func warnServiceOwnedElsewhere(diags *diag.Diagnostics, stored identity.Service) {
	diags.AddWarning(fmt.Sprintf("Service Is Owned Elsewhere: %s", stored.Key),
		fmt.Sprintf("%s was changed or adopted after this resource stored it last. Stored now: %s. "+
			"Another resource or a person owns the service now, so destroying this resource will leave it in place. If it is declared twice, remove one of the two. "+
			"To own it here again, replace this resource: terraform apply -replace=ADDRESS.",
			stored.Key, describeService(stored)))
}

func warnServiceGone(diags *diag.Diagnostics, key identity.ServiceKey, storeCreated bool) {
	why := "it was deleted outside of this configuration."
	if storeCreated {
		why = "the " + emptyStoreNote
	}
	detail := fmt.Sprintf("%s is not registered any more: %s\n\n"+
		"It was dropped from state; while the configuration declares it, the next apply registers it again.", key, why)
	diags.AddWarning("Service Is Gone: "+key.String(), detail)
}

const maxLabelBytes = 256

// labelCheck keeps labels to what every store gives back unchanged.
var labelCheck = textCheck{summary: "Invalid Label", describes: "must be 1 to 256 bytes without outer spaces and control characters", check: func(label string) error {
	switch {
	case label == "":
		return errors.New("the label is empty; leave it out (or null) for a service without one")
	case identity.OuterSpace(label) != "":
		return fmt.Errorf("the label %s; remove it", identity.OuterSpace(label))
	case len(label) > maxLabelBytes:
		return fmt.Errorf("a label has at most %d bytes; this one has %d", maxLabelBytes, len(label))
	case strings.ContainsFunc(label, unicode.IsControl):
		return errors.New("the label holds a control character, such as a tab or a line break; remove it")
	}
	return nil
}}
