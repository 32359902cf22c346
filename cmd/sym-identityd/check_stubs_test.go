// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import "net/http"

// route answers requests whose line and body, with AWS's target, hold match;
// "" matches all.
type route struct {
	match  string
	status int
	body   string
}

// stub is a service as far as a check asks it. What a scenario has no routes
// for is answered as the fine one does.
type stub struct {
	serviceType            string // "" = the kind's own
	externalID, attributes string

	fine, credential, permission, foreign []route
	// limited is the service's refusal of requests that come too soon, for an
	// hour from now: a name and a value of a header, which may hold {at}, the
	// Unix time of its end, or {in}, the seconds until then.
	limited [2]string
}

const token = `token = env("SECRET")`

func good(match, body string) route { return route{match, http.StatusOK, body} }

func refused(status int, body string) []route { return []route{{"", status, body}} }

// stubs are the services by kind of directory, as ../../docs says of them.
func stubs() map[string]stub {
	seconds := [2]string{"Retry-After", "{in}"}
	tokenOK := good("token", `{"access_token":"abc","expires_in":3600}`)
	const scope = `{"error":"insufficient_scope"}`
	oktaUser := `[{"id":"00u1","status":"ACTIVE","profile":{"login":"a@acme.com","email":"a@acme.com"}}]`
	const auth0User = `{"user_id":"auth0|1","email":"a@acme.com","email_verified":true}`
	const ssoUser = `{"UserId":"u1","UserName":"a","Emails":[{"Value":"a@acme.com","Primary":true}]}`
	iamError := func(code string) string {
		return `<ErrorResponse><Error><Code>` + code + `</Code></Error></ErrorResponse>`
	}
	who := func(account string) route {
		return good("GetCallerIdentity", `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>`+account+`</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	}
	instance := func(arn string) route {
		return good("ListInstances", `{"Instances":[{"InstanceArn":"`+arn+`","IdentityStoreId":"d-1"}]}`)
	}
	github := func(login string) route { return good("login } }", `{"data":{"organization":{"login":"`+login+`"}}}`) }
	const awsKey = `client_id = "AKIDEXAMPLE"
    client_secret = env("SECRET")`
	const app = `client_id = "app"
    client_secret = env("SECRET")`

	return map[string]stub{
		"aptible": {externalID: "b1c2", attributes: token, limited: seconds,
			fine:       []route{good("", `{"_embedded":{"users":[{"id":1,"email":"a@acme.com"}]}}`)},
			credential: refused(401, `{"code":401}`), permission: refused(403, `{"code":403}`), foreign: refused(404, `{"code":404}`)},
		"auth0": {serviceType: "custom", externalID: "auth0", attributes: token, limited: [2]string{"X-RateLimit-Reset", "{at}"},
			fine:       []route{good("/users-by-email", `[`+auth0User+`]`), good("", `{"start":0,"limit":100,"length":1,"total":1,"users":[`+auth0User+`]}`)},
			credential: refused(401, `{"statusCode":401,"error":"Unauthorized"}`),
			permission: refused(403, `{"statusCode":403,"message":"Insufficient scope, expected any of: read:users","errorCode":"insufficient_scope"}`)},
		"aws_iam": {externalID: "123456789012", attributes: awsKey, limited: seconds,
			fine:       []route{who("123456789012"), {"GetUser", 404, iamError("NoSuchEntity")}},
			credential: refused(403, iamError("InvalidClientTokenId")),
			permission: []route{who("123456789012"), {"", 403, iamError("AccessDenied")}},
			foreign:    []route{who("999999999999")}},
		"aws_sso": {externalID: "arn:aws:sso:::instance/ssoins-1", attributes: awsKey + "\n    region = \"eu-central-1\"", limited: seconds,
			fine:       []route{instance("arn:aws:sso:::instance/ssoins-1"), good("ListUsers", `{"Users":[`+ssoUser+`]}`), good("DescribeUser", ssoUser)},
			credential: refused(400, `{"__type":"UnrecognizedClientException"}`),
			permission: []route{instance("arn:aws:sso:::instance/ssoins-1"), {"ListUsers", 400, `{"__type":"AccessDeniedException"}`}},
			foreign:    []route{instance("arn:aws:sso:::instance/ssoins-2")}},
		"boundary": {externalID: "acme", attributes: token, limited: seconds,
			fine:       []route{good("", `{"items":[{"id":"u_1","email":"a@acme.com"}],"response_type":"complete"}`)},
			credential: refused(401, `{"kind":"Unauthenticated"}`), permission: []route{good("", `{"response_type":"complete"}`)}},
		"datadog": {externalID: "Acme", attributes: token + "\n    client_secret = env(\"SECRET\")", limited: [2]string{"X-Ratelimit-Reset", "{in}"},
			fine:       []route{good("number%5D=1", `{"data":[]}`), good("", `{"data":[{"id":"1","attributes":{"email":"a@acme.com","status":"Active"}}],"included":[{"type":"orgs","attributes":{"name":"Acme"}}]}`)},
			credential: refused(401, `{"errors":["Unauthorized"]}`), permission: refused(403, `{"errors":["Forbidden"]}`),
			foreign: []route{good("", `{"data":[{"id":"1"}],"included":[{"type":"orgs","attributes":{"name":"Other"}}]}`)}},
		"entra": {externalID: "acme.com", attributes: app, limited: seconds,
			fine:       []route{tokenOK, good("/users", `{"value":[{"id":"1","mail":"a@acme.com","userPrincipalName":"a@acme.com","accountEnabled":true}]}`)},
			credential: refused(401, `{"error":"invalid_client"}`),
			permission: []route{tokenOK, {"", 403, `{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}`}}},
		"github": {externalID: "acme", attributes: token, limited: [2]string{"X-RateLimit-Reset", "{at}"},
			fine: []route{github("acme"), good("externalIdentities", `{"data":{"organization":{"samlIdentityProvider":null}}}`),
				good("membersWithRole", `{"data":{"organization":{"membersWithRole":{"nodes":[{"login":"a","organizationVerifiedDomainEmails":["a@acme.com"]}],"pageInfo":{}}}}}`)},
			credential: refused(401, `{"message":"Bad credentials"}`),
			permission: refused(200, `{"data":null,"errors":[{"type":"INSUFFICIENT_SCOPES","message":"requires one of: ['read:org']"}]}`),
			foreign:    []route{github("other")}},
		"gitlab": {externalID: "gitlab.acme.com", attributes: token, limited: [2]string{"RateLimit-Reset", "{at}"},
			fine:       []route{good("/users", `[{"id":1,"email":"a@acme.com"}]`), good("/user", `{"id":1,"is_admin":true,"web_url":"https://gitlab.acme.com/root"}`)},
			credential: refused(401, `{"message":"401 Unauthorized"}`), permission: refused(403, scope),
			foreign: []route{good("/user", `{"id":1,"is_admin":true,"web_url":"https://gitlab.example/root"}`)}},
		"google": {externalID: "acme.com", attributes: "credentials_file = \"key.json\"\n    impersonate = \"admin@acme.com\"", limited: seconds,
			fine: []route{tokenOK, good("/users/a@acme.com", `{"kind":"admin#directory#user","id":"1","primaryEmail":"a@acme.com"}`),
				good("", `{"kind":"admin#directory#users","users":[{"id":"1","primaryEmail":"a@acme.com"}]}`)},
			credential: refused(400, `{"error":"invalid_grant"}`),
			permission: []route{tokenOK, {"", 403, `{"error":{"errors":[{"reason":"forbidden"}]}}`}},
			foreign: []route{tokenOK, {"domain=acme.com", 403, `{"error":{"errors":[{"reason":"forbidden"}]}}`},
				good("", `{"kind":"admin#directory#users","users":[{"primaryEmail":"a@acme.com"}]}`)}},
		"http": {externalID: "acme", attributes: `identity = "response.?id"
    allow_private = true`, limited: seconds,
			fine: []route{good("", `{}`)}, credential: refused(401, `{}`), permission: refused(403, `{}`)},
		"okta": {externalID: "acme.okta.com", attributes: token, limited: [2]string{"X-Rate-Limit-Reset", "{at}"},
			fine:       []route{good("filter=", `[]`), good("", oktaUser)},
			credential: refused(401, `{"errorCode":"E0000011","errorSummary":"Invalid token provided"}`),
			permission: refused(403, `{"errorCode":"E0000006","errorSummary":"You do not have permission to perform the requested action"}`)},
		"onelogin": {externalID: "acme", attributes: app, limited: [2]string{"X-RateLimit-Reset", "{in}"},
			fine:       []route{tokenOK, good("", `[{"id":1,"email":"a@acme.com","status":1}]`)},
			credential: refused(401, `{"statusCode":401,"message":"Authentication Failure"}`),
			permission: []route{tokenOK, {"", 403, `{"statusCode":403,"message":"Insufficient permissions"}`}}},
		"pagerduty": {externalID: "acme", attributes: token, limited: [2]string{"ratelimit-reset", "{in}"},
			fine:       []route{good("", `{"users":[{"id":"P1","email":"a@acme.com","html_url":"https://acme.pagerduty.com/users/P1"}],"more":false}`)},
			credential: refused(401, `{"error":{"code":2006}}`), permission: refused(403, `{"error":{"code":2010,"message":"Access Denied"}}`),
			foreign: []route{good("", `{"users":[{"id":"P1","html_url":"https://other.pagerduty.com/users/P1"}],"more":false}`)}},
		"scim": {externalID: "acme", attributes: token, limited: seconds,
			fine:       []route{good("", `{"totalResults":1,"Resources":[{"id":"1","userName":"a@acme.com"}]}`)},
			credential: refused(401, `{"status":"401"}`), permission: refused(403, `{"status":"403"}`)},
		"slack": {externalID: "T0ACME", attributes: token, limited: seconds,
			fine: []route{good("auth.test", `{"ok":true,"team_id":"T0ACME"}`), good("nobody", `{"ok":false,"error":"users_not_found"}`),
				good("lookupByEmail", `{"ok":true,"user":{"id":"U1","profile":{"email":"a@acme.com"}}}`), good("users.list", `{"ok":true,"members":[{"id":"U1","profile":{"email":"a@acme.com"}}]}`)},
			credential: refused(200, `{"ok":false,"error":"invalid_auth"}`),
			permission: []route{good("auth.test", `{"ok":true,"team_id":"T0ACME"}`), good("", `{"ok":false,"error":"missing_scope","needed":"users:read.email"}`)},
			foreign:    []route{good("auth.test", `{"ok":true,"team_id":"T0OTHER"}`)}},
		"tailscale": {externalID: "acme.com", attributes: token, limited: seconds,
			fine:       []route{good("", `{"users":[{"id":"1","loginName":"a@acme.com"}]}`)},
			credential: refused(401, `{"message":"API token invalid"}`), permission: refused(403, `{"message":"not allowed"}`),
			foreign: refused(404, `{"message":"not found"}`)},
	}
}
