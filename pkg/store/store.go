package store

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Store is all of the roles below over one body of data. Its methods may be
// called from any goroutine. Errors carry an errkind: NotFound for what is not
// there, Conflict for a lost compare-and-set, Unavailable and Exhausted for what
// may pass, Invalid for a message that no retry will help, Cancelled when the
// context ended: what was being written may or may not be there then.
//
// Messages passed in are not kept or changed; messages given out belong to the
// caller. An iterator yields an error last, with a nil message, and may be left early.
type Store interface {
	Assets
	Runs
	Annotations
	Activation
	Leases
	Jobs
	Partners
	Positions

	// Dump writes all that readers can see or could switch to, as of one moment, in
	// a canonical order and form, one JSON object a line: assets, runs, annotations,
	// embeddings, active runs, each in the order of their identities, as
	// {"asset":...}, {"run":...} and so on with the message in schema.MarshalJSON's form. What only tells the
	// history is left out: epochs, generations, how long executions took, the run seen before, whether a run was
	// ever switched to, assets' revisions and when their titles were decided, leases, jobs and markers.
	Dump(ctx context.Context, w io.Writer) error
	// Version grows with every change of the library: an asset was put that differs, the active run of an asset and algorithm was
	// switched, a run was created, a run ended that had no record, a run was deleted. A call that changes nothing leaves Version alone.
	// Version never goes back, not even over a restart. Reading Version is cheap. Within one process, a Version that is read after a
	// change returned is above every Version that was read before the change began.
	Version(ctx context.Context) (int64, error)
	// Changes returns the assets that changed since an earlier call. A reader who holds the library keeps up with the library by
	// Changes, at a cost that does not grow with the library. since is Next of the earlier call, or "".
	//
	//   - The answer names each asset for which a call made Version grow, where the call returned after the earlier Changes began and
	//     before this Changes begins. The reader who reads the asset afterwards sees the change.
	//   - The answer MAY name assets that did not change, and MAY name an asset again in the next answer. An answer names an asset once.
	//   - Whole is false where since is "", and where the store does not remember back to since: since is too old, or from before the
	//     store was mended. Assets is empty then, and the caller MUST read the library anew, after this call.
	Changes(ctx context.Context, since string) (Changes, error)
	// Ready reports whether the store can answer and take writes now.
	Ready(ctx context.Context) error
	// Close waits for the calls that are running. Calls made afterwards are
	// Unavailable; closing twice is no error.
	Close() error
}

// Changes are the assets that changed in the library.
type Changes struct {
	Assets []string // in no order
	Whole  bool     // Assets names all that changed
	Next   string   // since of the next call
}

// Assets is the library.
type Assets interface {
	// PutAsset writes an asset whole, in place of one of a lower revision under its id. It is the compare-and-set of the library: who
	// changes an asset MUST read it, and put it with its revision grown by one. Conflict: an asset of the same or a higher revision
	// is there. Who changes the asset reads again, and decides again. Who folds the log goes on: the store knows more.
	// Putting what is there is no error. An asset of revision 0 replaces another of revision 0.
	PutAsset(ctx context.Context, a *pb.Asset) error
	Asset(ctx context.Context, id string) (*pb.Asset, error)
	// AllAssets yields every asset in the order of ids.
	AllAssets(ctx context.Context) iter.Seq2[*pb.Asset, error]
}

// Runs is the record of what was asked of the algorithms and how it ended.
type Runs interface {
	// CreateRun records a requested run unless one of its id is there, and
	// returns the run that is there afterwards.
	CreateRun(ctx context.Context, r *pb.Run) (*pb.Run, error)
	// FinishRun records the end of a run, whether or not it was created: finished
	// with its counts, or failed or cancelled with the error; any other state is Invalid.
	// An end under a lower epoch than the one recorded, or than one that was handed out under RunLease,
	// is a Conflict. A finished run stays as it finished: a later end is no error and changes nothing.
	FinishRun(ctx context.Context, r *pb.Run) error
	Run(ctx context.Context, asset, id string) (*pb.Run, error)
	// RunsOf returns every run of an asset in the order of ids.
	RunsOf(ctx context.Context, asset string) ([]*pb.Run, error)
}

