package operating

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// verifiedBytes is the part of the buckets that verifying needs.
type verifiedBytes interface {
	Verify(ctx context.Context, a *pb.Asset, deep bool) error
	List(ctx context.Context, prefix string, deep bool) iter.Seq2[blob.Listed, error]
	Read(ctx context.Context, ref *pb.MediaRef, limit int64) ([]byte, error)
}

// bytesTally counts the findings about the bytes of assets, and about artefacts: text tracks, frame tables, blobs of runs.
type bytesTally struct {
	assets, changed, gone, unreadable int64
	artefacts, missing, damaged       int64
	orphans, orphanBytes              int64
	whole                             bool // all of the library was looked at, so orphans were counted
	examples                          []string
}

func (f *bytesTally) differences() int64 { return f.changed + f.gone + f.missing + f.damaged }

func (f *bytesTally) lines() []string {
	lines := []string{fmt.Sprintf("looked at the bytes of %d assets: %d are not those that arrived, %d are gone, %d could not be looked at from here", f.assets, f.changed, f.gone, f.unreadable),
		fmt.Sprintf("looked at %d artefacts: %d are missing in the bucket, %d are damaged", f.artefacts, f.missing, f.damaged)}
	if f.whole {
		lines = append(lines, fmt.Sprintf("nothing refers to %d blobs of the bucket, of %d bytes", f.orphans, f.orphanBytes))
	}
	return append(lines, f.examples...)
}

func (f *bytesTally) example(format string, args ...any) {
	if len(f.examples) < fewExamples {
		f.examples = append(f.examples, fmt.Sprintf(format, args...))
	}
}

// looksAtBytes reports whether a verification looks into the buckets: a repair is of the search engine alone.
func (v *verifier) looksAtBytes(w *pb.Verify) bool { return v.blobs != nil && !w.GetRepair() }

// planBytes counts the assets whose bytes would be looked at.
func (v *verifier) planBytes(ctx context.Context, w *pb.Verify) (assets int64, line string, err error) {
	var size int64
	for a, err := range jobs.Assets(ctx, v.store, w.GetSelection(), "") {
		if err != nil {
			return 0, "", fmt.Errorf("reading the library: %w", err)
		}
		assets, size = assets+1, size+a.GetSizeBytes()
	}
	if w.GetDeep() {
		return assets, fmt.Sprintf("hashes the bytes of %d assets, %d in all, and reads their artefacts in the bucket", assets, size), nil
	}
	return assets, fmt.Sprintf("compares size and time of the bytes of %d assets, and looks for their artefacts in the bucket", assets), nil
}

// bytesOf checks the bytes of a selection's assets, and the artefacts that the store refers to. each is called after each asset.
//
// A deep check reads every film. The check rests for half of the reading time, so that other readers get half of the disk's time.
func (v *verifier) bytesOf(ctx context.Context, sel *pb.Selection, deep bool, each func(assets int64) error) (*bytesTally, error) {
	f := &bytesTally{whole: len(sel.GetAssets())+len(sel.GetTitles())+len(sel.GetSeries())+len(sel.GetAlgorithms()) == 0}
	referred := map[string]bool{} // text tracks and frame tables, which assets may share
	known := map[string]bool{}    // assets
	for asset, err := range jobs.Assets(ctx, v.store, sel, "") {
		if err != nil {
			return nil, fmt.Errorf("reading the library: %w", err)
		}
		known[asset.GetId()] = true
		if err := v.asset(ctx, asset, deep, f); err != nil {
			return nil, err
		}
		if err := v.shared(ctx, asset, referred, f); err != nil {
			return nil, err
		}
		if err := v.ofRuns(ctx, sel, asset, deep, f); err != nil {
			return nil, err
		}
		if err := each(f.assets); err != nil {
			return nil, err
		}
	}
	if f.whole {
		return f, v.orphans(ctx, known, referred, f)
	}
	return f, nil
}

// asset looks at the film itself.
func (v *verifier) asset(ctx context.Context, a *pb.Asset, deep bool, f *bytesTally) error {
	f.assets++
	began := time.Now()
	err := v.blobs.Verify(ctx, a, deep)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil {
		if deep {
			return jobs.Sleep(ctx, time.Since(began)/2)
		}
		return nil
	}
	switch errkind.Of(err) {
	case errkind.Conflict:
		f.changed++
	case errkind.NotFound:
		f.gone++
	default:
		f.unreadable++
	}
	f.example("%v (title %s)", err, a.GetTitle().GetId())
	return nil
}

// shared checks an asset's text tracks and frame table. Both are small and named by their content, so both are read.
func (v *verifier) shared(ctx context.Context, a *pb.Asset, referred map[string]bool, f *bytesTally) error {
	refs := map[string]*pb.MediaRef{}
	for _, t := range a.GetText() {
		refs[fmt.Sprintf("the %s %s", t.GetLanguage(), t.GetRole())] = t.GetMedia()
	}
	refs["the frame table"] = a.GetVideo().GetFrameTable()
	for _, what := range slices.Sorted(maps.Keys(refs)) {
		ref := refs[what]
		if ref == nil || ref.GetBucket() != "" || referred[ref.GetKey()] {
			continue
		}
		referred[ref.GetKey()] = true
		if err := v.artefact(ctx, ref, a, what, f); err != nil {
			return err
		}
	}
	return nil
}

