// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// exampleHash is in the documentation's examples. Nobody who pastes it knows its
// token, and somebody may.
const exampleHash = "3d7a7f2cbf93955ac252643e1baafb1ed07c209b7683805134c42fcba8b33c62"

// commonTokens holds what people try first, a word a line.
//
//go:embed common_tokens.txt
var commonTokens string

// isWeak reports whether a hash is that of a token that anybody would guess: one
// of commonTokens, alone, as a name or with a number behind it, three letters or
// digits at most, or five digits.
var isWeak = sync.OnceValue(func() func([sha256.Size]byte) bool {
	var weak []uint64 // the first eight bytes of each hash: a server keeps them for good
	first := func(sum [sha256.Size]byte) uint64 { return binary.BigEndian.Uint64(sum[:]) }
	add := func(text string) { weak = append(weak, first(sha256.Sum256([]byte(text)))) }
	for word := range strings.FieldsSeq(commonTokens) {
		for _, spelled := range []string{word, strings.ToUpper(word[:1]) + word[1:], strings.ToUpper(word)} {
			for _, end := range []string{"", "1", "12", "123", "1234", "!", "1!", "123!", "2024", "2025", "2026"} {
				add(spelled + end)
			}
			add("sym_" + spelled)
		}
		add(word + "\n") // as echo hashes it
	}
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	for _, a := range letters {
		add(string(a))
		for _, b := range letters {
			add(string([]rune{a, b}))
			for _, c := range letters {
				add(string([]rune{a, b, c}))
			}
		}
	}
	for digits, n := 1, 10; digits <= 5; digits, n = digits+1, n*10 {
		for i := range n {
			text := strconv.Itoa(i)
			add(strings.Repeat("0", digits-len(text)) + text)
		}
	}
	slices.Sort(weak)
	weak = slices.Compact(weak)
	return func(sum [sha256.Size]byte) bool { _, known := slices.BinarySearch(weak, first(sum)); return known }
})
