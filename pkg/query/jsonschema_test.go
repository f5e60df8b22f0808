package query_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"google.golang.org/protobuf/encoding/protojson"
	"pgregory.net/rapid"
)

// TestJSONSchema: docs/query.schema.json accepts the JSON form of every query, and refuses fields and nodes that do not exist.
func TestJSONSchema(t *testing.T) {
	b, err := os.ReadFile("../../docs/query.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("query.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("query.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(in []byte) error {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(in))
		if err != nil {
			return err
		}
		return schema.Validate(v)
	}
	rapid.Check(t, func(t *rapid.T) {
		q := genQuery(t, 3)
		if lang.Validate(q) != nil {
			t.Skip("not a query")
		}
		in, err := protojson.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(in); err != nil {
			t.Fatalf("%s: %v", in, err)
		}
	})
	for _, wrong := range []string{`{}`, `[]`, `{"leaf":{"kind":"dialogue","txt":"coffee"}}`, `{"leaf":{"kind":"a"},"not":{}}`, `{"nor":{}}`,
		`{"then":{"left":{"leaf":{}},"right":{},"gap":"soon"}}`, `{"related":{"relation":"BESIDE"}}`, `{"atLeast":{"count":"two"}}`} {
		if err := check([]byte(wrong)); err == nil {
			t.Errorf("%s is accepted", wrong)
		}
	}
}
