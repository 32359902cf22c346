// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// BenchmarkResolvedIdentities10k validates and reads one data source for
// 10,000 people in one service, a third each answered by the store, by a rule
// and by the directory. Beside it, in the same run, a bare data source of the
// framework takes the same users and returns maps of the same size without
// asking anybody. The API's own work is recorded once and replayed: the CPU
// that counts is the provider's. ratio is CPU by CPU.
func BenchmarkResolvedIdentities10k(b *testing.B) {
	const people = 10_000
	b.Run("users listed", func(b *testing.B) { benchmarkBulk(b, people, true) })
	b.Run("everybody", func(b *testing.B) { benchmarkBulk(b, people, false) })
}

func benchmarkBulk(b *testing.B, people int, listed bool) {
	api := newBenchAPI(b, people)
	users := benchUsers(people)
	config := map[string]any{
		"services": []any{map[string]any{"service_type": "okta", "external_id": "acme.okta.com"}},
		"rules": []any{map[string]any{
			"name": "contractors", "service_type": "okta", "match": `(.*)@contractor\.example\.com`, "identity": "c-$1",
		}},
	}
	if listed {
		config["users"] = users
	}
	// A provider of its own for each run, as a process has: nothing is known.
	fresh := func() *benchProvider {
		return newBenchProvider(b, newProvider("test", lookupIn(nil)), "sym_resolved_identities", config)
	}
	settings := map[string]any{"org": testOrg, "api_url": api.url, "token": testToken}
	first := fresh()
	first.configure(settings)
	first.run() // fills the recording
	api.served.Store(0)
	var oursCPU, floorCPU, oursWall time.Duration
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		// Each starts without the other's garbage.
		floor, ours := newBenchProvider(b, &floorProvider{}, "floor_maps", map[string]any{"users": users}), fresh()
		runtime.GC()
		floorCPU += cpuOf(floor.run)
		runtime.GC()
		start := time.Now()
		oursCPU += cpuOf(func() {
			ours.configure(settings)
			ours.run()
		})
		oursWall += time.Since(start)
	}
	runtime.ReadMemStats(&after)
	n := float64(b.N)
	b.ReportMetric(0, "ns/op") // of both together: it says nothing
	b.ReportMetric(float64(api.served.Load())/n, "requests/op")
	b.ReportMetric(float64(oursCPU.Milliseconds())/n, "cpu-ms/op")
	b.ReportMetric(float64(floorCPU.Milliseconds())/n, "floor-cpu-ms/op")
	b.ReportMetric(float64(oursWall.Milliseconds())/n, "wall-ms/op")
	b.ReportMetric(float64(oursCPU)/float64(floorCPU), "ratio")
	b.ReportMetric(float64(after.HeapSys)/(1<<20), "heap-sys-MB")
}

// cpuOf is the CPU time that the process spends while f runs.
func cpuOf(f func()) time.Duration {
	used := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start := used()
	f()
	return used() - start
}

// benchUsers are people of whom each third is found by another step.
func benchUsers(n int) []any {
	users := make([]any, n)
	for i := range users {
		domain := "acme.com"
		if i%3 == 1 {
			domain = "contractor.example.com"
		}
		users[i] = fmt.Sprintf("person.%05d@%s", i, domain)
	}
	return users
}

// benchAPI is the real API, whose answers are recorded and replayed.
type benchAPI struct {
	url    string
	served atomic.Int64
}

func newBenchAPI(b *testing.B, people int) *benchAPI {
	b.Helper()
	st, err := sqlstore.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "identities.db"), sqlstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	okta := mustService("okta:acme.okta.com")
	if _, err := st.CreateService(b.Context(), testActor, okta, ""); err != nil {
		b.Fatal(err)
	}
	accounts := &testDirectory{Accounts: map[string][]directory.Account{}}
	var writes []store.UserWrite
	for i, user := range benchUsers(people) {
		name := user.(string)
		key := mustUser(name)
		write := store.UserWrite{Key: key, Name: name, Type: identity.Normal}
		switch i % 3 {
		case 0:
			write.Mappings = []store.MappingWrite{{Service: okta, Matcher: identity.Matcher{"user_id": fmt.Sprintf("00u%05d", i)}, Source: identity.Manual}}
		case 2:
			accounts.Accounts[name] = []directory.Account{{ID: fmt.Sprintf("00u%05d", i), Emails: []string{name}}}
		}
		writes = append(writes, write)
	}
	for from := 0; from < len(writes); from += 1000 {
		if _, err := st.UpsertUsers(b.Context(), testActor, writes[from:min(from+1000, len(writes))]); err != nil {
			b.Fatal(err)
		}
	}
	handler, err := server.New(server.Config{
		Org: testOrg, Version: "test", Store: st, Configured: map[identity.ServiceKey]bool{},
		Directories:  map[identity.ServiceKey]directory.Directory{okta: accounts},
		Authenticate: server.StaticTokens([]server.Token{{Name: "ci", SHA256: hashOf(testToken), Role: identity.Admin}}, testOrg),
	})
	if err != nil {
		b.Fatal(err)
	}
	api := &benchAPI{}
	srv := httptest.NewServer(api.replay(handler))
	b.Cleanup(srv.Close)
	api.url = srv.URL + symapi.BasePath
	return api
}

