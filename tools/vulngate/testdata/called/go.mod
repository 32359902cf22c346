// A program that calls a function of a module with a known vulnerability.
// scripts/vulncheck must refuse it. Never raise this version.
module example.com/called

go 1.26.0

require golang.org/x/net v0.61.0
