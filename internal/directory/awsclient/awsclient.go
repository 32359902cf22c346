// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package awsclient lets the AWS SDK speak through apiclient, so that AWS directories
// keep pace, retry, bound and report as all others do. The SDK signs requests
// and reads answers.
package awsclient

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// Settings are what AWS directories are configured with. Without a key the
// credentials of the environment are used, as by every AWS tool.
type Settings struct {
	apiclient.Settings        // BaseURL "" = the services' own hosts
	Region             string // "" = the environment's
	ClientID           string // an access key id
	ClientSecret       string // its secret
	Token              string // a session token
	Impersonate        string // the ARN of a role to assume; "" = none
}

// API is an AWS configuration and what calls through it.
type API struct {
	Config aws.Config
	http   *transport
}

// Open reads the settings and the environment; it does not connect. pace is
// the steady spacing of requests, 0 = none.
func Open(s Settings, pace time.Duration) (*API, error) {
	if (s.ClientID == "") != (s.ClientSecret == "") {
		return nil, errors.New("client_id: an access key is its id and its secret: set client_secret too, or neither")
	}
	if s.BaseURL != "" { // said at once, not at the first request
		if _, err := s.Settings.Open("", apiclient.Config{}); err != nil {
			return nil, err
		}
	}
	if s.Timeout < 0 {
		return nil, fmt.Errorf("timeout: %s is not a duration to wait", s.Timeout)
	}
	t := &transport{settings: s, pace: pace, clients: map[string]*apiclient.Client{}}
	var options []func(*config.LoadOptions) error
	if s.Region != "" {
		options = append(options, config.WithRegion(s.Region))
	}
	if s.ClientID != "" {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(s.ClientID, s.ClientSecret, s.Token)))
	}
	cfg, err := config.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration of the environment cannot be read: %w", err)
	}
	if cfg.Region == "" {
		return nil, errors.New("region: it is empty, and the environment names none")
	}
	// The environment's own sources of credentials keep the SDK's client: they
	// speak to other hosts, by other manners.
	cfg.HTTPClient = t
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	if s.BaseURL != "" {
		cfg.BaseEndpoint = aws.String(s.BaseURL)
	}
	if s.Impersonate != "" {
		role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), s.Impersonate)
		cfg.Credentials = aws.NewCredentialsCache(role)
	}
	return &API{Config: cfg, http: t}, nil
}

// Call makes one call of the SDK and turns its failure into the directory
// package's errors; grant says what a missing permission needs. Errors of the
// service that the SDK has types for, and Passed lets through, stay in the
// chain.
func Call[Out any](ctx context.Context, api *API, grant string, call func(context.Context) (Out, error)) (Out, error) {
	var none Out
	if api.Config.Credentials != nil {
		if _, err := api.Config.Credentials.Retrieve(ctx); err != nil {
			return none, directory.NeedsGrant(credentialError(ctx, err), grant)
		}
	}
	out, err := call(ctx)
	if err == nil {
		return out, nil
	}
	var known *failure
	switch {
	case errors.As(err, &known):
		return none, directory.NeedsGrant(known.err, grant)
	case ctx.Err() != nil:
		return none, context.Cause(ctx)
	}
	return none, fmt.Errorf("%w as expected: its answer cannot be read: %w", directory.ErrUnavailable, &silent{err})
}

// credentialError is why there are no credentials.
func credentialError(ctx context.Context, err error) error {
	var known *failure
	switch {
	case errors.As(err, &known):
		return known.err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w: the environment has none that work: %w", directory.ErrCredential, err)
}

// silent keeps an error in the chain without its text, which may repeat the
// answer.
type silent struct{ err error }

func (*silent) Error() string   { return "it has another form" }
func (s *silent) Unwrap() error { return s.err }

// failure carries an error of apiclient through the SDK.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// transport is the SDK's HTTP client. Each host has a client of its own, for
// apiclient sends nothing elsewhere.
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
	c, err := settings.Open("", apiclient.Config{Every: t.pace, Burst: 10, Limited: limited, Secrets: []string{t.settings.ClientSecret, t.settings.Token}})
	if err == nil {
		t.clients[base] = c
	}
	return c, err
}

// Do implements aws.HTTPClient.
func (t *transport) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.send(req)
	if err != nil {
		return nil, &failure{err}
	}
	return resp, nil
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
	case passed(code):
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

// unexpected is why a good answer is none of AWS: the SDK takes an empty one,
// and others, for a list without anybody.
func unexpected(isJSON bool, body []byte) string {
	if isJSON {
		var object map[string]json.RawMessage
		if json.Unmarshal(body, &object) != nil || len(object) == 0 {
			return "it is not the JSON of AWS"
		}
		return ""
	}
	if !strings.HasSuffix(xmlRoot(body), "Response") {
		return "it is not the XML of AWS"
	}
	return ""
}

// xmlRoot is the name of the outermost element of a complete document.
func xmlRoot(body []byte) string {
	dec := xml.NewDecoder(bytes.NewReader(body))
	root := ""
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			return ""
		}
		if start, ok := token.(xml.StartElement); ok && root == "" {
			root = start.Name.Local
		}
	}
}

// errorCode is AWS's name of an error, of its JSON or of its XML protocol.
func errorCode(body []byte) string {
	var object struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(body, &object) == nil {
		_, name, found := strings.Cut(object.Type, "#") // with a namespace before it
		if !found {
			name = object.Type
		}
		return name
	}
	var document struct {
		Code string `xml:"Error>Code"`
	}
	if xml.Unmarshal(body, &document) == nil {
		return document.Code
	}
	return ""
}

func passed(code string) bool {
	return code == "ResourceNotFoundException" || code == "NoSuchEntity" || code == "NoSuchEntityException"
}

func badCredential(code string) bool {
	switch strings.TrimSuffix(code, "Exception") {
	case "UnrecognizedClient", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidSignature", "ExpiredToken", "InvalidToken",
		"MissingAuthenticationToken", "IncompleteSignature", "AuthFailure":
		return true
	}
	return false
}

// limited: AWS throttles with status 400. Some of its services state the wait
// in the body, whence it is put where the others have it.
func limited(status int, h http.Header, body []byte) bool {
	if status < 400 {
		return false
	}
	switch strings.TrimSuffix(errorCode(body), "Exception") {
	case "Throttling", "Throttled", "TooManyRequests", "RequestLimitExceeded", "SlowDown", "PriorRequestNotComplete":
		var object struct{ RetryAfterSeconds json.Number }
		if h.Get("Retry-After") == "" && json.Unmarshal(body, &object) == nil && object.RetryAfterSeconds != "" {
			h.Set("Retry-After", object.RetryAfterSeconds.String())
		}
		return true
	}
	return false
}
