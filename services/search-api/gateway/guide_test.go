package gateway_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// guide returns the blocks of docs/guides/query-language.md in a language, and the whole page.
func guide(t *testing.T, language string) (blocks []string, page string) {
	t.Helper()
	b, err := os.ReadFile("../../../docs/guides/query-language.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(b), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks, string(b)
}

// examples is the library of the guide's examples.
func examples(t *testing.T) *gateway.Gateway {
	l := apitest.New(t)
	a := l.Add(apitest.Film{Title: "the-harbour", Name: "The Harbour",
		Shots: []apitest.Shot{{Seconds: 10, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 1}, {Seconds: 10, Colour: apitest.Green, Label: "dog", LabelConfidence: 1}},
		Lines: []apitest.Line{
			{From: 1, To: 3, Language: "en", Text: "Hello."}, {From: 4, To: 5, Language: "en", Text: "Goodbye, we have to go."},
			{From: 8, To: 12, Language: "en", Text: "Coffee, rain at night."},
		}})
	l.SawFaces(a, []apitest.Face{
		{From: 1, To: 9, Name: "Mara", Region: region(0.1, 0.2, 0.2, 0.3), Smiles: true, Count: 2},
		{From: 5, To: 7, Name: "Mara", Region: region(0.1, 0.2, 0.2, 0.3), Smiles: true, Count: 2},
		{From: 1, To: 9, Name: "Tobias", Region: region(0.6, 0.1, 0.3, 0.6), Count: 2},
	})
	return openWith(t, l, gateway.Default(), func(d *gateway.Deps) { d.Catalog = apitest.FacesCatalog() })
}

// TestGuide: every example of the guide is understood, means the same printed, and has a hit.
func TestGuide(t *testing.T) {
	g := examples(t)
	blocks, _ := guide(t, "query")
	n := 0
	lang := query.Language{Names: apitest.FacesCatalog().View(), Strict: true}
	for _, line := range strings.Fields(strings.ReplaceAll(strings.ReplaceAll(strings.Join(blocks, ""), " ", "\x00"), "\n", " ")) {
		line = strings.ReplaceAll(strings.ReplaceAll(line, "\x00", " "), "ASSET", apitest.AssetOf("the-harbour"))
		n++
		resp := ask(t, g, &pb.SearchRequest{Q: line})
		if len(resp.GetHits()) == 0 || len(resp.GetPartial()) > 0 {
			t.Errorf("%s: %d hits, %v", line, len(resp.GetHits()), resp.GetPartial())
		}
		q, f, err := lang.Parse(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		again, filter, err := lang.Parse(resp.GetQuery())
		if d := cmp.Diff(q, again, protocmp.Transform()) + cmp.Diff(f, filter, protocmp.Transform()); err != nil || d != "" {
			t.Errorf("%s is printed as %s: %v %s", line, resp.GetQuery(), err, d)
		}
	}
	if n < 25 {
		t.Errorf("the guide has %d examples", n)
	}
}

// TestGuideShortForms: the two columns of the short forms mean the same.
func TestGuideShortForms(t *testing.T) {
	lang := query.Language{Names: apitest.FacesCatalog().View(), Strict: true}
	for short, long := range map[string]string{
		`"good boy"`: `any.phrase:"good boy"`, `cof*`: `any.prefix:cof`, `dialogue:cof*`: `dialogue.prefix:cof`, `cofee~`: `any.fuzzy:cofee`,
		`dialogue:cofee~`: `dialogue.fuzzy:cofee`, `coffee -tea`: `coffee AND NOT any:tea`, `dialogue.exact:tea`: `dialogue.words:tea`,
	} {
		a, _, err := lang.Parse(short)
		b, _, err2 := lang.Parse(long)
		if d := cmp.Diff(a, b, protocmp.Transform()); err != nil || err2 != nil || d != "" {
			t.Errorf("%s and %s: %v %v %s", short, long, err, err2, d)
		}
	}
}

// TestGuideErrors: the errors of the guide are those of the service without further algorithms.
func TestGuideErrors(t *testing.T) {
	_, g := opened(t, harbour())
	blocks, _ := guide(t, "console")
	n := 0
	for _, m := range regexp.MustCompile(`\$ cinedex search '(.*)'\ncinedex: (.*)\n`).FindAllStringSubmatch(strings.Join(blocks, ""), -1) {
		n++
		if _, err := g.Search(t.Context(), everybody, line(m[1])); err == nil || err.Error() != m[2] {
			t.Errorf("%s: %v, want %s", m[1], err, m[2])
		}
	}
	if n < 5 {
		t.Errorf("the guide has %d errors", n)
	}
}

// TestGuideTree: the tree in JSON is the tree of the line above.
func TestGuideTree(t *testing.T) {
	blocks, page := guide(t, "json")
	got := &pb.Query{}
	if err := protojson.Unmarshal([]byte(blocks[0]), got); err != nil {
		t.Fatal(err)
	}
	_, tree, _ := strings.Cut(page, "## The tree")
	_, line, _ := strings.Cut(tree, "```query\n")
	line, _, _ = strings.Cut(line, "\n")
	want, _, err := query.Language{Names: apitest.FacesCatalog().View()}.Parse(line)
	if d := cmp.Diff(want, got, protocmp.Transform()); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
}

// TestGuideGrammar: the grammar of the guide is the grammar of package query.
func TestGuideGrammar(t *testing.T) {
	_, page := guide(t, "query")
	b, err := os.ReadFile("../../../pkg/query/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(page, "## Grammar\n\n```\n")
	grammar, _, _ := strings.Cut(rest, "```")
	if grammar == "" || !strings.Contains(strings.ReplaceAll(string(b), "//\t", ""), grammar) {
		t.Errorf("the guide has another grammar than pkg/query/doc.go:\n%s", grammar)
	}
}
