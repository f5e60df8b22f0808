package operating

import (
	"context"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Kind is one kind of operators' work.
type Kind interface {
	// Plan says what a job would touch, and refuses work that cannot be done: Invalid with
	// the field's name, NotFound for what is named and not there. It changes nothing.
	Plan(ctx context.Context, j *pb.Job) (*Plan, error)
	// Do does the job from its cursor to its end. It tells w how far it is, and returns soon after ctx has
	// ended, which it does when an operator pauses or cancels the job, when the lease is lost, and
	// when the process stops. The kind of an error says what follows: Unavailable, Exhausted and
	// Cancelled are tried again for as long as it takes, Internal a few times, anything else has failed.
	Do(ctx context.Context, w *Work) error
}

// A Plan is what a job would do.
type Plan struct {
	// Total of what in which Unit it counts: "runs", "items".
	Total int64
	Unit  string
	// Lines say what it touches, for a person.
	Lines []string
	// Seconds that it is going to take, 0 where nothing is known, and From what that is known.
	Seconds float64
	From    string
}

// kinds is the table: a new kind of job is a file beside this one and a line here.
func kinds(cfg Config, deps Deps) map[string]Kind {
	return map[string]Kind{
		"activate": activating{deps},
		"gc":       collecting{deps},
		"rebuild":  rebuilding{deps},
		"verify":   verifying{deps},
		"repair":   verifying{deps},
		"batch":    batching{deps, cfg.Batch},
		"replay":   &replay{deps},
	}
}
