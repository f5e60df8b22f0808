package operating

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// Rows of a batch are placed in frames and SMPTE timecode as hits are, beside flicks and milliseconds. A lost frame table costs the rows of its asset
// the frames, and the manifest names the asset.
func TestBatchRowsHaveFrames(t *testing.T) {
	d := newDesk(t)
	shots := []apitest.Shot{{Seconds: 3, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.9}}
	line := []apitest.Line{{From: 1, To: 2, Language: "en", Text: "Coffee."}}
	d.Add(apitest.Film{Title: "drop", Rate: schema.Rate{Num: 30000, Den: 1001}, StartTimecode: "00:59:59;00", Shots: shots, Lines: line})
	lost := d.Add(apitest.Film{Title: "lost", Shots: shots, Lines: line})
	variable := d.Add(apitest.Film{Title: "variable", Shots: shots, Lines: line})
	table := schema.FrameTable{0, schema.Second / 2, schema.Second, 3 * schema.Second}
	content, err := table.Encode()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := d.blobs.Put(t.Context(), "tables/variable", "application/octet-stream", bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for asset, at := range map[*pb.Asset]*pb.MediaRef{lost: {Key: "tables/lost"}, variable: ref} {
		asset.Video.VariableRate, asset.Video.FrameTable, asset.Video.Frames = true, at, 3
		if err := d.Store.PutAsset(t.Context(), asset); err != nil {
			t.Fatal(err)
		}
	}
	m, err := d.submitted(t, job("job-1", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"dialogue", "sentences"}}, Embeddings: true}))
	if err != nil {
		t.Fatal(err)
	}
	if why := m.WithoutFrames[lost.GetId()]; len(m.WithoutFrames) != 1 || !strings.Contains(why, "restore it from a backup") {
		t.Errorf("the manifest says %q", m.WithoutFrames)
	}
	type placed struct {
		Title, StartTimecode, EndTimecode string
		StartFrame, EndFrame              int64
	}
	none := int64(-1)
	want := map[string]placed{
		"harbour": {"harbour", "00:00:00:00", "00:00:02:00", 0, 50},
		// Frame 29 shows at 29 × 1001/30000 s = 0.9676 s until 1.001 s, and frame 59 until 2.002 s (ST 12-1: no label is left out at an hour).
		"drop":     {"drop", "00:59:59;29", "01:00:01;00", 29, 60},
		"variable": {"variable", "00:00:00:02", "00:00:00:03", 2, 3},
		"lost":     {"lost", "", "", none, none},
	}
	seen := map[string]placed{}
	note := func(title string, f Frames) {
		p := placed{title, f.StartTimecode, f.EndTimecode, none, none}
		if f.StartFrame != nil && f.EndFrame != nil {
			p.StartFrame, p.EndFrame = *f.StartFrame, *f.EndFrame
		}
		seen[title] = p
	}
	for _, name := range []string{"annotations", "embeddings"} {
		clear(seen)
		for s := bufio.NewScanner(bytes.NewReader(d.file(t, "job-1", name+".jsonl"))); s.Scan(); {
			var row struct {
				Title string `json:"title"`
				Frames
			}
			if err := json.Unmarshal(s.Bytes(), &row); err != nil {
				t.Fatal(err)
			}
			note(row.Title, row.Frames)
		}
		for title, w := range want {
			if seen[title] != w {
				t.Errorf("%s.jsonl: %+v, want %+v", name, seen[title], w)
			}
		}
		b := d.file(t, "job-1", name+".parquet")
		file, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		for _, column := range []string{"start_frame", "end_frame", "start_timecode", "end_timecode"} {
			if _, ok := file.Schema().Lookup(column); !ok {
				t.Errorf("%s.parquet has no column %s:\n%s", name, column, file.Schema())
			}
		}
	}
}
