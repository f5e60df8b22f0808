package main

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/fair"
	"github.com/cinedex/cinedex/pkg/judged"
	"github.com/cinedex/cinedex/pkg/media/demofilm"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// drawnSuite are the algorithms of the figure beside the default algorithms.
var drawnSuite = []string{"sounds", "persons", "oncamera", "things", "screentext", "credits", "transcript", "speakers", "cast", "subtitlecheck"}

// A drawnFilm is the drawn film in a library, with the film's truth.
type drawnFilm struct {
	*world
	truth demofilm.Truth
	asset *pb.Asset
	clock schema.Clock
	path  string
}

// TestFigureDrawn runs the algorithms over the drawn film, and compares each algorithm with the truth of the film. A detector that was taught on photographs
// may miss what is drawn.
func TestFigureDrawn(t *testing.T) {
	figure.Begin(t, "film/drawn")
	f := newDrawn(t)
	f.shots()
	f.scenes()
	f.ofShots("light", "palette", "day or night", func(s demofilm.Shot) string { return s.Time })
	f.ofShots("motion", "motion", "how the camera moves", func(s demofilm.Shot) string { return s.Camera })
	f.faces()
	f.things()
	f.text()
	f.credits()
	f.speech()
	f.words()
	f.voices()
	f.list()
}

func newDrawn(t *testing.T) *drawnFilm {
	t.Helper()
	cache := testCache(t)
	models := builtin.Open(cache, 2)
	for _, d := range models.Declarations() {
		if slices.Contains(drawnSuite, d.GetAlgorithm().GetName()) {
			for _, m := range d.GetAlgorithm().GetModels() {
				_, err := cache.Require(m)
				need(t, m, err)
			}
		}
	}
	if err := models.Close(); err != nil {
		t.Fatal(err)
	}
	ffmpeg, err := cache.Tool("ffmpeg")
	need(t, "ffmpeg", err)
	espeak, err := exec.LookPath("espeak-ng")
	need(t, "espeak-ng", err)
	dir := t.TempDir()
	if err := demofilm.Write(t.Context(), dir, demofilm.Tools{FFmpeg: ffmpeg, ESpeak: espeak}); err != nil {
		t.Fatal(err)
	}
	f := &drawnFilm{path: demofilm.Path(dir)}
	if f.truth, err = demofilm.TruthOf(); err != nil {
		t.Fatal(err)
	}
	f.world = newWorldWith(t, t.TempDir(), func(c *upConfig) {
		c.Gateway.Limits, c.Algorithms = fair.Limits{}, append([]string{builtin.Default}, drawnSuite...)
	}, dir)
	arrived, err := harbourIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	f.ingest(arrived)
	f.asset = f.world.asset(demoHarbour)
	if f.clock, err = schema.ClockOf(f.asset.GetVideo(), nil); err != nil {
		t.Fatal(err)
	}
	return f
}

// report prints the line of a detector.
func (f *drawnFilm) report(detector, claim string, pass bool, note string, format string, args ...any) {
	figure.Report(f.t, false, figure.Result{Name: "film/drawn/" + detector, Claim: "over the drawn film: " + claim, Measured: fmt.Sprintf(format, args...), Pass: pass, Note: note})
}

// of returns the annotations of a kind, with their frames.
func (f *drawnFilm) of(algorithm, kind string) (out []framed) {
	f.t.Helper()
	for _, a := range f.annotations(f.asset.GetId(), algorithm) {
		if a.GetKind() == kind {
			start, end := schema.FrameSpan(f.clock, schema.IntervalOf(a))
			out = append(out, framed{a, start, end})
		}
	}
	return out
}

// A framed is an annotation over the frames [start, end).
type framed struct {
	*pb.Annotation
	start, end int64
}

func (a framed) shares(start, end int64) int64 { return max(0, min(a.end, end)-max(a.start, start)) }

