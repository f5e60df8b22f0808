package store

import (
	"context"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Store is all of the roles below over the same data.
//
//   - Methods MAY be called from any goroutine.
//   - A store keeps no message of a caller, and changes no message of a caller. Messages in answers belong to the
//     caller.
//   - An iterator that fails yields the error last, with a zero value. A caller MAY leave an iterator early.
//
// Errors carry a kind of package errkind:
//
//   - NotFound: a method with a single row as its answer found no row. A method with a list as its answer, and an
//     iterator, return no rows instead.
//   - Conflict: another caller won a compare-and-set, or holds the lease. Each method that returns Conflict says when.
//   - Invalid: an id is missing, a number is negative, or a message cannot be kept. No retry of the same call will help.
//   - Unavailable, Exhausted: a retry may help.
//   - Cancelled: the context ended. The store may have made the write, a part of the write, or nothing.
type Store interface {
	Assets
	Runs
	Annotations
	Activation
	Leases
	Jobs
	Searches
	Bins
	Partners
	Positions
	Picks

	// Dump writes all rows that readers can see or could switch to, as of a single moment. Each row is a line of JSON:
	// {"asset":...}, {"run":...}, {"annotation":...}, {"embedding":...}, {"active":...}, in this order, and by identity
	// within each kind, with the message in the form of schema.MarshalJSON. Dump leaves out history: epochs,
	// generations, how long executions took, the runs seen before, when runs were switched to, revisions of
	// assets, when titles were decided, leases, jobs, saved searches, bins, markers, picks.
	Dump(ctx context.Context, w io.Writer) error
	// Version grows with every change of the library:
	//
	//   - PutAsset wrote an asset.
	//   - Activate switched the active run of an asset and algorithm.
	//   - CreateRuns, CreateRun or FinishRun recorded a run without an earlier record.
	//   - DeleteRun deleted the record of a run.
	//
	// Guarantees:
	//
	//   - A call that changes nothing leaves Version alone.
	//   - Version never goes back, not even over a restart.
	//   - Reading Version is cheap.
	//   - Within one process, a Version read after a change returned is above every Version read before the change began.
	Version(ctx context.Context) (int64, error)
	// Changes returns the assets that changed since an earlier call of Changes. A reader with a copy of the library
	// keeps the copy current by Changes, at a cost that does not grow with the library. since is Next of the earlier
	// call, or "" for the first call.
	//
	//   - If Whole is true, Assets names every asset that changed: a write made Version grow, and the write returned
	//     after the earlier call began and before this call began. A reader who reads the asset after this call sees
	//     the change.
	//   - Assets MAY name an asset without a change. Two answers MAY name the same change. Assets holds no asset twice.
	//   - If Whole is false, the store does not know every change since then, and Assets is empty. The caller MUST read
	//     the whole library after this call. Whole is false if since is "", is too old, is no token of this store, or
	//     is from before a damaged store was salvaged.
	//   - Next is a token in each answer, whether Whole or not.
	Changes(ctx context.Context, since string) (Changes, error)
	// Ready reports whether the store can answer and take writes now.
	Ready(ctx context.Context) error
	// Close waits for the calls under way. Later calls are Unavailable. Closing twice is no error. If the disk is full or failed, Close
	// returns an error and MAY return before the calls under way.
	Close() error
}

// Changes are the assets that changed in the library.
type Changes struct {
	Assets []string // in any order
	Whole  bool     // Assets names every asset that changed; if false, Assets is empty
	Next   string   // since of the next call
}

// Assets is the library.
type Assets interface {
	// PutAsset writes a whole asset. PutAsset is the compare-and-set of the library.
	//
	//   - A caller who changes an asset MUST read the asset, add one to the revision, and put the whole asset.
	//   - PutAsset writes the asset if the id has no recorded asset, or if the recorded revision is lower. The revision
	//     MAY be higher by more than 1, as for a caller who folds the log.
	//   - Revision 0 means that the asset is from before revisions. Such an asset also replaces a recorded asset of
	//     revision 0.
	//   - If the recorded asset equals the asset, PutAsset changes nothing and returns nil.
	//   - Conflict: the recorded asset is another asset of the same or a higher revision. A caller who changes the
	//     asset MUST read the asset and decide anew. A caller who folds the log goes on: the recorded asset stays.
	PutAsset(ctx context.Context, a *pb.Asset) error
	Asset(ctx context.Context, id string) (*pb.Asset, error)
	// AllAssets yields every asset in the order of ids.
	AllAssets(ctx context.Context) iter.Seq2[*pb.Asset, error]
}

// Runs is the record of every run: who requested which algorithm, and how the run ended.
type Runs interface {
	// CreateRuns records requested runs of one asset, and returns the record of each run: element i of the answer belongs to runs[i].
	//
	//   - If a run has a record, CreateRuns leaves the record unchanged and returns the record, whatever else runs[i] says. Of two runs with
	//     the same id, the first counts.
	//   - Once CreateRuns has returned, the next answer of Changes names the asset of a new run. If another process recorded a run and
	//     died before Version grew, this CreateRuns makes Version grow.
	//   - The cost of many runs is about the cost of a single run. After an error, some of the runs may be recorded.
	//   - Invalid: a run without id, or a run of another asset.
	CreateRuns(ctx context.Context, asset string, runs []*pb.Run) ([]*pb.Run, error)
	// CreateRun is CreateRuns of a single run.
	CreateRun(ctx context.Context, r *pb.Run) (*pb.Run, error)
	// FinishRun records the end of a run. A run without a record gets a record.
	//
	//   - The state of r MUST be FINISHED (with counts), FAILED or CANCELLED (with the error). Invalid: any other state.
	//   - A record in state FINISHED stays as recorded: FinishRun under the same or a higher epoch changes nothing and returns nil.
	//   - A record in state FAILED or CANCELLED is replaced by a later end under the same or a higher epoch.
	//   - FinishRun does not read Activated of r.
	//   - Conflict: the epoch of r is below the recorded epoch. If the record is not FINISHED, Conflict also means that
	//     the epoch of r is below an epoch handed out under RunLease before FinishRun began.
	FinishRun(ctx context.Context, r *pb.Run) error
	Run(ctx context.Context, asset, id string) (*pb.Run, error)
	// RunsOf returns every run of an asset in the order of ids.
	RunsOf(ctx context.Context, asset string) ([]*pb.Run, error)
}

// A Batch is consecutive items of a run, annotations or embeddings, as the log delivered the items. Item i has the
// asset and the run of the batch, and the ordinal First+i.
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

// A Ref names an item of a run.
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

// A Range is a stretch of time in the annotations of a run and a kind.
type Range struct {
	Asset string
	Run   string
	Kind  string
	From  schema.Time
	To    schema.Time
}

// MostStarting bounds the annotations that Starting returns for a range.
const MostStarting = 256

// Annotations is the items of all runs: annotations and embeddings.
type Annotations interface {
	// WriteBatches writes batches durably. An item replaces the item with the same asset, run and ordinal. The run needs no record.
	//
	//   - WriteBatches checks no epoch: the caller MUST call CheckEpoch with RunLease before writing.
	//   - If an item was written under a higher epoch than the batch, an implementation MAY keep the item and MAY replace the item.
	//   - After an error, some of the items may be written. The caller MAY write the batches again.
	//   - Invalid: a batch has no asset or no run, First is negative, an item has another asset, run or ordinal than the batch says, or
	//     an item cannot be encoded.
	WriteBatches(ctx context.Context, batches []Batch) error
	// MarkIndexed records markers durably, one row for each marker. A marker replaces the marker with the same asset, run, epoch, part
	// and first. The caller MUST first have written the marked items to the store and to the search engines: MarkIndexed does not check.
	MarkIndexed(ctx context.Context, markers []Marker) error
	// Indexed returns how many annotations and embeddings of a run are marked under exactly this epoch. An item in several markers
	// counts once. The cost grows with the number of the run's batches.
	Indexed(ctx context.Context, asset, run string, epoch int64) (annotations, embeddings int64, err error)
	// TrimRun deletes the items of a run beyond the run's counts, which an execution under an older epoch wrote: annotations from the
	// ordinal annotations on, and embeddings from the ordinal embeddings on.
	//
	//   - TrimRun also deletes the markers of epochs below the epoch in the run's record. Markers of the recorded epoch stay, because
	//     activation counts the markers. A run without a record keeps all markers.
	//   - A run without items is no error. Items that are written later stay.
	TrimRun(ctx context.Context, asset, run string, annotations, embeddings int64) error
	// DeleteRun deletes the items, the markers and the record of a run. DeleteRun of a run that does not exist returns
	// nil. Conflict: the run is active. The caller MUST activate another run first.
	DeleteRun(ctx context.Context, asset, run string) error

	// Annotation and Embedding return a single item.
	Annotation(ctx context.Context, asset, run string, ordinal int64) (*pb.Annotation, error)
	Embedding(ctx context.Context, asset, run string, ordinal int64) (*pb.Embedding, error)
	// AnnotationsAt and EmbeddingsAt read many items in a single call, side by side.
	//
	//   - Element i of the answer is the item of refs[i], or nil if the item does not exist.
	//   - Refs MAY repeat. Each element is a message of its own.
	//   - An error leaves no answer.
	AnnotationsAt(ctx context.Context, refs []Ref) ([]*pb.Annotation, error)
	EmbeddingsAt(ctx context.Context, refs []Ref) ([]*pb.Embedding, error)
	// LastBefore finds annotations by time, for many points in a single call.
	//
	//   - Element i of the answer belongs to points[i]. LastBefore takes the annotations of the point's run and kind
	//     with a start at or before the point's time. Of these, the answer has the latest start, and among equal starts
	//     the lowest ordinal. The element is nil if no annotation qualifies.
	//   - Annotations MAY be in any order of time.
	//   - The answer holds for batches whose WriteBatches returned nil.
	//   - The cost does not grow with the length of the run. The exception is a run written without stretches (see
	//     Stretch): LastBefore reads such a run whole.
	LastBefore(ctx context.Context, points []Point) ([]*pb.Annotation, error)
	// Starting finds annotations by time, for many ranges in a single call: the lines that several languages say at the same time.
	//
	//   - Element i of the answer has the annotations of the run and kind of ranges[i] with a start within [From, To), by start and
	//     ordinal. If a range has more than MostStarting annotations, the answer has the first MostStarting.
	//   - The order of annotations, the batches, and the cost are as for LastBefore.
	Starting(ctx context.Context, ranges []Range) ([][]*pb.Annotation, error)
	// AnnotationsOf yields the annotations of a run within a span, by ordinal.
	AnnotationsOf(ctx context.Context, asset, run string, span Span) iter.Seq2[*pb.Annotation, error]
	// EmbeddingsOf yields the embeddings of a run within a span, by ordinal.
	EmbeddingsOf(ctx context.Context, asset, run string, span Span) iter.Seq2[*pb.Embedding, error]
}

// Activation decides which run readers see.
type Activation interface {
	// Activate makes next the active run of its asset and algorithm, if the active run is previous. previous is the id of a run, or "" for
	// no active run. Activate returns the active run.
	//
	//   - Activate reads only asset and id of next. Algorithm, version and state come from the record of next.
	//   - If next is the active run already, Activate changes nothing and returns nil, whatever previous says.
	//   - Each switch adds one to the generation, from 1. The answer names the replaced run as Previous, for going back.
	//   - ActivatedMs of the answer is when the switch was made, by the store's clock, and later than the switch before. Earlier has the
	//     replaced runs, the latest last, at most MaxEarlier.
	//   - Activate sets Activated in the record of next. The mark stays, also after another switch.
	//   - Activate does not check the writing and indexing of the items of next: the caller MUST check.
	//   - Errors: NotFound if next has no record, Invalid if the state of next is not FINISHED, Conflict if neither next nor previous is
	//     the active run.
	Activate(ctx context.Context, next *pb.Run, previous string) (*pb.ActiveRun, error)
	// Active returns the active runs of an asset, by algorithm.
	Active(ctx context.Context, asset string) ([]*pb.ActiveRun, error)
	// AllActive yields every active run, in the order of asset and algorithm, as of a single moment per asset.
	AllActive(ctx context.Context) iter.Seq2[*pb.ActiveRun, error]
	// Inactive yields every recorded run that is not an active run: requested, running, failed, cancelled, waiting for
	// a switch, replaced. The order is any. A run whose asset changes during the iteration MAY be yielded or left out:
	// Changes names the asset.
	Inactive(ctx context.Context) iter.Seq2[InactiveRun, error]
}

// An InactiveRun is a run that readers do not see.
type InactiveRun struct {
	Asset string
	Run   string
	State pb.RunState
}

// A Lease is the right of a single holder to write under a name until Until.
type Lease struct {
	Name   string
	Holder string
	// Epoch grows by one with every Acquire under the name. No epoch is handed out twice.
	Epoch int64
	// Until is when the lease runs out, by the clock of the store. A store of several processes measures the clock of
	// its servers.
	Until time.Time
}

// FirstEpoch is the epoch of the first lease under a name.
const FirstEpoch = 1

// Leases hands out rights to write. Each lease has an epoch. The epoch fences earlier holders: CheckEpoch refuses a lower epoch.
type Leases interface {
	// Acquire takes a lease for ttl, under the next epoch.
	//
	//   - Acquire takes a lease that is free, has run out, or belongs to the same holder.
	//   - Each Acquire adds one to the epoch, also for the same holder: a restarted worker is another worker, and the earlier lease of
	//     the holder is lost.
	//   - Conflict: another holder has the lease. The error names the holder.
	//   - Invalid: name or holder is empty, or ttl is not above 0.
	Acquire(ctx context.Context, name, holder string, ttl time.Duration) (Lease, error)
	// Renew extends a lease to ttl from now, and keeps the epoch. A lease that ran out can be renewed until somebody acquires the lease.
	// Conflict: the lease was acquired under a later epoch, or released. Invalid: ttl is not above 0.
	Renew(ctx context.Context, l Lease, ttl time.Duration) (Lease, error)
	// Release ends a lease before Until. The store remembers the epoch. Releasing a lease that was lost, released or
	// never held changes nothing and returns nil.
	Release(ctx context.Context, l Lease) error
	// CheckEpoch returns Conflict if an epoch above the given epoch was handed out under the name, and nil otherwise. CheckEpoch does
	// not read whether the lease ran out or was released.
	CheckEpoch(ctx context.Context, name string, epoch int64) error
}

// Jobs is the record of operators' work. A worker does a job under the lease JobLease.
type Jobs interface {
	// PutJob writes a job by compare-and-set, and returns the job as written, with the revision grown by one.
	//
	//   - The revision of j MUST be the recorded revision, or 0 for a job without a record. PutJob does not change j.
	//   - Conflict: the recorded revision is another, because another caller wrote first. The caller MUST read the job and decide anew.
	PutJob(ctx context.Context, j *pb.Job) (*pb.Job, error)
	Job(ctx context.Context, id string) (*pb.Job, error)
	// AllJobs yields every job in the order of ids.
	AllJobs(ctx context.Context) iter.Seq2[*pb.Job, error]
}

// Searches are the searches that callers saved.
type Searches interface {
	// PutSearches writes the searches of a caller by compare-and-set, and returns them as written, with the revision grown by one.
	//
	//   - The revision of s MUST be the recorded revision, or 0 for a caller without searches. PutSearches does not change s.
	//   - Conflict: the recorded revision is another, because another call wrote first. The caller MUST read the searches and decide anew.
	//   - Invalid: s has no owner.
	PutSearches(ctx context.Context, s *pb.SavedSearches) (*pb.SavedSearches, error)
	// Searches returns the searches of a caller. A caller without searches has an empty message of revision 0.
	Searches(ctx context.Context, owner string) (*pb.SavedSearches, error)
}

// Bins are the editors' collections of clips.
type Bins interface {
	// PutBin writes a bin by compare-and-set together with the change that made the bin what it is, and returns the bin as written, with the revision
	// grown by one. The change is recorded under the new revision.
	//
	//   - The revision of b MUST be the recorded revision, or 0 for a new bin. A new bin MUST have an id that no bin ever had.
	//   - PutBin changes neither b nor c.
	//   - After an error, the change may be made: the caller MUST read the bin and decide anew.
	//   - Conflict: the recorded revision is another, because another call wrote first. The caller MUST read the bin and decide anew.
	//   - Invalid: b has no id or no owner.
	PutBin(ctx context.Context, b *pb.Bin, c *pb.BinChange) (*pb.Bin, error)
	// Bin returns a bin. NotFound: there is no bin of the id, or the bin is deleted.
	Bin(ctx context.Context, id string) (*pb.Bin, error)
	// BinsOf returns the ids of the bins of a member, sorted: of every bin that BinMembers gives the member for. BinsOf MAY return bins that are not the
	// member's any more, and bins that are deleted: the caller MUST read the bin, which decides.
	BinsOf(ctx context.Context, member string) ([]string, error)
	// BinChanges returns at most limit changes of a bin, the newest first: changes below a revision, or the newest if below is 0. A bin that does not exist
	// has no changes. The newest MaxBinChanges changes are kept, and PutBin deletes the others.
	BinChanges(ctx context.Context, id string, below int64, limit int) ([]*pb.BinChange, error)
	// DeleteBin deletes a bin and the bin's changes. NotFound: as for Bin. Conflict: the recorded revision is another.
	DeleteBin(ctx context.Context, id string, revision int64) error
}

// MaxBinChanges is how many changes of a bin a store keeps.
const MaxBinChanges = 1000

// BinMembers are the names under which a store finds a bin: "name:OWNER", and what the bin is shared with.
func BinMembers(b *pb.Bin) []string {
	members := []string{"name:" + b.GetOwner()}
	for _, s := range b.GetShares() {
		members = append(members, s.GetWith())
	}
	slices.Sort(members)
	return slices.Compact(members)
}

// Partners are the servers that the data belongs with: the log that filled the store, the search engine that was filled
// from the store.
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

// Positions keeps beside the rows how far the log was read for the rows. The positions of a store that was restored
// from a backup, or lost its end, show from where the log must be read again. The group's offsets, kept by the log, do
// not.
type Positions interface {
	// Reach records how far a group has read.
	//
	//   - A position replaces the recorded position of the same group, topic and partition. Next MAY be lower than the recorded Next,
	//     after the log was rewound.
	//   - The caller MUST first have written the rows of every event before Next.
	//   - The caller MAY record positions late: a position that is too low costs reading events twice.
	//   - After an error, some of the positions may be recorded.
	Reach(ctx context.Context, group string, reached []Position) error
	// Positions returns the recorded positions of a group, in any order.
	Positions(ctx context.Context, group string) ([]Position, error)
}

// Picks is the log of the moments that people opened or picked: what recommendations are made of. A person is a keyed hash, and a store
// never learns a name. The identity of a pick is its person, query, asset, start and end.
type Picks interface {
	// WritePicks records picks durably.
	//
	//   - A pick replaces the recorded pick of the same identity.
	//   - After an error, some of the picks may be recorded. The caller MAY write the picks again.
	//   - Invalid: person, query or asset is missing, or start, end or day is negative.
	WritePicks(ctx context.Context, picks []*pb.Pick) error
	// AllPicks yields every pick in the order of persons. The order of a person's picks is any, and the same in each call.
	AllPicks(ctx context.Context) iter.Seq2[*pb.Pick, error]
	// DeletePicks deletes picks by identity. DeletePicks does not read the day. A pick without a record is no error.
	DeletePicks(ctx context.Context, picks []*pb.Pick) error
	// ForgetPicks deletes every pick of a person, and returns how many picks there were.
	//
	//   - After ForgetPicks has returned, no read of any process returns a pick of the person that was written before ForgetPicks began.
	//   - ForgetPicks makes Forgotten grow, after the deletion, also if the person had no picks.
	//   - A pick that is written during ForgetPicks MAY be deleted. A store of several processes MAY also delete a pick that another
	//     process writes behind ForgetPicks, within the difference of the two clocks.
	//   - After an error, some of the picks may be deleted. The caller MUST forget again.
	//   - Invalid: person is empty.
	ForgetPicks(ctx context.Context, person string) (int64, error)
	// Forgotten grows with every ForgetPicks, and never goes back. A reader with a copy of the picks MUST read Forgotten before AllPicks,
	// and MUST drop the copy if Forgotten has another value later. After ForgetPicks has returned, Forgotten is above every value read
	// before ForgetPicks began. Reading Forgotten is cheap.
	Forgotten(ctx context.Context) (int64, error)
}

// JobLease is the name under which a job's workers are fenced.
func JobLease(job string) string { return "job/" + job }

// RunLease is the name under which a run's executions are fenced.
func RunLease(run string) string { return "run/" + run }
