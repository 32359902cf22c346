// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package awsclient sends the requests of the AWS SDK through apiclient, so that
// AWS directories pace, retry, bound and report as all others do. The SDK signs
// requests and reads answers.
package awsclient

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// Settings holds the settings of AWS directories. Without a key they use the
// credentials of the environment, as every AWS tool does.
type Settings struct {
	apiclient.Settings        // BaseURL "" = the services' own hosts
	Region             string `hcl:"region,optional"`                      // "" = the environment's
	ClientID           string `hcl:"client_id,optional"`                   // an access key id
	ClientSecret       string `hcl:"client_secret,optional" kind:"secret"` // its secret
	Token              string `hcl:"token,optional" kind:"secret"`         // a session token
	Impersonate        string `hcl:"impersonate,optional"`                 // the ARN of a role to assume; "" = none
}

// API holds the AWS configuration for clients of the SDK.
type API struct {
	Config aws.Config
	grant  string
}

// Open reads the settings and the environment; it does not connect. pace is
// the steady spacing of requests, 0 = none. grant says what a missing
// permission needs.
func Open(s Settings, pace time.Duration, grant string) (*API, error) {
	if (s.ClientID == "") != (s.ClientSecret == "") {
		return nil, errors.New("client_id: an access key is its id and its secret: set client_secret too, or neither")
	}
	if _, err := s.Settings.Open("https://amazonaws.com", apiclient.Config{}); err != nil {
		return nil, err // at once, not at the first request
	}
	t := &transport{settings: s, pace: pace, clients: map[string]*apiclient.Client{}}
	var key aws.CredentialsProvider // nil = the environment's
	if s.ClientID != "" {
		key = credentials.NewStaticCredentialsProvider(s.ClientID, s.ClientSecret, s.Token)
	}
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithRegion(s.Region), config.WithCredentialsProvider(key))
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration of the environment cannot be read: %w", err)
	}
	if cfg.Region == "" {
		return nil, errors.New("region: it is empty, and the environment names none")
	}
	// The environment's sources of credentials keep the SDK's own client, because
	// they use other hosts.
	cfg.HTTPClient = t
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	if s.BaseURL != "" {
		cfg.BaseEndpoint = &s.BaseURL
	}
	if s.Impersonate != "" {
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), s.Impersonate))
	}
	return &API{cfg, grant}, nil
}

// Call makes one call of the SDK and turns its failure into the directory
// package's errors. The SDK's own types of the errors that isAbsent accepts
// stay in the chain.
func Call[Out any](ctx context.Context, api *API, call func(context.Context) (Out, error)) (Out, error) {
	var none Out
	if api.Config.Credentials != nil {
		if _, err := api.Config.Credentials.Retrieve(ctx); err != nil {
			class := directory.ErrCredential
			if passing(err) {
				class = directory.ErrUnavailable
			}
			if errors.As(err, new(*processcreds.ProviderError)) { // its text repeats what the process printed
				err = redact.WithText(err, "credential_process gave no credentials that can be read")
			}
			return none, api.classify(ctx, err, fmt.Errorf("%w: the environment has no credentials that work: %w", class, err))
		}
	}
	out, err := call(ctx)
	if err == nil {
		return out, nil
	}
	// The SDK's text may repeat the answer.
	hidden := redact.WithText(err, "it has another form")
	return none, api.classify(ctx, err, fmt.Errorf("%w as expected: its answer cannot be read: %w", directory.ErrUnavailable, hidden))
}

// passing reports whether a source of credentials, such as STS, could not answer. The
// metadata service of a machine is not there at all on other machines.
func passing(err error) bool {
	asked := false
	var operation interface { // of the SDK
		error
		Service() string
	}
	for in := err; errors.As(in, &operation); in = errors.Unwrap(operation) {
		if asked = true; operation.Service() == "ec2imds" {
			return false
		}
	}
	if !asked {
		return false
	}
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) && status.HTTPStatusCode() > 0 {
		return status.HTTPStatusCode() >= http.StatusInternalServerError || status.HTTPStatusCode() == http.StatusTooManyRequests
	}
	return errors.As(err, new(net.Error))
}

// classify returns apiclient's error for a failed call, the context's if that
// ended, else otherwise.
func (a *API) classify(ctx context.Context, err, otherwise error) error {
	if known, ok := errors.AsType[failure](err); ok {
		return directory.NeedsGrant(known.error, a.grant)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return directory.NeedsGrant(otherwise, a.grant)
}

// failure carries an error of apiclient through the SDK.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// transport is the SDK's HTTP client. Each host has an apiclient.Client, which
// sends nothing to other hosts.
type transport struct {
	settings Settings
	pace     time.Duration

	mu      sync.Mutex
	clients map[string]*apiclient.Client
}

func (t *transport) client(base string) (*apiclient.Client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.clients[base]; c != nil {
		return c, nil
	}
	settings := t.settings.Settings
	settings.BaseURL = base
	// STS and IAM answer those who accept JSON in a JSON that the SDK cannot read.
	c, err := settings.Open("", apiclient.Config{Header: http.Header{"Accept": {"*/*"}}, Every: t.pace, Burst: 10, Limited: limited, Secrets: []string{t.settings.ClientSecret, t.settings.Token}})
	if err == nil {
		t.clients[base] = c
	}
	return c, err
}

func (t *transport) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.send(req)
	if err != nil {
		err = failure{err}
	}
	return resp, err
}

