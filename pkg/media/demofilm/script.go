package demofilm

import "github.com/cinedex/cinedex/pkg/schema"

const (
	// Name is the name of the film's files, and the identity of the title.
	Name = "the-harbour"
	// Title is the name of the title.
	Title = "The Harbour"
	// Width and Height are the size of the film's pictures.
	Width, Height = 960, 540
	// StartTimecode is the label of the first frame.
	StartTimecode = "01:00:00:00"
	fps           = 24
)

// Rate is the film's rate of frames.
var Rate = schema.Rate{Num: fps, Den: 1}

// Languages are the languages of the subtitles. The lines of each character are spoken in the character's own language.
var Languages = []string{"en", "de", "fr", "es", "ja"}

// The characters.
const (
	mara   = "Mara"
	jonas  = "Jonas"
	amelie = "Amélie"
	luis   = "Luis"
	brandt = "Brandt"
	yuki   = "Yuki"
)

// How is the way in which a shot begins.
type How string

// The ways from a shot to the next.
const (
	Cut      How = "cut"
	Dissolve How = "dissolve"
	Fade     How = "fade" // over black
)

// A line is said in a shot. from and to are seconds of the shot.
type line struct {
	who      string
	from, to float64
	text     map[string]string
	spoken   string // what the voice reads, where the writing does not tell
}

// A shot is a stretch of the film from one place.
type shot struct {
	name    string
	seconds float64
	begin   How     // empty is Cut
	over    float64 // seconds of the transition; the first frame of the shot is in the middle
	place   string
	time    string // day, dusk or night
	weather string // clear, rain or snow; empty indoors
	things  []string
	lines   []line
	plate   func(*canvas) // draws all that stands still
	draw    func(*canvas, float64)
	view    func(t float64) view // the camera; nil shows the whole frame
	world   float64              // the width of the plate, in frames; 0 is 1
	blur    int                  // of the plate, in pixels
}

func say(who string, from, to float64, en, de, fr, es, ja string) line {
	return line{who: who, from: from, to: to, text: map[string]string{"en": en, "de": de, "fr": fr, "es": es, "ja": ja}}
}

func (l line) reading(s string) line {
	l.spoken = s
	return l
}

// voices are the language that a character speaks, and the voice of espeak-ng with its speed and pitch.
var voices = map[string]struct {
	language, voice, speed, pitch string
	pan                           float64
}{
	mara:   {"en", "en-gb+f3", "155", "60", -0.25},
	jonas:  {"en", "en-gb+m3", "150", "40", 0.25},
	amelie: {"fr", "fr+f2", "155", "55", -0.1},
	luis:   {"es", "es+m7", "155", "45", 0.1},
	brandt: {"de", "de+m5", "145", "30", 0.2},
	yuki:   {"ja", "ja+f4", "150", "65", 0},
}

// script returns the shots of the film.
func script() []shot { return append(append(morning(), journey()...), evening()...) }