// mostOf returns the annotation that shares the most frames with a stretch; false if none shares a frame.
func mostOf(all []framed, start, end int64) (best framed, ok bool) {
	for _, a := range all {
		if a.shares(start, end) > best.shares(start, end) {
			best, ok = a, true
		}
	}
	return best, ok
}

// begins are the first frames of annotations that follow each other, without the first.
func begins(all []framed) (out []int64) {
	for _, a := range all[min(1, len(all)):] {
		out = append(out, a.start)
	}
	return out
}

// A boundary is the first frame of a shot or scene. A gradual change is found anywhere in the change.
type boundary struct {
	frame, over int64
	name        string
}

// compareBoundaries compares found first frames with the truth. near counts boundaries that are found within three frames.
func compareBoundaries(truth []boundary, found []int64) (exact, near, right int, missed []string, invented []int64) {
	left := slices.Clone(found)
	for _, b := range truth {
		at, off := -1, int64(0)
		for i, n := range left {
			if d := max(n-b.frame, b.frame-n); d <= b.over/2+3 && (at < 0 || d < off) {
				at, off = i, d
			}
		}
		if at < 0 {
			missed = append(missed, b.name)
			continue
		}
		left = slices.Delete(left, at, at+1)
		right++
		if off <= 3 {
			near++
		}
		if off == 0 {
			exact++
		}
	}
	return exact, near, right, missed, left
}

func (f *drawnFilm) shots() {
	var cuts, changes []boundary
	for _, s := range f.truth.Shots[1:] {
		if b := (boundary{s.Start, s.Over, s.Name}); s.Over == 0 {
			cuts = append(cuts, b)
		} else {
			changes = append(changes, b)
		}
	}
	judge := func(found []int64) (string, bool) {
		exact, _, right, missed, left := compareBoundaries(cuts, found)
		_, near, gradual, off, invented := compareBoundaries(changes, left)
		return fmt.Sprintf("%d of %d cuts, %d of them at their frame, missed %q; %d of %d gradual changes, %d within 3 frames, missed %q; too many %v",
			right, len(cuts), exact, missed, gradual, len(changes), near, off, invented), exact == len(cuts) && near == len(changes) && len(invented) == 0
	}
	var beside []string
	peers := figure.Peers[[]int64](f.t, "cuts", f.path)
	for _, peer := range slices.Sorted(maps.Keys(peers)) {
		theirs, _ := judge(peers[peer][0])
		beside = append(beside, "PySceneDetect's "+peer+": "+theirs)
	}
	ours, pass := judge(begins(f.of("shots", schema.KindShot)))
	f.report("shots", "every cut at its frame, gradual changes within 3 frames, none too many", pass, strings.Join(beside, ". "), "%s", ours)
}

func (f *drawnFilm) scenes() {
	var truth []boundary
	for i, s := range f.truth.Shots[1:] {
		if s.Place != f.truth.Shots[i].Place {
			truth = append(truth, boundary{s.Start, s.Over, s.Name})
		}
	}
	found := begins(f.of("scenes", "scene"))
	_, _, right, missed, invented := compareBoundaries(truth, found)
	chance := float64(len(truth)) / float64(len(f.truth.Shots)-1)
	f.report("scenes", "a scene begins where the place changes, better than at shots drawn blindly", float64(right) > chance*float64(len(found)),
		fmt.Sprintf("boundaries drawn blindly among those of the shots are right in %.2f", chance), "%d of %d changes of place, missed %q, too many %v", right, len(truth), missed, invented)
}

// A score counts things that are told right.
type score struct {
	right, all int
	wrong      []string
	truths     map[string]int // how often each answer is true
}

func (s *score) add(name, want, got string) {
	if s.truths == nil {
		s.truths = map[string]int{}
	}
	s.truths[want]++
	s.all++
	if got == want {
		s.right++
		return
	}
	s.wrong = append(s.wrong, fmt.Sprintf("%s is %q, told %q", name, want, got))
}

// chance is the share that is right if the most frequent answer is given each time.
func (s *score) chance() float64 {
	if s.all == 0 {
		return 0
	}
	return float64(slices.Max(slices.Collect(maps.Values(s.truths)))) / float64(s.all)
}

