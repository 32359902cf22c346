// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package provider

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/proctest"
)

// BenchmarkIdentities10k applies, plans and changes 10,000 mappings beside a
// bare resource of the same schema that asks nobody. The API runs in a process
// of its own, so that CPU time is the provider's alone.
func BenchmarkIdentities10k(b *testing.B) {
	const n = 10_000
	api := startBenchDaemon(b)
	sym := newBenchResource(b, func() provider.Provider { return newProvider("bench", lookupIn(nil)) }, api.url)
	bare := newBenchResource(b, func() provider.Provider { return bareProvider{} }, "")
	rows := benchMappings(n)

	b.Run("apply", func(b *testing.B) {
		compareCPU(b, api, bare, sym, func(r *benchResource) func() {
			r.state, r.private = r.null(), nil
			r.change(rows)
			return func() { r.change(nil) }
		})
	})
	sym.change(rows)
	bare.state, bare.private = bare.null(), nil
	bare.change(rows)
	sym.store()
	bare.store()
	b.Run("plan", func(b *testing.B) {
		compareCPU(b, api, bare, sym, func(r *benchResource) func() {
			r.upgrade()
			r.refresh()
			if resp := r.plan(rows); !r.sameAsState(resp.PlannedState) {
				b.Fatal("the plan is not empty")
			}
			return func() {}
		})
	})
	b.Run("change-one", func(b *testing.B) {
		compareCPU(b, api, bare, sym, func(r *benchResource) func() {
			rows["user00000@acme.com"] = tftypes.NewValue(tftypes.String, fmt.Sprint("changed", time.Now().UnixNano()))
			r.upgrade()
			r.refresh()
			r.change(rows)
			return r.store
		})
	})
}

// compareCPU runs an operation on both resources in turn and reports its CPU
// time and their ratio. What the operation returns cleans up, unmeasured.
func compareCPU(b *testing.B, api *benchDaemon, bare, sym *benchResource, operation func(*benchResource) func()) {
	b.Helper()
	var spent [2]time.Duration
	var requests int64
	for b.Loop() {
		for i, r := range []*benchResource{bare, sym} {
			runtime.GC() // each pays for its own garbage
			before := api.requests()
			var clean func()
			spent[i] += cpuOf(func() { r.restart(); clean = operation(r) })
			requests += api.requests() - before
			clean()
		}
	}
	b.ReportMetric(0, "ns/op") // of both together: it says nothing
	b.ReportMetric(float64(requests)/float64(b.N), "requests/op")
	b.ReportMetric(float64(spent[0].Milliseconds())/float64(b.N), "floor-cpu-ms/op")
	b.ReportMetric(float64(spent[1].Milliseconds())/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(spent[1])/float64(spent[0]), "ratio")
}

func benchMappings(n int) map[string]tftypes.Value {
	rows := make(map[string]tftypes.Value, n)
	for i := range n {
		rows[fmt.Sprintf("user%05d@acme.com", i)] = tftypes.NewValue(tftypes.String, fmt.Sprintf("00u%017d", i))
	}
	return rows
}

// benchDaemon is a sym-identityd in another process.
type benchDaemon struct {
	b   *testing.B
	url string
}

func startBenchDaemon(b *testing.B) *benchDaemon {
	b.Helper()
	dir := b.TempDir()
	daemon, config := filepath.Join(dir, "sym-identityd"), filepath.Join(dir, "config.hcl")
	if out, err := exec.Command("go", "build", "-o", daemon, "../../cmd/sym-identityd").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	text := fmt.Sprintf("org = %q\nlisten = \"127.0.0.1:0\"\nstore = \"sqlite:identities.db\"\ntoken \"bench\" {\n  sha256 = %q\n  role = \"admin\"\n}\n"+
		"service \"okta\" \"acme.okta.com\" {\n  label = \"Okta\"\n}\n", testOrg, hashOf(testToken))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(daemon, "serve", "-config", config)
	proctest.EndWithTest(cmd)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		b.Fatalf("the server said %q: %v", line, err)
	}
	return &benchDaemon{b, address}
}

// requests is how many the API has answered, probes left out.
func (d *benchDaemon) requests() (n int64) {
	d.b.Helper()
	resp, err := http.Get(d.url + "/metrics")
	if err != nil {
		d.b.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "sym_identityd_requests_total{") || !strings.Contains(line, "/api/v1/") {
			continue
		}
		count, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			d.b.Fatal(err)
		}
		n += int64(count)
	}
	return n
}

// benchResource is one resource of a provider, driven by protocol messages as
// Terraform sends them.
type benchResource struct {
	b        *testing.B
	provider func() provider.Provider
	config   map[string]any
	server   tfprotov6.ProviderServer
	typ      tftypes.Object
	typeName string
	state    tftypes.Value
	stored   []byte // state as the state file holds it
	private  []byte
}

