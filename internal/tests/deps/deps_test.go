package deps

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/cinedex/cinedex"

// root is the repository, seen from here.
const root = "../../.."

// layers are the trees of packages, each with the trees of ours that may be imported from outside the tree itself. A
// tree without an entry fails the test.
var layers = func() map[string][]string {
	var (
		base      = []string{"pkg/errkind"}
		process   = append([]string{"pkg/fair", "pkg/lifecycle", "pkg/telemetry", "pkg/tlsclient"}, base...)
		nouns     = append([]string{"pkg/runs", "pkg/schema"}, process...)
		contracts = append([]string{"pkg/audit", "pkg/authz", "pkg/blob", "pkg/budget", "pkg/encode", "pkg/events", "pkg/handoff", "pkg/interval", "pkg/judged", "pkg/media", "pkg/model", "pkg/profile", "pkg/query", "pkg/recommend", "pkg/store", "pkg/timedtext", "pkg/translate"}, nouns...)
		shared    = append([]string{"pkg/algo", "pkg/catalog", "pkg/search", "config"}, contracts...)
		all       = append([]string{"pkg/bins", "pkg/platform", "pkg/rpc"}, shared...)
	)
	return map[string][]string{
		"pkg/errkind":   nil,
		"pkg/schema":    base,
		"pkg/runs":      {"pkg/errkind", "pkg/schema"},
		"pkg/fair":      base,
		"pkg/lifecycle": base,
		"pkg/telemetry": base,
		"pkg/tlsclient": base,
		"config":        base,

		"pkg/audit":     base,
		"pkg/authz":     nouns,
		"pkg/bins":      append([]string{"pkg/authz"}, nouns...),
		"pkg/blob":      nouns,
		"pkg/budget":    base,
		"pkg/encode":    nouns,
		"pkg/events":    nouns,
		"pkg/handoff":   append([]string{"pkg/timedtext"}, nouns...),
		"pkg/interval":  {"pkg/errkind", "pkg/schema"},
		"pkg/judged":    {"pkg/errkind", "pkg/schema"},
		"pkg/media":     append([]string{"pkg/timedtext"}, nouns...),
		"pkg/model":     append([]string{"pkg/translate"}, nouns...),
		"pkg/profile":   nouns,
		"pkg/query":     nouns,
		"pkg/recommend": append([]string{"pkg/store"}, nouns...),
		"pkg/store":     nouns,

		"pkg/timedtext": nouns,
		"pkg/translate": base,

		"pkg/rpc": append([]string{"pkg/audit", "pkg/authz"}, nouns...),

		"pkg/algo":    contracts,
		"pkg/catalog": append([]string{"pkg/events"}, nouns...),
		"pkg/search":  contracts,

		// The platform chooses the implementations, so the platform imports all of them. Only programs that run
		// services import the platform.
		"pkg/platform": append([]string{"pkg/rpc"}, shared...),

		"services/ingestor":    all,
		"services/algo-runner": all,
		"services/indexer":     all,
		"services/operator":    all,
		"services/search-api":  append([]string{"web"}, all...),
		"web":                  nil,

		"cmd/cinedex": append([]string{"services/ingestor", "services/algo-runner", "services/indexer", "services/operator", "services/search-api"}, all...),
		// Real servers for tests and for people; no part of Cinedex starts them.
		"deploy/local": base,
		// Tests of manifests, of the image and of the dashboard, without code.
		"deploy/dashboards": nil, "deploy/image": nil, "deploy/k8s": nil,
		// Packages that develop and judge the whole may import everything, and no package imports them.
		"internal": append([]string{"cmd/cinedex", "services/ingestor", "services/algo-runner", "services/indexer", "services/operator", "services/search-api"}, all...),
	}
}()

