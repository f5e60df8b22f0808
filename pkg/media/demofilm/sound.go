package demofilm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strings"
)

const hertz = 22050 // of the sound, and of espeak-ng

// sound returns the film's sound in two channels, one sample after the other: ambience, music, and the voices where espeak is there.
func sound(ctx context.Context, espeak string) ([]int16, error) {
	t, err := TruthOf()
	if err != nil {
		return nil, err
	}
	n := int(t.Frames * hertz / fps)
	left, right := make([]float32, n), make([]float32, n)
	music(left, right)
	for _, s := range t.Shots {
		ambience(left, right, s)
	}
	at := int64(0)
	for _, s := range script() {
		for _, l := range s.lines {
			from := int((at + frameOf(l.from)) * hertz / fps)
			to := int((at + frameOf(l.to)) * hertz / fps)
			duck(left, from, to)
			duck(right, from, to)
			if espeak == "" {
				continue
			}
			said, err := utter(ctx, espeak, l)
			if err != nil {
				return nil, err
			}
			pan := float32(voices[l.who].pan)
			for i, v := range said[:min(len(said), to-from)] {
				left[from+i] += v * (1 - pan)
				right[from+i] += v * (1 + pan)
			}
		}
		at += frameOf(s.seconds)
	}
	out := make([]int16, 2*n)
	for i := range n {
		fade := min(1, float32(i)/(hertz*0.8), float32(n-i)/(hertz*2))
		out[2*i], out[2*i+1] = sample(left[i]*fade), sample(right[i]*fade)
	}
	return out, nil
}

func sample(v float32) int16 { return int16(30000 * math.Tanh(float64(v))) }

// duck makes room for a voice.
func duck(track []float32, from, to int) {
	const ramp = hertz / 5
	for i := max(from-ramp, 0); i < min(to+ramp, len(track)); i++ {
		share := min(1, float32(min(i-from+ramp, to+ramp-i))/ramp)
		track[i] *= 1 - 0.6*share
	}
}

// chords are the notes of the music, in half tones above the A of 110 Hz: four bars, again and again.
var chords = [][]int{{0, 7, 12, 16, 19}, {-4, 8, 12, 15, 20}, {-7, 5, 9, 12, 17}, {-2, 10, 14, 17, 22}}

// music is soft chords, and a plucked string above.
func music(left, right []float32) {
	const beat = hertz * 3 / 5
	pitch := func(n int) float64 { return 110 * math.Exp2(float64(n)/12) }
	for b := 0; b*beat < len(left); b++ {
		chord := chords[b/8%4]
		if b%8 == 0 {
			for i, n := range chord[:4] {
				pad(left, right, b*beat, 8*beat, pitch(n), 0.018, float32(i%2)*0.5-0.25)
			}
		}
		if hash(b+5) < 0.72 {
			n := chord[1+int(hash(b)*4)] + 12
			pluck(left, right, b*beat, pitch(n), 0.10, float32(hash(b+90))-0.5)
		}
	}
}

func pad(left, right []float32, at, n int, f, loud float64, pan float32) {
	n = min(n+hertz/2, len(left)-at)
	w := 2 * math.Pi * f / hertz
	for i := range n {
		rise := min(1, float64(i)/(hertz*0.7), float64(n-i)/(hertz*0.7))
		x := float64(i)
		v := float32(loud * rise * (math.Sin(w*x) + 0.4*math.Sin(2.003*w*x) + 0.15*math.Sin(2.996*w*x)))
		left[at+i] += v * (1 - pan)
		right[at+i] += v * (1 + pan)
	}
}

// pluck is a string after Karplus and Strong.
func pluck(left, right []float32, at int, f, loud float64, pan float32) {
	wire := make([]float32, int(hertz/f))
	for i := range wire {
		wire[i] = float32(loud * (hash(i*7+at) - 0.5) * 2)
	}
	for range 2 {
		for i := range wire {
			wire[i] = (wire[i] + wire[(i+1)%len(wire)]) / 2
		}
	}
	for i := range min(2*hertz, len(left)-at) {
		j := i % len(wire)
		v := wire[j]
		wire[j] = 0.4975 * (v + wire[(j+1)%len(wire)])
		left[at+i] += v * (1 - pan)
		right[at+i] += v * (1 + pan)
	}
}