func morning() []shot {
	return []shot{
		{name: "harbour", seconds: 5.5, place: "harbour", time: "day", weather: "clear", things: []string{"lighthouse", "boat", "sea", "gull"},
			plate: harbourPlate, draw: harbourDraw, view: pan(0.02, 0.38, 5.5), world: 1.5},
		{name: "pier", seconds: 4.5, place: "harbour", time: "day", weather: "clear", things: []string{"lighthouse", "boat", "dog", "sea"},
			plate: pierPlate, draw: pierDraw, lines: []line{
				say(mara, 0.8, 3.1, "The harbour is empty this morning.", "Der Hafen ist heute Morgen leer.", "Le port est vide ce matin.", "El puerto está vacío esta mañana.", "今朝、港には誰もいない。")}},
		{name: "pier, Jonas", seconds: 4, place: "harbour", time: "day", weather: "clear", things: []string{"sea"},
			plate: pierPlate, blur: 5, draw: closeUp(jonas, mara), lines: []line{
				say(jonas, 0.5, 3.5, "Nobody wants to sail before the storm.", "Niemand will vor dem Sturm auslaufen.", "Personne ne veut naviguer avant la tempête.", "Nadie quiere zarpar antes de la tormenta.", "嵐の前に船を出したい人はいないよ。")}},
		{name: "street", seconds: 5, place: "street", time: "day", weather: "rain", things: []string{"car", "umbrella", "shop"},
			plate: streetPlate, draw: streetDraw, lines: []line{
				say(jonas, 1.4, 4, "The rain will not stop before noon.", "Der Regen hört vor Mittag nicht auf.", "La pluie ne s'arrêtera pas avant midi.", "La lluvia no parará antes del mediodía.", "雨は昼までやまないだろう。")}},
		{name: "café", seconds: 3, place: "café", time: "day", things: []string{"cup", "table", "window"},
			plate: cafePlate, draw: cafeDraw, view: zoom(1, 1.12, 0.5, 0.55, 3)},
		{name: "café, Amélie", seconds: 3.4, place: "café", time: "day", things: []string{"cup"},
			plate: cafePlate, blur: 5, draw: closeUp(amelie, ""), lines: []line{
				say(amelie, 0.5, 2.7, "An apple tart and two spoons?", "Ein Apfelkuchen und zwei Löffel?", "Une tarte aux pommes et deux cuillères ?", "¿Una tarta de manzana y dos cucharas?", "りんごのタルトにスプーンを二つ？")}},
		{name: "market", seconds: 4.8, place: "market", time: "day", weather: "clear", things: []string{"apple", "fruit", "stall", "fish"},
			plate: marketPlate, draw: marketDraw, lines: []line{
				say(luis, 0.7, 4.1, "Fresh apples, picked this morning!", "Frische Äpfel, heute Morgen gepflückt!", "Des pommes fraîches, cueillies ce matin !", "¡Manzanas frescas, recogidas esta mañana!", "今朝摘んだばかりの新鮮なりんごだよ！")}},
		{name: "market, Mara", seconds: 3.2, place: "market", time: "day", weather: "clear", things: []string{"apple"},
			plate: marketPlate, blur: 5, draw: closeUp(mara, ""), lines: []line{
				say(mara, 0.5, 2.5, "They are as red as the lighthouse.", "Sie sind so rot wie der Leuchtturm.", "Elles sont aussi rouges que le phare.", "Son tan rojas como el faro.", "灯台と同じくらい赤いわね。")}},
		{name: "kitchen", seconds: 7.4, place: "kitchen", time: "day", things: []string{"cat", "kettle", "table", "cup", "window"},
			plate: kitchenPlate, draw: kitchenDraw, lines: []line{
				say(mara, 0.6, 3.6, "Put the kettle on, I need a strong coffee.", "Setz den Kessel auf, ich brauche einen starken Kaffee.", "Mets la bouilloire, il me faut un café fort.", "Pon la tetera, necesito un café fuerte.", "お湯を沸かして。濃いコーヒーが飲みたい。"),
				say(jonas, 4.2, 6.9, "We have no sugar left, only honey.", "Wir haben keinen Zucker mehr, nur noch Honig.", "Nous n'avons plus de sucre, seulement du miel.", "No nos queda azúcar, solo miel.", "砂糖はもうない。蜂蜜だけだ。")}},
		{name: "honey", seconds: 2.6, place: "kitchen", time: "day", things: []string{"honey", "cup", "jar"}, plate: honeyPlate, draw: honeyDraw, view: zoom(1, 1.1, 0.5, 0.5, 2.6)},
	}
}

func journey() []shot {
	return []shot{
		{name: "station", seconds: 4.6, begin: Dissolve, over: 1, place: "station", time: "night", weather: "clear", things: []string{"train", "clock", "lamp"},
			plate: stationPlate, draw: stationDraw},
		{name: "train", seconds: 6, place: "train", time: "day", things: []string{"window", "seat"},
			plate: trainPlate, draw: trainDraw, lines: []line{
				say(yuki, 0.6, 2.6, "I get off at the next station.", "Ich steige am nächsten Bahnhof aus.", "Je descends à la prochaine gare.", "Me bajo en la próxima estación.", "次の駅で降ります。").reading("つぎの えきで おります。"),
				say(brandt, 3.1, 5.5, "The pass is closed because of snow.", "Der Pass ist wegen Schnee gesperrt.", "Le col est fermé à cause de la neige.", "El puerto de montaña está cerrado por la nieve.", "峠は雪で閉鎖されています。")}},
		{name: "mountain road", seconds: 4.6, place: "mountain road", time: "day", weather: "snow", things: []string{"car", "mountain", "snow", "road"},
			plate: roadPlate, draw: roadDraw, view: pan(0.3, 0.02, 4.6), world: 1.35},
		{name: "snow, Yuki", seconds: 4, place: "village", time: "night", weather: "snow", things: []string{"snow", "house", "scarf"},
			plate: villagePlate, blur: 3, draw: snowDraw, lines: []line{
				say(yuki, 0.6, 3.4, "The mountain is white even at night.", "Der Berg ist selbst nachts weiß.", "La montagne est blanche même la nuit.", "La montaña es blanca incluso de noche.", "雪の山は夜でも白いですね。").reading("ゆきの やまは よるでも しろい ですね。")}},
		{name: "orchard", seconds: 6.9, begin: Dissolve, over: 1, place: "orchard", time: "day", weather: "clear", things: []string{"apple", "tree", "butterfly"},
			plate: orchardPlate, draw: orchardDraw, lines: []line{
				say(mara, 0.9, 3.2, "Did you hear the train last night?", "Hast du letzte Nacht den Zug gehört?", "As-tu entendu le train cette nuit ?", "¿Oíste el tren anoche?", "昨夜、列車の音を聞いた？"),
				say(jonas, 3.5, 6.6, "It whistled twice and then it was silent.", "Er hat zweimal gepfiffen, dann war es still.", "Il a sifflé deux fois, puis plus rien.", "Silbó dos veces y luego se calló.", "二度汽笛が鳴って、それから静かになった。")}},
		{name: "orchard, Mara", seconds: 3.6, place: "orchard", time: "day", weather: "clear", things: []string{"tree"},
			plate: orchardPlate, blur: 5, draw: closeUp(mara, jonas), lines: []line{
				say(mara, 0.5, 3.1, "My grandmother planted that apple tree.", "Meine Großmutter hat diesen Apfelbaum gepflanzt.", "Ma grand-mère a planté ce pommier.", "Mi abuela plantó ese manzano.", "あのりんごの木は祖母が植えたの。")}},
		{name: "butterfly", seconds: 3, place: "orchard", time: "day", weather: "clear", things: []string{"butterfly", "flower"}, plate: flowersPlate, draw: butterflyDraw},
		{name: "orchard, Jonas", seconds: 3.4, place: "orchard", time: "day", weather: "clear", things: []string{"tree"},
			plate: orchardPlate, blur: 5, draw: closeUp(jonas, ""), lines: []line{
				say(jonas, 0.5, 2.9, "Then we should never cut it down.", "Dann sollten wir ihn niemals fällen.", "Alors il ne faudra jamais l'abattre.", "Entonces no deberíamos talarlo nunca.", "それなら決して切ってはいけない。")}},
		{name: "forest", seconds: 5, place: "forest", time: "day", weather: "clear", things: []string{"dog", "tree", "path"},
			plate: forestPlate, draw: forestDraw, view: pan(0.02, 0.2, 5), world: 1.3, lines: []line{
				say(brandt, 0.9, 4.1, "My dog always finds the way home.", "Mein Hund findet immer den Weg nach Hause.", "Mon chien retrouve toujours le chemin de la maison.", "Mi perro siempre encuentra el camino a casa.", "うちの犬はいつも家への道を見つける。")}},
	}
}

