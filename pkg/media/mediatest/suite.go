package mediatest

import (
	"fmt"
	"math/rand/v2"

	"github.com/cinedex/cinedex/pkg/schema"
)

var (
	r23976 = schema.Rate{Num: 24000, Den: 1001}
	r25    = schema.Rate{Num: 25, Den: 1}
	r2997  = schema.Rate{Num: 30000, Den: 1001}
	r5994  = schema.Rate{Num: 60000, Den: 1001}
)

// Suite returns a film for each type of clock: 23.976, 25, 29.97 drop frame with a start timecode just before a minute
// with dropped labels, 59.94, and variable rate. All films have hard cuts, a dissolve and a fade, and a subtitle track.
func Suite() []Film {
	variable := Film{
		// A file of variable rate does not declare the rate of its labels. Rate is the rate of the usual frame.
		Name: "variable", Rate: r25, Scenes: scenes(r2997, 50),
		Variable: []Part{{Frames: 150, Rate: r2997}, {Frames: 120, Rate: r23976}, {Frames: 90, Rate: schema.Rate{Num: 15, Den: 1}}},
	}
	rest := variable.Frames() - 360
	variable.Variable = append(variable.Variable, Part{Frames: rest, Rate: r25})
	films := []Film{
		{Name: "film-23976", Rate: r23976, StartTimecode: "01:00:00:00", Scenes: scenes(r23976, 10)},
		{Name: "film-25", Rate: r25, StartTimecode: "10:00:00:00", Scenes: scenes(r25, 20)},
		{Name: "film-2997df", Rate: r2997, StartTimecode: "00:58:50;00", Scenes: scenes(r2997, 30)},
		{Name: "film-5994", Rate: r5994, Scenes: scenes(r5994, 40)},
		variable,
	}
	for i := range films {
		films[i].Texts = []Text{{Language: "en", Format: "srt", Inside: true, Lines: spread(films[i], english[:4])}}
	}
	return films
}

// Montages returns two films of 40 scenes of all lengths from six frames to 65.
func Montages() []Film {
	montage := func(rate schema.Rate, seed uint64) Film {
		rng := rand.New(rand.NewPCG(seed, 1))
		f := Film{Name: fmt.Sprintf("montage-%d", seed), Rate: rate, Width: 320, Height: 180}
		for i := range uint64(40) {
			f.Scenes = append(f.Scenes, Scene{Frames: 6 + rng.Int64N(60), Seed: seed*100 + i})
		}
		return f
	}
	return []Film{montage(r25, 7), montage(r5994, 8)}
}

// scenes returns some twenty seconds of scenes: five hard cuts, a dissolve, a fade.
func scenes(rate schema.Rate, seed uint64) []Scene {
	seconds := func(tenths int64) int64 { return rate.FrameAt(schema.Time(tenths) * schema.Second / 10) }
	return []Scene{
		{Frames: seconds(32), Seed: seed},
		{Frames: seconds(21), Seed: seed + 1},
		{Frames: seconds(27), Seed: seed + 2},
		{Frames: seconds(38), Seed: seed + 3, Begin: Dissolve, Over: seconds(10)},
		{Frames: seconds(25), Seed: seed + 5},
		{Frames: seconds(35), Seed: seed + 6, Begin: Fade, Over: seconds(12)},
		{Frames: seconds(18), Seed: seed + 8},
		{Frames: seconds(24), Seed: seed + 9},
	}
}

// spoken is a line, and its speaker.
type spoken struct{ who, text string }

