package media

import (
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/schema"
)

// standardRates are tried where a file declares no rate, or a wrong rate.
var standardRates = []schema.Rate{
	{Num: 24000, Den: 1001}, {Num: 24, Den: 1}, {Num: 25, Den: 1}, {Num: 30000, Den: 1001}, {Num: 30, Den: 1},
	{Num: 48000, Den: 1001}, {Num: 48, Den: 1}, {Num: 50, Den: 1}, {Num: 60000, Den: 1001}, {Num: 60, Den: 1},
	{Num: 120000, Den: 1001}, {Num: 100, Den: 1}, {Num: 120, Den: 1}, {Num: 12, Den: 1}, {Num: 15, Den: 1}, {Num: 15000, Den: 1001},
}

// ticks is a container's time base: a tick lasts Num/Den seconds.
type ticks struct{ Num, Den int64 }

// time converts a count of ticks to the nearest flick.
func (b ticks) time(n int64) schema.Time {
	// Whole seconds are converted apart, since n*Num*flicks overflows for time bases in nanoseconds.
	unit := b.Den
	whole := n * b.Num / unit
	rest := n*b.Num - whole*unit
	if rest < 0 {
		rest += unit
		whole--
	}
	return schema.Time(whole)*schema.Second + schema.Time((mulDivRound(rest, int64(schema.Second), unit)))
}

// mulDivRound returns a*b/c rounded to the nearest integer, for 0 <= a < c. a*b may exceed 64 bits.
func mulDivRound(a, b, c int64) int64 {
	if a == 0 || b <= math.MaxInt64/a {
		return (a*b + c/2) / c
	}
	q, r := b/c, b%c
	return a*q + int64(math.Round(float64(a)*float64(r)/float64(c)))
}

// recoverRate finds the constant rate of which pts are the rounded ticks: every timestamp lies within slack ticks of
// n/rate. A tick is the sum of the rounding of the first and of the n-th timestamp.
//
// The order of preference:
//
//  1. The declared rate, if the rate fits.
//  2. The standard rate with the best fit; in a short film two rates may fit.
//  3. The average rate, computed by the container from the rounded times, and the least reliable.
//
// If a tick is longer than a quarter of a frame, rounding could hide a dropped frame. Then the timestamps have to be
// exact.
func recoverRate(pts []int64, base ticks, slack int64, declared, average schema.Rate) (schema.Rate, bool) {
	if len(pts) == 0 {
		return schema.Rate{}, false
	}
	if _, fits := offset(pts, base, slack, declared); fits {
		return meant(declared, int64(len(pts))), true
	}
	best, least := schema.Rate{}, math.Inf(1)
	for _, rate := range append([]schema.Rate{declared.Nominal(), average.Nominal()}, standardRates...) {
		if off, fits := offset(pts, base, slack, rate); fits && off < least {
			best, least = rate, off
		}
	}
	if best.Num != 0 {
		return best, true
	}
	_, fits := offset(pts, base, slack, average)
	return meant(average, int64(len(pts))), fits
}

// meant returns the nominal rate of a fitting rate. If the nominal rate would move the last frame by more than a
// quarter of its length, meant returns the rate unchanged.
func meant(rate schema.Rate, frames int64) schema.Rate {
	nominal := rate.Nominal()
	if moved := math.Abs(rate.Float()/nominal.Float()-1) * float64(frames); moved > 0.25 {
		return rate
	}
	return nominal
}

// fastest is the highest plausible constant rate. Containers without a known rate declare the rate of their ticks.
const fastest = 1000

// offset returns the largest distance of a timestamp from its position at rate, in ticks.
func offset(pts []int64, base ticks, slack int64, rate schema.Rate) (worst float64, fits bool) {
	if rate.Num <= 0 || rate.Den <= 0 || rate.Num/rate.Den > fastest {
		return 0, false
	}
	// Computed in units of 1/(base.Den*rate.Num) s: a tick is perTick units, a frame is perFrame units.
	perTick, perFrame := base.Num*rate.Num, rate.Den*base.Den
	last := len(pts) - 1
	span := pts[last] - pts[0]
	if float64(perFrame)*float64(last) > 1<<62 || float64(perTick)*float64(span) > 1<<62 {
		return 0, false
	}
	allowed := min(perTick*min(slack, perFrame/perTick), perFrame/4)
	if perTick*4 > perFrame {
		allowed = 0
	}
	var far int64
	for n, p := range pts {
		d := (p-pts[0])*perTick - int64(n)*perFrame
		if d < 0 {
			d = -d
		}
		if d > allowed {
			return 0, false
		}
		far = max(far, d)
	}
	return float64(far) / float64(perTick), true
}

// nominalRate returns the rate that names a film of variable rate. The film's timecode counts by this rate. The rate is
// the standard rate at which the most frames last exactly one period, within the precision of the container's ticks. If
// fewer than a quarter of the frames last a period, the rate is the standard rate within 1 % of the usual frame; else
// the average.
func nominalRate(starts schema.FrameTable, tick schema.Time) schema.Rate {
	n := len(starts) - 1
	if n < 1 {
		return schema.Rate{Num: 25, Den: 1}
	}
	lengths := make([]schema.Time, n)
	for i := range lengths {
		lengths[i] = starts[i+1] - starts[i]
	}
	if r, frames := commonRate(lengths, tick); 4*frames >= n {
		return r
	}
	if r, ok := usualRate(lengths); ok {
		return r
	}
	average := float64(n) * float64(schema.Second) / float64(starts[n])
	return schema.Rate{Num: max(1, int64(math.Round(average*1000))), Den: 1000}.Nominal()
}

// commonRate returns the standard rate at which the most frames last one period, and the number of such frames. Close
// rates such as 24 and 23.976 differ by less than a tick of a millisecond. Between close rates, the mean of all frames
// of whole periods decides, because rounding vanishes from the mean.
func commonRate(lengths []schema.Time, tick schema.Time) (schema.Rate, int) {
	counts, means := make([]int, len(standardRates)), make([]float64, len(standardRates))
	most := 0
	for i, r := range standardRates {
		period, sum, periods := float64(schema.Second)/r.Float(), 0.0, 0.0
		for _, l := range lengths {
			k := max(math.Round(float64(l)/period), 1)
			// The distance between two rounded times is less than a tick off.
			if d := float64(l) - k*period; math.Abs(d) < min(max(float64(tick), 1.5), period/8) {
				sum, periods = sum+d, periods+k
				if k == 1 {
					counts[i]++
				}
			}
		}
		means[i] = math.Abs(sum) / max(periods, 1)
		if counts[i] > counts[most] {
			most = i
		}
	}
	best := most
	for i, r := range standardRates {
		near := math.Abs(r.Float()/standardRates[most].Float()-1) < 0.015
		if near && 20*counts[i] >= 19*counts[most] && means[i] < means[best] {
			best = i
		}
	}
	return standardRates[best], counts[best]
}

// usualRate returns the standard rate within 1 % of the mean of the frames about as long as the median frame.
func usualRate(lengths []schema.Time) (schema.Rate, bool) {
	middle := slices.Sorted(slices.Values(lengths))[len(lengths)/2]
	var sum float64
	var count int
	for _, l := range lengths {
		if d := l - middle; max(d, -d) <= middle/4 {
			sum, count = sum+float64(l), count+1
		}
	}
	usual := float64(schema.Second) * float64(count) / sum
	best, off := schema.Rate{}, 0.01
	for _, r := range standardRates {
		if d := math.Abs(r.Float()/usual - 1); d < off {
			best, off = r, d
		}
	}
	return best, best.Num != 0
}
