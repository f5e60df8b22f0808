package operating

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// ResultSchema is the version of manifests and rows.
const ResultSchema = "cinedex.batch.1"

// ManifestName is the file that makes a result whole.
const ManifestName = "manifest.json"

// maxManifestBytes bounds a manifest.
const maxManifestBytes = 64 << 20

func resultPrefix(job string) string { return "batches/" + job + "/" }

// A Manifest lists the content of a batch's result.
type Manifest struct {
	Schema     string           `json:"schema"`
	Job        string           `json:"job"`
	Created    time.Time        `json:"created"` // when the job was taken in
	Selection  json.RawMessage  `json:"selection"`
	Algorithms []ManifestRunsOf `json:"algorithms"`
	Files      []ManifestFile   `json:"files"`
	// WithoutFrames names the assets whose rows have no frames and timecodes, because their frame table is lost, and says why.
	WithoutFrames map[string]string `json:"without_frames,omitempty"`
}

// ManifestRunsOf are the runs of a version of an algorithm.
type ManifestRunsOf struct {
	Algorithm string        `json:"algorithm"`
	Version   string        `json:"version"`
	Runs      []ManifestRun `json:"runs"`
}

// ManifestRun is a run of the rows.
type ManifestRun struct {
	Run         string `json:"run"`
	Asset       string `json:"asset"`
	Title       string `json:"title"`
	Annotations int64  `json:"annotations"`
	Embeddings  int64  `json:"embeddings"`
}

