package jobs

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Kind is a kind of operators' work. A new kind is a file that makes a Kind, and a line in a list of kinds.
type Kind struct {
	// Name is the kind of each job: "replay".
	Name string
	// Summary is a line for a person who looks for a kind.
	Summary string
	// Role is the role that a caller needs. Jobs of the role authz.Batch belong to the caller who submitted them; jobs of every other role
	// are seen and steered by all operators.
	Role authz.Role
	// Selects says that jobs go over a selection of the library. The machine narrows the selection to the titles that the caller may see.
	Selects bool
	// Options are the parameters that a Task may set.
	Options []Option
	// Field names the field of Job.work that holds the message of this kind; "" for a kind that keeps its Task. Only the kinds that are
	// older than Task have a message. The names of Options are then names of fields of the message.
	Field string
	// Fixed are boolean fields of the message, with the values that jobs of this kind have. Fixed tells two kinds of the same Field apart.
	Fixed map[string]bool

	// Plan tells the work of a job. The machine calls Plan when a caller asks for a plan, and when a job is submitted.
	//
	//  - Plan MAY change j, and MUST change nothing else.
	//  - Plan MUST refuse work that cannot be done: Invalid with the name of the field, NotFound for a name that is not in the library.
	Plan func(ctx context.Context, j *pb.Job) (*Plan, error)
	// Do does a job from the job's cursor to the end. nil means that the job is finished.
	//
	//  - Do MUST report progress to w.
	//  - Do MUST return soon after ctx has ended. The machine then reads context.Cause(ctx) and not the error of Do. ctx ends when an operator
	//    pauses or cancels the job, when the lease is lost, and when the process stops.
	//  - After an error of kind Unavailable, Exhausted or Cancelled, the machine calls Do again after a pause, without limit.
	//  - After an error of kind Internal, or a panic, the machine calls Do again. The job has failed after five calls in a row without progress.
	//  - After any other error the job has failed.
	Do func(ctx context.Context, w *Work) error
}

// A Plan tells the work of a job before the job is done.
type Plan struct {
	// Total is the amount of work, counted in Unit: "runs", "items".
	Total int64
	Unit  string
	// Lines tell a person the work.
	Lines []string
	// Seconds is the time that the job will take, 0 where nothing is known. From says where the estimate comes from.
	Seconds float64
	From    string
}

// check refuses kinds that cannot work, at the start of the process.
func check(kinds []Kind) (map[string]*Kind, error) {
	out := map[string]*Kind{}
	for i := range kinds {
		k := &kinds[i]
		switch {
		case k.Name == "" || k.Plan == nil || k.Do == nil || k.Role == "":
			return nil, errkind.New(errkind.Invalid, "the kind of jobs %q lacks a name, a role, Plan or Do", k.Name)
		case out[k.Name] != nil:
			return nil, errkind.New(errkind.Invalid, "two kinds of jobs are named %q; rename one of them", k.Name)
		}
		if err := k.checkOptions(); err != nil {
			return nil, err
		}
		out[k.Name] = k
	}
	return out, nil
}

// Kinds returns the kinds whose jobs a caller may submit, in the order of names.
func (s *Service) Kinds(caller *authz.Caller) ([]*pb.JobKind, error) {
	if err := caller.Require(authz.Batch); err != nil {
		return nil, err
	}
	var out []*pb.JobKind
	for _, k := range s.kinds {
		if caller.Require(k.Role) != nil {
			continue
		}
		told := &pb.JobKind{Name: k.Name, Summary: k.Summary, Role: string(k.Role), Selects: k.Selects}
		for _, o := range k.Options {
			told.Options = append(told.Options, &pb.JobOption{Name: o.Name, Type: string(o.Type), Default: o.Default, Help: o.Help})
		}
		out = append(out, told)
	}
	slices.SortFunc(out, func(a, b *pb.JobKind) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return out, nil
}

// names lists the kinds for an error.
func (s *Service) names() string {
	var out []string
	for name := range s.kinds {
		out = append(out, name)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// workFields are the fields of Job.work.
var workFields = (&pb.Job{}).ProtoReflect().Descriptor().Oneofs().ByName("work")

// message returns the message in a job's work and the name of its field; nil and "" where the job has no work.
func message(j *pb.Job) (m protoreflect.Message, field string) {
	r := j.ProtoReflect()
	fd := r.WhichOneof(workFields)
	if fd == nil {
		return nil, ""
	}
	return r.Mutable(fd).Message(), string(fd.Name())
}

// kindOf returns the kind of a submitted job. A Task is of the kind that the job names; a message of a kind is of that kind, whatever the job names.
func (s *Service) kindOf(j *pb.Job) (*Kind, error) {
	m, field := message(j)
	switch {
	case m == nil:
		return nil, errkind.New(errkind.Invalid, "job: say what is to be done: the kind (%s) and a task", s.names())
	case field == "task":
		if k := s.kinds[j.GetKind()]; k != nil {
			return k, nil
		}
		return nil, errkind.New(errkind.Invalid, "job.kind: nothing here does %.40q; there are %s", j.GetKind(), s.names())
	}
	for _, k := range s.kinds {
		if k.Field != field || !k.fixes(m) {
			continue
		}
		if j.GetKind() != "" && j.GetKind() != k.Name {
			return nil, errkind.New(errkind.Invalid, "job.kind: %.40q is not what the work says, %q", j.GetKind(), k.Name)
		}
		return k, nil
	}
	return nil, errkind.New(errkind.Invalid, "job: nothing here does the work %q; there are %s", field, s.names())
}

// fixes reports whether a message has the flags of the kind.
func (k *Kind) fixes(m protoreflect.Message) bool {
	for name, want := range k.Fixed {
		if m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name))).Bool() != want {
			return false
		}
	}
	return true
}

// belongs reports whether jobs of the kind belong to the caller who submitted them.
func (k *Kind) belongs() bool { return k.Role == authz.Batch }

// stored returns the job that a caller asks for as the store keeps the job: without identity and counts, its Task checked, and turned into the
// message of the kind where the kind has one.
func (k *Kind) stored(caller *authz.Caller, asked *pb.Job) (*pb.Job, error) {
	j := &pb.Job{Kind: k.Name, Key: asked.GetKey(), Caller: caller.Name(), State: pb.JobState_JOB_STATE_WAITING, Work: proto.CloneOf(asked).GetWork()}
	t := j.GetTask()
	if t == nil {
		return j, nil
	}
	if !k.Selects && t.GetSelection() != nil && !proto.Equal(t.GetSelection(), &pb.Selection{}) {
		return nil, errkind.New(errkind.Invalid, "task.selection: a job of kind %s goes over no selection; leave it out", k.Name)
	}
	values, err := k.values(t.GetOptions())
	if err != nil {
		return nil, err
	}
	t.Options = values
	if k.Field != "" {
		k.fill(j, t)
	}
	return j, nil
}
