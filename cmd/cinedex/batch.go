package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

func newBatch(o *output, h *home) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "batch",
		Short: "Run algorithms over a selection on demand, and take the results away as files",
		Long: `A batch writes the annotations and embeddings of the selected titles, as JSONL and Parquet with a manifest.
Existing runs are used. Missing runs are executed first, behind live work and before backfills.
A result is whole, or absent. A token needs the role "batch".`,
		Example: `  cinedex batch submit --algorithm labels --title big-buck-bunny --wait
  cinedex batch list
  cinedex batch get 5b0f2a91c3d4e677 results/`,
	})
	c.AddCommand(newBatchSubmit(o, h), newBatchList(o, h), newBatchShow(o, h), newBatchGet(o, h), newBatchCancel(o, h))
	return c
}

func newBatchSubmit(o *output, h *home) *cobra.Command {
	var s selection
	var d doing
	var formats []string
	var embeddings, wait bool
	var into string
	c := &cobra.Command{
		Use:   "submit",
		Short: "Ask for a batch",
		Example: `  cinedex batch submit --algorithm labels --title big-buck-bunny --dry-run
  cinedex batch submit --algorithm labels --algorithm dialogue@1 --query 'look:butterfly' --wait
  cinedex batch submit --algorithm pictures --embeddings --format parquet --get results/`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			sel, err := s.resolve(cmd.Context(), h)
			if err != nil {
				return err
			}
			d.detach = !wait && into == ""
			told := *o
			if into != "" {
				told.out, told.json = o.err, false // the command prints the files
			}
			j, err := d.do(cmd, &told, h, &pb.Job{Work: &pb.Job_Batch{Batch: &pb.Batch{Selection: sel, Formats: formats, Embeddings: embeddings}}})
			if err != nil || j == nil || into == "" {
				return err
			}
			return getResult(cmd.Context(), o, h, j.GetId(), into)
		},
	}
	s.flags(c, true)
	f := c.Flags()
	f.BoolVar(&d.dryRun, "dry-run", false, "print the plan of the batch, and do nothing")
	f.StringVar(&d.key, "key", "", "name of this request: a repeated name gives the same batch (default: a new name)")
	f.StringArrayVar(&formats, "format", nil, "jsonl or parquet; may be repeated (default both)")
	f.BoolVar(&embeddings, "embeddings", false, "with the vectors")
	f.BoolVar(&wait, "wait", false, "show the progress until the batch ends")
	f.StringVar(&into, "get", "", "wait, and take the result into this folder")
	return c
}

func newBatchList(o *output, h *home) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "list", Short: "List your batches", Example: "  cinedex batch list --all", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, e, err := h.operators()
			if err != nil {
				return err
			}
			r, err := client.ListJobs(cmd.Context(), connect.NewRequest(&pb.ListJobsRequest{Kinds: []string{"batch"}, All: all}))
			if err != nil {
				return h.explain(e, err)
			}
			rows := []jobJSON{}
			for _, j := range r.Msg.GetJobs() {
				rows = append(rows, jobAsJSON(j))
			}
			if o.json {
				return o.value(map[string]any{"batches": rows})
			}
			if len(rows) == 0 {
				o.printf("No batches.\n")
				return nil
			}
			w := o.table()
			fmt.Fprintln(w, "BATCH\tSTATE\tDONE\tCALLER\tALGORITHMS\tASSETS")
			for i, j := range rows {
				b := r.Msg.GetJobs()[i]
				sel := b.GetBatch().GetSelection()
				fmt.Fprintf(w, "%s\t%s\t%d of %d %s\t%s\t%s\t%d\n", j.ID, j.State, j.Done, j.Total, j.Unit, b.GetCaller(), strings.Join(sel.GetAlgorithms(), ","), len(sel.GetAssets()))
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&all, "all", false, "include ended batches")
	return c
}

func newBatchShow(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use: "show BATCH", Short: "Show the progress of a batch, and the files of a finished batch", Example: "  cinedex batch show 5b0f2a91c3d4e677", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			client, e, err := h.operators()
			if err != nil {
				return err
			}
			r, err := client.GetJob(cmd.Context(), connect.NewRequest(&pb.GetJobRequest{Id: a[0]}))
			if err != nil {
				return h.explain(e, err)
			}
			j := r.Msg.GetJob()
			var files []jsonResultFile
			if j.GetState() == pb.JobState_JOB_STATE_FINISHED {
				res, err := client.GetResult(cmd.Context(), connect.NewRequest(&pb.GetResultRequest{Id: a[0]}))
				if err != nil {
					return h.explain(e, err)
				}
				files = resultFiles(res.Msg.GetFiles())
			}
			if o.json {
				return o.value(map[string]any{"batch": jobAsJSON(j), "files": files})
			}
			o.printf("batch   %s\nstate   %s\ndone    %d of %d %s\n", j.GetId(), jobs.StateName(j.GetState()), j.GetDone(), j.GetTotal(), j.GetUnit())
			if j.GetError() != "" {
				o.printf("error   %s\n", j.GetError())
			}
			for _, n := range j.GetNotes() {
				o.printf("%s\n", n)
			}
			if len(files) == 0 {
				return nil
			}
			w := o.table()
			fmt.Fprintln(w, "FILE\tROWS\tBYTES\tSHA256")
			for _, f := range files {
				fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", f.Name, f.Rows, f.Bytes, f.SHA256)
			}
			return w.Flush()
		},
	}
}