// The demo's dialogue: the same twelve lines in five languages.
var (
	english = []spoken{
		{"Mara", "The harbour is empty this morning."},
		{"Jonas", "Nobody wants to sail before the storm."},
		{"Mara", "Put the kettle on, I need a strong coffee."},
		{"Jonas", "We have no sugar left, only honey."},
		{"Mara", "Did you hear the train last night?"},
		{"Jonas", "It whistled twice and then it was silent."},
		{"Mara", "My grandmother planted that apple tree."},
		{"Jonas", "Then we should never cut it down."},
		{"Mara", "The telescope shows two moons tonight."},
		{"Jonas", "One of them is only a reflection in the glass."},
		{"Mara", "Promise me that you will write a letter."},
		{"Jonas", "I will send you one from every town."},
	}
	german = []spoken{
		{"Mara", "Der Hafen ist heute Morgen leer."},
		{"Jonas", "Niemand will vor dem Sturm auslaufen."},
		{"Mara", "Setz den Kessel auf, ich brauche einen starken Kaffee."},
		{"Jonas", "Wir haben keinen Zucker mehr, nur noch Honig."},
		{"Mara", "Hast du letzte Nacht den Zug gehört?"},
		{"Jonas", "Er hat zweimal gepfiffen, dann war es still."},
		{"Mara", "Meine Großmutter hat diesen Apfelbaum gepflanzt."},
		{"Jonas", "Dann sollten wir ihn niemals fällen."},
		{"Mara", "Das Fernrohr zeigt heute Nacht zwei Monde."},
		{"Jonas", "Einer davon ist nur eine Spiegelung im Glas."},
		{"Mara", "Versprich mir, dass du einen Brief schreibst."},
		{"Jonas", "Ich schicke dir einen aus jeder Stadt."},
	}
	french = []spoken{
		{"Mara", "Le port est vide ce matin."},
		{"Jonas", "Personne ne veut naviguer avant la tempête."},
		{"Mara", "Mets la bouilloire, il me faut un café fort."},
		{"Jonas", "Nous n'avons plus de sucre, seulement du miel."},
		{"Mara", "As-tu entendu le train cette nuit ?"},
		{"Jonas", "Il a sifflé deux fois, puis plus rien."},
		{"Mara", "Ma grand-mère a planté ce pommier."},
		{"Jonas", "Alors il ne faudra jamais l'abattre."},
		{"Mara", "Le télescope montre deux lunes ce soir."},
		{"Jonas", "L'une d'elles n'est qu'un reflet dans le verre."},
		{"Mara", "Promets-moi que tu écriras une lettre."},
		{"Jonas", "Je t'en enverrai une de chaque ville."},
	}
	spanish = []spoken{
		{"Mara", "El puerto está vacío esta mañana."},
		{"Jonas", "Nadie quiere zarpar antes de la tormenta."},
		{"Mara", "Pon la tetera, necesito un café fuerte."},
		{"Jonas", "No nos queda azúcar, solo miel."},
		{"Mara", "¿Oíste el tren anoche?"},
		{"Jonas", "Silbó dos veces y luego se calló."},
		{"Mara", "Mi abuela plantó ese manzano."},
		{"Jonas", "Entonces no deberíamos talarlo nunca."},
		{"Mara", "El telescopio muestra dos lunas esta noche."},
		{"Jonas", "Una de ellas es solo un reflejo en el cristal."},
		{"Mara", "Prométeme que escribirás una carta."},
		{"Jonas", "Te enviaré una desde cada ciudad."},
	}
	japanese = []spoken{
		{"Mara", "今朝、港には誰もいない。"},
		{"Jonas", "嵐の前に船を出したい人はいないよ。"},
		{"Mara", "お湯を沸かして。濃いコーヒーが飲みたい。"},
		{"Jonas", "砂糖はもうない。蜂蜜だけだ。"},
		{"Mara", "昨夜、列車の音を聞いた？"},
		{"Jonas", "二度汽笛が鳴って、それから静かになった。"},
		{"Mara", "あのりんごの木は祖母が植えたの。"},
		{"Jonas", "それなら決して切ってはいけない。"},
		{"Mara", "今夜、望遠鏡には月が二つ見える。"},
		{"Jonas", "一つはガラスに映った影にすぎない。"},
		{"Mara", "手紙を書くと約束して。"},
		{"Jonas", "どの町からも一通ずつ送るよ。"},
	}
)

// spread lays lines evenly over a film.
func spread(f Film, lines []spoken) []Line {
	each := f.Frames() / int64(len(lines))
	out := make([]Line, len(lines))
	for i, l := range lines {
		start := int64(i)*each + each/10
		out[i] = Line{Start: start, End: start + each*8/10, Text: l.text, Speaker: l.who}
	}
	return out
}

// Demo returns the demo's film: 48 seconds at 25 frames a second from timecode 01:00:00:00, with twelve lines of dialogue, spoken in English where a
// voice is installed. The film has subtitles in five languages: two tracks inside the file, and three side-cars.
func Demo() Film {
	f := Film{
		Name: "the-harbour", Rate: r25, Width: 854, Height: 480, StartTimecode: "01:00:00:00", Speak: "en",
		Scenes: []Scene{
			{Frames: 110, Seed: 4}, {Frames: 95, Seed: 9}, {Frames: 130, Seed: 6},
			{Frames: 120, Seed: 11, Begin: Dissolve, Over: 24}, {Frames: 85, Seed: 12}, {Frames: 140, Seed: 17},
			{Frames: 125, Seed: 14, Begin: Fade, Over: 30}, {Frames: 105, Seed: 19}, {Frames: 150, Seed: 20}, {Frames: 140, Seed: 27},
		},
	}
	f.Texts = []Text{
		{Language: "en", Format: "srt", Inside: true, Lines: spread(f, english)},
		{Language: "de", Format: "srt", Inside: true, Lines: spread(f, german)},
		{Language: "fr", Format: "vtt", Lines: spread(f, french)},
		{Language: "es", Format: "srt", Lines: spread(f, spanish)},
		{Language: "ja", Format: "vtt", Lines: spread(f, japanese)},
	}
	return f
}