func evening() []shot {
	return []shot{
		{name: "telescope", seconds: 7.6, begin: Fade, over: 1.2, place: "hill", time: "night", weather: "clear", things: []string{"telescope", "moon", "star"},
			plate: hillPlate, draw: hillDraw, lines: []line{
				say(mara, 0.9, 3.8, "The telescope shows two moons tonight.", "Das Fernrohr zeigt heute Nacht zwei Monde.", "Le télescope montre deux lunes ce soir.", "El telescopio muestra dos lunas esta noche.", "今夜、望遠鏡には月が二つ見える。"),
				say(jonas, 4.2, 7.2, "One of them is only a reflection in the glass.", "Einer davon ist nur eine Spiegelung im Glas.", "L'une d'elles n'est qu'un reflet dans le verre.", "Una de ellas es solo un reflejo en el cristal.", "一つはガラスに映った影にすぎない。")}},
		{name: "two moons", seconds: 2.6, place: "sky", time: "night", weather: "clear", things: []string{"moon", "star"}, plate: moonsPlate, draw: moonsDraw},
		{name: "quay at night", seconds: 5, place: "harbour", time: "night", weather: "clear", things: []string{"lighthouse", "boat", "lamp", "sea"},
			plate: quayPlate, draw: quayDraw, lines: []line{
				say(amelie, 1, 3, "The last boat leaves at midnight.", "Das letzte Boot fährt um Mitternacht.", "Le dernier bateau part à minuit.", "El último barco sale a medianoche.", "最後の船は真夜中に出ます。")}},
		{name: "quay, Mara", seconds: 3.4, place: "harbour", time: "night", weather: "clear", things: []string{"lamp"},
			plate: quayPlate, blur: 6, draw: closeUp(mara, jonas), lines: []line{
				say(mara, 0.5, 2.8, "Promise me that you will write a letter.", "Versprich mir, dass du einen Brief schreibst.", "Promets-moi que tu écriras une lettre.", "Prométeme que escribirás una carta.", "手紙を書くと約束して。")}},
		{name: "quay, Jonas", seconds: 3.6, place: "harbour", time: "night", weather: "clear", things: []string{"lamp"},
			plate: quayPlate, blur: 6, draw: closeUp(jonas, mara), lines: []line{
				say(jonas, 0.5, 3.1, "I will send you one from every town.", "Ich schicke dir einen aus jeder Stadt.", "Je t'en enverrai une de chaque ville.", "Te enviaré una desde cada ciudad.", "どの町からも一通ずつ送るよ。")}},
		{name: "the last boat", seconds: 5.4, place: "harbour", time: "night", weather: "clear", things: []string{"boat", "lighthouse", "sea", "moon"},
			plate: departPlate, draw: departDraw, view: zoom(1.25, 1, 0.5, 0.62, 5.4)},
		{name: "credits", seconds: 7, begin: Fade, over: 1.2, place: "credits", plate: creditsPlate, draw: creditsDraw},
	}
}