func (f *drawnFilm) reportScore(detector, claim string, s score, note string) {
	f.report(detector, claim, float64(s.right) > s.chance()*float64(s.all), strings.Join(append(s.wrong, note), "; "),
		"%d of %d right; always the most frequent answer: %.0f of %d", s.right, s.all, s.chance()*float64(s.all), s.all)
}

// ofShots compares the label that covers most of each shot with the truth. Shots without a truth are left out.
func (f *drawnFilm) ofShots(kind, algorithm, claim string, truth func(demofilm.Shot) string) {
	all := f.of(algorithm, kind)
	var s score
	for _, shot := range f.truth.Shots {
		if want := truth(shot); want != "" {
			a, _ := mostOf(all, shot.Start, shot.End)
			s.add(shot.Name, want, a.GetLabel())
		}
	}
	f.reportScore(kind, claim, s, "")
}

// faces compares faces, people in words, and the numbers of persons.
func (f *drawnFilm) faces() {
	people, persons := f.of("persons", "people"), f.of("persons", "person")
	var counts score
	for _, shot := range f.truth.Shots {
		got := "0"
		if a, ok := mostOf(people, shot.Start, shot.End); ok && 2*a.shares(shot.Start, shot.End) > a.end-a.start {
			got = strconv.FormatInt(a.GetAttributes()["count"].GetInteger(), 10)
		}
		counts.add(shot.Name, strconv.Itoa(facesIn(f.truth, shot)), got)
	}
	var missed []string
	right := 0
	belongs := make([]bool, len(persons))
	var who, number []string
	for _, face := range f.truth.Faces {
		box := schema.Region{X: float64(face.Box.X) / demofilm.Width, Y: float64(face.Box.Y) / demofilm.Height, W: float64(face.Box.W) / demofilm.Width, H: float64(face.Box.H) / demofilm.Height}
		found := false
		for i, p := range persons {
			// The region is of another frame than the box, and a camera may have moved between the two.
			if p.shares(face.Start, face.End) > 0 && schema.RegionOf(p.GetRegion()).Overlaps(box) {
				found, belongs[i] = true, true
				who, number = append(who, face.Who), append(number, p.GetLabel())
			}
		}
		if found {
			right++
		} else {
			missed = append(missed, fmt.Sprintf("%s at %d", face.Who, face.Start))
		}
	}
	invented := 0
	for _, b := range belongs {
		if !b {
			invented++
		}
	}
	named, numbers := assign(who, number)
	f.report("faces", "more than half of the faces are found, and none too many", 2*right > len(f.truth.Faces) && invented == 0, fmt.Sprintf("missed %q", missed),
		"%d of %d faces, %d too many; of the %d stretches found, %d have the number of their person, in %d numbers for %d people", right, len(f.truth.Faces), invented, len(who), named, numbers, distinct(who))
	f.reportScore("people", "how many faces a shot shows", counts, "")
}

// assign gives each name the number that it has most, no number twice, so that the most pairs agree.
func assign(names, numbers []string) (agree, distinctNumbers int) {
	rows, columns := slices.Compact(slices.Sorted(slices.Values(names))), slices.Compact(slices.Sorted(slices.Values(numbers)))
	count := map[[2]string]int{}
	for i := range names {
		count[[2]string{names[i], numbers[i]}]++
	}
	var best func(row int, taken map[string]bool) int
	best = func(row int, taken map[string]bool) int {
		if row == len(rows) {
			return 0
		}
		most := best(row+1, taken) // the name has no number
		for _, c := range columns {
			if n := count[[2]string{rows[row], c}]; n > 0 && !taken[c] {
				taken[c] = true
				most = max(most, n+best(row+1, taken))
				delete(taken, c)
			}
		}
		return most
	}
	return best(0, map[string]bool{}), len(columns)
}

func distinct(names []string) int { return len(slices.Compact(slices.Sorted(slices.Values(names)))) }

