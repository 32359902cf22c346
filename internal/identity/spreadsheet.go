// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"fmt"
	"regexp"
)

var (
	spreadsheetError = regexp.MustCompile(`^#([¡¿]?\p{Lu}[\p{Lu}/0]*[!?]|N/[AD]|NV|GETTING_DATA|#+)$`) // in any language
	roundedNumber    = regexp.MustCompile(`^[0-9]([.,][0-9]+)?[eE]\+[0-9]+$`)
)

// CheckSpreadsheet returns an error for a CSV cell whose value a spreadsheet has
// replaced: an error value such as #N/A, or a long number in scientific notation.
func CheckSpreadsheet(cell string) error {
	switch {
	case spreadsheetError.MatchString(cell):
		return fmt.Errorf("%q is what a spreadsheet writes where it has no value. Correct the sheet and export it again", cell)
	case roundedNumber.MatchString(cell):
		return fmt.Errorf("%q is a number that a spreadsheet has rounded, so its digits are lost. Format the column as text, enter the ids again, and export", cell)
	}
	return nil
}
