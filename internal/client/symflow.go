// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrNoLogin says that symflow's file holds no login.
var ErrNoLogin = errors.New("it holds no login; run symflow login")

// Login is what symflow's own login file holds.
type Login struct {
	Token string
	Org   string // slug; "" where the file does not name it
	Email string // who logged in; "" likewise
}

// SymflowLogin reads the file that symflow login writes, as in
// ~/.config/symflow/default/config.yml. A file that is not there is an error
// that errors.Is fs.ErrNotExist; one without a login is ErrNoLogin. No error
// repeats what the file holds.
func SymflowLogin(path string) (Login, error) {
	content, err := readSmallFile(path)
	if err != nil {
		return Login{}, fmt.Errorf("the symflow login file cannot be read: %w", err)
	}
	login, err := parseSymflow(content)
	if err != nil {
		return Login{}, fmt.Errorf("the symflow login file %s cannot be used: %w", path, err)
	}
	return login, nil
}

func parseSymflow(content []byte) (Login, error) {
	var file map[string]any
	if err := yaml.Unmarshal(content, &file); err != nil {
		return Login{}, errors.New("it is not a YAML mapping") // the parser's error would quote it
	}
	auth, _ := file["auth_token"].(map[string]any)
	login := Login{Token: yamlText(auth["access_token"]), Org: yamlText(file["org"]), Email: yamlText(file["email"])}
	if org, nested := file["org"].(map[string]any); nested { // older releases keep the whole record
		login.Org = yamlText(org["slug"])
	}
	if login.Token == "" {
		return Login{}, ErrNoLogin
	}
	return login, nil
}

func yamlText(v any) string {
	s, _ := v.(string)
	return strings.TrimSpace(s)
}