func (t *transport) send(req *http.Request) (*http.Response, error) {
	c, err := t.client(req.URL.Scheme + "://" + req.URL.Host)
	if err != nil {
		return nil, err
	}
	r := apiclient.Request{Method: req.Method, URL: req.URL.String(), Header: req.Header, Repeatable: true}
	r.Secrets = redact.HeaderSecrets(http.Header{"Authorization": req.Header["Authorization"], "X-Amz-Security-Token": req.Header["X-Amz-Security-Token"]})
	if req.Body != nil {
		if r.Body, err = io.ReadAll(req.Body); err != nil {
			return nil, fmt.Errorf("%w: the request cannot be read", directory.ErrRefused)
		}
	}
	r.Private = bytes.HasPrefix(r.Body, []byte("Action=AssumeRole")) // answered with credentials
	answer, err := c.Do(req.Context(), r)
	if err == nil {
		if why := unexpected(req.Header.Get("X-Amz-Target") != "", answer.Body); why != "" {
			return nil, answer.Unexpected(why)
		}
		return response(req, answer.Status, answer.Header, answer.Body), nil
	}
	var status *apiclient.StatusError
	if !errors.As(err, &status) {
		return nil, err
	}
	code := errorCode(status.Body())
	switch {
	case isAbsent(code):
		return response(req, status.Status, status.Header, status.Body()), nil
	case strings.HasPrefix(code, "AccessDenied") || code == "UnauthorizedOperation":
		return nil, fmt.Errorf("%w: AWS said %s: %w", directory.ErrPermission, code, err)
	case badCredential(code):
		// Without err: its status may be a 403, which would make it a missing permission too.
		return nil, fmt.Errorf("%w: AWS said %s", directory.ErrCredential, code)
	}
	return nil, err
}

func response(req *http.Request, status int, h http.Header, body []byte) *http.Response {
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: h, Body: io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)), Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

// unexpected returns why an answer with a good status is not from AWS, "" if it
// is: the SDK reads an empty answer, and others, as an empty list.
func unexpected(isJSON bool, body []byte) string {
	var object map[string]json.RawMessage
	var document struct{ XMLName xml.Name }
	switch {
	case isJSON && (json.Unmarshal(body, &object) != nil || len(object) == 0):
		return "it is not the JSON of AWS"
	case !isJSON && (xml.Unmarshal(body, &document) != nil || !strings.HasSuffix(document.XMLName.Local, "Response")):
		return "it is not the XML of AWS"
	}
	return ""
}

// errorCode returns AWS's name of an error, in its JSON or its XML protocol.
func errorCode(body []byte) string {
	var object struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(body, &object) == nil {
		return object.Type[strings.LastIndexByte(object.Type, '#')+1:] // without its namespace
	}
	var document struct {
		Code string `xml:"Error>Code"`
	}
	if xml.Unmarshal(body, &document) == nil {
		return document.Code
	}
	return ""
}

// isAbsent reports whether an error says that something does not exist. The SDK
// has types for such errors.
func isAbsent(code string) bool {
	return code == "ResourceNotFoundException" || code == "NoSuchEntity" || code == "NoSuchEntityException"
}

func badCredential(code string) bool {
	return slices.Contains([]string{"UnrecognizedClient", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidSignature", "ExpiredToken",
		"InvalidToken", "MissingAuthenticationToken", "IncompleteSignature", "AuthFailure"}, strings.TrimSuffix(code, "Exception"))
}

// limited reports whether AWS throttles, which it does with status 400. Some
// services have the wait in the body; limited copies it to Retry-After.
func limited(status int, h http.Header, body []byte) bool {
	if status < 400 {
		return false
	}
	switch strings.TrimSuffix(errorCode(body), "Exception") {
	case "Throttling", "Throttled", "RequestThrottled", "EC2Throttled", "TooManyRequests", "RequestLimitExceeded",
		"BandwidthLimitExceeded", "ProvisionedThroughputExceeded", "SlowDown", "PriorRequestNotComplete":
		var object struct{ RetryAfterSeconds json.Number }
		if h.Get("Retry-After") == "" && json.Unmarshal(body, &object) == nil && object.RetryAfterSeconds != "" {
			h.Set("Retry-After", object.RetryAfterSeconds.String())
		}
		return true
	}
	return false
}
