package speakers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
)

// thresholds are the mean cosines that are tried for the peer.
var thresholds = []string{"0.5", "0.55", "0.6", "0.65", "0.7", "0.75", "0.8", "0.85", "0.9"}

// A heard is the findings of the peer in a dialogue.
type heard struct {
	Seconds  float64
	Speakers [][]int // by threshold, for each tenth of a second
}

// peer returns the findings of Resemblyzer, which CINEDEX_RESEMBLYZER names as a Python with the packages of pkg/model/testdata/ge2e.py; nil
// without.
func (w *world) peer(paths []string) []heard {
	w.t.Helper()
	python := os.Getenv("CINEDEX_RESEMBLYZER")
	if python == "" {
		return nil
	}
	args := []string{"../../model/testdata/ge2e.py", "speakers", strings.Join(thresholds, ",")}
	for i, path := range paths {
		raw := filepath.Join(w.t.TempDir(), fmt.Sprintf("%d.s16", i))
		if out, err := exec.CommandContext(w.t.Context(), w.ffmpeg, "-v", "error", "-nostdin", "-i", path, "-ac", "1", "-ar", "16000", "-f", "s16le", raw).CombinedOutput(); err != nil {
			w.t.Fatalf("%v: %s", err, out)
		}
		args = append(args, raw)
	}
	cmd := exec.CommandContext(w.t.Context(), python, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var all []heard
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	if err != nil {
		w.t.Fatalf("%v: %s", err, stderr.String())
	}
	return all
}

// sum adds up the scores of dialogues.
type sum struct {
	err, purity, coverage float64
	dialogues, right      int
}

func (s *sum) add(o score, d dialogue) {
	s.err, s.purity, s.coverage = s.err+o.err, s.purity+o.purity, s.coverage+o.coverage
	s.dialogues++
	if o.speakers == len(d.voices) {
		s.right++
	}
}

func (s sum) String() string {
	n := float64(s.dialogues)
	return fmt.Sprintf("error %.3f, purity %.3f, coverage %.3f, number of speakers right in %d of %d", s.err/n, s.purity/n, s.coverage/n, s.right, s.dialogues)
}

// Dialogues of generated voices, beside the same weights in Resemblyzer, whose vectors are grouped plainly, with the threshold that is best for the
// tuned half. The withheld voices tuned neither.
func TestFigureSpeakers(t *testing.T) {
	figure.Begin(t, "speakers/generated")
	w := newWorld(t)
	var ours [2]sum
	var paths []string
	var truths [][]int
	all := append(append([]dialogue(nil), tuned...), withheld...)
	seconds, took := 0.0, 0.0
	for i, d := range all {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.wav", i))
		truth := w.sound(d, path)
		begun := time.Now()
		s := compare(truth, found(w.hear(path).Annotations, len(truth)))
		took += time.Since(begun).Seconds()
		seconds += float64(len(truth)) / truthRate
		t.Logf("%s: %s", d.name, s)
		ours[min(i/len(tuned), 1)].add(s, d)
		paths, truths = append(paths, path), append(truths, truth)
	}
	note := fmt.Sprintf("%.0f s of %d dialogues, heard in %.1f s with decoding and the search for speech; %d processors; tuned half: %s", seconds, len(all), took, runtime.NumCPU(), ours[0])
	measured := ours[1].String()
	pass := ours[1].err/float64(ours[1].dialogues) <= 0.1
	if theirs := w.peer(paths); theirs != nil {
		best, at := sum{}, -1
		var halves [2]sum
		for k := range thresholds {
			var s [2]sum
			for i, d := range all {
				got := make([]int, len(truths[i]))
				for n := range got {
					if tenth := n / (truthRate / 10); tenth < len(theirs[i].Speakers[k]) {
						got[n] = theirs[i].Speakers[k][tenth]
					}
				}
				s[min(i/len(tuned), 1)].add(compare(truths[i], got), d)
			}
			if at < 0 || s[0].err < best.err {
				best, at, halves = s[0], k, s
			}
		}
		measured += "; Resemblyzer " + halves[1].String()
		note += fmt.Sprintf("; Resemblyzer at %s, tuned half: %s", thresholds[at], halves[0])
		pass = pass && ours[1].err <= halves[1].err
	} else {
		note += "; lacking CINEDEX_RESEMBLYZER for the peer"
	}
	figure.Report(t, false, figure.Result{
		Name:     "speakers/generated",
		Claim:    "who speaks when in dialogues of withheld voices: diarization error ≤ 0.1, and no more than of Resemblyzer's vectors, plainly grouped",
		Measured: measured, Pass: pass, Note: note,
	})
}
