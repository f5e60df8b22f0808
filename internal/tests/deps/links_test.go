package deps

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// linksNot are the libraries that a program must not link, by prefix. A main chooses its implementations; whatever the
// main does not choose stays out of the program.
var linksNot = map[string][]string{
	"services/ingestor": {
		module + "/pkg/search/embedded", module + "/pkg/search/opensearch", module + "/pkg/algo/builtin", module + "/pkg/model/onnx", module + "/pkg/store/pebblestore",
		"github.com/blevesearch", "github.com/opensearch-project", "github.com/yalue/onnxruntime_go", "github.com/cockroachdb/pebble", "github.com/99designs/gqlgen", "github.com/twmb/franz-go",
		// The library calls methods by name, so the linker keeps every method of every library.
		"github.com/json-iterator/go",
	},
	"services/algo-runner": {module + "/pkg/search/embedded", module + "/pkg/search/opensearch", "github.com/blevesearch", "github.com/opensearch-project", "github.com/cockroachdb/pebble", "github.com/99designs/gqlgen"},
	"services/indexer":     {module + "/pkg/search/embedded", "github.com/cockroachdb/pebble", "gocloud.dev/blob/s3blob", "github.com/99designs/gqlgen", module + "/services/operator"},
	"services/operator":    {module + "/pkg/search/embedded", "github.com/cockroachdb/pebble", "github.com/99designs/gqlgen", module + "/services/indexer"},
	"services/search-api":  {module + "/pkg/search/embedded", "github.com/cockroachdb/pebble", module + "/services/operator"},
}

func TestProgramsLinkWhatTheyChose(t *testing.T) {
	for program, not := range linksNot {
		out, err := exec.Command("go", "list", "-deps", module+"/"+program).Output()
		if err != nil {
			t.Fatalf("listing %s: %v", program, err)
		}
		linked := strings.Fields(string(out))
		if !slices.Contains(linked, module+"/pkg/platform") {
			t.Fatalf("%s links no platform: %d packages are listed", program, len(linked))
		}
		for _, pkg := range linked {
			if i := slices.IndexFunc(not, func(library string) bool { return within(pkg, library) }); i >= 0 {
				t.Errorf("%s links %s, and was to do without %s", program, pkg, not[i])
			}
		}
	}
}
