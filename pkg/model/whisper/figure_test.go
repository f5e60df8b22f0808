package whisper

import (
	"bytes"
	"encoding/binary"
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

// The same weights in openai/whisper, which CINEDEX_OPENAI_WHISPER names as a Python with the packages torch and openai-whisper. Both run by turns, each
// on two processors.
func TestFigureWhisper(t *testing.T) {
	figure.Begin(t, "speech/whisper")
	python := os.Getenv("CINEDEX_OPENAI_WHISPER")
	if python == "" {
		t.Skip("lacking CINEDEX_OPENAI_WHISPER, a Python with the packages torch and openai-whisper")
	}
	_, cache := open(t)
	m, err := Open(cache, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s := cities(t, cache)
	raw := make([]byte, 0, 2*len(s))
	for _, v := range s {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(v*32768)))
	}
	sound := filepath.Join(t.TempDir(), "sound.s16")
	if err := os.WriteFile(sound, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	const half = 24.4 * Rate // in a pause
	var ratios []float64
	var ours, theirs string
	for range 3 {
		begun := time.Now()
		got, err := m.Transcribe(t.Context(), [][]float32{s[:int(half)], s[int(half):]}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(begun).Seconds()
		ours = got[0].Text() + " " + got[1].Text()
		var peer struct {
			Seconds float64
			Text    string
		}
		var stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), python, "../testdata/openai_whisper.py", "measure", sound)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err == nil {
			err = json.Unmarshal(out, &peer)
		}
		if err != nil {
			t.Fatalf("%v: %s", err, stderr.String())
		}
		theirs = strings.TrimSpace(peer.Text)
		t.Logf("%.2f s here, %.2f s in openai/whisper", took, peer.Seconds)
		ratios = append(ratios, peer.Seconds/took)
	}
	own, words := wordErrors(ours, truth)
	other, _ := wordErrors(theirs, truth)
	ratio := figure.Median(ratios)
	figure.Report(t, false, figure.Result{
		Name:     "speech/whisper",
		Claim:    "whisper-base in Go is ≥ 1.5x faster than the same weights in openai/whisper on two processors, at no more word errors",
		Measured: fmt.Sprintf("%.2fx; %d of %d words wrong, openai/whisper %d", ratio, own, words, other),
		Ratio:    ratio, Pass: ratio >= 1.5 && own <= other,
		Note: fmt.Sprintf("44 s of a reading, medians of 3 turns; %d processors; openai/whisper as transcribe() comes", runtime.NumCPU()),
	})
}
