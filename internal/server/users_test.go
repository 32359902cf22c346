// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const alice = `{"id":"<uuid>","type":"normal","role":"member","created_at":"<time>","revision":1,"updated_at":"<time>","updated_by":"test","identities":[
	{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"alice@example.com"},"profile":{}},
	{"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u1"},"profile":{},
	 "source":"manual","revision":1,"updated_at":"<time>","updated_by":"test"}]}`

const bob = `{"id":"<uuid>","type":"normal","role":"member","created_at":"<time>","revision":1,"updated_at":"<time>","updated_by":"test","identities":[
	{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"bob@example.com"},"profile":{}}]}`

const deployer = `{"id":"<uuid>","type":"bot","role":"member","created_at":"<time>","revision":1,"updated_at":"<time>","updated_by":"test","identities":[
	{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"username":"deployer"},"profile":{}}]}`

// people stores alice, bob and the bot deployer.
func people(t *testing.T) (*harness, identity.User) {
	t.Helper()
	h := start(t).register(okta)
	a := h.person("alice@example.com", "00u1")
	h.person("bob@example.com", "")
	_, err := h.store.UpsertUsers(t.Context(), store.Actor{Name: "test"}, []store.UserWrite{{Key: "deployer", Name: "deployer", Type: identity.Bot}})
	if err != nil {
		t.Fatal(err)
	}
	return h, a
}

func TestListUsers(t *testing.T) {
	t.Parallel()
	h, a := people(t)
	bots, _, err := h.store.Users(t.Context(), store.UserFilter{Key: "deployer"})
	if err != nil {
		t.Fatal(err)
	}
	bot := bots[0]
	for name, tt := range map[string]struct{ query, want string }{
		"people by default":  {"", alice + "," + bob},
		"all":                {"?type=any", alice + "," + bob + "," + deployer},
		"bot by id":          {"?id=" + bot.ID, deployer},
		"id of another type": {"?type=normal&id=" + bot.ID, ""},
		"email":              {"?email=alice@example.com", alice},
		"email of any case":  {"?email=" + url.QueryEscape(" Alice@EXAMPLE.com"), alice},
		"id":                 {"?id=" + a.ID, alice},
		"bots":               {"?type=bot", deployer},
		"people":             {"?type=normal", alice + "," + bob},
		"unknown email":      {"?email=nobody@example.com", ""},
		"unknown id":         {"?id=nobody", ""},
		"contradiction":      {"?type=bot&email=alice@example.com", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.api(guest, http.MethodGet, "/users"+tt.query, nil).want(t, http.StatusOK, `{"users":[`+tt.want+`]}`)
		})
	}
}

func TestListUsersRefusesBadFilters(t *testing.T) {
	t.Parallel()
	h := start(t)
	for name, tt := range map[string]struct {
		query   string
		code    identity.Code
		message string
	}{
		"unknown parameter": {"?emial=alice@example.com", identity.CodeInvalid, `The request has the unknown parameter "emial". This call takes email, id, type, identities, limit, cursor.`},
		"twice":             {"?email=a@example.com&email=b@example.com", identity.CodeInvalid, `The request has the parameter "email" twice. Send it once.`},
		"not a query":       {"?email=%zz", identity.CodeInvalid, "The request's query cannot be read. Escape characters such as % and ; as %25 and %3B."},
		"empty type":        {"?type=", identity.CodeInvalid, "The request is invalid: query.type: must not be empty; leave it out to get all users"},
		"empty email":       {"?email=", identity.CodeInvalid, "The request is invalid: query.email: must not be empty; leave it out to get all users"},
		"blank id":          {"?id=%20", identity.CodeInvalid, "The request is invalid: query.id: must not be empty; leave it out to get all users"},
		"not an e-mail":     {"?email=alice", identity.CodeUserInvalid, `"alice" is not an e-mail. An e-mail looks like name@example.com.`},
		"unknown type":      {"?type=robot", identity.CodeInvalid, `The request is invalid: query.type: expected value to be one of "normal, bot, any"`},
		"limit not number":  {"?limit=many", identity.CodeInvalid, "The request is invalid: query.limit: invalid integer"},
		"limit too large":   {"?limit=2501", identity.CodeInvalid, "The request is invalid: query.limit: expected number <= 2500"},
		"broken cursor":     {"?limit=1&cursor=%25", identity.CodeInvalid, "the cursor is not one that this list gave out. Start again without a cursor."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.api(guest, http.MethodGet, "/users"+tt.query, nil).wantError(t, http.StatusBadRequest, tt.code, tt.message)
		})
	}
}

func TestListUsersInPages(t *testing.T) {
	t.Parallel()
	h, _ := people(t)
	var names []string
	cursor := ""
	for range 10 {
		a := h.api(guest, http.MethodGet, "/users?type=any&limit=2&cursor="+url.QueryEscape(cursor), nil)
		if a.status != http.StatusOK {
			t.Fatal(a.raw)
		}
		for _, u := range a.body["users"].([]any) {
			own := u.(map[string]any)["identities"].([]any)[0].(map[string]any)["matcher"]
			names = append(names, fmt.Sprint(own))
		}
		next, more := a.body["next_cursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	if got, want := strings.Join(names, " "), "map[email:alice@example.com] map[email:bob@example.com] map[username:deployer]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSearchUsers(t *testing.T) {
	t.Parallel()
	h, _ := people(t)
	h.api(guest, http.MethodPost, "/users/search", map[string]any{
		"emails":    []string{"nobody@example.com", "BOB@example.com", "alice@example.com", "alice@example.com"},
		"usernames": []string{"deployer"}, "color": "red",
	}).want(t, http.StatusOK, `{"users":[`+alice+","+bob+","+deployer+`]}`)
	h.api(guest, http.MethodPost, "/users/search", `{}`).want(t, http.StatusOK, `{"users":[]}`)
}

func TestSearchUsersRefusesBadNames(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.api(guest, http.MethodPost, "/users/search", `{"emails":["a@example.com","deployer","@"]}`).
		wantError(t, http.StatusBadRequest, identity.CodeUserInvalid,
			`emails[1]: "deployer" is not an e-mail. An e-mail looks like name@example.com.; `+
				`emails[2]: "@" is not an e-mail. An e-mail looks like name@example.com, without spaces or commas.`)
	h.api(guest, http.MethodPost, "/users/search", `{"usernames":["a@example.com"]}`).
		wantError(t, http.StatusBadRequest, identity.CodeUserInvalid, `usernames[0]: "a@example.com" is not a bot's username. A username has no @.`)
	h.api(guest, http.MethodPost, "/users/search", map[string]any{"emails": make([]string, 2501)}).
		wantError(t, http.StatusRequestEntityTooLarge, identity.CodeTooLarge, "emails holds 2501 elements. One request takes at most 2500; send more requests.")
}

