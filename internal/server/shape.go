// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import "errors"

// Bounds of a request's JSON. Real ones nest five deep, and a batch of 1,000
// users with ten identities each holds some 100,000 values.
const (
	maxNesting = 32
	maxValues  = 1_000_000
)

var (
	errNesting = errors.New("the request's JSON is nested too deeply")
	errValues  = errors.New("the request's JSON holds too many values")
)

// shape follows a JSON text as it is read, before anything is built of it: a
// few megabytes of brackets and commas would become gigabytes of values.
// Whether it is JSON at all is the decoder's to say.
type shape struct {
	depth, values     int
	inString, escaped bool
}

func (s *shape) read(text []byte) error {
	for _, c := range text {
		switch {
		case s.escaped:
			s.escaped = false
		case s.inString:
			s.escaped = c == '\\'
			s.inString = c != '"'
		default:
			if err := s.outside(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *shape) outside(c byte) error {
	switch c {
	case '"':
		s.inString = true
	case '[', '{':
		if s.depth++; s.depth > maxNesting {
			return errNesting
		}
		s.values++
	case ']', '}':
		s.depth--
	case ',':
		s.values++
	}
	if s.values > maxValues {
		return errValues
	}
	return nil
}