// replay asks next only for requests it has not seen.
func (api *benchAPI) replay(next http.Handler) http.Handler {
	var mu sync.Mutex
	seen := map[string]*httptest.ResponseRecorder{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.served.Add(1)
		body, _ := io.ReadAll(r.Body)
		key := fmt.Sprintf("%s %s %x", r.Method, r.URL, sha256.Sum256(body))
		mu.Lock()
		answer := seen[key]
		mu.Unlock()
		if answer == nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
			answer = httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			mu.Lock()
			seen[key] = answer
			mu.Unlock()
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.Header().Set(symapi.RequestIDHeader, r.Header.Get(symapi.RequestIDHeader))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// benchProvider is one data source of a provider behind the protocol.
type benchProvider struct {
	b        *testing.B
	server   tfprotov6.ProviderServer
	provider *tfprotov6.Schema
	typeName string
	config   *tfprotov6.DynamicValue
}

func newBenchProvider(b *testing.B, p provider.Provider, typeName string, config map[string]any) *benchProvider {
	b.Helper()
	srv, err := providerserver.NewProtocol6WithError(p)()
	if err != nil {
		b.Fatal(err)
	}
	schemas, err := srv.GetProviderSchema(b.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		b.Fatal(err)
	}
	want := schemas.DataSourceSchemas[typeName].ValueType()
	value, err := tfprotov6.NewDynamicValue(want, toTerraform(want, config))
	if err != nil {
		b.Fatal(err)
	}
	return &benchProvider{b, srv, schemas.Provider, typeName, &value}
}

func (p *benchProvider) configure(config map[string]any) {
	p.b.Helper()
	value, err := tfprotov6.NewDynamicValue(p.provider.ValueType(), toTerraform(p.provider.ValueType(), config))
	if err != nil {
		p.b.Fatal(err)
	}
	resp, err := p.server.ConfigureProvider(p.b.Context(), &tfprotov6.ConfigureProviderRequest{Config: &value})
	if err != nil || hasError(resp.Diagnostics) {
		p.b.Fatal(err, resp)
	}
}

// run does what a plan does.
func (p *benchProvider) run() {
	valid, err := p.server.ValidateDataResourceConfig(p.b.Context(), &tfprotov6.ValidateDataResourceConfigRequest{TypeName: p.typeName, Config: p.config})
	if err != nil || len(valid.Diagnostics) > 0 {
		p.b.Fatal(err, valid)
	}
	read, err := p.server.ReadDataSource(p.b.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: p.typeName, Config: p.config})
	if err != nil {
		p.b.Fatal(err)
	}
	for _, d := range read.Diagnostics {
		p.b.Fatal(describeDiagnostic(d))
	}
}

// floorProvider has one data source, written as the framework's guide has it:
// users in, maps of accounts out.
type floorProvider struct{}

func (*floorProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "floor"
}
func (*floorProvider) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}
func (*floorProvider) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {
}
func (*floorProvider) Resources(context.Context) []func() resource.Resource { return nil }
func (*floorProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return floorMaps{} }}
}

type floorMaps struct{}

type floorModel struct {
	Users      types.List `tfsdk:"users"`
	Identities types.Map  `tfsdk:"identities"`
	ByService  types.Map  `tfsdk:"by_service"`
}

func (floorMaps) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "floor_maps"
}

func (floorMaps) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"users":      schema.ListAttribute{Required: true, ElementType: types.StringType},
		"identities": schema.MapAttribute{Computed: true, ElementType: identityMapType},
		"by_service": schema.MapAttribute{Computed: true, ElementType: identityMapType},
	}}
}

func (floorMaps) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model floorModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	const service = "okta:acme.okta.com"
	byUser, byService := map[string]attr.Value{}, map[string]attr.Value{}
	for i, user := range model.Users.Elements() {
		account := types.StringValue(fmt.Sprintf("00u%05d", i))
		name := user.(types.String).ValueString()
		byUser[name] = types.MapValueMust(types.StringType, map[string]attr.Value{service: account})
		byService[name] = account
	}
	model.Identities = types.MapValueMust(identityMapType, byUser)
	model.ByService = types.MapValueMust(identityMapType, map[string]attr.Value{service: types.MapValueMust(types.StringType, byService)})
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}
