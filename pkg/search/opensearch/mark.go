package opensearch

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/search"
)

// Each index holds a mark: a document with the identity that the store knows its indices by. An index that was deleted and made
// anew, or emptied, has no mark or another mark. It looks like any other index, and would answer nothing. A Rebuild writes the marks
// before its swap. The index of the texts lists the spaces too, so that a new space differs from a space whose index was deleted.

// markID is the document of the mark. No item has this name, since the run of an item is not empty.
const markID = "/"

// listID is the document by which the index of the texts lists a space.
func listID(p part) string { return markID + p.name }

// items finds all documents of an index but the marks.
func items() object { return object{"exists": object{"field": "run"}} }

// markPatience bounds how long Lacking waits for the cluster.
const markPatience = time.Second

func (e *Engine) markEntry(target, action, id, mark string) entry {
	doc, err := json.Marshal(object{"hash": mark})
	if err != nil {
		panic(err) // of a map of two texts
	}
	return entry{target, action, id, doc}
}

// A markDoc names a document read by readMarks.
type markDoc struct {
	Index string `json:"_index"`
	ID    string `json:"_id"`
}

// readMarks returns the identity in each of the documents; empty where the document or its index is not there.
func (e *Engine) readMarks(ctx context.Context, docs []markDoc) ([]string, error) {
	var answer struct {
		Docs []struct {
			Source struct {
				Hash string `json:"hash"`
			} `json:"_source"`
			Error struct{ Type, Reason string } `json:"error"`
		} `json:"docs"`
	}
	if err := e.client.do(ctx, http.MethodPost, "/_mget", object{"docs": docs}, &answer); err != nil {
		return nil, fmt.Errorf("reading the marks of the indices: %w", err)
	}
	if len(answer.Docs) != len(docs) {
		return nil, errkind.New(errkind.Internal, "reading the marks of %d indices: the answer tells of %d", len(docs), len(answer.Docs))
	}
	marks := make([]string, len(docs))
	for i, d := range answer.Docs {
		if d.Error.Type != "" && d.Error.Type != indexNotFound {
			return nil, errkind.New(errkind.Unavailable, "reading the mark of index %s: %s (%s)", docs[i].Index, d.Error.Reason, d.Error.Type)
		}
		marks[i] = d.Source.Hash
	}
	return marks, nil
}

// recognise finds out which marks the indices must carry, and marks new indices.
func (e *Engine) recognise(ctx context.Context, filled func(ctx context.Context, id string, empty bool) (string, error)) error {
	found, made, err := e.markTexts(ctx)
	if err != nil {
		return err
	}
	e.mark = found
	if filled != nil {
		empty := false
		if made {
			n, err := e.countItems(ctx)
			if err != nil {
				return err
			}
			empty = n == 0
		}
		if e.mark, err = filled(ctx, found, empty); err != nil {
			return err
		}
	}
	if found != e.mark {
		return nil // a Rebuild marks all indices
	}
	return e.markSpaces(ctx)
}

// markTexts marks the texts unless they are marked, and returns their mark. If several processes do so at the same time, a single process
// makes the mark.
func (e *Engine) markTexts(ctx context.Context) (mark string, made bool, err error) {
	own := ""
	for {
		marks, err := e.readMarks(ctx, []markDoc{{e.text.name, markID}})
		if err != nil {
			return "", false, err
		}
		if marks[0] != "" || own != "" {
			return marks[0], marks[0] == own, nil
		}
		own = rand.Text()
		if err := e.bulk(ctx, []entry{e.markEntry(e.text.name, "create", markID, own)}); err != nil {
			return "", false, fmt.Errorf("marking %s: %w", e.text.name, err)
		}
	}
}

// markSpaces marks and lists the unlisted spaces, which are new.
func (e *Engine) markSpaces(ctx context.Context) error { return e.markNew(ctx, e.parts()[1:]) }

