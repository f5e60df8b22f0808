package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// fillAll gives every field of a message a different value, and every list an element.
func fillAll(m protoreflect.Message, next *int) {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		value := func() protoreflect.Value {
			*next++
			switch f.Kind() {
			case protoreflect.StringKind:
				return protoreflect.ValueOfString(fmt.Sprintf("<%d>&", *next))
			case protoreflect.BoolKind:
				return protoreflect.ValueOfBool(true)
			case protoreflect.Int32Kind:
				return protoreflect.ValueOfInt32(int32(*next))
			case protoreflect.Int64Kind:
				return protoreflect.ValueOfInt64(int64(*next) << 40)
			case protoreflect.FloatKind:
				return protoreflect.ValueOfFloat32(float32(*next) + 0.1)
			case protoreflect.DoubleKind:
				return protoreflect.ValueOfFloat64(float64(*next) + 0.1)
			}
			panic(fmt.Sprintf("%s: fillAll knows no value of kind %s", f.FullName(), f.Kind()))
		}
		switch {
		case f.IsList() && f.Message() != nil:
			fillAll(m.Mutable(f).List().AppendMutable().Message(), next)
		case f.IsList():
			m.Mutable(f).List().Append(value())
		case f.Message() != nil:
			fillAll(m.Mutable(f).Message(), next)
		default:
			m.Set(f, value())
		}
	}
}

// Every field of an answer is printed, under the field's own name and with the value.
func TestAnswerHasEveryField(t *testing.T) {
	var full pb.SearchResponse
	fillAll(full.ProtoReflect(), new(int))
	for name, want := range map[string]*pb.SearchResponse{"full": &full, "empty": {Hits: []*pb.Hit{{Evidence: []*pb.Evidence{{}}}}}} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := writeJSON(&out, object{want.ProtoReflect(), ""}); err != nil {
				t.Fatal(err)
			}
			var got pb.SearchResponse
			if err := schema.UnmarshalStrictJSON(out.Bytes(), &got); err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			if !proto.Equal(&got, want) {
				t.Errorf("printed %s\nread   %v\nwanted %v", out.String(), &got, want)
			}
			if strings.Contains(out.String(), "null") || strings.Count(out.String(), "\n") != 1 {
				t.Errorf("not one line without null: %s", out.String())
			}
		})
	}
}

// The command's JSON keeps its form: numbers are numbers, some empty texts are missing, and paths are addresses.
func TestAnswerForm(t *testing.T) {
	r := &pb.SearchResponse{Query: "a<b", TookMs: 1.5, Hits: []*pb.Hit{{Title: "t", StartFrame: 10, Confidence: 0.1, Thumbnail: "/thumbnails/0.jpg", Evidence: []*pb.Evidence{{Leaf: "any"}}}}}
	var out bytes.Buffer
	if err := writeJSON(&out, object{r.ProtoReflect(), "http://h"}); err != nil {
		t.Fatal(err)
	}
	const want = `{"query":"a<b","took_ms":1.5,"partial":[],"hits":[{"title":"t","title_name":"","asset":"","start_frame":10,"end_frame":0,` +
		`"start_timecode":"","end_timecode":"","start_ms":0,"end_ms":0,"start":0,"end":0,"score":0,"confidence":0.1,"text":"","language":"","character":"",` +
		`"thumbnail":"http://h/thumbnails/0.jpg","media":"","evidence":[{"leaf":"any","algorithm":"","version":"","run":"","ordinal":0,"kind":"","score":0,` +
		`"rank":0,"start":0,"end":0,"by":""}],"marks":[],"credit":"","folded":0,"lines":[],"near":false}],"no_good_match":false,"groups":[],"ran":[],"did_you_mean":[],"profile":"","facets":[],"unseen_titles":0}` + "\n"
	if out.String() != want {
		t.Errorf("got  %s\nwant %s", out.String(), want)
	}
}
