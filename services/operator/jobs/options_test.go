package jobs

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func text(s string) *pb.Value    { return &pb.Value{Kind: &pb.Value_Text{Text: s}} }
func number(n float64) *pb.Value { return &pb.Value{Kind: &pb.Value_Number{Number: n}} }
func integer(n int64) *pb.Value  { return &pb.Value{Kind: &pb.Value_Integer{Integer: n}} }
func flag(b bool) *pb.Value      { return &pb.Value{Kind: &pb.Value_Flag{Flag: b}} }
func texts(s ...string) *pb.Value {
	return &pb.Value{Kind: &pb.Value_Texts{Texts: &pb.StringList{Values: s}}}
}

// Options are read by their types; a value of another type, an unknown option and too many bytes are refused with the name of the option.
func TestOptions(t *testing.T) {
	k := &Kind{Name: "stamp", Options: []Option{
		{Name: "ink", Type: Text, Default: "blue"}, {Name: "rate", Type: Number}, {Name: "dry", Type: Flag}, {Name: "copies", Type: Integer}, {Name: "on", Type: Texts},
	}}
	for name, c := range map[string]struct {
		given map[string]*pb.Value
		want  map[string]*pb.Value
		says  string
	}{
		"defaults": {nil, map[string]*pb.Value{"ink": text("blue")}, ""},
		"texts of every type": {
			map[string]*pb.Value{"ink": text("red"), "rate": text("2.5"), "dry": text("true"), "copies": text("3"), "on": text("a,b")},
			map[string]*pb.Value{"ink": text("red"), "rate": number(2.5), "dry": flag(true), "copies": integer(3), "on": texts("a", "b")}, "",
		},
		"values of every type": {
			map[string]*pb.Value{"ink": text(""), "rate": integer(2), "dry": flag(false), "copies": integer(-1), "on": texts("a")},
			map[string]*pb.Value{"ink": text(""), "rate": number(2), "dry": flag(false), "copies": integer(-1), "on": texts("a")}, "",
		},
		"a number for a whole number": {map[string]*pb.Value{"copies": number(1)}, nil, "task.options.copies"},
		"no number":                   {map[string]*pb.Value{"rate": number(math.NaN())}, nil, "task.options.rate"},
		"the text of no number":       {map[string]*pb.Value{"rate": text("Inf")}, nil, `task.options.rate: "Inf" is given; want a number`},
		"no flag":                     {map[string]*pb.Value{"dry": text("perhaps")}, nil, "want true or false"},
		"bytes":                       {map[string]*pb.Value{"ink": {Kind: &pb.Value_Data{Data: []byte("x")}}}, nil, "task.options.ink"},
		"no value":                    {map[string]*pb.Value{"ink": {}}, nil, "task.options.ink"},
		"a long text":                 {map[string]*pb.Value{"ink": text(strings.Repeat("a", maxOption+1))}, nil, "at most 4096 bytes"},
		"many texts":                  {map[string]*pb.Value{"on": texts(slices.Repeat([]string{"0123456789"}, maxOptions/10)...)}, nil, "want at most 65536"},
		"an unknown option":           {map[string]*pb.Value{"size": integer(1)}, nil, `has no option "size"; there are: ink, rate, dry, copies, on`},
	} {
		got, err := k.values(c.given)
		if c.says != "" {
			if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want %q", name, err, c.says)
			}
			continue
		}
		if err != nil || !proto.Equal(&pb.Task{Options: got}, &pb.Task{Options: c.want}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// A Task for a kind with a message of its own becomes the message, and the same job as the message.
func TestTaskBecomesTheMessage(t *testing.T) {
	plan := func(context.Context, *pb.Job) (*Plan, error) { return &Plan{Total: 1}, nil }
	do := func(context.Context, *Work) error { return nil }
	all := []Kind{
		{Name: "verify", Role: authz.Operator, Selects: true, Field: "verify", Fixed: map[string]bool{"repair": false}, Options: []Option{{Name: "deep", Type: Flag}}, Plan: plan, Do: do},
		{Name: "repair", Role: authz.Operator, Selects: true, Field: "verify", Fixed: map[string]bool{"repair": true}, Plan: plan, Do: do},
		{Name: "batch", Role: authz.Batch, Selects: true, Field: "batch", Options: []Option{{Name: "formats", Type: Texts}, {Name: "embeddings", Type: Flag}}, Plan: plan, Do: do},
	}
	byName, err := check(all)
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{kinds: byName}
	sel := &pb.Selection{Titles: []string{"harbour"}}
	for name, c := range map[string]struct{ task, message *pb.Job }{
		"verify": {
			&pb.Job{Kind: "verify", Work: &pb.Job_Task{Task: &pb.Task{Selection: sel, Options: map[string]*pb.Value{"deep": text("true")}}}},
			&pb.Job{Work: &pb.Job_Verify{Verify: &pb.Verify{Selection: sel, Deep: true}}},
		},
		"repair": {
			&pb.Job{Kind: "repair", Work: &pb.Job_Task{Task: &pb.Task{Selection: sel}}},
			&pb.Job{Work: &pb.Job_Verify{Verify: &pb.Verify{Selection: sel, Repair: true}}},
		},
		"batch": {
			&pb.Job{Kind: "batch", Work: &pb.Job_Task{Task: &pb.Task{Selection: sel, Options: map[string]*pb.Value{"formats": text("jsonl,parquet"), "embeddings": flag(true)}}}},
			&pb.Job{Kind: "batch", Work: &pb.Job_Batch{Batch: &pb.Batch{Selection: sel, Formats: []string{"jsonl", "parquet"}, Embeddings: true}}},
		},
	} {
		var ids [2]string
		for i, asked := range []*pb.Job{c.task, c.message} {
			k, err := s.kindOf(asked)
			if err != nil || k.Name != name {
				t.Fatalf("%s: of kind %v, %v", name, k, err)
			}
			j, err := k.stored(authz.NewCaller("op", []string{"*"}, authz.Operator), asked)
			if err != nil {
				t.Fatal(err)
			}
			if ids[i], err = k.identity(j); err != nil {
				t.Fatal(err)
			}
		}
		if ids[0] != ids[1] || ids[0] == "" {
			t.Errorf("%s: the task is job %s, the message job %s", name, ids[0], ids[1])
		}
	}
	for name, asked := range map[string]*pb.Job{
		"no work":                 {},
		"another kind":            {Kind: "repair", Work: &pb.Job_Verify{Verify: &pb.Verify{}}},
		"a kind that is not here": {Work: &pb.Job_Replay{Replay: &pb.Replay{}}},
		"an unknown kind":         {Kind: "nothing", Work: &pb.Job_Task{Task: &pb.Task{}}},
	} {
		if k, err := s.kindOf(asked); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
}

// Kinds that cannot work are refused at the start.
func TestKindsAreChecked(t *testing.T) {
	plan := func(context.Context, *pb.Job) (*Plan, error) { return &Plan{}, nil }
	do := func(context.Context, *Work) error { return nil }
	good := Kind{Name: "a", Role: authz.Operator, Plan: plan, Do: do}
	for name, change := range map[string]func(*Kind){
		"no name":                   func(k *Kind) { k.Name = "" },
		"no role":                   func(k *Kind) { k.Role = "" },
		"no Do":                     func(k *Kind) { k.Do = nil },
		"twice":                     func(k *Kind) { k.Name = "b" },
		"no such work":              func(k *Kind) { k.Field = "dance" },
		"an option without a field": func(k *Kind) { k.Field, k.Options = "rebuild", []Option{{Name: "speed", Type: Number}} },
		"an option of another type": func(k *Kind) { k.Field, k.Options = "rebuild", []Option{{Name: "rate", Type: Text}} },
		"a default of another type": func(k *Kind) { k.Options = []Option{{Name: "n", Type: Integer, Default: "many"}} },
	} {
		k := good
		change(&k)
		other := good
		other.Name = "b"
		if _, err := check([]Kind{other, k}); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := check([]Kind{good}); err != nil {
		t.Error(err)
	}
}