// markNew marks and lists those of the spaces that are not listed.
func (e *Engine) markNew(ctx context.Context, spaces []part) error {
	if len(spaces) == 0 {
		return nil
	}
	docs := make([]markDoc, len(spaces))
	for i, p := range spaces {
		docs[i] = markDoc{e.text.name, listID(p)}
	}
	listed, err := e.readMarks(ctx, docs)
	if err != nil {
		return err
	}
	var marks, list []entry
	for i, p := range spaces {
		if listed[i] == "" {
			marks = append(marks, e.markEntry(p.name, "index", markID, e.mark))
			list = append(list, e.markEntry(e.text.name, "index", listID(p), e.mark))
		}
	}
	// The list comes last: a listed space must have a mark.
	for _, entries := range [][]entry{marks, list} {
		if err := e.bulk(ctx, entries); err != nil {
			return fmt.Errorf("marking new spaces: %w", err)
		}
	}
	return nil
}

// mark marks the indices of the Rebuild as filled from the store.
func (r *rebuild) mark(ctx context.Context) error {
	e := r.engine
	var entries []entry
	for _, p := range e.parts() { // a space that was added meanwhile has its mark, and is listed among the new texts
		if r.has(p) {
			entries = append(entries, e.markEntry(p.fold(r.generation), "index", markID, e.mark))
		}
		if p.space != nil {
			entries = append(entries, e.markEntry(e.text.fold(r.generation), "index", listID(p), e.mark))
		}
	}
	if err := e.bulk(ctx, entries); err != nil {
		return fmt.Errorf("marking what was rebuilt: %w", err)
	}
	return nil
}

func (e *Engine) countItems(ctx context.Context) (n int, err error) {
	var texts struct {
		Count int `json:"count"`
	}
	if err := e.client.do(ctx, http.MethodPost, "/"+e.text.name+"/_count", object{"query": items()}, &texts); err != nil {
		return 0, fmt.Errorf("counting texts: %w", err)
	}
	return texts.Count, nil
}

// Lacking implements search.Lacker, as of at most a second ago. While the cluster does not answer, Lacking returns the last result.
func (e *Engine) Lacking() *search.Lack {
	ctx, cancel := context.WithTimeout(context.Background(), markPatience)
	defer cancel()
	lack, err := e.lacking(ctx, resolveEvery)
	if err != nil && !e.closed.Load() {
		e.log.Warn("looking whether the search indices are whole", "error", err)
	}
	return lack
}

// lacking looks at the marks, unless the last look is younger than age.
func (e *Engine) lacking(ctx context.Context, age time.Duration) (*search.Lack, error) {
	e.lack.Lock()
	known, fresh := e.lack.why, time.Since(e.lack.asOf) < age
	e.lack.Unlock()
	if fresh || e.closed.Load() {
		return known, nil
	}
	begun := time.Now()
	parts := e.parts()
	docs := make([]markDoc, len(parts))
	for i, p := range parts {
		docs[i] = markDoc{p.name, markID}
	}
	marks, err := e.readMarks(ctx, docs)
	if err != nil {
		return known, err
	}
	reason := ""
	for i, m := range marks {
		if m != e.mark {
			reason = fmt.Sprintf("index %s was deleted, emptied or made anew; if no job fills it, run `cinedex rebuild search`", parts[i].name)
			break
		}
	}
	serves := false
	if reason == "" && e.outdated.Load() {
		index, err := e.withoutAssets(ctx)
		if err != nil {
			return known, err
		}
		if serves = index != ""; serves {
			reason = fmt.Sprintf("index %s was made by an earlier version, and cannot be asked for large sets, and maybe not for many titles of a library but not for all", index)
		}
		e.outdated.Store(serves)
	}
	e.lack.Lock()
	defer e.lack.Unlock()
	if begun.Before(e.lack.asOf) {
		return e.lack.why, nil // another call looked later
	}
	e.lack.asOf = begun
	switch {
	case reason == "":
		e.lack.why = nil
	case e.lack.why == nil || e.lack.why.Reason != reason:
		e.lack.why = &search.Lack{Reason: reason, Serves: serves}
		if serves {
			e.log.Warn("the search engine is to be filled anew, and answers meanwhile", "reason", reason)
		} else {
			e.log.Error("the search engine does not answer", "reason", reason)
		}
	}
	return e.lack.why, nil
}

// lookAgain makes the next call of lacking look at the marks.
func (e *Engine) lookAgain() {
	e.lack.Lock()
	defer e.lack.Unlock()
	e.lack.asOf = time.Time{}
}
