package sounds

// A rule says how frames become stretches, in frames of ten milliseconds.
type rule struct {
	smooth    int     // the mean of so many frames is compared
	threshold float32 // with this probability
	gap       int     // a shorter gap does not end a stretch
	least     int     // a shorter stretch is none
}

// The rules were tuned on the first half of the material of TestTruth.
var (
	speechRule  = rule{smooth: 5, threshold: 0.5, gap: 20, least: 20}
	singingRule = rule{smooth: 25, threshold: 0.5, gap: 100, least: 100}
	musicRule   = rule{smooth: 25, threshold: 0.5, gap: 100, least: 100}
)

// A stretch is the frames [from, to) of a label.
type stretch struct {
	label      string
	from, to   int64
	confidence float32
}

// A finder finds the stretches of a label.
type finder struct {
	label string
	rule  rule

	at     int64     // frames seen
	window []float32 // the last frames, the judged frame in the middle
	sum    float64   // of the current stretch

	open     bool
	from, to int64 // the current stretch, without the gap behind
	frames   int64 // frames above the threshold in the current stretch
}

// push adds the probability of a frame, and returns the stretch that has ended, or nil. The mean around a frame is known half a window later.
func (f *finder) push(p float32) *stretch {
	f.window = append(f.window, p)
	if len(f.window) > f.rule.smooth {
		f.window = append(f.window[:0], f.window[1:]...)
	}
	return f.next()
}

// next judges the frame in the middle of the window.
func (f *finder) next() *stretch {
	f.at++
	frame := f.at - 1 - int64(f.rule.smooth/2)
	if frame < 0 {
		return nil
	}
	var sum float32
	for _, p := range f.window {
		sum += p
	}
	mean := sum / float32(len(f.window))
	if mean < f.rule.threshold {
		if f.open && frame-f.to >= int64(f.rule.gap) {
			return f.close()
		}
		return nil
	}
	if !f.open {
		f.open, f.from, f.sum, f.frames = true, frame, 0, 0
	}
	f.to = frame + 1
	f.sum += float64(mean)
	f.frames++
	return nil
}

// close ends the current stretch. A stretch that is too short is none.
func (f *finder) close() *stretch {
	f.open = false
	if f.to-f.from < int64(f.rule.least) {
		return nil
	}
	return &stretch{f.label, f.from, f.to, float32(f.sum / float64(f.frames))}
}

// finish ends the track.
func (f *finder) finish() *stretch {
	for range f.rule.smooth / 2 {
		if len(f.window) > 1 {
			f.window = f.window[1:]
		}
		if s := f.next(); s != nil {
			return s // no second stretch has room behind a gap
		}
	}
	if f.open {
		return f.close()
	}
	return nil
}
