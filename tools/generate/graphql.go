package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/99designs/gqlgen/api"
	"github.com/99designs/gqlgen/codegen/config"
)

// graphqlAPI is the package into which gqlgen writes, as its gqlgen.yml says.
const graphqlAPI = "services/search-api/graphqlapi"

// generateGraphQL returns the files that gqlgen generates from the GraphQL schema. gqlgen removes and writes files in
// place. generateGraphQL therefore runs gqlgen in a likeness of the repository: links to everything except the
// generated package, and a copy of the package without its generated files.
func generateGraphQL() (fresh map[string]string, err error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	likeness, err := os.MkdirTemp("", "graphql")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(likeness)
	if err := mirror(filepath.Join(here, root), likeness, graphqlAPI); err != nil {
		return nil, fmt.Errorf("making a likeness of the repository: %w", err)
	}
	// gqlgen takes the names in its configuration relative to the current folder.
	if err := os.Chdir(filepath.Join(likeness, graphqlAPI)); err != nil {
		return nil, err
	}
	defer func() {
		if back := os.Chdir(here); err == nil {
			err = back
		}
	}()
	cfg, err := config.LoadConfig("gqlgen.yml")
	if err != nil {
		return nil, fmt.Errorf("reading %s/gqlgen.yml: %w", graphqlAPI, err)
	}
	if err := api.Generate(cfg); err != nil {
		return nil, fmt.Errorf("generating %s: %w", graphqlAPI, err)
	}
	fresh = map[string]string{}
	for _, name := range []string{cfg.Exec.Filename, cfg.Model.Filename} {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		fresh[graphqlAPI+"/"+filepath.Base(name)] = string(b)
	}
	return fresh, nil
}

// mirror fills to with a likeness of from: links, except real folders down to copied, whose files are copied without
// generated Go files.
func mirror(from, to, copied string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	next, rest, _ := strings.Cut(copied, "/")
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		switch {
		case copied == "" && e.Type().IsRegular():
			b, err := os.ReadFile(source)
			if err != nil {
				return err
			}
			if strings.HasSuffix(source, ".go") && generated(b) {
				continue
			}
			if err := os.WriteFile(target, b, 0o644); err != nil {
				return err
			}
		case copied != "" && e.Name() == next:
			if err := os.Mkdir(target, 0o755); err != nil {
				return err
			}
			if err := mirror(source, target, rest); err != nil {
				return err
			}
		case e.Name() == ".git":
		default:
			if err := os.Symlink(source, target); err != nil {
				return err
			}
		}
	}
	return nil
}
