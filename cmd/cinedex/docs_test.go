package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cinedex/cinedex/config"
	"github.com/cinedex/cinedex/pkg/events/broker"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

var update = flag.Bool("update", false, "renew the table of keys in docs/guides/configuration.md")

const docsRoot = "../.."

func document(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(docsRoot, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// documents returns README, ARCHITECTURE and the like, and the guides.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/guides/*.md", "docs/benchmarks/*.md", "docs/adr/*.md"} {
		names, err := filepath.Glob(filepath.Join(docsRoot, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			rel, _ := filepath.Rel(docsRoot, n)
			out[rel] = document(t, rel)
		}
	}
	return out
}

// Each command in a document exists, with its flags.
func TestDocumentedCommands(t *testing.T) {
	// A command stands at the beginning of a line of a block, after a prompt or after a pipe, or is code within a sentence.
	typed := regexp.MustCompile("(?m)(?:^\\$ |^|`|\\| ?)(?:bin/)?cinedex((?: [^\n`|]*(?:\\\\\n[^\n`|]*)*)?)")
	block := regexp.MustCompile("(?ms)^```(?:sh|console)\n(.*?)^```|`cinedex [^`\n]+`")
	seen := 0
	for name, text := range documents(t) {
		for _, code := range block.FindAllString(text, -1) {
			for _, m := range typed.FindAllStringSubmatch(code, -1) {
				words := shellWords(strings.ReplaceAll(m[1], "\\\n", " "))
				if len(words) == 0 {
					continue
				}
				seen++
				cmd, rest, err := newRoot(os.Stdout, os.Stderr).Find(words)
				if err != nil || cmd.Name() == "cinedex" && !strings.HasPrefix(words[0], "-") {
					t.Errorf("%s: cinedex%s: no such command", name, m[1])
					continue
				}
				if err := parses(cmd, rest); err != nil {
					t.Errorf("%s: cinedex%s: %v", name, m[1], err)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("found %d commands in the documents; are they written otherwise now?", seen)
	}
}

// parses checks flags without running anything; the arguments of a usage line may be names.
func parses(cmd *cobra.Command, args []string) error {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {}) // persistent flags are merged when they are asked for
	cmd.InheritedFlags()
	for _, a := range args {
		if !strings.HasPrefix(a, "-") || a == "-" {
			continue
		}
		n, _, _ := strings.Cut(strings.TrimLeft(a, "-"), "=")
		f := cmd.Flags().Lookup(n)
		if f == nil {
			f = cmd.InheritedFlags().Lookup(n)
		}
		if f == nil && len(n) == 1 {
			f = cmd.Flags().ShorthandLookup(n)
		}
		if f == nil && n != "help" && n != "version" {
			return fmt.Errorf("no flag %s", a)
		}
	}
	return nil
}

// shellWords divides a line as a shell would, as far as the documents need.
func shellWords(line string) (words []string) {
	var w strings.Builder
	var quote rune
	begun := false
	for _, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				w.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, begun = r, true
		case r == '#' && !begun:
			return words
		case r == ' ' || r == '\n':
			if begun {
				words = append(words, w.String())
			}
			w.Reset()
			begun = false
		case strings.ContainsRune("&;)", r):
			if begun {
				words = append(words, w.String())
			}
			return words
		default:
			w.WriteRune(r)
			begun = true
		}
	}
	if begun {
		words = append(words, w.String())
	}
	return words
}

// The examples of docs/guides/json.md are outputs of the commands: each example decodes into the command's own type
// without an unknown field, and has every field of the type.
func TestDocumentedJSON(t *testing.T) {
	shapes := map[string]any{
		"search":                     &pb.SearchResponse{},
		"recommend":                  &pb.RecommendResponse{},
		"forget":                     &pb.ForgetResponse{},
		"status":                     &jsonStatus{},
		"algorithms":                 &struct{ Algorithms []jsonAlgorithm }{},
		"leaves":                     &jsonCatalog{},
		"models list, models verify": &struct{ Models []jsonModel }{},
		"dead-letters list, dead-letters show": &struct {
			Letters []jsonLetter `json:"dead_letters"`
		}{},
		"topics plan, topics apply": &jsonTopicPlan{},
		"runs list": &struct {
			Runs   []jsonListedRun
			Cursor string
		}{},
		"calibrate":    &jsonCalibration{},
		"runs compare": &jsonComparison{},
		"replay, runs activate, runs rollback, runs gc, rebuild, verify, repair, batch submit": &jobJSON{},
		"jobs list":  &struct{ Jobs []jobEntry }{},
		"jobs kinds": &struct{ Kinds []jsonKind }{},
		"lag":        &struct{ Lags []jsonLag }{},
		"batch get": &struct {
			Batch string
			Files []jsonResultFile
		}{},
		"doctor":                &struct{ Findings []finding }{},
		"log check, log repair": &struct{ Damages []broker.Damage }{},
	}
	sections := strings.Split(document(t, "docs/guides/json.md"), "\n## ")
	block := regexp.MustCompile("(?s)```json\n(.*?)```")
	for title, shape := range shapes {
		found := false
		for _, s := range sections {
			if head, body, _ := strings.Cut(s, "\n"); head == title {
				example := block.FindStringSubmatch(body)
				if example == nil {
					break
				}
				found = true
				if m, ok := shape.(proto.Message); ok {
					checkMessage(t, title, m, example[1])
					continue
				}
				d := json.NewDecoder(strings.NewReader(example[1]))
				d.DisallowUnknownFields()
				if err := d.Decode(shape); err != nil {
					t.Errorf("%s: %v", title, err)
				}
				var has any
				if err := json.Unmarshal([]byte(example[1]), &has); err != nil {
					t.Fatal(err)
				}
				untold(t, title, reflect.TypeOf(shape).Elem(), has)
			}
		}
		if !found {
			t.Errorf("docs/guides/json.md has no example of %s", title)
		}
	}
}

// checkMessage reports the fields of an example that the message lacks, and the fields of the message that the example
// lacks.
func checkMessage(t *testing.T, title string, m proto.Message, example string) {
	t.Helper()
	if err := schema.UnmarshalStrictJSON([]byte(example), m); err != nil {
		t.Errorf("%s: %v", title, err)
		return
	}
	var compare func(at string, m protoreflect.Message)
	compare = func(at string, m protoreflect.Message) {
		for i := range m.Descriptor().Fields().Len() {
			f := m.Descriptor().Fields().Get(i)
			v := m.Get(f)
			switch {
			case f.HasPresence() && !m.Has(f), f.IsList() && v.List().Len() == 0:
				t.Errorf("%s: the example has no %s", at, f.Name())
			case f.IsList() && f.Message() != nil:
				for j := range v.List().Len() {
					compare(at+"."+string(f.Name()), v.List().Get(j).Message())
				}
			case f.Message() != nil:
				compare(at+"."+string(f.Name()), v.Message())
			case !strings.Contains(example, `"`+string(f.Name())+`"`):
				t.Errorf("%s: the example has no %s", at, f.Name())
			}
		}
	}
	compare(title, m.ProtoReflect())
}

// untold reports the fields of a type that a value does not have.
func untold(t *testing.T, at string, typ reflect.Type, value any) {
	t.Helper()
	switch typ.Kind() {
	case reflect.Slice:
		list, _ := value.([]any)
		if len(list) == 0 && typ.Elem().Kind() == reflect.Struct {
			t.Errorf("%s: the example is empty", at)
		}
		for _, v := range list {
			untold(t, at, typ.Elem(), v)
		}
	case reflect.Struct:
		if typ == reflect.TypeFor[time.Time]() {
			return
		}
		m, _ := value.(map[string]any)
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Anonymous {
				untold(t, at, f.Type, value)
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				name = strings.ToLower(f.Name)
			}
			v, ok := m[name]
			if !ok {
				t.Errorf("%s: the example does not tell of %s", at, name)
				continue
			}
			untold(t, at+"."+name, f.Type, v)
		}
	}
}