// maxArtefact bounds an artefact in memory: the frame table of a day of film is far below.
const maxArtefact = 256 << 20

// artefact reads an artefact; reading compares the bytes with the hash in the name.
func (v *verifier) artefact(ctx context.Context, ref *pb.MediaRef, a *pb.Asset, what string, f *bytesTally) error {
	f.artefacts++
	_, err := v.blobs.Read(ctx, ref, maxArtefact)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errkind.Is(err, errkind.NotFound):
		f.missing++
		f.example("missing in the bucket: %s of asset %s (%s): send the asset's event again", what, a.GetId(), ref.GetKey())
	case errkind.Is(err, errkind.Conflict):
		f.damaged++
		f.example("damaged: %s of asset %s: %v: send the asset's event again", what, a.GetId(), err)
	default:
		return fmt.Errorf("reading %s of asset %s: %w", what, a.GetId(), err)
	}
	return nil
}

// ofRuns checks the blobs of an asset's finished runs. An annotation names its blob by attributes. A run whose first annotation names a blob names a
// blob in each annotation.
func (v *verifier) ofRuns(ctx context.Context, sel *pb.Selection, a *pb.Asset, deep bool, f *bytesTally) error {
	stored, looked := map[string]blob.Listed{}, map[string]bool{}
	for o, err := range v.blobs.List(ctx, runPrefix+a.GetId()+"/", true) {
		if err != nil {
			return fmt.Errorf("listing the artefacts of asset %s: %w", a.GetId(), err)
		}
		stored[o.Key] = o
	}
	all, err := runs.Of(ctx, v.store, a.GetId())
	if err != nil {
		return err
	}
	for _, r := range all {
		if !jobs.SelectsRun(sel, r.GetAlgorithm(), r.GetVersion()) || !runs.Finished(r) {
			// The blobs of an unfinished run belong to the run, and nobody reads them.
			maps.DeleteFunc(stored, func(key string, _ blob.Listed) bool {
				return strings.HasPrefix(key, runPrefix+a.GetId()+"/"+r.GetId()+"/")
			})
			continue
		}
		for n, err := range v.store.AnnotationsOf(ctx, a.GetId(), r.GetId(), store.Span{}) {
			if err != nil {
				return fmt.Errorf("reading annotations of run %s: %w", r.GetId(), err)
			}
			key := n.GetAttributes()["blob"].GetText()
			if key == "" || n.GetAttributes()["bucket"].GetText() != "" {
				break
			}
			if looked[key] { // several annotations may name the same blob
				continue
			}
			looked[key] = true
			if err := v.ofRun(ctx, a, r, key, stored, deep, f); err != nil {
				return err
			}
		}
	}
	if f.whole {
		for _, key := range slices.Sorted(maps.Keys(stored)) {
			f.orphan(stored[key])
		}
	}
	return nil
}

// ofRun checks a blob of a run, and takes the blob out of stored.
func (v *verifier) ofRun(ctx context.Context, a *pb.Asset, r *pb.Run, key string, stored map[string]blob.Listed, deep bool, f *bytesTally) error {
	what := fmt.Sprintf("what %s@%s put into the bucket", r.GetAlgorithm(), r.GetVersion())
	is, ok := stored[key]
	delete(stored, key)
	if deep && ok || !strings.HasPrefix(key, runPrefix+a.GetId()+"/") {
		return v.artefact(ctx, &pb.MediaRef{Key: key}, a, what, f)
	}
	f.artefacts++
	switch {
	case !ok:
		f.missing++
		f.example("missing in the bucket: %s of asset %s (%s): replay the run", what, a.GetId(), key)
	case is.Size == 0:
		f.damaged++
		f.example("damaged: %s of asset %s is empty (%s): replay the run", what, a.GetId(), key)
	}
	return nil
}

const runPrefix = "runs/"

// newBlob is the least age of an orphan: a blob is written before the reference to the blob.
const newBlob = time.Hour

func (f *bytesTally) orphan(o blob.Listed) {
	if time.Since(o.Modified) < newBlob {
		return
	}
	f.orphans++
	f.orphanBytes += o.Size
	f.example("nothing refers to %s (%d bytes)", o.Key, o.Size)
}

// orphans counts blobs without a reference: artefacts of deleted assets, and unused text tracks and frame tables.
func (v *verifier) orphans(ctx context.Context, known, referred map[string]bool, f *bytesTally) error {
	for o, err := range v.blobs.List(ctx, runPrefix, false) {
		if err != nil {
			return fmt.Errorf("listing the artefacts of runs: %w", err)
		}
		if known[path.Base(strings.TrimSuffix(o.Key, "/"))] {
			continue
		}
		if err := v.orphansBelow(ctx, o.Key, nil, f); err != nil {
			return err
		}
	}
	for _, prefix := range []string{"text/", "frames/"} {
		if err := v.orphansBelow(ctx, prefix, referred, f); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) orphansBelow(ctx context.Context, prefix string, referred map[string]bool, f *bytesTally) error {
	for o, err := range v.blobs.List(ctx, prefix, true) {
		if err != nil {
			return fmt.Errorf("listing %s: %w", prefix, err)
		}
		if !referred[o.Key] {
			f.orphan(o)
		}
	}
	return nil
}