// drawnSorts are the sorts of the algorithm things, by the words of the truth.
var drawnSorts = map[string]string{"boat": "boat", "dog": "animal", "cat": "animal", "car": "car", "umbrella": "umbrella", "cup": "cup", "table": "dining table", "clock": "clock",
	"train": "train", "apple": "apple", "gull": "bird"}

func (f *drawnFilm) things() {
	told, there := 0, 0
	var missed, beyond []string
	all := f.of("things", "thing")
	var counts score
	for _, shot := range f.truth.Shots {
		sorts := map[string]bool{}
		for _, thing := range shot.Things {
			if s, ok := drawnSorts[thing]; ok {
				sorts[s] = true
			}
		}
		got, people := map[string]bool{}, int64(0)
		for _, a := range all {
			if 2*a.shares(shot.Start, shot.End) <= a.end-a.start {
				continue
			}
			if s := a.GetAttributes()["class"].GetText(); s == "person" {
				people = a.GetAttributes()["count"].GetInteger()
			} else {
				got[s] = true
			}
		}
		for s := range sorts {
			there++
			if got[s] {
				told++
			} else {
				missed = append(missed, shot.Name+": "+s)
			}
		}
		for s := range got {
			if !sorts[s] {
				beyond = append(beyond, shot.Name+": "+s)
			}
		}
		counts.add(shot.Name, strconv.Itoa(shot.Most), strconv.FormatInt(people, 10))
	}
	slices.Sort(missed)
	slices.Sort(beyond)
	f.report("things", "half of the things of known sorts are told, and more right than beyond the truth", 2*told >= there && told > len(beyond), fmt.Sprintf("missed %q; beyond the truth, which does not tell all things: %q", missed, beyond),
		"%d of %d told, %d beyond the truth", told, there, len(beyond))
	f.reportScore("persons", "how many people a shot shows, also from behind", counts, "")
}

// plain is a text without case, spaces and punctuation.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

func (f *drawnFilm) text() {
	lines := f.of("screentext", "screen_text")
	belongs := make([]string, len(lines)) // right, part or nothing
	right := 0
	var missed []string
	for _, s := range f.truth.Signs {
		found := false
		for i, l := range lines {
			// A line is read twice a second, and may be read while a part is outside the picture.
			if l.shares(s.Start-demofilmRate, s.End+demofilmRate) == 0 {
				continue
			}
			want, got := plain(s.Text), plain(l.GetText())
			switch {
			case got == want && l.shares(s.Start, s.End) > 0:
				found, belongs[i] = true, "right"
			case got != "" && strings.Contains(want, got) && belongs[i] == "":
				belongs[i] = "part"
			}
		}
		if found {
			right++
		} else {
			missed = append(missed, s.Text)
		}
	}
	part := 0
	var wrong []string
	for i, b := range belongs {
		switch b {
		case "part":
			part++
		case "":
			wrong = append(wrong, fmt.Sprintf("%s at %d", lines[i].GetText(), lines[i].start))
		}
	}
	f.report("text", "≥ 0.75 of the signs are read in every letter, and fewer lines wrong than right", 4*right >= 3*len(f.truth.Signs) && len(wrong) < right, fmt.Sprintf("missed %q; wrong %q", missed, wrong),
		"%d of %d signs, %d of %d lines are a part of a sign, %d wrong", right, len(f.truth.Signs), part, len(lines), len(wrong))
}

// demofilmRate is the frames of a second.
var demofilmRate = demofilm.Rate.Num

func (f *drawnFilm) credits() {
	last := f.truth.Shots[len(f.truth.Shots)-1]
	var told []string
	pass := false
	all := f.of("credits", "credits")
	for _, a := range all {
		told = append(told, fmt.Sprintf("%s, frames %d to %d, rolling %v", a.GetLabel(), a.start, a.end, a.GetAttributes()["rolling"].GetFlag()))
		pass = len(all) == 1 && a.GetLabel() == "closing credits" && a.GetAttributes()["rolling"].GetFlag() && max(a.start-last.Start, last.Start-a.start) <= 2*demofilmRate && last.End-a.end <= 2*demofilmRate
	}
	f.report("credits", "the credits are found within two seconds, and nothing else", pass, "", "told %q, true: frames %d to %d", told, last.Start, last.End)
}

