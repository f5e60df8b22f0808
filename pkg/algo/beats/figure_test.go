package beats

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
)

// peerBeats returns the beats that librosa finds. CINEDEX_LIBROSA names a Python with the package librosa; nil without.
func peerBeats(t *testing.T, sounds [][]float32) (out []struct {
	Beats   []float64
	Seconds float64
}) {
	t.Helper()
	python := os.Getenv("CINEDEX_LIBROSA")
	if python == "" {
		return nil
	}
	args := []string{"testdata/librosa_beats.py"}
	for i, s := range sounds {
		var raw []byte
		for _, v := range s {
			raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(32767*math.Max(-1, math.Min(1, float64(v))))))
		}
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.s16", i))
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	cmd := exec.CommandContext(t.Context(), python, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return out
}

// Generated music of known beats, beside librosa's tracker. The withheld pieces tuned nothing.
func TestFigureBeats(t *testing.T) {
	figure.Begin(t, "beats/generated")
	all := append(append([]piece(nil), tuned...), withheld...)
	var sounds [][]float32
	var truths [][]float64
	var ours, theirs [2]float64
	half := func(i int) (int, float64) {
		if i < len(tuned) {
			return 0, float64(len(tuned))
		}
		return 1, float64(len(withheld))
	}
	took := 0.0
	for i, p := range all {
		sound, truth := p.play(uint64(i))
		begun := time.Now()
		found, _ := tapped(sound)
		took += time.Since(begun).Seconds()
		h, n := half(i)
		ours[h] += fMeasure(truth, found) / n
		sounds, truths = append(sounds, sound), append(truths, truth)
	}
	measured := fmt.Sprintf("F %.3f", ours[1])
	note := fmt.Sprintf("%d pieces of %d s in %.1f s; %d processors; tuned half F %.3f", len(all), pieceSeconds, took, runtime.NumCPU(), ours[0])
	pass := ours[1] >= 0.9
	if peer := peerBeats(t, sounds); peer != nil {
		took := 0.0
		for i, p := range peer {
			h, n := half(i)
			f := fMeasure(truths[i], p.Beats)
			t.Logf("librosa: %s: F %.3f", all[i], f)
			theirs[h] += f / n
			took += p.Seconds
		}
		measured += fmt.Sprintf("; librosa F %.3f", theirs[1])
		note += fmt.Sprintf("; librosa in %.1f s, tuned half F %.3f", took, theirs[0])
		pass = pass && ours[1] >= theirs[1]
	} else {
		note += "; lacking CINEDEX_LIBROSA for the peer"
	}
	figure.Report(t, false, figure.Result{
		Name:     "beats/generated",
		Claim:    "beats of generated music, withheld patterns and tempi: F-measure within 70 ms ≥ 0.9, and no less than of librosa",
		Measured: measured, Pass: pass, Note: note,
	})
}
