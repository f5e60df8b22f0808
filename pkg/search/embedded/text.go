package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blevesearch/bleve/v2/document"
	"github.com/blevesearch/bleve/v2/index/scorch"
	index "github.com/blevesearch/bleve_index_api"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The fields of a document. Texts are in textField plus the base language.
const (
	textField     = "text."
	labelField    = "label"
	kindField     = "kind"
	languageField = "language"
	personField   = "character"
	rowField      = "row"
)

const (
	// maxTextBytes is how much of a text is indexed: a hundred times the longest subtitle.
	maxTextBytes = 64 << 10
	// wordOptions keep positions, which phrases need; keyOptions keep only which documents.
	wordOptions = index.IndexField | index.IncludeTermVectors
	keyOptions  = index.IndexField | index.SkipFreqNorm
)

// text is the full-text half of the engine.
type text struct {
	log       *slog.Logger
	index     index.Index
	queue     *index.AnalysisQueue
	languages *languages
	columns   columnCache
	commits   *group
	stale     chan struct{} // holds one when the segments changed
	warming   sync.WaitGroup

	// failed is closed, with failure set before, when scorch lost one of its loops: nothing
	// more can be written, what is there can be read.
	failed   chan struct{}
	failOnce sync.Once
	failure  error
	closing  atomic.Bool
	// unsynced are the batches that scorch has not written to disk yet.
	mu       sync.Mutex
	unsynced map[chan error]struct{}
	// unwritable is the last error of writing to disk, nil after a write that went well.
	unwritable atomic.Pointer[error]
}

func openText(dir string, log *slog.Logger) (*text, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of texts: %w", err)
	}
	langs, err := newLanguages()
	if err != nil {
		return nil, fmt.Errorf("preparing the analysis of languages: %w", err)
	}
	t := &text{log: log, languages: langs, failed: make(chan struct{}), unsynced: map[chan error]struct{}{}, stale: make(chan struct{}, 1), queue: index.NewAnalysisQueue(runtime.GOMAXPROCS(0))}
	release := hearErrors(dir, t.asyncError)
	t.index, err = scorch.NewScorch(scorch.Name, map[string]any{
		"path": dir,
		// Batch returns when the batch is searchable; commit waits until it is synced, too. Scorch's own
		// safe mode does the same, but closes a segment that readers have if the disk refuses it.
		"unsafe_batch":           true,
		"bolt_timeout":           "1s",
		"asyncErrorCallbackName": errorCallback,
		// Few large segments make searches fast; merges are paid by the writer's second core.
		"scorchMergePlanOptions": map[string]any{
			"MaxSegmentsPerTier": 6, "MaxSegmentSize": 5_000_000, "TierGrowth": 10.0,
			"SegmentsPerMergeTask": 8, "FloorSegmentSize": 2000, "ReclaimDeletesWeight": 2.0,
		},
	}, t.queue)
	if err == nil {
		err = t.index.Open()
	}
	if err != nil {
		release()
		t.queue.Close()
		return nil, fmt.Errorf("opening the text index in %s: %w", dir, err)
	}
	t.commits = newGroup(t.commit, t.failed, release)
	t.warming.Go(t.keepWarm)
	return t, nil
}

func (t *text) close() error {
	if t.closing.Swap(true) {
		return nil
	}
	t.commits.close()
	close(t.stale)
	t.warming.Wait()
	err := t.index.Close()
	t.commits.release()
	t.queue.Close()
	return err
}

// ready reports why nothing can be written, if so.
func (t *text) ready() error {
	select {
	case <-t.failed:
		return t.failure
	default:
	}
	if err := t.unwritable.Load(); err != nil {
		return *err
	}
	return nil
}

// asyncError is told by scorch's loops. They try again at once and for ever, so that
// the pause made here is what keeps a full disk from taking a core, too.
func (t *text) asyncError(err error) {
	var se *scorch.ScorchError
	if errors.As(err, &se) && se.ErrType == scorch.ErrAsyncPanic {
		t.failOnce.Do(func() {
			t.failure = errkind.New(errkind.Unavailable, "the text index stopped: %w", err)
			close(t.failed)
		})
		t.log.Error("text index stopped", "error", err)
		return
	}
	marked := classifyDisk(err)
	if t.unwritable.Swap(&marked) == nil && !t.closing.Load() {
		t.log.Error("text index cannot be written, trying again", "error", err)
	}
	if se != nil && se.Source == "persister" {
		t.mu.Lock()
		for synced := range t.unsynced {
			synced <- marked
			delete(t.unsynced, synced)
		}
		t.mu.Unlock()
	}
	if !t.closing.Load() {
		time.Sleep(100 * time.Millisecond)
	}
}

// classifyDisk marks errors of writing: scorch passes some on as text only.
func classifyDisk(err error) error {
	if k := errkind.Of(err); k != errkind.Internal {
		return err
	}
	if msg := err.Error(); strings.Contains(msg, "no space left") || strings.Contains(msg, "disk quota") || strings.Contains(msg, "file too large") {
		return errkind.Wrap(errkind.Exhausted, err)
	}
	return errkind.Wrap(errkind.Unavailable, err)
}

// write indexes annotations and returns when they are durable and searchable.
func (t *text) write(ctx context.Context, annotations []*pb.Annotation) error {
	docs := make([]index.Document, 0, min(len(annotations), maxGroup))
	for _, a := range annotations {
		if a.GetText() == "" && a.GetLabel() == "" {
			continue
		}
		d, err := t.document(a)
		if err != nil {
			return err
		}
		docs = append(docs, d)
		if len(docs) == maxGroup {
			if err := t.commits.do(ctx, &change{docs: docs}); err != nil {
				return t.writeError(err)
			}
			docs = make([]index.Document, 0, maxGroup)
		}
	}
	if len(docs) == 0 {
		return nil
	}
	return t.writeError(t.commits.do(ctx, &change{docs: docs}))
}

