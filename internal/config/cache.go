// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// What every directory block takes, of whatever kind.
const (
	cacheTTLName    = "cache_ttl"
	cacheMissesName = "cache_ttl_misses"
)

// maxCacheTTL bounds how old an answer may be: it decides who gets access.
const maxCacheTTL = 24 * time.Hour

// cache reads how long the answers of a directory serve. What asks nobody
// over a network is asked anew each time unless the file says otherwise.
func (a arguments) cache(local bool) directory.CacheSettings {
	settings := directory.CacheSettings{TTL: directory.DefaultCacheTTL, Misses: directory.DefaultCacheMisses}
	if local {
		settings.TTL = 0
	}
	if ttl, set := a.span(cacheTTLName, maxCacheTTL); set {
		settings.TTL = ttl
	}
	misses, set := a.span(cacheMissesName, maxCacheTTL)
	switch {
	case set && misses > settings.TTL:
		a.d.problem(a.at(cacheMissesName), fmt.Sprintf("%s is longer than %s, which is %s", cacheMissesName, cacheTTLName, settings.TTL),
			"Somebody who was not found is looked for again sooner, not later, than somebody who was.")
	case set:
		settings.Misses = misses
	}
	settings.Misses = min(settings.Misses, settings.TTL)
	return settings
}

// span reads a span of time that may be 0.
func (a arguments) span(name string, most time.Duration) (span time.Duration, set bool) {
	t, ok := a.text(name)
	if !ok {
		return 0, false
	}
	span, err := time.ParseDuration(t.value)
	switch {
	case err != nil || span < 0:
		a.d.problem(t.at, fmt.Sprintf("%s: %s is not a span of time", name, t.quoted()),
			`Write a number and a unit, as in "30s" or "5m"; "0s" keeps nothing.`)
		return 0, false
	case span > most:
		a.d.problem(t.at, fmt.Sprintf("%s is longer than %.0f hours", name, most.Hours()), "")
		return 0, false
	}
	return span, true
}
