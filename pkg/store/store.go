package store

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Store is all of the roles below over one body of data.
//
//   - Methods MAY be called from any goroutine.
//   - A store keeps no message of a caller, and changes none. Messages in answers belong to the caller.
//   - An iterator yields an error last, with a zero value. A caller MAY leave an iterator early.
//
// Errors carry a kind of package errkind:
//
//   - NotFound: there is no such row.
//   - Conflict: another caller won a compare-and-set.
//   - Invalid: no retry of the same message will help.
//   - Unavailable, Exhausted: a retry may help.
//   - Cancelled: the context ended. A row of a write may be there or not.
type Store interface {
	Assets
	Runs
	Annotations
	Activation
	Leases
	Jobs
	Partners
	Positions

	// Dump writes all rows that readers can see or could switch to, as of one moment. Each row is a line of JSON: {"asset":...},
	// {"run":...}, {"annotation":...}, {"embedding":...}, {"active":...}, in this order, and by identity within each kind, with the
	// message in the form of schema.MarshalJSON. Dump leaves out history: epochs, generations, how long executions took, the run seen
	// before, whether a run was ever switched to, revisions of assets, when titles were decided, leases, jobs, markers.
	Dump(ctx context.Context, w io.Writer) error
	// Version grows with every change of the library: an asset was put and differs, the active run of an asset and algorithm was
	// switched, a run was created, a run ended without a record, a run was deleted.
	//
	//   - A call that changes nothing leaves Version alone.
	//   - Version never goes back, not even over a restart.
	//   - Reading Version is cheap.
	//   - Within one process, a Version read after a change returned is above every Version read before the change began.
	Version(ctx context.Context) (int64, error)
	// Changes returns the assets that changed since an earlier call. A reader who holds the library keeps up with the library by
	// Changes, at a cost that does not grow with the library. since is Next of the earlier call, or "".
	//
	//   - Assets names each asset for which a call made Version grow, where the call returned after the earlier Changes began and
	//     before this Changes begins. A reader who reads the asset afterwards sees the change.
	//   - Assets MAY name assets without a change, and MAY name an asset again in the next answer. Assets names an asset once.
	//   - Whole is false where since is "", where since is too old, and where the store was mended after since. Assets is empty then,
	//     and the caller MUST read the library anew, after this call.
	Changes(ctx context.Context, since string) (Changes, error)
	// Ready reports whether the store can answer and take writes now.
	Ready(ctx context.Context) error
	// Close waits for the calls under way. Later calls are Unavailable. Closing twice is no error.
	Close() error
}

// Changes are the assets that changed in the library.
type Changes struct {
	Assets []string // in any order
	Whole  bool     // Assets names every asset that changed
	Next   string   // since of the next call
}

// Assets is the library.
type Assets interface {
	// PutAsset writes a whole asset over an asset of a lower revision. PutAsset is the compare-and-set of the library.
	//
	//   - A caller who changes an asset MUST read the asset, and put the asset with its revision grown by one.
	//   - Putting an equal asset changes nothing, and is no error.
	//   - An asset of revision 0 replaces another asset of revision 0.
	//   - Conflict: another asset of the same or a higher revision is there. A caller who changes the asset reads again and decides
	//     again. A caller who folds the log goes on: the store knows more than the event.
	PutAsset(ctx context.Context, a *pb.Asset) error
	Asset(ctx context.Context, id string) (*pb.Asset, error)
	// AllAssets yields every asset in the order of ids.
	AllAssets(ctx context.Context) iter.Seq2[*pb.Asset, error]
}

// Runs is the record of every run: who requested which algorithm, and how the run ended.
type Runs interface {
	// CreateRun records a requested run. A run with the same id stays as recorded. CreateRun returns the recorded run. The next answer
	// of Changes names the asset of a new run, even where another process recorded the run and ended before telling.
	CreateRun(ctx context.Context, r *pb.Run) (*pb.Run, error)
	// FinishRun records the end of a run, with or without an earlier record.
	//
	//   - The state MUST be finished (with counts), failed or cancelled (with the error). Any other state is Invalid.
	//   - A finished run stays as recorded: a later end changes nothing, and is no error.
	//   - Conflict: the epoch is below the recorded epoch, or below an epoch that was handed out under RunLease.
	FinishRun(ctx context.Context, r *pb.Run) error
	Run(ctx context.Context, asset, id string) (*pb.Run, error)
	// RunsOf returns every run of an asset in the order of ids.
	RunsOf(ctx context.Context, asset string) ([]*pb.Run, error)
}

