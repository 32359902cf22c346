// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func (s *service) registerServices(api huma.API) {
	register(s, api, identity.Guest, huma.Operation{
		OperationID: "list-services", Method: http.MethodGet, Path: "/services",
		Summary: "List registered services",
	}, s.listServices)
	register(s, api, identity.Admin, huma.Operation{
		OperationID: "create-service", Method: http.MethodPost, Path: "/services",
		Summary: "Register a service", Errors: []int{http.StatusBadRequest, http.StatusConflict},
		Description: "One that is registered with the same label is returned as it is.",
	}, s.createService)
	register(s, api, identity.Admin, huma.Operation{
		OperationID: "update-service", Method: http.MethodPatch, Path: "/services",
		Summary: "Change a service's label", Errors: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict},
		Description: "A label that is null or not sent is left as it is. source manual with if_revision asserts the service: it gets a new revision, " +
			"also where the label stays, and where the configuration file owns it.",
	}, s.updateService)
	register(s, api, identity.Admin, huma.Operation{
		OperationID: "delete-service", Method: http.MethodPost, Path: "/services/delete",
		Summary: "Delete a service that nothing refers to", Errors: []int{http.StatusBadRequest, http.StatusConflict},
		Description: "Deleting what is not registered succeeds, with deleted false.",
	}, s.deleteService)
	register(s, api, identity.Guest, huma.Operation{
		OperationID: "list-references", Method: http.MethodGet, Path: "/service/{id}/references",
		Summary: "List what refers to a service", Errors: []int{http.StatusNotFound},
		Metadata: map[string]any{streamMetadata: reflect.TypeFor[symapi.ServiceReferences]()},
	}, s.listReferences)
}

type listServicesInput struct {
	ServiceType string `query:"service_type" doc:"Only services of this type"`
	ExternalID  string `query:"external_id" doc:"Only services with this external id"`
}

// Resolve implements huma.Resolver.
func (in *listServicesInput) Resolve(ctx huma.Context) []error {
	return checkFilters(ctx, "all services", "service_type", "external_id")
}

func (s *service) listServices(ctx context.Context, in *listServicesInput) (symapi.ServiceList, error) {
	services, err := s.Store.Services(ctx, store.ServiceFilter{Type: in.ServiceType, ExternalID: in.ExternalID})
	if err != nil {
		return symapi.ServiceList{}, err
	}
	list := symapi.ServiceList{Services: make([]symapi.Service, len(services))}
	for i, found := range services {
		list.Services[i] = s.encodeService(found)
	}
	return list, nil
}

// encodeService encodes a stored service, and what the configuration has for it.
func (s *service) encodeService(stored identity.Service) symapi.Service {
	return symapi.EncodeService(stored, s.Directories[stored.Key] != nil, s.Configured[stored.Key])
}

type serviceInput struct{ Body symapi.ServiceWrite }

// key returns the service of a write, validated.
func (in *serviceInput) key() (identity.ServiceKey, error) {
	key := identity.ServiceKey{Type: in.Body.ServiceType, ExternalID: in.Body.ExternalID}
	return key, key.Validate()
}

func (s *service) createService(ctx context.Context, in *serviceInput) (symapi.Service, error) {
	key, err := in.key()
	switch {
	case err != nil:
		return symapi.Service{}, err
	case in.Body.IfRevision != 0:
		return symapi.Service{}, identity.Invalid(identity.CodeServiceInvalid, "POST services takes no if_revision", "Leave it out, or send PATCH services.")
	case s.Configured[key]:
		return s.updateService(ctx, in)
	}
	label := ""
	if in.Body.Label != nil {
		label = *in.Body.Label
	}
	created, err := s.Store.CreateService(ctx, actorOf(ctx), key, label)
	return s.encodeService(created), err
}

func (s *service) updateService(ctx context.Context, in *serviceInput) (symapi.Service, error) {
	key, err := in.key()
	if err != nil {
		return symapi.Service{}, err
	}
	if source := in.Body.Source; source != "" && source != string(identity.Manual) {
		return symapi.Service{}, identity.Invalid(identity.CodeServiceInvalid, fmt.Sprintf("The source of a service is manual, not %q", source), "Leave it out.")
	}
	update := store.ServiceUpdate{Key: key, Label: in.Body.Label, IfRevision: in.Body.IfRevision,
		Assert: in.Body.IfRevision != 0 && in.Body.Source != ""}
	if s.Configured[key] && update.Label != nil {
		stored, err := s.registered(ctx, key)
		if err != nil {
			return symapi.Service{}, err
		}
		if stored.Label != *update.Label {
			return symapi.Service{}, ownedByConfiguration(key, fmt.Sprintf("its label is %q", stored.Label))
		}
		update.Label = nil
	}
	updated, err := s.Store.UpdateService(ctx, actorOf(ctx), update)
	return s.encodeService(updated), err
}

// deleteService also deletes services whose keys today's rules refuse.
func (s *service) deleteService(ctx context.Context, in *serviceInput) (symapi.BulkReply, error) {
	key, invalid := in.key()
	if invalid != nil {
		if _, err := s.registered(ctx, key); err != nil {
			return symapi.BulkReply{}, invalid
		}
	}
	if s.Configured[key] {
		return symapi.BulkReply{}, ownedByConfiguration(key, "it cannot be deleted here")
	}
	deleted, err := s.Store.DeleteService(ctx, actorOf(ctx), key, in.Body.IfRevision)
	return symapi.BulkSuccess([]symapi.BulkResult{{ServiceType: key.Type, ExternalID: key.ExternalID, Deleted: &deleted}}), err
}

func ownedByConfiguration(key identity.ServiceKey, what string) *identity.Error {
	return &identity.Error{Code: identity.CodeServiceConflict, Service: key,
		Message: fmt.Sprintf("%s is owned by the server's configuration file: %s", key, what),
		Hint:    "Change the service block there."}
}

// registered returns a service, or an error where it is not registered.
func (s *service) registered(ctx context.Context, key identity.ServiceKey) (identity.Service, error) {
	if err := identity.ValidateServiceType(key.Type); err != nil {
		return identity.Service{}, err
	}
	services, err := s.Store.Services(ctx, store.ServiceFilter{Type: key.Type, ExternalID: key.ExternalID})
	if err != nil {
		return identity.Service{}, err
	}
	for _, found := range services {
		if found.Key == key {
			return found, nil
		}
	}
	if err := key.Validate(); err != nil {
		return identity.Service{}, err
	}
	return identity.Service{}, identity.UnknownService(key)
}

type referencesInput struct {
	ID string `path:"id" doc:"UUID of the service"`
}

func (s *service) listReferences(ctx context.Context, in *referencesInput) (stream, error) {
	references := symapi.ServiceReferences{Error: "false", References: symapi.References{Integrations: []string{}}}
	return streamList(s, references, s.Store.References(ctx, in.ID))
}