func (t *text) remove(ctx context.Context, run string, from int64) error {
	ids, err := t.idsFrom(run, from)
	if err != nil {
		return err
	}
	for len(ids) > 0 {
		n := min(len(ids), maxGroup)
		if err := t.commits.do(ctx, &change{deletes: ids[:n]}); err != nil {
			return t.writeError(err)
		}
		ids = ids[n:]
	}
	return nil
}

func (t *text) writeError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errStopped) {
		return t.failure
	}
	if errkind.Of(err) == errkind.Cancelled || errors.Is(err, errClosed) {
		return err
	}
	return fmt.Errorf("writing texts: %w", classifyDisk(err))
}

// commit makes changes searchable, and returns what tells when they are durable. It is
// called by one goroutine at a time.
func (t *text) commit(changes []*change) (<-chan error, error) {
	b := index.NewBatch()
	for _, c := range changes {
		for _, d := range c.docs {
			b.Update(d)
		}
		for _, id := range c.deletes {
			b.Delete(id)
		}
	}
	synced := make(chan error, 1)
	t.mu.Lock()
	t.unsynced[synced] = struct{}{}
	t.mu.Unlock()
	done := func(err error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if _, waiting := t.unsynced[synced]; waiting {
			delete(t.unsynced, synced)
			synced <- err
		}
	}
	b.SetPersistedCallback(func(err error) {
		if err == nil {
			t.unwritable.Store(nil)
		}
		done(err)
	})
	if err := t.index.Batch(b); err != nil {
		done(err)
		return nil, err
	}
	select {
	case t.stale <- struct{}{}:
	default:
	}
	return synced, nil
}

// keepWarm makes the columns of new segments before a question has to, and drops old ones.
func (t *text) keepWarm() {
	for range t.stale {
		t.warm()
	}
}

func (t *text) warm() {
	s, err := t.snapshot()
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }()
	for _, seg := range s.Segments() {
		if _, err := t.columns.of(seg); err != nil {
			t.log.Error("reading identities of a segment", "segment", seg.Id(), "error", err)
		}
	}
	t.columns.keep(s.Segments())
}

func (t *text) snapshot() (*scorch.IndexSnapshot, error) {
	r, err := t.index.Reader()
	if err != nil {
		return nil, fmt.Errorf("opening a snapshot of the texts: %w", err)
	}
	s, ok := r.(*scorch.IndexSnapshot)
	if !ok || s == nil {
		return nil, errkind.New(errkind.Unavailable, "the text index is closed")
	}
	return s, nil
}

// idsFrom returns the ids of a run's documents from an ordinal on.
func (t *text) idsFrom(run string, from int64) ([]string, error) {
	s, err := t.snapshot()
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	dict, err := s.FieldDictRange("_id", []byte(documentID(run, from)), []byte(documentID(run, maxOrdinal+1)))
	if err != nil {
		return nil, fmt.Errorf("reading the items of run %s: %w", run, err)
	}
	defer func() { _ = dict.Close() }()
	var ids []string
	for {
		e, err := dict.Next()
		if err != nil {
			return nil, fmt.Errorf("reading the items of run %s: %w", run, err)
		}
		if e == nil {
			return ids, nil
		}
		ids = append(ids, strings.Clone(e.Term))
	}
}

func (t *text) document(a *pb.Annotation) (index.Document, error) {
	if err := checkIdentity(a.GetRun(), a.GetOrdinal()); err != nil {
		return nil, err
	}
	tag := ""
	d := document.NewDocument(documentID(a.GetRun(), a.GetOrdinal()))
	if a.GetText() != "" {
		tag = canonical(a.GetLanguage())
		lang, err := t.languages.of(tag)
		if err != nil {
			return nil, err
		}
		d.AddField(document.NewTextFieldCustom(textField+lang.base, nil, clean(a.GetText()), wordOptions, lang.words))
		d.AddField(key(languageField, tag))
	}
	if a.GetLabel() != "" {
		d.AddField(document.NewTextFieldCustom(labelField, nil, clean(a.GetLabel()), wordOptions, t.languages.label.words))
	}
	d.AddField(key(kindField, a.GetKind()))
	if a.GetCharacter() != "" {
		d.AddField(key(personField, strings.ToLower(a.GetCharacter())))
	}
	d.AddField(document.NewTextFieldCustom(rowField, nil, rowOf(a, tag).encode(), index.StoreField, nil))
	return d, nil
}

func key(field, value string) document.Field {
	return document.NewTextFieldCustom(field, nil, []byte(value), keyOptions, nil)
}

// clean bounds a text and makes it valid UTF-8.
func clean(s string) []byte {
	if len(s) > maxTextBytes {
		s = s[:maxTextBytes]
	}
	return []byte(strings.ToValidUTF8(s, " "))
}

// canonicalTags saves parsing the same few tags for every text.
var canonicalTags sync.Map

func canonical(tag string) string {
	if tag == "" {
		return undetermined
	}
	if c, ok := canonicalTags.Load(tag); ok {
		return c.(string)
	}
	c, err := schema.CanonicalLanguage(tag)
	if err != nil || c == "" {
		c = undetermined
		return c // not kept: there are as many wrong tags as one likes
	}
	canonicalTags.Store(tag, c)
	return c
}