func newBenchResource(b *testing.B, p func() provider.Provider, url string) *benchResource {
	b.Helper()
	r := &benchResource{b: b, provider: p, typeName: bulkType, config: map[string]any{}}
	if url != "" {
		r.config = map[string]any{"api_url": url + "/api/v1", "token": testToken}
	}
	r.restart()
	r.state = r.null()
	return r
}

// restart is what Terraform does for each plan and each apply: it starts the
// provider anew, which then remembers nothing.
func (r *benchResource) restart() {
	r.b.Helper()
	ctx := context.Background()
	server, err := providerserver.NewProtocol6WithError(r.provider())()
	r.check(err, nil)
	schema, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	r.check(err, nil)
	r.server, r.typ = server, schema.ResourceSchemas[bulkType].ValueType().(tftypes.Object)
	t := schema.Provider.ValueType()
	configured, err := tfprotov6.NewDynamicValue(t, toTerraform(t, r.config))
	r.check(err, nil)
	resp, err := server.ConfigureProvider(ctx, &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.14.0", Config: &configured})
	r.check(err, resp.Diagnostics)
}

func (r *benchResource) check(err error, diags []*tfprotov6.Diagnostic) {
	r.b.Helper()
	if err != nil {
		r.b.Fatal(err)
	}
	for _, d := range diags {
		r.b.Fatal(describeDiagnostic(d))
	}
}

func (r *benchResource) null() tftypes.Value { return tftypes.NewValue(r.typ, nil) }

func (r *benchResource) dynamic(v tftypes.Value) *tfprotov6.DynamicValue {
	out, err := tfprotov6.NewDynamicValue(r.typ, v)
	r.check(err, nil)
	return &out
}

func (r *benchResource) object(rows map[string]tftypes.Value, computed any) tftypes.Value {
	if rows == nil {
		return r.null()
	}
	attributes := map[string]tftypes.Value{}
	for name, t := range r.typ.AttributeTypes {
		attributes[name] = tftypes.NewValue(t, nil)
	}
	attributes["service_type"] = tftypes.NewValue(tftypes.String, "okta")
	attributes["external_id"] = tftypes.NewValue(tftypes.String, "acme.okta.com")
	attributes["identities"] = tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, rows)
	attributes["id"] = tftypes.NewValue(tftypes.String, computed)
	attributes["service"] = tftypes.NewValue(tftypes.String, computed)
	return tftypes.NewValue(r.typ, attributes)
}

func (r *benchResource) upgrade() {
	r.b.Helper()
	resp, err := r.server.UpgradeResourceState(context.Background(), &tfprotov6.UpgradeResourceStateRequest{
		TypeName: r.typeName, RawState: &tfprotov6.RawState{JSON: r.stored},
	})
	r.check(err, resp.Diagnostics)
}

func (r *benchResource) refresh() {
	r.b.Helper()
	resp, err := r.server.ReadResource(context.Background(), &tfprotov6.ReadResourceRequest{TypeName: r.typeName, CurrentState: r.dynamic(r.state), Private: r.private})
	r.check(err, resp.Diagnostics)
	r.private = resp.Private
	r.save(resp.NewState)
}

// store is what Terraform does between runs.
func (r *benchResource) store() {
	text, err := json.Marshal(fromTerraform(r.state))
	r.check(err, nil)
	r.stored = text
}

func (r *benchResource) save(v *tfprotov6.DynamicValue) {
	state, err := v.Unmarshal(r.typ)
	r.check(err, nil)
	r.state = state
}

func (r *benchResource) plan(rows map[string]tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	r.b.Helper()
	config := r.dynamic(r.object(rows, nil))
	if rows != nil {
		resp, err := r.server.ValidateResourceConfig(context.Background(), &tfprotov6.ValidateResourceConfigRequest{TypeName: r.typeName, Config: config})
		r.check(err, resp.Diagnostics)
	}
	var computed any = tftypes.UnknownValue
	if !r.state.IsNull() {
		computed = testOkta
	}
	resp, err := r.server.PlanResourceChange(context.Background(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: r.typeName, PriorState: r.dynamic(r.state), ProposedNewState: r.dynamic(r.object(rows, computed)), Config: config, PriorPrivate: r.private,
	})
	r.check(err, resp.Diagnostics)
	return resp
}

func (r *benchResource) sameAsState(planned *tfprotov6.DynamicValue) bool {
	v, err := planned.Unmarshal(r.typ)
	r.check(err, nil)
	return v.Equal(r.state)
}

// change plans and applies; nil destroys.
func (r *benchResource) change(rows map[string]tftypes.Value) {
	r.b.Helper()
	planned := r.plan(rows)
	r.restart()
	resp, err := r.server.ApplyResourceChange(context.Background(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: r.typeName, PriorState: r.dynamic(r.state), PlannedState: planned.PlannedState, Config: r.dynamic(r.object(rows, nil)),
		PlannedPrivate: planned.PlannedPrivate,
	})
	r.check(err, resp.Diagnostics)
	r.private = resp.Private
	r.save(resp.NewState)
}
