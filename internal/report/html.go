// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
)

//go:embed page.html.tmpl
var pageTemplate string

var parsedPage = template.Must(template.New("page").Funcs(template.FuncMap{"why": why}).Parse(pageTemplate))

// HTML returns one static page. It loads nothing and runs no script.
func HTML(r Result) (string, error) {
	var out strings.Builder
	if err := parsedPage.Execute(&out, arrange(r)); err != nil {
		return "", fmt.Errorf("rendering the page: %w", err)
	}
	return out.String(), nil
}