func newBatchCancel(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use: "cancel BATCH", Short: "Cancel a batch; runs under way continue to their end", Example: "  cinedex batch cancel 5b0f2a91c3d4e677", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			client, e, err := h.operators()
			if err != nil {
				return err
			}
			r, err := client.SteerJob(cmd.Context(), connect.NewRequest(&pb.SteerJobRequest{Id: a[0], Wish: "cancel"}))
			if err != nil {
				return h.explain(e, err)
			}
			if o.json {
				return o.value(jobAsJSON(r.Msg.GetJob()))
			}
			o.printf("%s is being cancelled\n", a[0])
			return nil
		},
	}
}

func newBatchGet(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use:   "get BATCH FOLDER",
		Short: "Take the result of a finished batch, and check it",
		Long: `Writes the files of a result into a folder, each checked against the sha256 in the manifest, and the
manifest last. A file already present with the right content is not fetched again.`,
		Example: "  cinedex batch get 5b0f2a91c3d4e677 results/",
		Args:    args(cobra.ExactArgs(2)),
		RunE:    func(cmd *cobra.Command, a []string) error { return getResult(cmd.Context(), o, h, a[0], a[1]) },
	}
}

type jsonResultFile struct {
	Name   string `json:"name"`
	Path   string `json:"path,omitempty"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func resultFiles(files []*pb.ResultFile) []jsonResultFile {
	out := []jsonResultFile{}
	for _, f := range files {
		out = append(out, jsonResultFile{Name: f.GetName(), Rows: f.GetRows(), Bytes: f.GetBytes(), SHA256: f.GetSha256()})
	}
	return out
}

// getResult takes the files of a result into a folder.
func getResult(ctx context.Context, o *output, h *home, id, dir string) error {
	client, e, err := h.operators()
	if err != nil {
		return err
	}
	r, err := client.GetResult(ctx, connect.NewRequest(&pb.GetResultRequest{Id: id}))
	if err != nil {
		return h.explain(e, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	all := resultFiles(r.Msg.GetFiles())
	if len(all) == 0 {
		return errkind.New(errkind.Internal, "the result of %s names no files", id)
	}
	// The manifest comes first, and is written last: a folder with a manifest has all other files.
	for i := range all {
		f := &all[(i+1)%len(all)]
		if f.Name != filepath.Base(f.Name) || strings.HasPrefix(f.Name, ".") {
			return errkind.New(errkind.Internal, "the result names a file %q, which is no plain name", f.Name)
		}
		f.Path = filepath.Join(dir, f.Name)
		if err := download(ctx, o, e, id, *f); err != nil {
			return fmt.Errorf("taking %s: %w", f.Name, err)
		}
	}
	if o.json {
		return o.value(map[string]any{"batch": id, "files": all})
	}
	for _, f := range all {
		o.printf("%s  %d rows, %d bytes, checked\n", f.Path, f.Rows, f.Bytes)
	}
	return nil
}

// download fetches a file, and keeps the file once the sha256 is right.
func download(ctx context.Context, o *output, e endpoint, id string, f jsonResultFile) (err error) {
	if have, err := os.Open(f.Path); err == nil {
		sum := sha256.New()
		_, err := io.Copy(sum, have)
		have.Close()
		if err == nil && hex.EncodeToString(sum.Sum(nil)) == f.SHA256 {
			return nil
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Server+"/batches/"+url.PathEscape(id)+"/"+url.PathEscape(f.Name), nil)
	if err != nil {
		return err
	}
	resp, err := e.client(0).Do(req)
	if err != nil {
		return errkind.Wrap(errkind.Unavailable, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return errkind.New(errkind.Unavailable, "%s answered %s: %s", e.Server, resp.Status, strings.TrimSpace(string(b)))
	}
	part, err := os.CreateTemp(filepath.Dir(f.Path), "."+f.Name+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	b := o.bar(f.Name, max(f.Bytes, 1), true)
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(part, sum, progressWriter{b, new(int64), f.Bytes}), resp.Body)
	b.done()
	if err = errors.Join(err, part.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 || n != f.Bytes {
		return errkind.New(errkind.Unavailable, "%d bytes with sha256 %s came, want %d with %s", n, got, f.Bytes, f.SHA256)
	}
	if err := os.Chmod(part.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(part.Name(), f.Path)
}

type progressWriter struct {
	b     *bar
	n     *int64
	total int64
}

func (p progressWriter) Write(b []byte) (int, error) {
	*p.n += int64(len(b))
	p.b.set(*p.n, max(p.total, 1))
	return len(b), nil
}
