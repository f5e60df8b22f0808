package graphqlapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// MarshalWhole gives a large whole number as a string: JavaScript's numbers are exact up to
// 2^53 only, which is 147 days in flicks.
func MarshalWhole(n int64) graphql.Marshaler { return graphql.MarshalString(strconv.FormatInt(n, 10)) }

// UnmarshalWhole takes a whole number as a string or as an integer.
func UnmarshalWhole(v any) (int64, error) {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	case int64:
		return v, nil
	case int:
		return int64(v), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no whole number of 64 bits", fmt.Sprint(v))
	}
	return n, nil
}

// MarshalFloat32 writes a float with the digits of a float32.
func MarshalFloat32(f float32) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, strconv.FormatFloat(float64(f), 'g', -1, 32)) })
}

// UnmarshalFloat32 takes any number.
func UnmarshalFloat32(v any) (float32, error) {
	f, err := graphql.UnmarshalFloat(v)
	return float32(f), err
}

// MarshalBase64 gives bytes in the usual alphabet.
func MarshalBase64(b []byte) graphql.Marshaler {
	return graphql.MarshalString(base64.StdEncoding.EncodeToString(b))
}

var usualAlphabet = strings.NewReplacer("-", "+", "_", "/")

// UnmarshalBase64 accepts the same forms as the JSON API: both alphabets, padding or none.
func UnmarshalBase64(v any) ([]byte, error) {
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("want a string in base64, not %T", v)
	}
	b, err := base64.RawStdEncoding.DecodeString(usualAlphabet.Replace(strings.TrimRight(s, "=")))
	if err != nil {
		return nil, fmt.Errorf("no base64: %w", err) // the error names the byte
	}
	return b, nil
}

// MarshalAttributes gives values as the JSON API does.
func MarshalAttributes(m map[string]*pb.Value) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		out := make(map[string]json.RawMessage, len(m))
		for name, v := range m {
			b, err := protojson.Marshal(v)
			if err != nil { // no such value: text from protobuf is UTF-8
				b = []byte("null")
			}
			out[name] = b
		}
		_ = json.NewEncoder(w).Encode(out)
	})
}

// UnmarshalAttributes takes values as the JSON API does.
func UnmarshalAttributes(v any) (map[string]*pb.Value, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("want an object of attributes, not %T", v)
	}
	out := make(map[string]*pb.Value, len(m))
	for name, v := range m {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("attribute %.64q: %w", name, err)
		}
		value := &pb.Value{}
		if err := protojson.Unmarshal(b, value); err != nil {
			return nil, fmt.Errorf("attribute %.64q: want an object of one of text, number, flag, integer, texts and data", name)
		}
		out[name] = value
	}
	return out, nil
}

// MarshalNames gives an object of strings.
func MarshalNames(m map[string]string) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		if m == nil {
			m = map[string]string{}
		}
		_ = json.NewEncoder(w).Encode(m)
	})
}

// UnmarshalNames is for gqlgen alone: no input has such a field.
func UnmarshalNames(any) (map[string]string, error) {
	return nil, fmt.Errorf("no input has names")
}

var modes = map[pb.TextMode]string{
	pb.TextMode_TEXT_MODE_WORDS: "WORDS", pb.TextMode_TEXT_MODE_PHRASE: "PHRASE", pb.TextMode_TEXT_MODE_FUZZY: "FUZZY",
	pb.TextMode_TEXT_MODE_PREFIX: "PREFIX", pb.TextMode_TEXT_MODE_MEANING: "MEANING",
}

// MarshalTextMode writes a mode by name.
func MarshalTextMode(m pb.TextMode) graphql.Marshaler { return graphql.MarshalString(modes[m]) }

// UnmarshalTextMode reads a mode by name.
func UnmarshalTextMode(v any) (pb.TextMode, error) { return named(modes, v, "way to look for words") }

var relations = map[pb.Relation]string{
	pb.Relation_RELATION_OVERLAPS: "OVERLAPS", pb.Relation_RELATION_DURING: "DURING", pb.Relation_RELATION_STARTS_NEAR: "STARTS_NEAR",
	pb.Relation_RELATION_ENDS_NEAR: "ENDS_NEAR", pb.Relation_RELATION_LEFT_OF: "LEFT_OF", pb.Relation_RELATION_RIGHT_OF: "RIGHT_OF",
	pb.Relation_RELATION_ABOVE: "ABOVE", pb.Relation_RELATION_BELOW: "BELOW", pb.Relation_RELATION_INSIDE: "INSIDE",
	pb.Relation_RELATION_LARGER_THAN: "LARGER_THAN", pb.Relation_RELATION_SMALLER_THAN: "SMALLER_THAN",
}

// MarshalRelation gives a relation by its name.
func MarshalRelation(r pb.Relation) graphql.Marshaler { return graphql.MarshalString(relations[r]) }

// UnmarshalRelation takes a relation by its name.
func UnmarshalRelation(v any) (pb.Relation, error) { return named(relations, v, "relation") }

var states = map[pb.RunState]string{
	pb.RunState_RUN_STATE_UNSPECIFIED: "WAITING", pb.RunState_RUN_STATE_REQUESTED: "REQUESTED", pb.RunState_RUN_STATE_RUNNING: "RUNNING",
	pb.RunState_RUN_STATE_FINISHED: "FINISHED", pb.RunState_RUN_STATE_FAILED: "FAILED", pb.RunState_RUN_STATE_CANCELLED: "CANCELLED",
}

// MarshalRunState writes a run's state by name.
func MarshalRunState(s pb.RunState) graphql.Marshaler { return graphql.MarshalString(states[s]) }

// UnmarshalRunState reads a state by name.
func UnmarshalRunState(v any) (pb.RunState, error) { return named(states, v, "state of a run") }

var verdicts = map[pb.ClipVerdict]string{
	pb.ClipVerdict_CLIP_VERDICT_SAME: "SAME", pb.ClipVerdict_CLIP_VERDICT_FOUND_AGAIN: "FOUND_AGAIN", pb.ClipVerdict_CLIP_VERDICT_GONE: "GONE",
}

// MarshalClipVerdict gives a verdict by its name.
func MarshalClipVerdict(v pb.ClipVerdict) graphql.Marshaler {
	return graphql.MarshalString(verdicts[v])
}

// UnmarshalClipVerdict takes a verdict by its name.
func UnmarshalClipVerdict(v any) (pb.ClipVerdict, error) {
	return named(verdicts, v, "verdict of a re-run")
}

func named[T comparable](names map[T]string, v any, what string) (T, error) {
	for t, name := range names {
		if name == v {
			return t, nil
		}
	}
	var none T
	return none, fmt.Errorf("%.40q is no %s", fmt.Sprint(v), what)
}
