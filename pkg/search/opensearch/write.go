package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/search"
)

const (
	// bulkBytes bounds a bulk request, and bulksAtOnce the simultaneous bulk requests of a Write.
	bulkBytes   = 5 << 20
	bulksAtOnce = 4
	// deleting a run may take longer than any other request.
	deleteTimeout = 10 * time.Minute
)

// An entry is a document within a bulk request.
type entry struct {
	target string // an alias
	action string // index or create
	id     string
	doc    []byte
}

func (n entry) size() int { return len(n.target) + len(n.id) + len(n.doc) + 64 }

// Write implements search.Writer.
func (e *Engine) Write(ctx context.Context, b search.Batch) (err error) {
	defer func(begun time.Time) { e.measure("write", begun, err) }(time.Now())
	if e.closed.Load() {
		return errClosed
	}
	docs, err := e.documents(b)
	if err != nil || len(docs) == 0 {
		return err
	}
	if err := e.writeBoth(ctx, docs, b.Again); err != nil {
		return err
	}
	e.items.WithLabelValues("annotation").Add(float64(len(b.Annotations)))
	e.items.WithLabelValues("embedding").Add(float64(len(b.Embeddings)))
	return nil
}

// writeBoth writes into the live indices, and into the indices of a rebuild under way. again says that the live indices may have every item.
func (e *Engine) writeBoth(ctx context.Context, docs []document, again bool) error {
	return e.both(ctx, func(underway nextParts) error {
		if again && !underway.any() { // a rebuild is told every item
			var err error
			if docs, err = e.changed(ctx, docs); err != nil {
				return err
			}
		}
		entries := make([]entry, 0, 2*len(docs))
		for _, d := range docs {
			doc, err := d.encode()
			if err != nil {
				return err
			}
			entries = append(entries, entry{d.part.name, "index", d.id, doc})
			if underway[d.part.next()] {
				entries = append(entries, entry{d.part.next(), "index", d.id, doc})
			}
		}
		return e.bulk(ctx, entries)
	})
}

// looksAtOnce bounds the documents read by a request.
const looksAtOnce = 1000

// changed leaves out the documents found unchanged by searches.
func (e *Engine) changed(ctx context.Context, docs []document) (left []document, err error) {
	for some := range slices.Chunk(docs, looksAtOnce) {
		wanted := make([]object, len(some))
		for i, d := range some {
			wanted[i] = object{"_index": d.part.name, "_id": d.id}
		}
		var answer struct {
			Docs []struct {
				Source *body `json:"_source"`
			} `json:"docs"`
		}
		err := retry(ctx, passing, func() error {
			// A written document without a refresh since is not found yet, and is written once more. Each Write of a writer waits
			// for its refresh.
			return e.client.do(ctx, http.MethodPost, "/_mget?realtime=false&filter_path=docs._source,docs._id", object{"docs": wanted}, &answer)
		})
		if err != nil {
			return nil, fmt.Errorf("looking for %d items that may be there: %w", len(some), err)
		}
		if len(answer.Docs) != len(some) {
			return nil, errkind.New(errkind.Internal, "looking for %d items that may be there: the answer tells of %d", len(some), len(answer.Docs))
		}
		for i, d := range some {
			// Texts and vectors are indexed and not kept: documents are compared by their hash.
			there, want := answer.Docs[i].Source, d.body
			want.Text, want.Terms, want.Label, want.Labels, want.Vector = nil, nil, "", nil, nil
			if there != nil {
				there.Folded = false // of the rebuild that made the index
			}
			if there == nil || !reflect.DeepEqual(*there, want) {
				left = append(left, d)
			}
		}
	}
	return left, nil
}

// both calls do and tells do whether a rebuild is under way. If a rebuild began or ended meanwhile, both calls do once more: a write to the
// former live indices must reach the present live indices.
func (e *Engine) both(ctx context.Context, do func(underway nextParts) error) error {
	for {
		underway, err := e.underway(ctx)
		if err != nil {
			return err
		}
		err = do(underway)
		if !underway.any() || !errors.Is(err, errGone) {
			return err
		}
		e.forget()
	}
}

// errGone is the error of an alias without an index.
var errGone = errkind.New(errkind.Unavailable, "an index is missing")

// bulk sends entries in requests of some megabytes, and returns when all entries are durable and visible.
func (e *Engine) bulk(ctx context.Context, entries []entry) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(bulksAtOnce)
	for len(entries) > 0 {
		n, size := 0, 0
		for n < len(entries) && (n == 0 || size+entries[n].size() <= bulkBytes) {
			size += entries[n].size()
			n++
		}
		part := entries[:n]
		entries = entries[n:]
		g.Go(func() error { return e.send(ctx, part) })
	}
	return g.Wait()
}

// send sends a bulk request. Entries pushed back by the cluster are sent again.
func (e *Engine) send(ctx context.Context, entries []entry) error {
	first := true
	return retry(ctx, passing, func() error {
		if !first {
			e.again.Inc()
		}
		first = false
		left, err := e.sendOnce(ctx, entries)
		if err == nil || len(left) > 0 {
			entries = left
		}
		return err
	})
}