func TestSetRole(t *testing.T) {
	t.Parallel()
	h, a := people(t)
	h.api(admin, http.MethodPost, "/users/"+a.ID+"/set-role", `{"role":"guest"}`).
		want(t, http.StatusOK, strings.NewReplacer(`"role":"member"`, `"role":"guest"`,
			`"updated_by":"test","identities"`, `"updated_by":"token:ci","identities"`).Replace(alice))
	h.api(admin, http.MethodPost, "/users/"+a.ID+"/set-role", `{"role":"king"}`).
		wantError(t, http.StatusBadRequest, identity.CodeUserInvalid, `"king" is not a role. Roles are admin, member and guest.`)
	h.api(admin, http.MethodPost, "/users/nobody/set-role", `{"role":"guest"}`).
		wantError(t, http.StatusNotFound, identity.CodeUserNotFound, "Unknown user for id: nobody")
	h.api(admin, http.MethodPost, "/users/"+a.ID+"/set-role", `{}`).
		wantError(t, http.StatusBadRequest, identity.CodeInvalid, "The request is invalid: body: expected required property role to be present")
}

func TestLogin(t *testing.T) {
	t.Parallel()
	h := start(t)
	id, err := h.store.ID(t.Context())
	if err != nil || id == "" {
		t.Fatalf("the store's id is %q, %v", id, err)
	}
	h.api(member, http.MethodGet, "/auth/login?email=a@example.com", nil).
		want(t, http.StatusOK, `{"organization":"acme","username":"resolver","org":"acme","role":"member","name":"resolver","email":"a@example.com","store_id":"<uuid>"}`)
	a := h.api(admin, http.MethodGet, "/auth/login", nil)
	a.want(t, http.StatusOK, `{"organization":"acme","username":"ci","org":"acme","role":"admin","name":"ci","store_id":"<uuid>"}`)
	if a.body["store_id"] != id {
		t.Errorf("got the store's id %v, want %s", a.body["store_id"], id)
	}
}

