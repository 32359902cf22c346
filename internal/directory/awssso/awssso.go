// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package awssso is the directory of AWS IAM Identity Center.
package awssso

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/awsclient"
)

// Config describes an instance.
type Config struct {
	awsclient.Settings
	Instance string `kind:"external_id"` // its ARN
}

const (
	listSize = 100
	grant    = "sso:ListInstances, identitystore:ListUsers and identitystore:DescribeUser"
	// pace is 20 requests a second, which all callers of the account share.
	pace = 50 * time.Millisecond
)

// sso does not ask for an address: Identity Center compares case and keeps
// addresses as they were entered, so that only the list shows that no other user
// owns the address.
type sso struct {
	directory.Descriptor
	directory.ListOnly
	api       *awsclient.API
	instance  string
	instances *ssoadmin.Client
	users     *identitystore.Client

	storeID atomic.Pointer[string] // nil until it is known
}

var (
	_ directory.Lister   = (*sso)(nil)
	_ directory.IDFinder = (*sso)(nil)
)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	if cfg.Instance == "" {
		return nil, errors.New("base_url: there is no instance to ask: the service is not of type aws_sso, with the instance's ARN as its external ID")
	}
	api, err := awsclient.Open(cfg.Settings, pace, grant)
	if err != nil {
		return nil, err
	}
	return &sso{
		Descriptor: directory.Descriptor{ListPage: listSize, LookupEvery: pace, ListEvery: pace, LookupSeesInactive: true, AddressGrant: grant},
		api:        api, instance: cfg.Instance, instances: ssoadmin.NewFromConfig(api.Config), users: identitystore.NewFromConfig(api.Config),
	}, nil
}

// Check finds the instance, whose ARN is the external id, lists a user, and asks
// for that user by id: each needs a permission of its own.
func (s *sso) Check(ctx context.Context) error {
	some, _, err := s.page(ctx, "", 1)
	if err != nil || len(some) == 0 {
		return err
	}
	_, err = s.FindID(ctx, some[0].Identity)
	return err
}

// store returns the identity store of the instance, which never changes.
func (s *sso) store(ctx context.Context) (*string, error) {
	if known := s.storeID.Load(); known != nil {
		return known, nil
	}
	var seen []string
	var next *string
	for range 100 {
		out, err := awsclient.Call(ctx, s.api, func(ctx context.Context) (*ssoadmin.ListInstancesOutput, error) {
			return s.instances.ListInstances(ctx, &ssoadmin.ListInstancesInput{NextToken: next})
		})
		if err == nil && out.Instances == nil {
			err = errShape
		}
		if err != nil {
			return nil, err
		}
		for _, i := range out.Instances {
			if aws.ToString(i.InstanceArn) == s.instance && aws.ToString(i.IdentityStoreId) != "" {
				s.storeID.Store(i.IdentityStoreId)
				return i.IdentityStoreId, nil
			}
			seen = append(seen, aws.ToString(i.InstanceArn))
		}
		if next = out.NextToken; aws.ToString(next) == "" {
			break
		}
	}
	return nil, fmt.Errorf("%w: in region %s it sees the instances %q, but the service's external ID is %q; is region right?",
		directory.ErrForeign, s.api.Config.Region, seen, s.instance)
}

// legalID matches the ids that AWS gives users.
var legalID = regexp.MustCompile(`^([0-9a-f]{10}-)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

func (s *sso) FindID(ctx context.Context, id string) ([]directory.Account, error) {
	store, err := s.store(ctx)
	if err != nil {
		return nil, err
	}
	u, err := awsclient.Call(ctx, s.api, func(ctx context.Context) (*identitystore.DescribeUserOutput, error) {
		return s.users.DescribeUser(ctx, &identitystore.DescribeUserInput{IdentityStoreId: store, UserId: aws.String(id)})
	})
	switch {
	case noSuchUser(err):
		return nil, nil
	case apiclient.StatusOf(err) == http.StatusBadRequest && errors.Is(err, directory.ErrRefused) && !legalID.MatchString(id):
		return nil, nil // AWS refuses the question: no user can have such an id
	case err != nil:
		return nil, err
	case aws.ToString(u.UserId) == "":
		return nil, errShape
	}
	return []directory.Account{account(types.User{UserId: u.UserId, UserName: u.UserName, DisplayName: u.DisplayName, Emails: u.Emails, UserStatus: u.UserStatus})}, nil
}

// errShape is JSON with a good status that is not the answer asked for, such as a
// proxy's. The SDK reads it as an answer without anything in it.
var errShape = fmt.Errorf("%w as expected: its answer is not the one of Identity Center", directory.ErrUnavailable)

// noSuchUser reports whether a user does not exist. AWS reports a broken store
// by the same type of error.
func noSuchUser(err error) bool {
	var missing *types.ResourceNotFoundException
	return errors.As(err, &missing) && missing.ResourceType != types.ResourceTypeIdentityStore &&
		missing.Reason != types.ResourceNotFoundExceptionReasonKmsKeyNotFound
}

func (s *sso) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return directory.PagedSparse(ctx, func(ctx context.Context, token string) ([]directory.Account, string, error) {
		return s.page(ctx, token, listSize)
	})
}

func (s *sso) page(ctx context.Context, token string, size int32) ([]directory.Account, string, error) {
	store, err := s.store(ctx)
	if err != nil {
		return nil, "", err
	}
	in := &identitystore.ListUsersInput{IdentityStoreId: store, MaxResults: aws.Int32(size)}
	if token != "" {
		in.NextToken = aws.String(token)
	}
	out, err := awsclient.Call(ctx, s.api, func(ctx context.Context) (*identitystore.ListUsersOutput, error) { return s.users.ListUsers(ctx, in) })
	if err == nil && out.Users == nil {
		err = errShape
	}
	if err != nil {
		return nil, "", err
	}
	accounts := make([]directory.Account, len(out.Users))
	for i, u := range out.Users {
		accounts[i] = account(u)
	}
	return accounts, aws.ToString(out.NextToken), nil
}

// account takes the e-mail marked as primary for the user's own, or all if none is:
// users that were made with the API need not have the mark.
func account(u types.User) directory.Account {
	a := directory.Account{Identity: aws.ToString(u.UserId), Name: aws.ToString(u.DisplayName)}
	a.SetSignIn(aws.ToString(u.UserName), directory.ProofUnknown)
	marked := slices.ContainsFunc(u.Emails, func(e types.Email) bool { return e.Primary })
	for _, e := range u.Emails {
		kind := directory.Alias
		if e.Primary == marked {
			kind = directory.Primary
		}
		a.Add(kind, directory.ProofUnknown, aws.ToString(e.Value))
	}
	switch u.UserStatus {
	case types.UserStatusEnabled:
		a.State = directory.StateActive
	case types.UserStatusDisabled:
		a.State = directory.StateInactive
	}
	return a
}

// Read returns the account of a user in the JSON of the AWS CLI, for exports of it.
func Read(raw []byte) directory.Account {
	return apiclient.ReadRecord(raw, func(u struct {
		ID                    *string `json:"UserId"`
		UserName, DisplayName *string
		Emails                []types.Email
		UserStatus            types.UserStatus
	}) directory.Account {
		return account(types.User{UserId: u.ID, UserName: u.UserName, DisplayName: u.DisplayName, Emails: u.Emails, UserStatus: u.UserStatus})
	})
}