// ManifestFile is a file beside the manifest.
type ManifestFile struct {
	Name   string `json:"name"`
	Format string `json:"format"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// RowOf are the first columns of every row: the item.
type RowOf struct {
	Title     string `json:"title" parquet:"title,dict"`
	Asset     string `json:"asset" parquet:"asset,dict"`
	Algorithm string `json:"algorithm" parquet:"algorithm,dict"`
	Version   string `json:"version" parquet:"version,dict"`
	Run       string `json:"run" parquet:"run,dict"`
	Ordinal   int64  `json:"ordinal" parquet:"ordinal"`
}

func (w wantedRun) row(asset, run string, ordinal int64) RowOf {
	return RowOf{w.asset.GetTitle().GetId(), asset, w.run.GetAlgorithm(), w.run.GetVersion(), run, ordinal}
}

// RowAt are the columns of the item's interval. Times are from the start of the picture.
type RowAt struct {
	StartFlicks int64 `json:"start_flicks" parquet:"start_flicks"`
	EndFlicks   int64 `json:"end_flicks" parquet:"end_flicks"`
	StartMS     int64 `json:"start_ms" parquet:"start_ms"`
	EndMS       int64 `json:"end_ms" parquet:"end_ms"`
	Frames
}

func (p picture) at(start, end int64) RowAt {
	return RowAt{start, end, schema.Millis(schema.Time(start)), schema.Millis(schema.Time(end)), p.frames(start, end)}
}

// An AnnotationRow is a row of annotations.jsonl and annotations.parquet.
type AnnotationRow struct {
	RowOf
	Kind string `json:"kind" parquet:"kind,dict"`
	RowAt
	Text       string   `json:"text,omitempty" parquet:"text"`
	Language   string   `json:"language,omitempty" parquet:"language,dict"`
	Label      string   `json:"label,omitempty" parquet:"label,dict"`
	Character  string   `json:"character,omitempty" parquet:"character,dict"`
	Confidence float32  `json:"confidence" parquet:"confidence"`
	X          *float32 `json:"x,omitempty" parquet:"x,optional"`
	Y          *float32 `json:"y,omitempty" parquet:"y,optional"`
	W          *float32 `json:"w,omitempty" parquet:"w,optional"`
	H          *float32 `json:"h,omitempty" parquet:"h,optional"`
	// Attributes is a JSON object; empty where there are none.
	Attributes string `json:"attributes,omitempty" parquet:"attributes"`
}

// An EmbeddingRow is a row of embeddings.jsonl and embeddings.parquet.
type EmbeddingRow struct {
	RowOf
	Space string `json:"space" parquet:"space,dict"`
	RowAt
	Of        string    `json:"of,omitempty" parquet:"of"`
	Kind      string    `json:"kind,omitempty" parquet:"kind,dict"`
	Language  string    `json:"language,omitempty" parquet:"language,dict"`
	Character string    `json:"character,omitempty" parquet:"character,dict"`
	Vector    []float32 `json:"vector" parquet:"vector,list"`
}

func annotationRow(w wantedRun, p picture, a *pb.Annotation) (AnnotationRow, error) {
	row := AnnotationRow{
		RowOf: w.row(a.GetAsset(), a.GetRun(), a.GetOrdinal()), Kind: a.GetKind(), RowAt: p.at(a.GetStart(), a.GetEnd()),
		Text: a.GetText(), Language: a.GetLanguage(), Label: a.GetLabel(), Character: a.GetCharacter(), Confidence: a.GetConfidence(),
	}
	if r := a.GetRegion(); r != nil {
		x, y, w, h := r.GetX(), r.GetY(), r.GetW(), r.GetH()
		row.X, row.Y, row.W, row.H = &x, &y, &w, &h
	}
	if len(a.GetAttributes()) > 0 {
		values := map[string]any{}
		for name, v := range a.GetAttributes() {
			values[name] = plain(v)
		}
		b, err := json.Marshal(values)
		if err != nil {
			return row, fmt.Errorf("encoding the attributes of annotation %s: %w", schema.ItemID(a.GetRun(), a.GetOrdinal()), err)
		}
		row.Attributes = string(b)
	}
	return row, nil
}

// plain is a value as JSON has the value; bytes are base64.
func plain(v *pb.Value) any {
	switch k := v.GetKind().(type) {
	case *pb.Value_Text:
		return k.Text
	case *pb.Value_Number:
		return k.Number
	case *pb.Value_Flag:
		return k.Flag
	case *pb.Value_Integer:
		return k.Integer
	case *pb.Value_Texts:
		return k.Texts.GetValues()
	case *pb.Value_Data:
		return k.Data
	}
	return nil
}

func embeddingRow(w wantedRun, p picture, e *pb.Embedding) (EmbeddingRow, error) {
	return EmbeddingRow{
		RowOf: w.row(e.GetAsset(), e.GetRun(), e.GetOrdinal()), Space: e.GetSpace(), RowAt: p.at(e.GetStart(), e.GetEnd()),
		Of: e.GetOf(), Kind: e.GetKind(), Language: e.GetLanguage(), Character: e.GetCharacter(), Vector: e.GetVector(),
	}, nil
}

// write writes the result into the bucket, the manifest last. After an error, write removes the files; the next attempt writes files of the same
// names.
func (b *batcher) write(ctx context.Context, j *pb.Job, all []wantedRun) (files []ManifestFile, err error) {
	slices.SortStableFunc(all, func(x, y wantedRun) int {
		return cmp.Or(cmp.Compare(x.asset.GetTitle().GetId(), y.asset.GetTitle().GetId()), cmp.Compare(x.asset.GetId(), y.asset.GetId()), cmp.Compare(x.run.GetAlgorithm(), y.run.GetAlgorithm()), cmp.Compare(x.run.GetVersion(), y.run.GetVersion()))
	})
	prefix := resultPrefix(j.GetId())
	defer func() {
		if err == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		for _, f := range files {
			_ = b.bucket.Delete(ctx, prefix+f.Name)
		}
		files = nil
	}()
	put := func(name, format, contentType string, fill func(io.Writer) (int64, error)) error {
		f, err := b.put(ctx, prefix, name, format, contentType, fill)
		if err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		files = append(files, f)
		return nil
	}
	pictures, lost, err := b.picturesOf(ctx, all)
	if err != nil {
		return nil, err
	}
	annotations := func(yield func(AnnotationRow, error) bool) { b.annotations(ctx, all, pictures, yield) }
	embeddings := func(yield func(EmbeddingRow, error) bool) { b.embeddings(ctx, all, pictures, yield) }
	for _, format := range formatsOf(j.GetBatch()) {
		var err error
		if format == "jsonl" {
			err = put("annotations.jsonl", format, "application/jsonl", func(w io.Writer) (int64, error) { return lines(w, annotations) })
		} else {
			err = put("annotations.parquet", format, "application/vnd.apache.parquet", func(w io.Writer) (int64, error) { return table(w, annotations) })
		}
		if err == nil && j.GetBatch().GetEmbeddings() {
			if format == "jsonl" {
				err = put("embeddings.jsonl", format, "application/jsonl", func(w io.Writer) (int64, error) { return lines(w, embeddings) })
			} else {
				err = put("embeddings.parquet", format, "application/vnd.apache.parquet", func(w io.Writer) (int64, error) { return table(w, embeddings) })
			}
		}
		if err != nil {
			return files, err
		}
	}
	m, err := manifest(j, all, files, lost)
	if err != nil {
		return files, err
	}
	if _, err := b.bucket.Put(ctx, prefix+ManifestName, "application/json", strings.NewReader(m)); err != nil {
		return files, fmt.Errorf("writing the manifest: %w", err)
	}
	return files, nil
}

func manifest(j *pb.Job, all []wantedRun, files []ManifestFile, lost map[string]string) (string, error) {
	selection, err := schema.MarshalJSON(j.GetBatch().GetSelection())
	if err != nil {
		return "", err
	}
	m := Manifest{Schema: ResultSchema, Job: j.GetId(), Created: time.UnixMilli(j.GetCreatedMs()).UTC(), Selection: selection, Files: files, WithoutFrames: lost}
	for _, w := range all {
		i := slices.IndexFunc(m.Algorithms, func(a ManifestRunsOf) bool {
			return a.Algorithm == w.run.GetAlgorithm() && a.Version == w.run.GetVersion()
		})
		if i < 0 {
			i = len(m.Algorithms)
			m.Algorithms = append(m.Algorithms, ManifestRunsOf{Algorithm: w.run.GetAlgorithm(), Version: w.run.GetVersion()})
		}
		m.Algorithms[i].Runs = append(m.Algorithms[i].Runs, ManifestRun{w.run.GetId(), w.asset.GetId(), w.asset.GetTitle().GetId(), w.run.GetAnnotations(), w.run.GetEmbeddings()})
	}
	b, err := json.MarshalIndent(m, "", "  ")
	return string(b) + "\n", err
}

// put writes a file, and counts and hashes the bytes on the way.
func (b *batcher) put(ctx context.Context, prefix, name, format, contentType string, fill func(io.Writer) (int64, error)) (ManifestFile, error) {
	r, w := io.Pipe()
	sum := sha256.New()
	counted := &counter{w: io.MultiWriter(w, sum)}
	var rows int64
	filled := make(chan struct{})
	go func() {
		defer close(filled)
		buffered := bufio.NewWriterSize(counted, 1<<16)
		n, err := fill(buffered)
		if err == nil {
			err = buffered.Flush()
		}
		rows = n
		w.CloseWithError(err)
	}()
	_, err := b.bucket.Put(ctx, prefix+name, contentType, r)
	r.CloseWithError(errLeft)
	<-filled
	if err != nil {
		return ManifestFile{}, err
	}
	return ManifestFile{Name: name, Format: format, Rows: rows, Bytes: counted.n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// lines writes rows as JSON, a row a line.
func lines[T any](w io.Writer, rows iter.Seq2[T, error]) (n int64, err error) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for row, err := range rows {
		if err != nil {
			return n, err
		}
		if err := enc.Encode(row); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// rowGroup bounds the rows that are kept in memory before a write.
const rowGroup = 50_000

// table writes rows as Parquet.
func table[T any](w io.Writer, rows iter.Seq2[T, error]) (n int64, err error) {
	p := parquet.NewGenericWriter[T](w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowGroup), parquet.CreatedBy("cinedex", ResultSchema, ""))
	chunk := make([]T, 0, 512)
	for row, err := range rows {
		if err != nil {
			return n, err
		}
		if chunk = append(chunk, row); len(chunk) == cap(chunk) {
			if _, err := p.Write(chunk); err != nil {
				return n, err
			}
			n, chunk = n+int64(len(chunk)), chunk[:0]
		}
	}
	if _, err := p.Write(chunk); err != nil {
		return n, err
	}
	return n + int64(len(chunk)), p.Close()
}

// annotations yields the rows of all runs, in the order of the runs. A run that lacks rows is a Conflict: the run was collected meanwhile, and half
// of a run is no result.
func (b *batcher) annotations(ctx context.Context, all []wantedRun, pictures map[string]picture, yield func(AnnotationRow, error) bool) {
	for _, w := range all {
		var n int64
		for a, err := range b.store.AnnotationsOf(ctx, w.asset.GetId(), w.run.GetId(), store.Span{}) {
			var row AnnotationRow
			if err == nil {
				row, err = annotationRow(w, pictures[w.asset.GetId()], a)
			}
			if !yield(row, err) || err != nil {
				return
			}
			n++
		}
		if n != w.run.GetAnnotations() {
			yield(AnnotationRow{}, halved(w, "annotations", n, w.run.GetAnnotations()))
			return
		}
	}
}

func (b *batcher) embeddings(ctx context.Context, all []wantedRun, pictures map[string]picture, yield func(EmbeddingRow, error) bool) {
	for _, w := range all {
		var n int64
		for e, err := range b.store.EmbeddingsOf(ctx, w.asset.GetId(), w.run.GetId(), store.Span{}) {
			var row EmbeddingRow
			if err == nil {
				row, err = embeddingRow(w, pictures[w.asset.GetId()], e)
			}
			if !yield(row, err) || err != nil {
				return
			}
			n++
		}
		if n != w.run.GetEmbeddings() {
			yield(EmbeddingRow{}, halved(w, "embeddings", n, w.run.GetEmbeddings()))
			return
		}
	}
}

func halved(w wantedRun, what string, have, want int64) error {
	return errkind.New(errkind.Conflict, "run %s of %s has %d of %d %s: the run was deleted meanwhile; submit the batch again", w.run.GetId(), w.asset.GetId(), have, want, what)
}

// A resultReader reads the results of batches.
type resultReader interface {
	Read(ctx context.Context, ref *pb.MediaRef, limit int64) ([]byte, error)
}

// resultOf returns the manifest of a finished job, and the bytes of the manifest. A caller who may not see every title of the result any more may not
// see the result.
func resultOf(ctx context.Context, from resultReader, caller *authz.Caller, j *pb.Job) (*Manifest, []byte, error) {
	if j.GetBatch() == nil {
		return nil, nil, errkind.New(errkind.Invalid, "job %s is no batch, so the job has no result", j.GetId())
	}
	if j.GetState() != pb.JobState_JOB_STATE_FINISHED {
		return nil, nil, errkind.New(errkind.NotFound, "job %s has not finished, so there is no result", j.GetId())
	}
	b, err := from.Read(ctx, &pb.MediaRef{Key: resultPrefix(j.GetId()) + ManifestName}, maxManifestBytes)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the result of job %s: %w", j.GetId(), err)
	}
	m := &Manifest{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, nil, fmt.Errorf("reading the manifest of job %s: %w", j.GetId(), err)
	}
	for _, a := range m.Algorithms {
		for _, r := range a.Runs {
			if !caller.MaySee(r.Title) {
				return nil, nil, errkind.New(errkind.NotFound, "you may not see the result of job %s", j.GetId())
			}
		}
	}
	return m, b, nil
}

// resultRef is where a file of a result lies.
func resultRef(job, name string) *pb.MediaRef { return &pb.MediaRef{Key: resultPrefix(job) + name} }

// resultFiles are the files of a result as the API tells them, the manifest first.
func resultFiles(m *Manifest, manifest []byte) []*pb.ResultFile {
	sum := sha256.Sum256(manifest)
	out := []*pb.ResultFile{{Name: ManifestName, Blob: resultRef(m.Job, ManifestName), Sha256: hex.EncodeToString(sum[:]), Bytes: int64(len(manifest))}}
	for _, f := range m.Files {
		out = append(out, &pb.ResultFile{Name: f.Name, Blob: resultRef(m.Job, f.Name), Sha256: f.SHA256, Bytes: f.Bytes, Rows: f.Rows})
	}
	return out
}