// owners are the libraries that a single tree may import, by prefix. The rule is for code built into Cinedex: a test
// may compare a library with our use of the library.
var owners = map[string]string{
	"github.com/segmentio/kafka-go":            "pkg/events",
	"github.com/twmb/franz-go":                 "pkg/events",
	"github.com/cockroachdb/pebble":            "pkg/store/pebblestore",
	"github.com/gocql/gocql":                   "pkg/store/cassandrastore",
	"github.com/apache/cassandra-gocql-driver": "pkg/store/cassandrastore",
	"github.com/blevesearch":                   "pkg/search",
	"go.etcd.io/bbolt":                         "pkg/search/embedded",
	"github.com/fxamacker/cbor":                "pkg/search/opensearch",
	"github.com/opensearch-project":            "pkg/search/opensearch",
	"github.com/spf13/viper":                   "config",
	"github.com/spf13/cobra":                   "cmd/cinedex",
	"github.com/yalue/onnxruntime_go":          "pkg/model",
	"github.com/nlpodyssey/gopickle":           "pkg/model",
	"github.com/coreos/go-oidc":                "pkg/authz/oidc",
	"github.com/cedar-policy/cedar-go":         "pkg/authz/cedar",
	"github.com/rs/cors":                       "pkg/rpc",
	"github.com/abadojack/whatlanggo":          "pkg/search/words",
	"cel.dev/cel-go":                           "pkg/profile",
	"codeberg.org/go-pdf/fpdf":                 "pkg/handoff",
	"github.com/go-text/typesetting":           "pkg/handoff",
	"github.com/99designs/gqlgen":              "services/search-api/graphqlapi",
	"github.com/tus/tusd":                      "services/ingestor/upload",
}

// contracts are packages with implementations as children. The contract imports none of the children.
var contracts = []string{"pkg/encode", "pkg/events", "pkg/store", "pkg/search", "pkg/translate"}

// A file is a Go file built into Cinedex, with the file's imports.
type file struct {
	name    string // from the root
	pkg     string // the file's folder, from the root
	imports []string
}

// files reads the imports of every Go file of the module except tests, for all platforms and build tags.
func files(t *testing.T) []file {
	t.Helper()
	var out []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			base := d.Name()
			if name != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || slices.Contains([]string{"testdata", "node_modules", "tools", "bin", "dist"}, base)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f := file{name: filepath.ToSlash(rel), pkg: path.Dir(filepath.ToSlash(rel))}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imported)
		}
		out = append(out, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ours returns the package's folder if the package belongs to this module.
func ours(imported string) (string, bool) { return strings.CutPrefix(imported, module+"/") }

func within(pkg, tree string) bool { return pkg == tree || strings.HasPrefix(pkg, tree+"/") }

// layerOf returns the tree of layers that holds pkg.
func layerOf(pkg string) (string, bool) {
	for tree := range layers {
		if within(pkg, tree) {
			return tree, true
		}
	}
	return "", false
}

func TestImportsRunOneWay(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range files(t) {
		tree, ok := layerOf(f.pkg)
		if !ok {
			t.Errorf("%s is in no layer of this test's table", f.name)
			continue
		}
		seen[tree] = true
		for _, imported := range f.imports {
			pkg, ok := ours(imported)
			if !ok || within(pkg, tree) {
				continue
			}
			if !slices.ContainsFunc(layers[tree], func(allowed string) bool { return within(pkg, allowed) }) {
				t.Errorf("%s imports %s, which %s may not", f.name, pkg, tree)
			}
		}
	}
	if !seen["pkg/schema"] || !seen["pkg/errkind"] {
		t.Errorf("looked at %v only: is this the repository?", seen)
	}
}

func TestLibrariesHaveOneOwner(t *testing.T) {
	for _, f := range files(t) {
		for _, imported := range f.imports {
			for library, owner := range owners {
				if within(imported, library) && !within(f.pkg, owner) {
					t.Errorf("%s imports %s, which only %s may", f.name, imported, owner)
				}
			}
		}
	}
}

func TestContractsKnowNoImplementation(t *testing.T) {
	for _, f := range files(t) {
		if !slices.Contains(contracts, f.pkg) {
			continue
		}
		for _, imported := range f.imports {
			if pkg, ok := ours(imported); ok && within(pkg, f.pkg) {
				t.Errorf("%s imports %s, which implements it", f.name, pkg)
			}
		}
	}
}

// The command cannot import an internal package of a service.
func TestServicesHideNothing(t *testing.T) {
	for _, f := range files(t) {
		if within(f.pkg, "services") && slices.Contains(strings.Split(f.pkg, "/"), "internal") {
			t.Errorf("%s lies in an internal package, where cmd/cinedex cannot reach it", f.name)
		}
	}
}
