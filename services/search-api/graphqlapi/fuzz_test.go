package graphqlapi

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The forms in which a tree comes.
const (
	binaryForm = iota
	jsonForm
	graphqlForm
	forms
)

// FuzzTree reads a tree in each of the forms. A tree that Validate accepts is the same tree after printing and parsing.
func FuzzTree(f *testing.F) {
	known, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		f.Fatal(err)
	}
	lang := query.Language{Names: known.View()}
	for _, line := range []string{
		`dialogue:"x" AND look:"y" WITHIN 5s`, `a THEN b WITHIN 1s OVERLAPS c`, `AT LEAST 2 OF (a, "b c", label:dog)`, `x NEAR CUT WITHIN 1s AND NOT (y OR z)`,
		`label[confidence>=0.5,lang=(en,de),region inside 0,0,1,1]:dog^2`, `"a b"~3 c*`, `d~ STARTS NEAR e WITHIN 1ms`,
	} {
		q, _, err := lang.Parse(line)
		if err != nil {
			f.Fatalf("%s: %v", line, err)
		}
		binary, err := proto.Marshal(q)
		if err != nil {
			f.Fatal(err)
		}
		text, err := schema.MarshalJSON(q)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(binaryForm), binary)
		f.Add(uint8(jsonForm), text)
	}
	for _, tree := range []string{
		`{"leaf":{"kind":"dialogue","text":"lamp","mode":"phrase","slop":2,"languages":["en"],"weight":2}}`,
		`{"then":{"left":{"leaf":{"kind":"label","text":"dog"}},"right":{"leaf":{"kind":"dialogue","text":"run"}},"gap":705600000}}`,
		`{"atLeast":{"count":1,"queries":[{"leaf":{"kind":"label","text":"a","attributes":{"b":{"integer":1}}}},{"not":{"leaf":{"kind":"any","text":"c"}}}]}}`,
		`{"nearCut":{"query":{"leaf":{"kind":"label","text":"a","regions":[{"relation":"INSIDE","region":{"x":0,"y":0,"w":1,"h":1}}],"ranges":[{"name":"n","min":1}]}},"gap":1}}`,
	} {
		f.Add(uint8(graphqlForm), []byte(tree))
	}
	f.Fuzz(func(t *testing.T, form uint8, in []byte) {
		q := treeOf(t, form%forms, in)
		if q == nil {
			return
		}
		if err := lang.Validate(q); err != nil {
			if !errkind.Is(err, errkind.Invalid) {
				t.Fatalf("validating: %v, want Invalid", err)
			}
			return
		}
		line := lang.Print(q, nil)
		again, filter, err := lang.Parse(line)
		if err != nil {
			t.Fatalf("printed as %q: %v", line, err)
		}
		if d := cmp.Diff(q, again, protocmp.Transform()); d != "" || filter != nil {
			t.Fatalf("printed as %q, which reads as another query, with filter %v: %s", line, filter, d)
		}
	})
}

// treeOf reads a tree as the doors do; nil for no tree.
func treeOf(t *testing.T, form uint8, in []byte) *pb.Query {
	t.Helper()
	q := &pb.Query{}
	switch form {
	case binaryForm:
		if (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(in, q) != nil { // fields of a later version are passed over
			return nil
		}
	case jsonForm:
		if protojson.Unmarshal(in, q) != nil {
			return nil
		}
	case graphqlForm:
		return graphqlTree(t, in)
	}
	return q
}

func graphqlTree(t *testing.T, in []byte) *pb.Query {
	t.Helper()
	var given any
	if schema.CheckJSON(in) != nil || json.Unmarshal(in, &given) != nil {
		return nil
	}
	s := NewExecutableSchema(Config{}).Schema()
	document, errs := gqlparser.LoadQueryWithRules(s, `query ($q: QueryInput!) { search(query: $q) { tookMs } }`, rules.NewDefaultRules())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	values, err := validator.VariableValues(s, document.Operations[0], map[string]any{"q": given})
	if err != nil {
		return nil
	}
	input, err := (&executionContext{}).unmarshalInputQueryInput(t.Context(), values["q"])
	if err != nil {
		return nil
	}
	q, err := input.message("query")
	if err != nil && !errkind.Is(err, errkind.Invalid) {
		t.Fatalf("%v, want Invalid", err)
	}
	return q
}