// Empty lists are lists.
func TestJSONHasNoNull(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := newRoot(w, os.Stderr)
	c.SetArgs([]string{"algorithms", "--json"})
	if err := c.Execute(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "null") {
		t.Errorf("null where a list is promised: %s", b.String())
	}
}

// Variables in a guide other than settings keep no process from starting.
func TestDocumentedVariables(t *testing.T) {
	_, section, _ := strings.Cut(document(t, "docs/guides/configuration.md"), "## Variables that are no settings")
	section, _, _ = strings.Cut(section, "\n## ")
	names := regexp.MustCompile("`(CINEDEX_[A-Z_]+)`").FindAllStringSubmatch(section, -1)
	if len(names) < 5 {
		t.Fatalf("found %d variables", len(names))
	}
	for _, n := range names {
		t.Run(n[1], func(t *testing.T) {
			t.Setenv(n[1], "x")
			cfg := defaultUp(t.TempDir())
			if err := config.Load(&cfg, "", nil); err != nil {
				t.Error(err)
			}
		})
	}
}

const keysBegin, keysEnd = "<!-- keys: written by go test ./cmd/cinedex -run Configuration -update -->\n", "<!-- end of keys -->"

// The table of keys in docs/guides/configuration.md lists the keys of the code, in the words of the code's comments.
func TestConfigurationIsDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("| key | default | |\n|---|---|---|\n")
	cfg := defaultUp("HOME")
	writeKeys(t, &b, &cfg)
	name := "docs/guides/configuration.md"
	text := document(t, name)
	before, rest, ok := strings.Cut(text, keysBegin)
	_, after, ok2 := strings.Cut(rest, keysEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no table of keys between its two comments", name)
	}
	want := before + keysBegin + b.String() + keysEnd + after
	if want == text {
		return
	}
	if !*update {
		t.Fatalf("the keys in %s are not those of the code; renew them: go test ./cmd/cinedex -run Configuration -update", name)
	}
	if err := os.WriteFile(filepath.Join(docsRoot, name), []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// writeKeys writes a row for each key of a configuration, as config.Load registers the keys.
func writeKeys(t *testing.T, b *strings.Builder, cfg any) {
	t.Helper()
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	comments := map[reflect.Type]map[string]string{}
	for _, s := range config.Settings(cfg) {
		if comments[s.Struct] == nil {
			comments[s.Struct] = fieldComments(t, s.Struct)
		}
		def := fmt.Sprint(s.Value.Interface())
		if list, ok := s.Value.Interface().([]string); ok {
			def = strings.Join(list, ",")
		}
		if def = strings.ReplaceAll(def, cwd+string(filepath.Separator), ""); def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", s.Key, def, strings.ReplaceAll(comments[s.Struct][s.Field], "|", "\\|"))
	}
}

// fieldComments reads the comments of a struct's fields; a comment above several fields belongs to the first field.
func fieldComments(t *testing.T, typ reflect.Type) map[string]string {
	t.Helper()
	dir := filepath.Join(docsRoot, strings.TrimPrefix(typ.PkgPath(), "github.com/cinedex/cinedex/"))
	if typ.PkgPath() == "main" || strings.HasSuffix(typ.PkgPath(), "cmd/cinedex") {
		dir = "."
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.TypeSpec)
			if !ok || s.Name.Name != typ.Name() {
				return true
			}
			st, ok := s.Type.(*ast.StructType)
			if !ok {
				return false
			}
			for _, field := range st.Fields.List {
				for _, id := range field.Names {
					out[id.Name] = strings.Join(strings.Fields(field.Doc.Text()+" "+field.Comment.Text()), " ")
				}
			}
			return false
		})
	}
	return out
}