// speech compares the stretches of speech with the lines.
func (f *drawnFilm) speech() {
	var missed []string
	heard, inside, all := 0, int64(0), int64(0)
	var stretches []framed
	for _, a := range f.of("sounds", "sound") {
		if a.GetLabel() == "speech" {
			stretches = append(stretches, a)
			all += a.end - a.start
		}
	}
	for _, l := range f.truth.Lines {
		shared := int64(0)
		for _, a := range stretches {
			shared += a.shares(l.Start, l.End)
		}
		inside += shared
		if 2*shared >= l.End-l.Start {
			heard++
		} else {
			missed = append(missed, l.Text[l.Spoken])
		}
	}
	f.report("speech", "≥ 0.9 of the lines are heard as speech, and ≥ 0.9 of the speech is of lines", 10*heard >= 9*len(f.truth.Lines) && 10*inside >= 9*all, fmt.Sprintf("missed %q", missed),
		"%d of %d lines, %.1f of %.1f s of speech are of lines", heard, len(f.truth.Lines), float64(inside)/float64(demofilmRate), float64(all)/float64(demofilmRate))
}

// words compares speech to text with the lines, a language at a time. Japanese is compared by letters.
func (f *drawnFilm) words() {
	type word struct {
		text string
		at   int64 // milliseconds
	}
	var heard []word
	languages := f.of("transcript", "transcript")
	for _, a := range languages {
		starts := a.GetAttributes()["word_starts"].GetTexts().GetValues()
		for i, w := range a.GetAttributes()["words"].GetTexts().GetValues() {
			ms, err := strconv.ParseInt(starts[i], 10, 64)
			if err != nil {
				f.t.Fatal(err)
			}
			heard = append(heard, word{w, ms})
		}
	}
	// A word is of the nearest line.
	ms := func(frame int64) int64 { return schema.Millis(demofilm.Rate.FrameStart(frame)) }
	said := make([]strings.Builder, len(f.truth.Lines))
	for _, w := range heard {
		best, off := 0, int64(1)<<40
		for i, l := range f.truth.Lines {
			if d := max(ms(l.Start)-w.at, w.at-ms(l.End), 0); d < off {
				best, off = i, d
			}
		}
		said[best].WriteString(w.text + " ")
	}
	type sum struct{ wrong, words, lines, named int }
	by := map[string]*sum{}
	var notes []string
	for i, l := range f.truth.Lines {
		s := by[l.Spoken]
		if s == nil {
			s = &sum{}
			by[l.Spoken] = s
		}
		want, got := l.Text[l.Spoken], strings.TrimSpace(said[i].String())
		a, b := spokenWords(got, l.Spoken), spokenWords(want, l.Spoken)
		wrong := figure.Edits(a, b)
		s.wrong, s.words, s.lines = s.wrong+wrong, s.words+len(b), s.lines+1
		language := ""
		if t, ok := mostOf(languages, l.Start, l.End); ok {
			language, _, _ = strings.Cut(t.GetLanguage(), "-")
		}
		if language == l.Spoken {
			s.named++
		}
		if wrong > 0 {
			notes = append(notes, fmt.Sprintf("%s %q is %q (%s)", l.Spoken, want, got, language))
		}
	}
	var told []string
	pass := true
	for _, language := range slices.Sorted(maps.Keys(by)) {
		s := by[language]
		rate := float64(s.wrong) / float64(s.words)
		pass = pass && rate < 0.5
		unit := "words"
		if language == "ja" {
			unit = "letters"
		}
		told = append(told, fmt.Sprintf("%s %.2f (%d of %d %s wrong, the language right in %d of %d lines)", language, rate, s.wrong, s.words, unit, s.named, s.lines))
	}
	f.report("words", "word errors of speech to text below 0.5 in each of the five languages; the voices are espeak-ng's, over music", pass, strings.Join(notes, "; "), "%s", strings.Join(told, ", "))
}

