// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package awsiam is the directory of the IAM users of an AWS account. IAM
// knows no e-mail: it is the name of a user, the beginning of it, or a tag.
package awsiam

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/awsclient"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Strategies of Config.
const (
	ByName      = "name"       // a user's name is the e-mail
	ByLocalPart = "local_part" // a user's name is the part before the @
	ByTag       = "tag"        // a tag holds the e-mail
)

// DefaultTag is the key of the tag that holds the e-mail.
const DefaultTag = "email"

// Config describes an account.
type Config struct {
	awsclient.Settings
	Account  string `kind:"external_id"`      // 12 digits; "" = do not compare
	Strategy string `hcl:"strategy,optional"` // "" = ByName
	Tag      string `hcl:"tag,optional"`      // "" = DefaultTag
	// Domains holds the domains whose addresses are asked for. ByLocalPart needs
	// them: the part before the @ is the same at every domain.
	Domains []string `kind:"domains"`
}

const (
	listSize  = 1000
	nameGrant = "iam:GetUser"
	tagGrant  = "iam:GetAccountAuthorizationDetails (which also shows policies)"
)

// account asks IAM.
type account struct {
	directory.Descriptor
	cfg Config
	api *awsclient.API
	iam *iam.Client
}

// named is an account whose users have names made of their addresses. It can be
// asked for a stored user, by the name in the ARN.
type named struct{ *account }

// tagged is an account whose users have their address in a tag, which only the
// list shows.
type tagged struct {
	*account
	directory.ListOnly
}

var (
	_ directory.IDFinder = (*named)(nil)
	_ directory.Lister   = (*tagged)(nil)
)

// Open checks the configuration; it does not connect.
func Open(cfg Config) (directory.Directory, error) {
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // IAM is global; its endpoint is signed for there
	}
	switch cfg.Strategy {
	case "":
		cfg.Strategy = ByName
	case ByName, ByLocalPart, ByTag:
	default:
		return nil, fmt.Errorf("strategy: it is name, local_part or tag, not %q", cfg.Strategy)
	}
	if cfg.Tag != "" && cfg.Strategy != ByTag {
		return nil, errors.New(`tag: it has no use unless strategy is "tag"`)
	}
	if cfg.Strategy == ByLocalPart && len(cfg.Domains) == 0 {
		return nil, errors.New(`domains: strategy "local_part" needs the domains of your people: ann@example.com and ann@example.org have the same local part`)
	}
	cfg.Tag = cmp.Or(cfg.Tag, DefaultTag)
	grant := nameGrant
	describes := directory.Descriptor{Lookup: true}
	if cfg.Strategy == ByTag {
		grant = tagGrant
		describes = directory.Descriptor{ListPage: listSize, AddressGrant: fmt.Sprintf("%s, or name the tag that holds the addresses: no user has the tag %q", tagGrant, cfg.Tag)}
	}
	api, err := awsclient.Open(cfg.Settings, 0, grant)
	if err != nil {
		return nil, err
	}
	a := &account{describes, cfg, api, iam.NewFromConfig(api.Config)}
	if cfg.Strategy == ByTag {
		return &tagged{account: a}, nil
	}
	return &named{a}, nil
}

// Check compares the account, then looks up a user that does not exist.
func (n *named) Check(ctx context.Context) error {
	if err := n.belongs(ctx); err != nil {
		return err
	}
	_, err := n.byName(ctx, "nobody@sym-check.invalid")
	return err
}

// Check compares the account, then reads a page of its users.
func (t *tagged) Check(ctx context.Context) error {
	if err := t.belongs(ctx); err != nil {
		return err
	}
	for _, err := range t.Pages(ctx) {
		return err
	}
	return nil
}

func (a *account) belongs(ctx context.Context) error {
	if a.cfg.Account == "" {
		return nil
	}
	client := sts.NewFromConfig(a.api.Config)
	who, err := awsclient.Call(ctx, a.api, func(ctx context.Context) (*sts.GetCallerIdentityOutput, error) {
		return client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	})
	if err != nil {
		return err
	}
	return directory.Belongs("account", aws.ToString(who.Account), a.cfg.Account)
}

