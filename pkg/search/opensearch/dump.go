package opensearch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"

	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/search"
)

// walkPage is how many documents are read in a request.
const walkPage = 2000

// snapshotAge is how long the cluster keeps an unread snapshot.
const snapshotAge = "5m"

// snapshot takes a point in time of an index. The caller MUST call forgetSnapshot.
func (e *Engine) snapshot(ctx context.Context, index string) (pit string, err error) {
	var answer struct {
		ID string `json:"pit_id"`
	}
	if err := e.client.do(ctx, http.MethodPost, "/"+index+"/_search/point_in_time?keep_alive="+snapshotAge, nil, &answer); err != nil {
		return "", fmt.Errorf("taking a snapshot of %s: %w", index, err)
	}
	return answer.ID, nil
}

// forgetSnapshot ends a point in time, whether the context has ended or not. The cluster itself ends a point in time after snapshotAge.
func (e *Engine) forgetSnapshot(ctx context.Context, pit string) {
	_ = e.client.do(context.WithoutCancel(ctx), http.MethodDelete, "/_search/point_in_time", object{"pit_id": []string{pit}}, nil)
}

// heldBy is the part of a request naming a point in time.
func heldBy(pit string) object { return object{"id": pit, "keep_alive": snapshotAge} }

// walk goes through all items of an index, in the order of the fields named, as of when it began.
func walk[T any](ctx context.Context, e *Engine, index string, order ...string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		pit, err := e.snapshot(ctx, index)
		if err != nil {
			yield(none, err)
			return
		}
		defer e.forgetSnapshot(ctx, pit)
		var after []json.RawMessage
		for {
			request := object{"size": walkPage, "query": items(), "sort": order, "track_total_hits": false, "pit": heldBy(pit)}
			if after != nil {
				request["search_after"] = after
			}
			var page struct {
				Hits struct {
					Hits []struct {
						Source T                 `json:"_source"`
						Sort   []json.RawMessage `json:"sort"`
					} `json:"hits"`
				} `json:"hits"`
			}
			if err := e.client.do(ctx, http.MethodPost, "/_search", request, &page); err != nil {
				yield(none, fmt.Errorf("reading %s: %w", index, err))
				return
			}
			for _, hit := range page.Hits.Hits {
				if !yield(hit.Source, nil) {
					return
				}
				after = hit.Sort
			}
			if len(page.Hits.Hits) < walkPage {
				return
			}
		}
	}
}

// Dump implements search.Engine.
func (e *Engine) Dump(ctx context.Context, w io.Writer) error {
	if e.closed.Load() {
		return errClosed
	}
	return e.dump(ctx, live, w)
}

// A walker is an index being dumped, at its next document.
type walker struct {
	space string // empty: the texts
	next  func() (body, error, bool)
	doc   body
	ok    bool
}

func (k *walker) step() (err error) {
	k.doc, err, k.ok = k.next()
	return err
}

// dump goes through all indices side by side, run by run.
func (e *Engine) dump(ctx context.Context, at func(part) string, w io.Writer) error {
	var walkers []*walker
	for _, p := range e.parts() {
		next, stop := iter.Pull2(walk[body](ctx, e, at(p), "run", "ordinal"))
		defer stop()
		k := &walker{next: next}
		if p.space != nil {
			k.space = schema.SpaceID(p.space)
		}
		if err := k.step(); err != nil {
			return fmt.Errorf("dumping: %w", err)
		}
		walkers = append(walkers, k)
	}
	for {
		var runs []string
		for _, k := range walkers {
			if k.ok {
				runs = append(runs, k.doc.Run)
			}
		}
		if len(runs) == 0 {
			return nil
		}
		run := slices.Min(runs)
		for _, k := range walkers {
			for k.ok && k.doc.Run == run {
				if err := search.WriteLine(w, k.line()); err != nil {
					return err
				}
				if err := k.step(); err != nil {
					return fmt.Errorf("dumping: %w", err)
				}
			}
		}
	}
}

func (k *walker) line() any {
	if k.space != "" {
		return k.doc.embeddingLine(k.space)
	}
	return k.doc.annotationLine()
}

func (d *body) annotationLine() search.AnnotationLine {
	l := search.AnnotationLine{
		Run: d.Run, Ordinal: d.Ordinal, Asset: d.Asset, Kind: d.Kind, Language: d.Language, Start: d.Start, End: d.End, Hash: d.Hash,
	}
	if d.Confidence != nil {
		l.Confidence = *d.Confidence
	}
	return l
}

func (d *body) embeddingLine(space string) search.EmbeddingLine {
	return search.EmbeddingLine{
		Run: d.Run, Space: space, Ordinal: d.Ordinal, Asset: d.Asset, Kind: d.Kind, Language: d.Language,
		Character: d.Character, Start: d.Start, End: d.End, Hash: d.Hash,
	}
}