// spokenWords are the words of a text; of Japanese, the letters.
func spokenWords(s, language string) []string {
	if language == "ja" {
		return strings.Split(plain(s), "")
	}
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// voices compares who speaks, by number and by name, and whether the speaker is seen.
func (f *drawnFilm) voices() {
	turns, cast, seen := f.of("speakers", "speaker"), f.of("cast", "cast"), f.of("oncamera", "on_camera")
	var who, number, silent []string
	var names, onCamera score
	most := map[string]int{}
	for _, l := range f.truth.Lines {
		most[l.Speaker]++
		if a, ok := mostOf(turns, l.Start, l.End); ok {
			who, number = append(who, l.Speaker), append(number, a.GetLabel())
		} else {
			silent = append(silent, l.Speaker)
		}
		name, _ := mostOf(cast, l.Start, l.End)
		names.add(fmt.Sprintf("frame %d", l.Start), l.Speaker, name.GetLabel())
		shown := int64(0)
		for _, face := range f.truth.Faces {
			if face.Who == l.Speaker {
				shown += framed{nil, face.Start, face.End}.shares(l.Start, l.End)
			}
		}
		if told, ok := mostOf(seen, l.Start, l.End); ok {
			want := "off camera"
			if 2*shown >= l.End-l.Start {
				want = "on camera"
			}
			onCamera.add(fmt.Sprintf("%s at %d", l.Speaker, l.Start), want, told.GetLabel())
		}
	}
	right, numbers := assign(who, number)
	chance := slices.Max(slices.Collect(maps.Values(most)))
	f.report("speakers", "lines have the number of their speaker, in more lines than if all were the most frequent speaker's", right > chance, fmt.Sprintf("lines without a turn: %q", silent),
		"%d of %d lines, %d numbers for %d people; one number for all: %d", right, len(f.truth.Lines), numbers, len(most), chance)
	f.reportScore("cast", "who speaks, by name", names, "")
	if onCamera.all == 0 {
		f.report("oncamera", "whether the speaker is seen", false, "", "nothing is told of %d lines", len(f.truth.Lines))
		return
	}
	f.reportScore("oncamera", "whether the speaker is seen, where told", onCamera, fmt.Sprintf("told of %d of %d lines", onCamera.all, len(f.truth.Lines)))
}

// list asks the judged list.
func (f *drawnFilm) list() {
	spans := func(start, end int64) judged.Span {
		return judged.Span{Asset: f.asset.GetId(), Interval: schema.Interval{Start: f.clock.FrameStart(start), End: f.clock.FrameStart(end)}}
	}
	var lines, signs []judged.Span
	for _, l := range f.truth.Lines {
		lines = append(lines, spans(l.Start, l.End))
	}
	for _, s := range f.truth.Signs {
		signs = append(signs, spans(s.Start, s.End))
	}
	shots := shotsOf(f.t, f.Store, f.asset.GetId())
	list := lookList{"The Harbour", "drawn.yaml", []string{demoHarbour}, f.Store, f.gateway}
	for _, k := range []struct {
		kind  string
		items []judged.Span
	}{{"words", lines}, {"heard", lines}, {"look", shots}, {"text", signs}, {"light", shots}, {"camera", shots}, {"faces", shots}, {"people", shots}} {
		languages, by := list.measureOf(f.t, k.kind, k.items)
		var each []string
		pass := true
		for _, language := range languages {
			p := by[language]
			pass = pass && p.ofRight > p.chance
			each = append(each, fmt.Sprintf("%s %s", language, p))
		}
		f.report("list/"+k.kind, "R-precision and p@5 of the judged list, above chance", pass, "", "%s", strings.Join(each, "; "))
	}
}
