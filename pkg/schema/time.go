package schema

import (
	"fmt"
	"math"
	"math/bits"
	"time"
)

// Time is a moment of an asset, or a length of time, as a whole number of
// flicks. Zero is the start of the asset's first frame: see the package's story.
type Time int64

// Lengths in whole flicks. A nanosecond is no whole number of flicks.
const (
	Flick       Time = 1
	Millisecond Time = 705_600
	Second      Time = 705_600_000
	Minute           = 60 * Second
	Hour             = 60 * Minute
)

// The ends of Time. Conversions that would go past an end stop there.
const (
	MinTime Time = math.MinInt64
	MaxTime Time = math.MaxInt64
)

// FromMillis returns the time of ms milliseconds, exactly.
func FromMillis(ms int64) Time { return Time(mulDiv(ms, uint64(Millisecond), 1, down)) }

// Millis returns t in milliseconds, rounded to the nearest, halves up. Millis(FromMillis(ms)) == ms. The other way
// loses the part below a millisecond, so a frame cannot always be found from its milliseconds: keep the Time.
func Millis(t Time) int64 { return mulDiv(int64(t), 1, uint64(Millisecond), nearest) }

// FromDuration returns d as a time, rounded to the nearest flick. A flick is longer than a nanosecond, so two durations
// may give the same time.
func FromDuration(d time.Duration) Time {
	return Time(mulDiv(int64(d), 3528, 5000, nearest)) // 705,600,000 flicks per 1e9 ns, reduced
}

// Duration returns t as a time.Duration, rounded to the nearest nanosecond. FromDuration(Duration(t)) == t for all t in
// the range of a Duration (292 years).
func Duration(t Time) time.Duration { return time.Duration(mulDiv(int64(t), 5000, 3528, nearest)) }

// FromSamples returns the time at which sample n of audio at rate samples per second starts. The time is exact for
// every usual rate up to 192 kHz, and otherwise the first flick inside the sample. A rate that is not positive gives 0.
func FromSamples(n int64, rate int) Time { return Rate{int64(rate), 1}.FrameStart(n) }

// Samples returns the number of the sample at t. Samples(FromSamples(n, rate), rate) == n for every rate.
func Samples(t Time, rate int) int64 { return Rate{int64(rate), 1}.FrameAt(t) }

// Millis is the function Millis as a method.
func (t Time) Millis() int64 { return Millis(t) }

// Duration is the function Duration as a method.
func (t Time) Duration() time.Duration { return Duration(t) }

// Seconds returns t in seconds, for display and for plots. Never compute a time from seconds.
func (t Time) Seconds() float64 { return float64(t) / float64(Second) }

// String returns t as hours, minutes, seconds and milliseconds ("01:02:03.456"), for people.
func (t Time) String() string {
	ms := Millis(t)
	sign := ""
	if ms < 0 {
		sign, ms = "-", -ms
	}
	return fmt.Sprintf("%s%02d:%02d:%02d.%03d", sign, ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}

type rounding int

const (
	down rounding = iota
	up
	nearest // halves up
)

// mulDiv returns n·mul/div, computed in 128 bits, rounded towards minus
// infinity, towards plus infinity or to the nearest, and held within int64.
func mulDiv(n int64, mul, div uint64, r rounding) int64 {
	neg := n < 0
	abs := uint64(n)
	if neg {
		abs = -abs
		// Rounding a negative number down is rounding its absolute value up.
		switch r {
		case down:
			r = up
		case up:
			r = down
		}
	}
	hi, lo := bits.Mul64(abs, mul)
	if hi >= div {
		return saturated(neg)
	}
	quo, rem := bits.Div64(hi, lo, div)
	switch {
	case rem == 0:
	case r == up,
		r == nearest && rem > div-rem,
		r == nearest && rem == div-rem && !neg:
		if quo == math.MaxUint64 {
			return saturated(neg)
		}
		quo++
	}
	switch {
	case neg && quo > 1<<63, !neg && quo > math.MaxInt64:
		return saturated(neg)
	case neg:
		return int64(-quo)
	}
	return int64(quo)
}

func saturated(neg bool) int64 {
	if neg {
		return math.MinInt64
	}
	return math.MaxInt64
}
