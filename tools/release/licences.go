package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// A module is a Go module in a program, with the module's licences.
type module struct {
	Path, Version, Sum string
	Dir                string
	licences           []string // SPDX identifiers, sorted
	texts              []text
}

// A text is a licence or notice file of a module.
type text struct{ name, body string }

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|unlicense)([-._].*)?$`)

// read finds the folder of the module and the licences in the folder.
func (m *module) read(where *exec.Cmd) error {
	out, err := where.Output()
	if err != nil {
		return fmt.Errorf("finding %s %s: %w", m.Path, m.Version, err)
	}
	if err := json.Unmarshal(out, m); err != nil {
		return fmt.Errorf("finding %s %s: %w", m.Path, m.Version, err)
	}
	return m.scan()
}

// scan reads the licence files at the top of the module's folder.
func (m *module) scan() error {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			return err
		}
		m.texts = append(m.texts, text{e.Name(), string(b)})
		for _, found := range licensecheck.Scan(b).Match {
			if found.IsURL || slices.Contains(m.licences, found.ID) || strings.HasPrefix(found.ID, "GooglePatent") {
				continue
			}
			m.licences = append(m.licences, found.ID)
		}
	}
	slices.Sort(m.licences)
	return nil
}

// goItself is the standard library and runtime, which are in every program.
func goItself(version string) (module, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return module{}, fmt.Errorf("finding Go: %w", err)
	}
	if version == "" {
		version = runtime.Version()
	}
	m := module{Path: "std", Version: strings.TrimPrefix(version, "go"), Dir: strings.TrimSpace(string(out))}
	return m, m.scan()
}

// licences is the list for people: a table, and then the licence texts that must accompany the programs.
func licences(modules []module, files []modelFile) []byte {
	var b bytes.Buffer
	b.WriteString("# Licences of the parts of Cinedex\n\nCinedex itself is Apache-2.0.\n\n## Go modules in the programs\n\n| module | version | licence |\n|---|---|---|\n")
	for _, m := range modules {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.Path, m.Version, strings.Join(m.licences, ", "))
	}
	b.WriteString("\n## Files that `cinedex models fetch` downloads; none is in the release\n\n| file | out of | licence |\n|---|---|---|\n")
	for _, f := range files {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", f.ID, f.Package, f.License)
	}
	b.WriteString("\n## Texts\n")
	for _, m := range modules {
		for _, t := range m.texts {
			fmt.Fprintf(&b, "\n### %s %s, %s\n\n```text\n%s\n```\n", m.Path, m.Version, t.name, strings.TrimSpace(t.body))
		}
	}
	return b.Bytes()
}