// A Batch is consecutive items of one run, annotations or embeddings, as the log delivered them. Item i has the asset and the run of
// the batch, and the ordinal First+i.
type Batch struct {
	Asset string
	Run   string
	Epoch int64
	// First is the ordinal of the first item. Annotations and embeddings are numbered apart.
	First       int64
	Annotations []*pb.Annotation
	Embeddings  []*pb.Embedding
}

// Part says which of the two numberings a marker counts.
type Part uint8

// The two parts of a run's items.
const (
	PartAnnotations Part = iota
	PartEmbeddings
)

// A Marker says: the items First to First+Count-1 of a batch are durable in the store and in the search engines.
type Marker struct {
	Asset string
	Run   string
	Epoch int64
	Part  Part
	First int64
	Count int64
}

// Span selects items by time: an item that overlaps [Start, End), and an item of no length within [Start, End). The zero Span selects
// every item.
type Span = schema.Interval

// A Ref names one item of a run.
type Ref struct {
	Asset   string
	Run     string
	Ordinal int64
}

// A Point is a time in the annotations of a run and a kind.
type Point struct {
	Asset string
	Run   string
	Kind  string
	Time  schema.Time
}

// Annotations is the items of all runs: annotations and embeddings.
type Annotations interface {
	// WriteBatches writes batches durably.
	//
	//   - After an error, some of the items may be there.
	//   - WriteBatches checks no epoch: the caller MUST ask CheckEpoch before writing.
	//   - Invalid: an item has another asset, run or ordinal than the batch says.
	WriteBatches(ctx context.Context, batches []Batch) error
	// MarkIndexed records markers durably, one row for each. A marker replaces the marker with the same asset, run, epoch, part and first.
	MarkIndexed(ctx context.Context, markers []Marker) error
	// Indexed returns how many items of a run are marked under an epoch. An item in several markers counts once. The cost grows with
	// the number of the run's batches.
	Indexed(ctx context.Context, asset, run string, epoch int64) (annotations, embeddings int64, err error)
	// TrimRun deletes the items of a run after the first n annotations and m embeddings: an execution under an older epoch wrote them.
	// TrimRun forgets markers of epochs before the recorded epoch. Markers of the recorded epoch stay: activation counts them.
	TrimRun(ctx context.Context, asset, run string, annotations, embeddings int64) error
	// DeleteRun deletes the items, the markers and the record of a run. A run that is not there is no error. Conflict: the run is
	// active; the caller switches first.
	DeleteRun(ctx context.Context, asset, run string) error

	// Annotation and Embedding return one item.
	Annotation(ctx context.Context, asset, run string, ordinal int64) (*pb.Annotation, error)
	Embedding(ctx context.Context, asset, run string, ordinal int64) (*pb.Embedding, error)
	// AnnotationsAt and EmbeddingsAt read many items in one call, side by side.
	//
	//   - Element i of the answer is the item of refs[i], nil where there is no such item.
	//   - Refs MAY repeat. Each element is a message of its own.
	//   - An error leaves no answer.
	AnnotationsAt(ctx context.Context, refs []Ref) ([]*pb.Annotation, error)
	EmbeddingsAt(ctx context.Context, refs []Ref) ([]*pb.Embedding, error)
	// LastBefore finds annotations by time, for many points in one call.
	//
	//   - Element i of the answer belongs to points[i]: among the annotations of the point's run and kind with a start at or before
	//     the point's time, the annotation with the latest start, and the lowest ordinal of equal starts; nil where no annotation qualifies.
	//   - Annotations MAY be in any order of time.
	//   - The answer holds for batches whose WriteBatches returned nil.
	//   - The cost does not grow with the length of the run, but for runs written by a release before stretches.
	LastBefore(ctx context.Context, points []Point) ([]*pb.Annotation, error)
	// AnnotationsOf yields the annotations of a run within a span, by ordinal.
	AnnotationsOf(ctx context.Context, asset, run string, span Span) iter.Seq2[*pb.Annotation, error]
	// EmbeddingsOf yields the embeddings of a run within a span, by ordinal.
	EmbeddingsOf(ctx context.Context, asset, run string, span Span) iter.Seq2[*pb.Embedding, error]
}