// A Batch is consecutive items of one run, annotations or embeddings, as they
// came from the log. Item i carries the batch's asset and run, and ordinal First+i.
type Batch struct {
	Asset string
	Run   string
	Epoch int64
	// First is the ordinal of the first item; annotations and embeddings are
	// numbered apart.
	First       int64
	Annotations []*pb.Annotation
	Embeddings  []*pb.Embedding
}

// Part says which of the two numberings a marker counts.
type Part uint8

// The two parts of what a run writes.
const (
	PartAnnotations Part = iota
	PartEmbeddings
)

// A Marker says that a batch is durable in the store and in the search engines.
type Marker struct {
	Asset string
	Run   string
	Epoch int64
	Part  Part
	First int64
	Count int64
}

// Span selects what overlaps [Start, End), and moments of no length within it;
// the zero Span selects everything.
type Span = schema.Interval

// A Ref names one item of a run.
type Ref struct {
	Asset   string
	Run     string
	Ordinal int64
}

// A Point is a time in what a run says.
type Point struct {
	Asset string
	Run   string
	Kind  string
	Time  schema.Time
}

// Annotations is what the runs said.
type Annotations interface {
	// WriteBatches writes all of the batches durably; after an error, some of their
	// items may be there. It checks no epoch: the indexer does, through CheckEpoch,
	// before it writes anywhere. A batch whose items are not what it says is Invalid.
	WriteBatches(ctx context.Context, batches []Batch) error
	// MarkIndexed records markers durably. A marker is identified by all but its count.
	MarkIndexed(ctx context.Context, markers []Marker) error
	// Indexed returns how many items of a run are marked under the given epoch. An
	// item that lies in several markers counts once.
	Indexed(ctx context.Context, asset, run string, epoch int64) (annotations, embeddings int64, err error)
	// TrimRun deletes what a run has beyond its first n annotations and m embeddings:
	// what an execution under an older epoch left behind. It forgets the markers of
	// epochs before the recorded one; those of the recorded one stay, since activation counts them.
	TrimRun(ctx context.Context, asset, run string, annotations, embeddings int64) error
	// DeleteRun deletes all that a run wrote, its markers and its record. Deleting
	// an active run is a Conflict: switch first. Deleting what is not there is no error.
	DeleteRun(ctx context.Context, asset, run string) error

	// Annotation and Embedding return one item.
	Annotation(ctx context.Context, asset, run string, ordinal int64) (*pb.Annotation, error)
	Embedding(ctx context.Context, asset, run string, ordinal int64) (*pb.Embedding, error)
	// AnnotationsAt and EmbeddingsAt read many items in one call, side by side. Element i of the answer is of refs[i], nil where there
	// is no such item. An error leaves no answer.
	AnnotationsAt(ctx context.Context, refs []Ref) ([]*pb.Annotation, error)
	EmbeddingsAt(ctx context.Context, refs []Ref) ([]*pb.Embedding, error)
	// LastBefore returns for each point the annotation of its run and kind that starts last at or before the point's time; the lowest
	// ordinal of several. Element i of the answer is of points[i], nil where there is no such annotation. The points are looked up
	// side by side.
	LastBefore(ctx context.Context, points []Point) ([]*pb.Annotation, error)
	// AnnotationsOf yields a run's annotations that overlap span, by ordinal.
	AnnotationsOf(ctx context.Context, asset, run string, span Span) iter.Seq2[*pb.Annotation, error]
	// EmbeddingsOf yields a run's embeddings that overlap span, by ordinal.
	EmbeddingsOf(ctx context.Context, asset, run string, span Span) iter.Seq2[*pb.Embedding, error]
}

