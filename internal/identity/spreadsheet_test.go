// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity_test

import (
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func TestCheckSpreadsheet(t *testing.T) {
	t.Parallel()
	for cell, refused := range map[string]bool{
		"#N/A": true, "#REF!": true, "#NAME?": true, "#VALUE!": true, "#DIV/0!": true, "#####": true, "##": true,
		"#NV": true, "#BEZUG!": true, "#N/D": true, "#¡VALOR!": true, "#¿NOMBRE?": true, "#ÜBERLAUF!": true, "#ERROR!": true,
		"1.23457E+17": true, "1,23457E+17": true, "1E+20": true, "9e+9": true,
		"": false, "#": false, "#N/AB": false, "#NVA": false, "#ann!": false, "#!": false, "123457000000000000": false, "00u1": false, "1E5": false, "12.5E+3": false, "ann+E+1": false,
	} {
		if err := identity.CheckSpreadsheet(cell); (err != nil) != refused {
			t.Errorf("%q: %v", cell, err)
		}
	}
}