// ambience is the sound of a place.
func ambience(left, right []float32, s Shot) {
	from, to := int(s.Start*hertz/fps), int(s.End*hertz/fps)
	noise := func(seed int, loud, low float64, swell func(x float64) float64) {
		a, b := 0.0, 0.0
		x := uint32(seed*7919 + 1)
		white := func() float64 {
			x ^= x << 13
			x ^= x >> 17
			x ^= x << 5
			return float64(x)/(1<<31) - 1
		}
		for i := from; i < to; i++ {
			edge := min(1, float64(i-from)/(hertz/8), float64(to-i)/(hertz/8))
			a += low * (white() - a)
			b += low * (white() - b)
			v := loud * edge * swell(float64(i)/hertz)
			left[i] += float32(a * v)
			right[i] += float32(b * v)
		}
	}
	switch {
	case s.Weather == "rain":
		noise(3, 0.10, 0.5, func(float64) float64 { return 1 })
	case s.Place == "harbour":
		noise(1, 0.5, 0.04, func(x float64) float64 { return 0.5 + 0.5*math.Sin(x*1.1) })
	case s.Place == "train":
		noise(5, 0.6, 0.03, func(x float64) float64 { return 0.5 + math.Exp(-8*math.Mod(x*1.8, 1)) })
	case s.Place == "station":
		noise(6, 0.5, 0.03, func(x float64) float64 { return 1 })
	case s.Weather == "snow":
		noise(7, 0.4, 0.02, func(x float64) float64 { return 0.6 + 0.4*math.Sin(x*0.7) })
	case s.Place == "orchard" || s.Place == "forest":
		birds(left[from:to], right[from:to], int(s.Start))
	case s.Place == "market" || s.Place == "café":
		noise(9, 0.25, 0.06, func(x float64) float64 { return 0.7 + 0.3*math.Sin(x*3)*math.Sin(x*1.3) })
	}
}

// birds are short whistles that glide.
func birds(left, right []float32, seed int) {
	for k := 0; k*hertz*2/5 < len(left); k++ {
		if hash(seed+k) > 0.55 {
			continue
		}
		at, f, up := k*hertz*2/5, 2600+1800*hash(seed+k+7), 900*(hash(seed+k+9)-0.4)
		pan, phase := float32(hash(seed+k+3)-0.5), 0.0
		n := min(hertz/7, len(left)-at)
		for i := range n {
			x := float64(i) / float64(n)
			phase += 2 * math.Pi * (f + up*x + 300*math.Sin(40*x)) / hertz
			v := float32(0.03 * math.Sin(math.Pi*x) * math.Sin(phase))
			left[at+i] += v * (1 - pan)
			right[at+i] += v * (1 + pan)
		}
	}
}

// utter returns a line as spoken by espeak-ng.
func utter(ctx context.Context, espeak string, l line) ([]float32, error) {
	v := voices[l.who]
	text := l.spoken
	if text == "" {
		text = l.text[v.language]
	}
	cmd := exec.CommandContext(ctx, espeak, "-v", v.voice, "-s", v.speed, "-p", v.pitch, "--stdout", "--stdin")
	cmd.Stdin = strings.NewReader(text)
	wav, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("speaking %q: %w", text, err)
	}
	i := bytes.Index(wav, []byte("data"))
	if i < 0 || len(wav) < i+8 {
		return nil, errors.New("espeak-ng gave no sound")
	}
	wav = wav[i+8:] // the length in the header is open, since espeak-ng writes to a pipe
	out := make([]float32, len(wav)/2)
	for j := range out {
		out[j] = float32(int16(binary.LittleEndian.Uint16(wav[2*j:]))) / 32768 * 0.9
	}
	return out, nil
}