// Activation decides which run readers see.
type Activation interface {
	// Activate makes next the active run of its asset and algorithm, where previous is the active run now; "" stands for none.
	//
	//   - Activate reads only asset and id of next.
	//   - The returned generation grows by one with each switch. The active run before stays recorded as Previous, for going back.
	//   - The record of next is marked as activated, for ever.
	//   - Activating the active run changes nothing, and is no error.
	//   - Conflict: another run than previous is active. NotFound: next has no record. Invalid: next has not finished.
	Activate(ctx context.Context, next *pb.Run, previous string) (*pb.ActiveRun, error)
	// Active returns the active runs of an asset, by algorithm.
	Active(ctx context.Context, asset string) ([]*pb.ActiveRun, error)
	// AllActive yields every active run, in the order of asset and algorithm, as of one moment per asset.
	AllActive(ctx context.Context) iter.Seq2[*pb.ActiveRun, error]
	// Inactive yields every run with a record that is not an active run: requested, running, failed, cancelled, waiting for a switch,
	// replaced. The order is any. A run whose asset changes during the iteration MAY be yielded or left out: Changes names the asset.
	Inactive(ctx context.Context) iter.Seq2[InactiveRun, error]
}

// An InactiveRun is a run that readers do not see.
type InactiveRun struct {
	Asset string
	Run   string
	State pb.RunState
}

// A Lease is the right of one holder to write under a name until Until.
type Lease struct {
	Name   string
	Holder string
	// Epoch grows with every change of holder. No epoch comes back.
	Epoch int64
	// Until is when the lease runs out, by the store's clock as this process sees the clock.
	Until time.Time
}

// FirstEpoch is the epoch of the first lease under a name.
const FirstEpoch = 1

// Leases hands out rights to write. Each lease has an epoch, which fences the holders before.
type Leases interface {
	// Acquire takes a lease for ttl. The lease MUST be free, have run out, or be held by the same holder. The epoch grows in each
	// case: a restarted worker is another worker. Conflict: another holder has the lease; the error names the holder.
	Acquire(ctx context.Context, name, holder string, ttl time.Duration) (Lease, error)
	// Renew extends a lease. A lease that ran out MAY be renewed until another holder acquires the lease. Conflict: the lease was lost
	// or released.
	Renew(ctx context.Context, l Lease, ttl time.Duration) (Lease, error)
	// Release ends a lease. The store remembers the epoch. Releasing a lost lease is no error.
	Release(ctx context.Context, l Lease) error
	// CheckEpoch fails with Conflict if an epoch above the given epoch was handed out under the name.
	CheckEpoch(ctx context.Context, name string, epoch int64) error
}

// Jobs is the record of operators' work. A worker does a job under the lease JobLease.
type Jobs interface {
	// PutJob writes a job, and returns the job as written, with the revision grown by one. The recorded revision MUST be that of j; 0
	// where no job is recorded. Conflict: another caller wrote first; read again, and decide again.
	PutJob(ctx context.Context, j *pb.Job) (*pb.Job, error)
	Job(ctx context.Context, id string) (*pb.Job, error)
	// AllJobs yields every job in the order of ids.
	AllJobs(ctx context.Context) iter.Seq2[*pb.Job, error]
}

// Partners are the servers that the data belongs with: the log that filled the store, the search engine that was filled from the store.
// With another log or another engine, answers would be wrong without an error.
type Partners interface {
	// Partner returns the identity of the server that plays a role for this store. The first identity that a caller gives stays, until
	// a caller gives an identity to adopt. If several callers give an identity at the same time, the first write wins, and all of them
	// return the winner.
	Partner(ctx context.Context, role, id string, adopt bool) (string, error)
}

// A Position is how far a group has read a partition of the log: the events before Next are in the store.
type Position struct {
	Topic     string
	Partition int
	Next      int64
}

// Positions keeps beside the rows how far the log was read for the rows. A store that was restored from a backup, or lost its end,
// knows by its positions from where the log must be read again. The group's offsets, which the log keeps, do not know.
type Positions interface {
	// Reach records how far a group has read. A position replaces the recorded position of its partition, be the new position further
	// or less far. The caller MUST have written the rows of the events before. A caller MAY record positions late.
	Reach(ctx context.Context, group string, reached []Position) error
	// Positions returns the recorded positions of a group, in any order.
	Positions(ctx context.Context, group string) ([]Position, error)
}

// JobLease is the name under which a job's workers are fenced.
func JobLease(job string) string { return "job/" + job }

// RunLease is the name under which a run's executions are fenced.
func RunLease(run string) string { return "run/" + run }
