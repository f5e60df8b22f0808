package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"google.golang.org/protobuf/proto"
)

func TestJSONBothWays(t *testing.T) {
	for _, m := range []proto.Message{someArrival(), someAsset(), someRequest(), someFinish(), someAnnotations(), someEmbeddings()} {
		b, err := schema.MarshalJSON(m)
		if err != nil {
			t.Fatal(err)
		}
		for name, unmarshal := range map[string]func([]byte, proto.Message) error{"strict": schema.UnmarshalStrictJSON, "lenient": schema.UnmarshalJSON} {
			got := m.ProtoReflect().New().Interface()
			if err := unmarshal(b, got); err != nil || !proto.Equal(got, m) {
				t.Errorf("%s: %s came back as %v, %v", name, b, got, err)
			}
		}
		again, err := schema.MarshalJSON(proto.Clone(m))
		if err != nil || string(again) != string(b) {
			t.Errorf("equal messages give %s and %s, %v", b, again, err)
		}
		if strings.ContainsAny(string(b), "\n\t") || strings.Contains(string(b), `": `) {
			t.Errorf("white space in %s", b)
		}
	}
}

func TestStrictJSONNamesTheField(t *testing.T) {
	for _, c := range []struct {
		name, in, field, problem string
	}{
		{"misspelt", `{"titel":{"id":"x"}}`, "titel", `unknown field "titel"; the fields here are title, url,`},
		{"misspelt below", `{"title":{"id":"x","nmae":"y"}}`, "title.nmae", `unknown field "nmae"; the fields here are id, name,`},
		{"misspelt in a list", `{"text":[{"url":"a"},{"lang":"en"}]}`, "text[1].lang", "unknown field"},
		{"misspelt in a map", `{"attributes":{"k":{"txt":"en"}}}`, `attributes["k"].txt`, "unknown field"},
		{"number for a string", `{"url":3}`, "url", "must be a string"},
		{"object for a string", `{"title":{"id":{}}}`, "title.id", "must be a string"},
		{"string for an object", `{"title":"x"}`, "title", "must be an object"},
		{"object for a list", `{"text":{}}`, "text", "must be a list"},
		{"string in a list of objects", `{"text":["a.srt"]}`, "text[0]", "must be an object"},
		{"list for a map", `{"attributes":[]}`, "attributes", "must be an object"},
		{"word for a number", `{"title":{"season":"two"}}`, "title.season", "must be a whole number of 32 bits"},
		{"fraction for a whole number", `{"title":{"season":1.5}}`, "title.season", "must be a whole number"},
		{"too large", `{"title":{"season":2147483648}}`, "title.season", "must be a whole number of 32 bits"},
		{"word for a flag", `{"attributes":{"k":{"flag":"yes"}}}`, `attributes["k"].flag`, "must be true or false"},
		{"not base64", `{"attributes":{"k":{"data":"?"}}}`, `attributes["k"].data`, "base64"},
		{"number in a list of strings", `{"attributes":{"k":{"texts":{"values":["a",1]}}}}`, `attributes["k"].texts.values[1]`, "must be a string"},
		{"a list at the top", `[]`, "", "must be an object"},
		{"nothing", ` `, "", "it is empty"},
		{"no JSON", `title: x`, "", "it is not JSON"},
		{"cut short", `{"title":{`, "", "ends too early"},
		{"not utf-8", "{\"url\":\"\xff\"}", "", "not UTF-8"},
		{"given twice", `{"url":"a","url":"b"}`, "", `duplicate field "url"`},
		{"two of a oneof", `{"attributes":{"k":{"flag":true,"text":"x"}}}`, "", "oneof"},
		{"bytes behind", `{"url":"a"} {}`, "", "unexpected token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := schema.UnmarshalStrictJSON([]byte(c.in), &cinedexv1.MediaArrived{})
			if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.problem) {
				t.Fatalf("%v; want an error of kind invalid with %q", err, c.problem)
			}
			var fields schema.FieldErrors
			if errors.As(err, &fields); c.field != "" && (len(fields) != 1 || fields[0].Field != c.field) {
				t.Errorf("%v blames %v, want %s", err, fields, c.field)
			}
		})
	}
	if err := schema.UnmarshalStrictJSON([]byte(`{"run":{"state":"DONE"}}`), &cinedexv1.RunFinished{}); err == nil || !strings.Contains(err.Error(), "run.state: must be one of RUN_STATE_UNSPECIFIED, ") {
		t.Errorf("unknown state: %v", err)
	}
}

func TestJSONAsPeopleWriteIt(t *testing.T) {
	// Names of the .proto are taken too, numbers of 64 bits with or without quotes, and null for nothing.
	in := `{"asset":{"size_bytes":5,"duration":"705600000","eidrEdit":null,"video":{"start_timecode":"01:00:00:00"}}}`
	want := &cinedexv1.MediaReady{Asset: &cinedexv1.Asset{SizeBytes: 5, Duration: 705600000, Video: &cinedexv1.VideoTrack{StartTimecode: "01:00:00:00"}}}
	got := &cinedexv1.MediaReady{}
	if err := schema.UnmarshalStrictJSON([]byte(in), got); err != nil || !proto.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestLenientJSONPassesOverWhatIsNew(t *testing.T) {
	got := &cinedexv1.RunFinished{}
	if err := schema.UnmarshalJSON([]byte(`{"run":{"id":"x","of_next_year":[1,{}]},"more":true}`), got); err != nil || got.GetRun().GetId() != "x" {
		t.Errorf("%v, %v", got, err)
	}
	var fields schema.FieldErrors
	err := schema.UnmarshalJSON([]byte(`{"more":true,"run":{"id":1}}`), got)
	if !errors.As(err, &fields) || fields[0].Field != "run.id" {
		t.Errorf("a wrong field beside a new one: %v", err)
	}
}

func FuzzUnmarshalStrictJSON(f *testing.F) {
	for _, s := range []string{`{"title":{"id":"x"},"url":"file:///a"}`, `{"attributes":{"k":{"texts":{"values":[1]}}}}`, `{"text":[null]}`, `{"a":`, `null`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &cinedexv1.MediaArrived{}
		err := schema.UnmarshalStrictJSON(b, m)
		if err != nil {
			if !errkind.Is(err, errkind.Invalid) {
				t.Fatalf("%q: %v is of kind %v", b, err, errkind.Of(err))
			}
			return
		}
		if err := schema.Validate(m); err != nil && !errkind.Is(err, errkind.Invalid) {
			t.Fatalf("%q: %v is of kind %v", b, err, errkind.Of(err))
		}
		out, err := schema.MarshalJSON(m)
		if err != nil {
			t.Fatal(err)
		}
		again := &cinedexv1.MediaArrived{}
		if err := schema.UnmarshalStrictJSON(out, again); err != nil || !proto.Equal(m, again) {
			t.Fatalf("%q gave %s, which reads as %v, %v", b, out, again, err)
		}
	})
}