// legalName is what IAM takes for the name of a user.
var legalName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

// Find asks for the user of that name.
func (n *named) Find(ctx context.Context, email string) ([]directory.Account, error) {
	name := email
	if n.cfg.Strategy == ByLocalPart {
		if !slices.ContainsFunc(n.cfg.Domains, func(domain string) bool { return directory.HasDomain(email, domain) }) {
			return nil, ctx.Err()
		}
		name = email[:strings.LastIndexByte(email, '@')]
	}
	found, err := n.byName(ctx, name)
	for i := range found {
		found[i].Add(directory.Primary, directory.ProofUnknown, email)
	}
	return found, err
}

// FindID implements directory.IDFinder. The name is the last part of the ARN.
func (n *named) FindID(ctx context.Context, arn string) ([]directory.Account, error) {
	return n.byName(ctx, arn[strings.LastIndexByte(arn, '/')+1:])
}

// byName returns the user with a name, without an address.
func (a *account) byName(ctx context.Context, name string) ([]directory.Account, error) {
	if err := ctx.Err(); err != nil || !legalName.MatchString(name) {
		return nil, err // no user can have such a name
	}
	out, err := awsclient.Call(ctx, a.api, func(ctx context.Context) (*iam.GetUserOutput, error) {
		return a.iam.GetUser(ctx, &iam.GetUserInput{UserName: aws.String(name)})
	})
	var missing *types.NoSuchEntityException
	switch {
	case errors.As(err, &missing):
		return nil, nil
	case err != nil:
		return nil, err
	case out.User == nil || aws.ToString(out.User.Arn) == "":
		return nil, fmt.Errorf("%w as expected: it found somebody and does not name them", directory.ErrUnavailable)
	case !strings.EqualFold(aws.ToString(out.User.UserName), name):
		return nil, fmt.Errorf("%w as expected: it gave another user than the one asked for", directory.ErrUnavailable)
	}
	return []directory.Account{user(out.User.UserId, out.User.UserName, out.User.Arn)}, nil
}

// user returns the account of an IAM user. A renamed user has another ARN, and
// the old one may go to somebody else; the id does not change. Any user counts
// as active: IAM cannot disable one.
func user(id, name, arn *string) directory.Account {
	return directory.Account{AccountID: aws.ToString(id), Identity: aws.ToString(arn), SignIn: aws.ToString(name), State: directory.StateActive}
}

// Pages implements directory.Lister. IAM may give fewer users than asked for,
// even none, so that only its own word ends the list.
func (t *tagged) Pages(ctx context.Context) iter.Seq2[[]directory.Account, error] {
	return directory.PagedSparse(ctx, func(ctx context.Context, marker string) ([]directory.Account, string, error) {
		in := &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeUser}, MaxItems: aws.Int32(listSize)}
		if marker != "" {
			in.Marker = aws.String(marker)
		}
		out, err := awsclient.Call(ctx, t.api, func(ctx context.Context) (*iam.GetAccountAuthorizationDetailsOutput, error) {
			return t.iam.GetAccountAuthorizationDetails(ctx, in)
		})
		if err != nil {
			return nil, "", err
		}
		accounts := make([]directory.Account, len(out.UserDetailList))
		for i, u := range out.UserDetailList {
			accounts[i] = user(u.UserId, u.UserName, u.Arn)
			for _, tag := range u.Tags {
				if identity.FoldASCII(aws.ToString(tag.Key)) == identity.FoldASCII(t.cfg.Tag) { // to IAM, one key
					accounts[i].Add(directory.Primary, directory.ProofUnknown, aws.ToString(tag.Value))
				}
			}
		}
		if !out.IsTruncated {
			return accounts, "", nil
		}
		if aws.ToString(out.Marker) == "" {
			return nil, "", fmt.Errorf("%w in full: the list goes on and gives no marker", directory.ErrUnavailable)
		}
		return accounts, aws.ToString(out.Marker), nil
	})
}