// sendOnce returns the entries to send again, if not all entries are, and the reason.
func (e *Engine) sendOnce(ctx context.Context, entries []entry) (left []entry, err error) {
	var lines bytes.Buffer
	for _, n := range entries {
		head, err := json.Marshal(object{n.action: object{"_index": n.target, "_id": n.id}})
		if err != nil {
			return nil, fmt.Errorf("encoding a bulk request: %w", err)
		}
		lines.Write(head)
		lines.WriteByte('\n')
		lines.Write(n.doc)
		lines.WriteByte('\n')
	}
	var answer struct {
		Errors bool `json:"errors"`
		Items  []map[string]struct {
			Status int `json:"status"`
			Error  struct{ Type, Reason string }
		} `json:"items"`
	}
	const path = "/_bulk?refresh=wait_for&require_alias=true&filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"
	if err := e.client.do(ctx, http.MethodPost, path, raw(lines.Bytes()), &answer); err != nil {
		return nil, fmt.Errorf("writing %d items: %w", len(entries), err)
	}
	if !answer.Errors {
		return nil, nil
	}
	if len(answer.Items) != len(entries) {
		return nil, errkind.New(errkind.Internal, "writing %d items: the answer tells of %d", len(entries), len(answer.Items))
	}
	var pushed error
	for i, it := range answer.Items {
		r := it[entries[i].action]
		if r.Status < 300 || r.Status == http.StatusConflict && entries[i].action == "create" {
			continue
		}
		f := &failure{Status: r.Status, Type: r.Error.Type, Reason: r.Error.Reason}
		err := wrap(f)
		switch {
		case r.Status == http.StatusNotFound:
			return nil, fmt.Errorf("writing item %s to %s: %w: %w", entries[i].id, entries[i].target, errGone, f)
		case r.Status == http.StatusBadRequest:
			return nil, errkind.New(errkind.Invalid, "writing item %s: %w", entries[i].id, f)
		case !passing(err):
			return nil, fmt.Errorf("writing item %s: %w", entries[i].id, err)
		}
		left = append(left, entries[i])
		pushed = err
	}
	if pushed != nil {
		return left, fmt.Errorf("writing %d items, of which %d were pushed back: %w", len(entries), len(left), pushed)
	}
	return nil, nil
}

// trimBoth deletes from the live indices and from the indices of a rebuild under way, and notes the trim for the rebuild.
func (e *Engine) trimBoth(ctx context.Context, run string, annotations, embeddings int64) error {
	if e.closed.Load() {
		return errClosed
	}
	run = valid(run)
	return e.both(ctx, func(underway nextParts) error {
		targets := func(p part) []string { return []string{p.name} }
		if underway.any() {
			err := e.client.do(ctx, http.MethodPost, "/"+e.trims().next()+"/_doc?require_alias=true", object{"run": run, "annotations": annotations, "embeddings": embeddings}, nil)
			if isFailure(err, indexNotFound) {
				return fmt.Errorf("telling the rebuild: %w", errGone)
			}
			if err != nil {
				return fmt.Errorf("telling the rebuild that run %s was trimmed: %w", run, err)
			}
			targets = func(p part) []string {
				if underway[p.next()] {
					return []string{p.name, p.next()}
				}
				return []string{p.name}
			}
		}
		return e.trim(ctx, targets, run, annotations, embeddings)
	})
}

// trim deletes from the targets of each part.
func (e *Engine) trim(ctx context.Context, targets func(part) []string, run string, annotations, embeddings int64) error {
	g, ctx := errgroup.WithContext(ctx)
	remove := func(names []string, from int64) {
		g.Go(func() error {
			if err := e.remove(ctx, names, beyond(run, from)); err != nil {
				return fmt.Errorf("deleting from run %s: %w", run, err)
			}
			return nil
		})
	}
	parts := e.parts()
	remove(targets(parts[0]), annotations)
	var names []string
	for _, p := range parts[1:] {
		names = append(names, targets(p)...)
	}
	if len(names) > 0 {
		remove(names, embeddings)
	}
	return g.Wait()
}

// beyond finds the items of a run from an ordinal on.
func beyond(run string, from int64) object {
	return object{"bool": object{"filter": []any{
		object{"term": object{"run": run}}, object{"range": object{"ordinal": object{"gte": from}}},
	}}}
}

// remove deletes the documents of a query, and returns when the query finds no document. A document changed during the deletion
// is checked once more.
func (e *Engine) remove(ctx context.Context, names []string, query object) error {
	at := "/" + strings.Join(names, ",")
	return retry(ctx, passing, func() error {
		// Documents of a failed Write may not be visible yet.
		if err := e.client.do(ctx, http.MethodPost, at+"/_refresh?ignore_unavailable=true", nil, nil); err != nil {
			return err
		}
		var answer struct {
			VersionConflicts int   `json:"version_conflicts"`
			Failures         []any `json:"failures"`
		}
		err := e.client.within(ctx, deleteTimeout, http.MethodPost, at+"/_delete_by_query?conflicts=proceed&refresh=true&ignore_unavailable=true", object{"query": query}, &answer)
		if err != nil {
			return err
		}
		if n := answer.VersionConflicts + len(answer.Failures); n > 0 {
			return errkind.New(errkind.Unavailable, "%d documents could not be deleted yet", n)
		}
		return nil
	})
}
