// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Command called parses HTML with a version of golang.org/x/net that does it in
// quadratic time (GO-2026-6860).
package main

import (
	"os"

	"golang.org/x/net/html"
)

func main() {
	if _, err := html.Parse(os.Stdin); err != nil {
		os.Exit(1)
	}
}