// Activation decides which run readers see.
type Activation interface {
	// Activate makes next the active run of its asset and algorithm if the run that
	// is active now is previous ("" for none). Conflict says that it was another. Of next
	// only asset and id are read; NotFound says that it has no record, Invalid that its record is not a finished one.
	// Activating the run that is already active is no error and changes nothing.
	// The generation returned grows by one with each switch, and the run seen before is kept
	// for going back. The record of next is marked as activated, which stays.
	Activate(ctx context.Context, next *pb.Run, previous string) (*pb.ActiveRun, error)
	// Active returns the active runs of an asset, by algorithm.
	Active(ctx context.Context, asset string) ([]*pb.ActiveRun, error)
	// AllActive yields every active run, in the order of asset and algorithm, as of one moment per asset.
	AllActive(ctx context.Context) iter.Seq2[*pb.ActiveRun, error]
	// Inactive yields every run that has a record and is not an active run: requested, running, failed, cancelled, finished and waiting,
	// replaced. The order is any. A run whose asset changes during the iteration MAY be yielded or left out: Changes names the asset.
	Inactive(ctx context.Context) iter.Seq2[InactiveRun, error]
}

// An InactiveRun is a run that readers do not see.
type InactiveRun struct {
	Asset string
	Run   string
	State pb.RunState
}

// A Lease is the right of one holder to write under a name until it runs out.
type Lease struct {
	Name   string
	Holder string
	// Epoch grows with every change of holder and never comes back.
	Epoch int64
	// Until is when the lease runs out, by the store's clock as this process sees it.
	Until time.Time
}

// FirstEpoch is the epoch of the first lease under a name.
const FirstEpoch = 1

// Leases hands out rights to write, each with an epoch that fences those before it.
type Leases interface {
	// Acquire takes the lease for ttl if it is free, has run out, or is held by the
	// same holder (the epoch then grows all the same: a restarted worker is another).
	// Conflict says who holds it.
	Acquire(ctx context.Context, name, holder string, ttl time.Duration) (Lease, error)
	// Renew extends a lease, also one that has run out if nobody took it since;
	// Conflict says that it was lost or given back.
	Renew(ctx context.Context, l Lease, ttl time.Duration) (Lease, error)
	// Release gives a lease back; the epoch is remembered. Releasing a lost lease is no error.
	Release(ctx context.Context, l Lease) error
	// CheckEpoch fails with Conflict if an epoch above the given one was handed out under the name.
	CheckEpoch(ctx context.Context, name string, epoch int64) error
}

// Jobs is the record of operators' work. A job is done under the lease JobLease.
type Jobs interface {
	// PutJob writes a job if the revision of the one that is there is still j's
	// (0 where none is there), and returns what was written, with the revision grown
	// by one. Conflict says that somebody else was quicker: read again, and decide again.
	PutJob(ctx context.Context, j *pb.Job) (*pb.Job, error)
	Job(ctx context.Context, id string) (*pb.Job, error)
	// AllJobs yields every job in the order of ids.
	AllJobs(ctx context.Context) iter.Seq2[*pb.Job, error]
}

// Partners are the other servers that the data belongs with: a store that meets another log than the one it
// was filled from, or a search engine that was filled from another store, would answer wrongly without any error.
type Partners interface {
	// Partner returns the identity of the server that plays a role for this store: the first that was told,
	// until one is told to be adopted. Of many who tell one at once, one is first and all hear of it.
	Partner(ctx context.Context, role, id string, adopt bool) (string, error)
}

// A Position is how far a group has read a partition of the log: everything before Next is in the store.
type Position struct {
	Topic     string
	Partition int
	Next      int64
}

// Positions keep with the rows how far the log was read for them: a store that was restored from a backup, or lost its end, so
// tells from where the log must be read again. The group's own offsets, which the log keeps, do not know that.
type Positions interface {
	// Reach records how far a group has read, in place of what was recorded of those partitions, be it more or less. The
	// caller MUST have written what the events before stand for; it MAY record positions late.
	Reach(ctx context.Context, group string, reached []Position) error
	// Positions returns what was recorded of a group, in any order.
	Positions(ctx context.Context, group string) ([]Position, error)
}

// JobLease is the name under which a job's workers are fenced.
func JobLease(job string) string { return "job/" + job }

// RunLease is the name under which a run's executions are fenced.
func RunLease(run string) string { return "run/" + run }
