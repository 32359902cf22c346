// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const org = "bench"

// service is a block of the API's configuration.
type service struct {
	key identity.ServiceKey
	csv string // the export its file directory reads; "" = no directory
}

// identityAPI is what sym-identityd serves, on SQLite, in this process: its CPU
// is not part of Terraform's. Requests are counted on the way in.
type identityAPI struct {
	url, token string
	close      func() error

	mu       sync.Mutex
	requests map[string]int // by method and path below the API
	mappings int
}

// serve starts an API with services and users.
func (b *bench) serve(ctx context.Context, name string, services []service, users []store.UserWrite) (*identityAPI, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	a := &identityAPI{token: rand.Text(), requests: map[string]int{}}
	file := filepath.Join(dir, "sym-identityd.hcl")
	text, err := a.configuration(dir, services)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	loaded, err := config.Load(file, config.Options{})
	if err != nil {
		return nil, err
	}
	instance, err := identityd.Open(ctx, loaded, identityd.Options{})
	if err != nil {
		return nil, err
	}
	if err := seed(ctx, filepath.Join(dir, "identities.db"), users); err != nil {
		return nil, errors.Join(err, instance.Close())
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, instance.Close())
	}
	server := &http.Server{Handler: a.count(instance.Handler()), ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	a.url = "http://" + listener.Addr().String() + symapi.BasePath
	a.close = func() error {
		err := server.Close()
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return errors.Join(err, instance.Close())
	}
	return a, nil
}

// configuration is the API's file; the directories' exports are written beside
// it.
func (a *identityAPI) configuration(dir string, services []service) (string, error) {
	sum := sha256.Sum256([]byte(a.token))
	var text strings.Builder
	fmt.Fprintf(&text, "org   = %q\nstore = \"sqlite:identities.db\"\ntoken \"bench\" {\n  sha256 = %q\n  role   = \"admin\"\n}\n", org, hex.EncodeToString(sum[:]))
	for i, s := range services {
		fmt.Fprintf(&text, "service %q %q {\n", s.key.Type, s.key.ExternalID)
		if s.csv != "" {
			export := fmt.Sprintf("service-%d.csv", i)
			if err := os.WriteFile(filepath.Join(dir, export), []byte(s.csv), 0o600); err != nil {
				return "", err
			}
			fmt.Fprintf(&text, "  directory \"file\" {\n    path = %q\n  }\n", export)
		}
		text.WriteString("}\n")
	}
	return text.String(), nil
}

// seed stores users behind the API's back.
func seed(ctx context.Context, path string, users []store.UserWrite) (err error) {
	st, err := sqlstore.Open(ctx, "sqlite:"+path, sqlstore.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	for from := 0; from < len(users); from += symapi.MaxBatch {
		if _, err := st.UpsertUsers(ctx, store.Actor{Name: "bench"}, users[from:min(from+symapi.MaxBatch, len(users))]); err != nil {
			return err
		}
	}
	return nil
}

func (a *identityAPI) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mappings := 0
		if r.Method == http.MethodPatch && r.URL.Path == symapi.BasePath+"/users" {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			mappings = sent(body)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		a.mu.Lock()
		a.requests[r.Method+" "+strings.TrimPrefix(r.URL.Path, symapi.BasePath+"/")]++
		a.mappings += mappings
		a.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// sent counts the mappings of a bulk write; people's own records are none.
func sent(body []byte) int {
	var upserts symapi.UserUpserts
	if json.Unmarshal(body, &upserts) != nil {
		return 0 // the API will say so
	}
	n := 0
	for _, user := range upserts.Users {
		for _, i := range user.Identities {
			if i.ServiceType != identity.SymCloud().Type {
				n++
			}
		}
	}
	return n
}

// counted runs Terraform and adds what it asked of the API.
func (a *identityAPI) counted(ctx context.Context, terraform func(context.Context) (usage, error)) (usage, error) {
	a.mu.Lock()
	a.requests, a.mappings = map[string]int{}, 0
	a.mu.Unlock()
	used, err := terraform(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	used.requests, used.mappings = a.requests, a.mappings
	return used, err
}

// provider is the head of a configuration that uses this API.
func (a *identityAPI) provider() string {
	return fmt.Sprintf("terraform {\n  required_providers {\n    sym = {\n      source = \"sym-identity/sym\"\n    }\n  }\n}\n"+
		"provider \"sym\" {\n  org     = %q\n  api_url = %q\n  token   = %q\n}\n", org, a.url, a.token)
}