// A store that cannot say which one it is makes the login fail: without the id,
// another store would be taken for the one that state knows.
func TestLoginWithoutStore(t *testing.T) {
	t.Parallel()
	handler := inProcess(t, fakeStore{id: func() (string, error) {
		return "", &identity.Error{Code: identity.CodeUnavailable, Message: "the store is away"}
	}})
	r := httptest.NewRequest(http.MethodGet, symapi.BasePath+"/auth/login", nil)
	r.Header = authorized()
	serve(t, handler, r).wantError(t, http.StatusServiceUnavailable, identity.CodeUnavailable, "the store is away")
}

func TestUpsertUsers(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta, github)
	h.api(admin, http.MethodPatch, "/users", `{"users":[
		{"id":"whatever","type":"normal","color":"red","identities":[
			{"service_type":"sym","external_id":"cloud","matcher":{"email":" Carol@Example.com "},"profile":{"first_name":"Carol","last_name":"Jones"}},
			{"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":"00u3"},"profile":{"team":"core"}}]},
		{"id":null,"type":"bot","identities":[
			{"service_type":"sym","external_id":"cloud","matcher":{"username":"deployer"},"profile":null},
			{"service_type":"github","external_id":"acme","matcher":{"user_id":"acme-bot"},"source":"rule","rule":"bots","if_unclaimed":true}]}
	]}`).want(t, http.StatusOK, `{"status":"success","errors":[],"succeeded":2,"failed":0,"results":[
		{"index":0,"user_id":"<uuid>","user":"carol@example.com","record":
			{"id":"<uuid>","type":"normal","role":"member","created_at":"<time>","revision":1,"updated_at":"<time>","updated_by":"token:ci","identities":[
				{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"Carol@Example.com"},"profile":{"first_name":"Carol","last_name":"Jones"}},
				{"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u3"},"profile":{"team":"core"},
				 "source":"manual","revision":1,"updated_at":"<time>","updated_by":"token:ci"}]}},
		{"index":1,"user_id":"<uuid>","user":"deployer","record":
			{"id":"<uuid>","type":"bot","role":"member","created_at":"<time>","revision":1,"updated_at":"<time>","updated_by":"token:ci","identities":[
				{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"username":"deployer"},"profile":{}},
				{"service":{"slug":"github","external_id":"acme"},"matcher":{"user_id":"acme-bot"},"profile":{},
				 "source":"rule","rule":"bots","revision":1,"updated_at":"<time>","updated_by":"token:ci"}]}}
	]}`)
}

func TestUpsertUsersEmptyList(t *testing.T) {
	t.Parallel()
	h := start(t)
	const nothing = `{"status":"success","errors":[],"succeeded":0,"failed":0,"results":[]}`
	h.api(admin, http.MethodPatch, "/users", `{"users":[]}`).want(t, http.StatusOK, nothing)
	h.api(admin, http.MethodPost, "/users/delete", `{"users":[]}`).want(t, http.StatusOK, nothing)
	h.api(admin, http.MethodPost, "/users/identities/delete", `{"identities":[]}`).want(t, http.StatusOK, nothing)
}

// upsertOne is the body of PATCH users for one person and one okta identity.
func upsertOne(email, oktaID, more string) string {
	return fmt.Sprintf(`{"identities":[
		{"service_type":"sym","external_id":"cloud","matcher":{"email":%q}},
		{"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":%q}%s}]}`, email, oktaID, more)
}

const stored00u1 = `{"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u1"},"profile":{},
	"source":"manual","revision":1,"updated_at":"<time>","updated_by":"test"}`

func TestUpsertUsersSingleFailure(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	u := h.person("alice@example.com", "00u1")

	conflict := identity.Conflict(u.Key, okta, &u.Mappings[0]).Error()
	h.api(admin, http.MethodPatch, "/users", `{"users":[`+upsertOne("alice@example.com", "00u2", `,"if_absent":true`)+`]}`).
		want(t, http.StatusConflict, `{"status":"error","errors":["`+conflict+`"],"succeeded":0,"failed":1,"results":[
			{"index":0,"user":"alice@example.com","service_type":"okta","external_id":"acme.okta.com",
			 "code":"Identity:CONFLICT","message":"`+conflict+`","stored":`+stored00u1+`}],
			"error":true,"code":"Identity:CONFLICT","status_code":409,"is_retryable":false,"request_id":"`+requestID+`"}`)

	const claimed = "00u1 in okta:acme.okta.com already belongs to alice@example.com"
	a := h.api(admin, http.MethodPatch, "/users", `{"users":[`+upsertOne("bob@example.com", "00u1", `,"if_unclaimed":true`)+`]}`)
	if a.status != http.StatusConflict || a.body["code"] != "Identity:CLAIMED" {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	failure := a.body["results"].([]any)[0].(map[string]any)
	if failure["holder"] != "alice@example.com" || failure["user"] != "bob@example.com" || failure["message"] != claimed {
		t.Errorf("failure %v", failure)
	}
}

func TestUpsertUsersNamesEveryFailure(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	h.person("alice@example.com", "00u1")
	body := `{"users":[` + strings.Join([]string{
		upsertOne("new@example.com", " ", ""),
		upsertOne("fine@example.com", "00u9", ""),
		`{"identities":[{"service_type":"sym","external_id":"cloud","matcher":{"user_id":"x"}}]}`,
		upsertOne("alice@example.com", "00u2", `,"if_absent":true`),
		upsertOne("@", "00u3", ""),
		`{"identities":[{"service_type":"sym","external_id":"cloud","matcher":{"username":"ghost"}}]}`,
		`{"id":"nobody"}`,
		`{"identities":[{"service_type":"sym","external_id":"cloud","matcher":{"email":"dora@example.com"}},
			{"service_type":"gitlab","external_id":"acme","matcher":{"user_id":"d"}}]}`,
		`{"type":"normal","identities":[{"service_type":"sym","external_id":"cloud","matcher":{"email":"not-an-email"}}]}`,
		`{"identities":[{"service_type":"sym","external_id":"cloud","matcher":{"username":"eve@example.com"}}]}`,
	}, ",") + `]}`
	a := h.api(admin, http.MethodPatch, "/users", body)
	got := map[float64]any{}
	for _, r := range a.body["results"].([]any) {
		got[r.(map[string]any)["index"].(float64)] = r.(map[string]any)["code"]
	}
	want := map[float64]any{
		0: "Identity:INVALID", 2: "User:INVALID", 3: "Identity:CONFLICT", 4: "User:INVALID", 5: "User:NOT_FOUND",
		6: "User:NOT_FOUND", 7: "Service:NOT_FOUND", 8: "User:INVALID", 9: "User:INVALID",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failures (-want +got):\n%s\n%s", diff, a.raw)
	}
	if a.status != http.StatusConflict || a.body["succeeded"] != 0.0 || a.body["failed"] != 10.0 || a.body["status"] != "error" {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	if !strings.Contains(a.raw, "must have exactly one of the keys email and username") {
		t.Errorf("the unreadable sym identity is not explained: %s", a.raw)
	}
	if users := h.api(guest, http.MethodGet, "/users", nil).body["users"].([]any); len(users) != 1 {
		t.Errorf("something was written: %v", users)
	}
}

func TestUpsertUsersSameCodeKeepsItsStatus(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	a := h.api(admin, http.MethodPatch, "/users", `{"users":[`+upsertOne("a@example.com", " ", "")+","+upsertOne("b@example.com", " ", "")+`]}`)
	if a.status != http.StatusBadRequest || a.body["code"] != "Identity:INVALID" || a.body["failed"] != 2.0 {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
}

func TestUpsertUsersTwoSymIdentities(t *testing.T) {
	t.Parallel()
	h := start(t)
	a := h.api(admin, http.MethodPatch, "/users", `{"users":[{"identities":[
		{"service_type":"sym","external_id":"cloud","matcher":{"email":"a@example.com"}},
		{"service_type":"sym","external_id":"cloud","matcher":{"email":"b@example.com"}}]}]}`)
	if a.status != http.StatusBadRequest || !strings.Contains(a.raw, "this one has two") {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
}

func TestManagedIdentitiesAreRefused(t *testing.T) {
	t.Parallel()
	h := start(t)
	u := h.person("alice@example.com", "")
	a := h.api(admin, http.MethodPatch, "/users", `{"users":[{"id":"`+u.ID+`","identities":[
		{"service_type":"auth0","external_id":"acme","matcher":{"idp_id":"x"}}]}]}`)
	if a.status != http.StatusBadRequest || a.body["code"] != "Service:MANAGED" {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	a = h.api(admin, http.MethodPost, "/users/identities/delete", `{"identities":[
		{"user_id":"`+u.ID+`","service_type":"sym","external_id":"cloud","matcher":{"email":"alice@example.com"}}]}`)
	if a.status != http.StatusBadRequest || a.body["code"] != "Service:MANAGED" {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
}

func TestBulkLimits(t *testing.T) {
	t.Parallel()
	h := start(t)
	many := "[" + strings.TrimSuffix(strings.Repeat("{},", 20_001), ",") + "]"
	h.api(admin, http.MethodPatch, "/users", `{"users":`+many+`}`).
		wantError(t, http.StatusRequestEntityTooLarge, identity.CodeTooLarge, "users holds 20001 elements. One request takes at most 20000; send more requests.")
	deletes := strings.ReplaceAll(many, "{}", `{"id":"x"}`)
	if a := h.api(admin, http.MethodPost, "/users/delete", `{"users":`+deletes+`}`); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	deletes = strings.ReplaceAll(many, "{}", `{"user_id":"x","service_type":"okta","external_id":"a","matcher":{}}`)
	if a := h.api(admin, http.MethodPost, "/users/identities/delete", `{"identities":`+deletes+`}`); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
}

func TestDeleteIdentities(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta, github)
	u := h.person("alice@example.com", "00u1")
	element := func(service, external, matcher, more string) string {
		return fmt.Sprintf(`{"user_id":%q,"service_type":%q,"external_id":%q,"matcher":%s%s}`, u.ID, service, external, matcher, more)
	}
	for name, tt := range map[string]string{ //nolint:paralleltest // what follows needs the mapping they leave
		"other value":    element("okta", "acme.okta.com", `{"user_id":"00u2"}`, ""),
		"other revision": element("okta", "acme.okta.com", `{"user_id":"00u1"}`, `,"if_revision":777`),
	} {
		t.Run(name, func(t *testing.T) {
			a := h.api(admin, http.MethodPost, "/users/identities/delete", `{"identities":[`+element("github", "acme", `{"user_id":"a"}`, "")+","+tt+`]}`)
			errors, _ := a.body["errors"].([]any)
			message := fmt.Sprint(errors...)
			a.want(t, http.StatusConflict, `{"status":"error","errors":["`+message+`"],"succeeded":0,"failed":2,"results":[
				{"index":1,"user_id":"<uuid>","user":"alice@example.com","service_type":"okta","external_id":"acme.okta.com",
				 "code":"Identity:CONFLICT","message":"`+message+`","stored":`+stored00u1+`}],
				"error":true,"code":"Identity:CONFLICT","status_code":409,"is_retryable":false,"request_id":"`+requestID+`"}`)
			if message == "" {
				t.Error("the conflict has no message")
			}
		})
	}
	h.api(admin, http.MethodPost, "/users/identities/delete", `{"identities":[`+
		element("okta", "acme.okta.com", `{"user_id":"00u1"}`, fmt.Sprintf(`,"if_revision":%d`, u.Mappings[0].Revision))+","+element("github", "acme", `{"user_id":"a"}`, "")+`]}`).
		want(t, http.StatusOK, `{"status":"success","errors":[],"succeeded":2,"failed":0,"results":[
			{"index":0,"user_id":"<uuid>","service_type":"okta","external_id":"acme.okta.com","deleted":true},
			{"index":1,"user_id":"<uuid>","service_type":"github","external_id":"acme","deleted":false}]}`)
}

func TestDeleteIdentitiesOfNobody(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	for _, unnamed := range []string{
		`{"user_id":"","service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":"00u1"}}`,
		`{"user_id":"` + h.person("alice@example.com", "00u1").ID + `","service_type":"okta","external_id":"","matcher":{"user_id":"00u1"}}`,
	} {
		a := h.api(admin, http.MethodPost, "/users/identities/delete", `{"identities":[`+unnamed+`]}`)
		if a.status != http.StatusBadRequest || !strings.Contains(a.raw, "An element names no mapping") {
			t.Errorf("%s: status %d: %s", unnamed, a.status, a.raw)
		}
	}
}

// TestDeletesNameEachCulprit: elements that cannot be read do not hide those that the
// store refuses, and nothing is deleted.
func TestDeletesNameEachCulprit(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	u, bob := h.person("alice@example.com", "00u1"), h.person("bob@example.com", "00u2")
	const mapping = `{"user_id":"%s","service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":"%s"}}`
	for path, elements := range map[string]string{
		"/users/identities/delete": `{"identities":[` + fmt.Sprintf(mapping, "", "00u1") + "," + fmt.Sprintf(mapping, u.ID, "00u1") + "," + fmt.Sprintf(mapping, bob.ID, "other") + "]}",
		"/users/delete":            `{"users":[{},{"id":"` + u.ID + `"},{"id":"` + bob.ID + `","if_unmapped":true}]}`,
	} {
		a := h.api(admin, http.MethodPost, path, elements)
		var named []any
		for _, result := range a.body["results"].([]any) {
			named = append(named, result.(map[string]any)["index"])
		}
		if a.status != http.StatusConflict || len(named) != 2 || named[0] != 0.0 || named[1] != 2.0 {
			t.Errorf("%s: status %d: %s", path, a.status, a.raw)
		}
	}
	a := h.api(admin, http.MethodPost, "/users/identities/delete", `{"identities":[`+fmt.Sprintf(mapping, u.ID, "00u1")+`]}`)
	if a.status != http.StatusOK || !strings.Contains(a.raw, `"deleted":true`) {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
}

func TestDeleteUsers(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	u := h.person("alice@example.com", "00u1")
	path := "/users/delete"
	identify := func(matcher string) string {
		return `{"users":[{"id":"` + u.ID + `","identity":{"service_type":"sym","matcher":` + matcher + `}}]}`
	}
	a := h.api(admin, http.MethodPost, path, identify(`{"email":"other@example.com"}`))
	if a.status != http.StatusConflict || a.body["code"] != "User:CONFLICT" {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
	for _, unusable := range []string{
		identify(`{}`), identify(`{"user_id":"x"}`), identify(`{"email":" "}`), identify(`{"email":"a@example.com","username":"a"}`),
		`{"users":[{"id":"` + u.ID + `","identity":{"service_type":"okta","matcher":{"user_id":"00u1"}}}]}`,
		`{"users":[{"identity":{"service_type":"sym","matcher":{"username":"alice@example.com"}}}]}`, // bots delete alice@example.com
		`{"users":[{"identity":{"service_type":"sym","matcher":{"email":"robot"}}}]}`,
	} {
		a := h.api(admin, http.MethodPost, path, unusable)
		if a.status != http.StatusBadRequest || a.body["code"] != "User:INVALID" || a.body["failed"] != 1.0 {
			t.Errorf("%s: status %d: %s", unusable, a.status, a.raw)
		}
	}
	const done = `{"status":"success","errors":[],"succeeded":1,"failed":0,"results":[{"index":0,"user_id":"<uuid>","user":"alice@example.com","deleted":%t%s}]%[2]s}`
	h.api(admin, http.MethodPost, path, identify(`{"email":"Alice@example.com"}`)).want(t, http.StatusOK, fmt.Sprintf(done, true, `,"deleted_identities":1`))
	h.api(admin, http.MethodPost, path, identify(`{"email":"alice@example.com"}`)).want(t, http.StatusOK, fmt.Sprintf(done, false, ""))
}

// A body that the decoder would change silently is refused before anything is
// looked up: two people would become one.
func TestBodiesThatAreNotClearAreRefused(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	for name, test := range map[string]struct{ body, says string }{
		"Latin-1":        {`{"users":[` + strings.Replace(upsertOne("josX@example.com", "00u1", ""), "X", "\xe9", 1) + `]}`, "The request's body is not valid UTF-8"},
		"half a pair":    {`{"users":[` + strings.Replace(upsertOne("josX@example.com", "00u1", ""), "X", `\ud83d`, 1) + `]}`, "half of a surrogate pair"},
		"a lost letter":  {`{"users":[` + upsertOne("jos\ufffd@example.com", "00u1", "") + `]}`, "U+FFFD"},
		"a lost id":      {`{"users":[` + upsertOne("jose@example.com", "00u\ufffd", "") + `]}`, "U+FFFD"},
		"invisible":      {`{"users":[` + upsertOne("jose@example.com", "00u\u200b", "") + `]}`, "U+200B"},
		"a key twice":    {`{"users":[],"users":[` + upsertOne("jose@example.com", "00u1", "") + `]}`, `the key "users" twice in one object`},
		"a key in cases": {`{"Users":[],"users":[` + upsertOne("jose@example.com", "00u1", "") + `]}`, `the key "Users", but the field is called "users"`},
		"a case":         {`{"users":[{"Identities":[]}]}`, `the key "Identities", but the field is called "identities"`},
		"keys in cases":  {`{"users":[` + upsertOne("jose@example.com", "00u1", `,"color":1,"Color":2`) + `]}`, `the keys "color" and "Color" in one object`},
	} {
		a := h.api(admin, http.MethodPatch, "/users", test.body)
		if a.status != http.StatusBadRequest || !strings.Contains(a.raw, strings.ReplaceAll(test.says, `"`, `\"`)) {
			t.Errorf("%s: status %d: %s, want %q", name, a.status, a.raw, test.says)
		}
	}
	if users, _, err := h.store.Users(t.Context(), store.UserFilter{}); err != nil || len(users) != 0 {
		t.Errorf("stored: %v, %v", users, err)
	}
	if a := h.api(guest, http.MethodGet, "/users?email=jos%E9@example.com", nil); a.status != http.StatusBadRequest || !strings.Contains(a.raw, "UTF-8") {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
}
