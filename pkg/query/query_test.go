package query_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const second = 705_600_000

// lang knows leaves of every shape.
var lang = query.Language{Names: names{}}

type names struct{}

var aliases = map[string]string{"look": "like_text", "image": "like_image", "frame": "like_frame", "shot": "like_shot"}

func (names) Spelled(name string) (string, pb.LeafShape) {
	if leaf, ok := aliases[name]; ok {
		name = leaf
	}
	switch name {
	case "like_image":
		return name, pb.LeafShape_LEAF_SHAPE_PICTURE
	case "like_frame":
		return name, pb.LeafShape_LEAF_SHAPE_FRAME
	case "like_shot":
		return name, pb.LeafShape_LEAF_SHAPE_SHOT
	case "loudness":
		return name, pb.LeafShape_LEAF_SHAPE_RANGE
	}
	return name, pb.LeafShape_LEAF_SHAPE_WORDS
}

func (names) Names() []string {
	return []string{"any", "dialogue", "like_text", "look", "label", "face", "like_image", "image", "like_frame", "frame", "like_shot", "shot", "loudness"}
}

func (names) Short(leaf string) string {
	for short, long := range aliases {
		if long == leaf {
			return short
		}
	}
	return leaf
}

func l(kind, text string) *pb.Query { return query.Leaf(&pb.Leaf{Kind: kind, Text: text}) }

func quoted(text string) *pb.Query {
	return query.Leaf(&pb.Leaf{Kind: "any", Text: text, Mode: pb.TextMode_TEXT_MODE_PHRASE})
}

func rng(min, max *float64) *pb.NumberRange { return &pb.NumberRange{Min: min, Max: max} }

func num(v float64) *float64 { return &v }

func TestParse(t *testing.T) {
	a, b, c := l("a", "x"), l("b", "y"), l("c", "z")
	phrase := query.Leaf(&pb.Leaf{Kind: "dialogue", Text: "good boy", Mode: pb.TextMode_TEXT_MODE_PHRASE})
	for in, want := range map[string]struct {
		q *pb.Query
		f *pb.Filter
	}{
		`coffee`:               {l("any", "coffee"), nil},
		`rain at night`:        {l("any", "rain at night"), nil},
		`"rain at night"`:      {quoted("rain at night"), nil},
		`¿dónde está el café?`: {l("any", "¿dónde está el café?"), nil},
		`look:"rain at night"`: {l("like_text", "rain at night"), nil},
		`dialogue:"coffee" AND look:"rain at night" WITHIN 5s`: {query.Within(l("dialogue", "coffee"), l("like_text", "rain at night"), 5*second), nil},
		`a:x AND b:y AND c:z WITHIN 500ms`:                     {query.Within(query.Within(l("a", "x"), l("b", "y"), second/2), l("c", "z"), second/2), nil},
		`label:dog AND NOT dialogue.phrase:"good boy"`:         {query.And(l("label", "dog"), query.Not(phrase)), nil},
		`label:dog dialogue.phrase:"good boy"`:                 {query.And(l("label", "dog"), phrase), nil},
		`a:x OR b:y AND c:z`:                                   {query.Or(l("a", "x"), query.And(l("b", "y"), l("c", "z"))), nil},
		`(a:x OR b:y) c:z`:                                     {query.And(query.Or(l("a", "x"), l("b", "y")), l("c", "z")), nil},
		`coffee label:cup^2.5`:                                 {query.And(l("any", "coffee"), query.Leaf(&pb.Leaf{Kind: "label", Text: "cup", Weight: 2.5})), nil},
		`frame:4f2a@01:02:03;04`:                               {query.Leaf(&pb.Leaf{Kind: "like_frame", Asset: "4f2a", Timecode: "01:02:03;04"}), nil},
		`shot:4f2a@1m2s`:                                       {query.Leaf(&pb.Leaf{Kind: "like_shot", Asset: "4f2a", Time: 62 * second}), nil},
		`image:b"AAEC"`:                                        {query.Leaf(&pb.Leaf{Kind: "like_image", Image: []byte{0, 1, 2}}), nil},
		`coffee title:bbb,"a b" lang:en,es confidence>=0.5`:    {l("any", "coffee"), &pb.Filter{Titles: []string{"bbb", "a b"}, Languages: []string{"en", "es"}, MinConfidence: 0.5}},
		`character:Proog title:urn:x:1`:                        {nil, &pb.Filter{Characters: []string{"Proog"}, Titles: []string{"urn:x:1"}}},
		`coffee time:1m..2m30s`:                                {l("any", "coffee"), &pb.Filter{Start: 60 * second, End: 150 * second}},
		`a:x OR b:y title:t`:                                   {nil, nil}, // refused below: the filter has no clear owner
		`say "and" and or`:                                     {query.And(l("any", "say"), quoted("and"), l("any", "and or")), nil},

		`a:x THEN b:y WITHIN 10s`:                    {query.Then(a, b, 10*second), nil},
		`a:x THEN b:y WITHIN 10s THEN c:z WITHIN 1s`: {query.Then(query.Then(a, b, 10*second), c, second), nil},
		`a:x AND b:y THEN c:z WITHIN 10s`:            {query.And(a, query.Then(b, c, 10*second)), nil},
		`a:x AND b:y THEN c:z WITHIN 10s WITHIN 5s`:  {query.Within(a, query.Then(b, c, 10*second), 5*second), nil},
		`good morning THEN good night WITHIN 1m`:     {query.Then(l("any", "good morning"), l("any", "good night"), 60*second), nil},
		`a:x OVERLAPS b:y`:                           {query.Related(a, pb.Relation_RELATION_OVERLAPS, b, 0), nil},
		`a:x DURING b:y OR c:z`:                      {query.Or(query.Related(a, pb.Relation_RELATION_DURING, b, 0), c), nil},
		`a:x STARTS NEAR b:y WITHIN 2s`:              {query.Related(a, pb.Relation_RELATION_STARTS_NEAR, b, 2*second), nil},
		`a:x ENDS NEAR (b:y OR c:z) WITHIN 2s`:       {query.Related(a, pb.Relation_RELATION_ENDS_NEAR, query.Or(b, c), 2*second), nil},
		`a:x LEFT OF b:y ABOVE c:z`:                  {query.Related(query.Related(a, pb.Relation_RELATION_LEFT_OF, b, 0), pb.Relation_RELATION_ABOVE, c, 0), nil},
		`a:x LARGER THAN b:y`:                        {query.Related(a, pb.Relation_RELATION_LARGER_THAN, b, 0), nil},
		`a:x NEAR CUT WITHIN 5s`:                     {query.NearCut(a, 5*second), nil},
		`(a:x b:y) NEAR CUT WITHIN 5s AND NOT c:z`:   {query.And(query.NearCut(query.And(a, b), 5*second), query.Not(c)), nil},
		`AT LEAST 2 OF (a:x, b:y, c:z)`:              {query.AtLeast(2, a, b, c), nil},
		`AT LEAST 2 OF (good day, a:x b:y) c:z`:      {query.And(query.AtLeast(2, l("any", "good day"), query.And(a, b)), c), nil},
		`AT LEAST 1 OF (a:x, (tea, or coffee)) -c:z`: {query.And(query.AtLeast(1, a, l("any", "tea or coffee")), query.Not(c)), nil},
		`coffee -tea`:                                {query.And(l("any", "coffee"), query.Not(l("any", "tea"))), nil},
		`rain -night street`:                         {query.And(l("any", "rain street"), query.Not(l("any", "night"))), nil},
		`rain -label:dog street`:                     {query.And(l("any", "rain street"), query.Not(l("label", "dog"))), nil},
		`-tea coffee`:                                {query.And(query.Not(l("any", "tea")), l("any", "coffee")), nil},
		`coffee -"good boy" -(a:x OR b:y)`:           {query.And(l("any", "coffee"), query.Not(quoted("good boy")), query.Not(query.Or(a, b))), nil},
		`flight -93 non-stop - now`:                  {l("any", "flight -93 non-stop - now"), nil},
		`"good boy"~3`:                               {query.Leaf(&pb.Leaf{Kind: "any", Text: "good boy", Mode: pb.TextMode_TEXT_MODE_PHRASE, Slop: 3}), nil},
		`dialogue:"good boy"~3`:                      {query.Leaf(&pb.Leaf{Kind: "dialogue", Text: "good boy", Mode: pb.TextMode_TEXT_MODE_PHRASE, Slop: 3}), nil},
		`dialogue.phrase[slop=3]:"good boy"`:         {query.Leaf(&pb.Leaf{Kind: "dialogue", Text: "good boy", Mode: pb.TextMode_TEXT_MODE_PHRASE, Slop: 3}), nil},
		`good cof*`:                                  {query.Leaf(&pb.Leaf{Kind: "any", Text: "good cof", Mode: pb.TextMode_TEXT_MODE_PREFIX}), nil},
		`dialogue:cofee~^2`:                          {query.Leaf(&pb.Leaf{Kind: "dialogue", Text: "cofee", Mode: pb.TextMode_TEXT_MODE_FUZZY, Weight: 2}), nil},
		`dialogue.exact:coffee`:                      {query.Leaf(&pb.Leaf{Kind: "dialogue", Text: "coffee", Mode: pb.TextMode_TEXT_MODE_WORDS}), nil},
		`dialogue[lang=en,confidence>=0.8]:coffee`:   {query.Leaf(&pb.Leaf{Kind: "dialogue", Text: "coffee", Languages: []string{"en"}, MinConfidence: 0.8}), nil},
		`dialogue[lang=(en,pt-BR)]:coffee lang:es`:   {query.Leaf(&pb.Leaf{Kind: "dialogue", Text: "coffee", Languages: []string{"en", "pt-BR"}}), &pb.Filter{Languages: []string{"es"}}},
		`face[region inside 0,0,0.5,1]:anna`:         {query.Leaf(&pb.Leaf{Kind: "face", Text: "anna", Regions: []*pb.RegionTest{{Relation: pb.Relation_RELATION_INSIDE, Region: &pb.Region{W: 0.5, H: 1}}}}), nil},
		`face[region left of 0.5,region larger than 0.1]:anna`: {query.Leaf(&pb.Leaf{Kind: "face", Text: "anna", Regions: []*pb.RegionTest{
			{Relation: pb.Relation_RELATION_LEFT_OF, Value: 0.5}, {Relation: pb.Relation_RELATION_LARGER_THAN, Value: 0.1}}}), nil},
		`face[count>=2,count<=5]:any`: {query.Leaf(&pb.Leaf{Kind: "face", Text: "any", Ranges: map[string]*pb.NumberRange{"count": rng(num(2), num(5))}}), nil},
		`face[count=2..]:any`:         {query.Leaf(&pb.Leaf{Kind: "face", Text: "any", Ranges: map[string]*pb.NumberRange{"count": rng(num(2), nil)}}), nil},
		`loudness>=-20`:               {query.Leaf(&pb.Leaf{Kind: "loudness", Range: rng(num(-20), nil)}), nil},
		`loudness<=-10 coffee`:        {query.And(query.Leaf(&pb.Leaf{Kind: "loudness", Range: rng(nil, num(-10))}), l("any", "coffee")), nil},
		`loudness:-20..-10^2`:         {query.Leaf(&pb.Leaf{Kind: "loudness", Range: rng(num(-20), num(-10)), Weight: 2}), nil},
		`image[like="at night"^2,unlike=frame:4f2a@01:02:03:04 crop 0,0,0.5,1]:b"AAEC"`: {query.Leaf(&pb.Leaf{Kind: "like_image", Image: []byte{0, 1, 2}, Examples: []*pb.Example{
			{Text: "at night", Weight: 2}, {Asset: "4f2a", Timecode: "01:02:03:04", Crop: &pb.Region{W: 0.5, H: 1}, Weight: -1}}}), nil},
		`frame[crop 0.1,0.2,0.3,0.4,same=true]:4f2a@1s`: {query.Leaf(&pb.Leaf{Kind: "like_frame", Asset: "4f2a", Time: second, Crop: &pb.Region{X: 0.1, Y: 0.2, W: 0.3, H: 0.4}, Same: true}), nil},
		`look[like=b"AAEC",unlike=shot:"4f2a@1s"^0.5]:x`: {query.Leaf(&pb.Leaf{Kind: "like_text", Text: "x", Examples: []*pb.Example{
			{Image: []byte{0, 1, 2}}, {Asset: "4f2a", Time: second, Shot: true, Weight: -0.5}}}), nil},
		`face[w=0.5,n=3,who="Bo",ok=true]:any`: {query.Leaf(&pb.Leaf{Kind: "face", Text: "any", Attributes: map[string]*pb.Value{
			"w": {Kind: &pb.Value_Number{Number: .5}}, "n": {Kind: &pb.Value_Integer{Integer: 3}},
			"who": {Kind: &pb.Value_Text{Text: "Bo"}}, "ok": {Kind: &pb.Value_Flag{Flag: true}}}}), nil},
	} {
		t.Run(in, func(t *testing.T) {
			q, f, err := lang.Parse(in)
			if want.q == nil && want.f == nil {
				if err == nil {
					t.Fatalf("accepted as %s", lang.Print(q, f))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want.q, q, protocmp.Transform()) + cmp.Diff(want.f, f, protocmp.Transform()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for in, want := range map[string]string{
		``:                              "nothing is asked for",
		`   `:                           "nothing is asked for",
		`dialogue:"coffee`:              "column 10: a quotation mark is not closed",
		`café AND`:                      "column 6: AND needs",
		`AND coffee`:                    "column 1: AND needs",
		`a:x OR OR b:y`:                 "column 8: OR needs",
		`a:x OR`:                        "OR needs something",
		`(a:x`:                          "column 1: a parenthesis is not closed",
		`a:x)`:                          `column 4: did not expect ")"`,
		`()`:                            "nothing between the parentheses",
		`NOT coffee`:                    "stands alone",
		`NOT a:x AND NOT b:y`:           "only NOTs",
		`coffee WITHIN 5s`:              "needs two terms",
		`a:x b:y WITHIN five`:           "want a time such as 5s",
		`a:x b:y WITHIN -5s`:            "want a time such as 5s",
		`Dialogue:coffee`:               `"Dialogue" is no name of a kind`,
		`dialogue.loud:coffee`:          `"loud" is no mode`,
		`dialogue:`:                     "want something to look for",
		`dialogue:"  "`:                 "nothing to look for",
		`frame:4f2a`:                    "want ASSET@TIMECODE",
		`confidence>=2`:                 "from 0 to 1",
		`score>=1`:                      "only confidence",
		`a:x THEN b:y`:                  "column 13: want WITHIN and a time: TERM THEN TERM WITHIN 5s",
		`a:x THEN WITHIN 5s`:            "column 5: THEN needs something to look for on both sides",
		`THEN a:x WITHIN 5s`:            "column 1: THEN needs something",
		`a:x OVERLAPS`:                  "column 5: OVERLAPS needs something",
		`a:x OVERLAPS title:t`:          "column 14: a filter narrows the whole query",
		`title:t OVERLAPS a:x`:          "OVERLAPS needs something",
		`a:x OVERLAPS NOT b:y`:          "column 14: NOT stands behind OVERLAPS; write TERM AND NOT (TERM OVERLAPS TERM)",
		`NOT a:x OVERLAPS b:y`:          "column 1: NOT stands before OVERLAPS",
		`a:x STARTS NEAR b:y`:           "TERM STARTS NEAR TERM WITHIN 5s",
		`a:x NEAR CUT`:                  "TERM NEAR CUT WITHIN 5s",
		`AT LEAST two OF (a:x, b:y)`:    "column 10: want a number",
		`AT LEAST 2 (a:x, b:y)`:         "column 12: want OF",
		`AT LEAST 3 OF (a:x, b:y)`:      "column 1: AT LEAST 3 OF 2 terms",
		`AT LEAST 1 OF (a:x)`:           "two terms or more",
		`AT LEAST 1 OF (a:x, b:y`:       "a parenthesis is not closed",
		`AT LEAST 1 OF (a:x, )`:         "column 21: want something to look for",
		`a:x THNE b:y`:                  `column 5: "THNE" is no operator; did you mean THEN?`,
		`a:x STARTS NER b:y WITHIN 2s`:  `column 5: "STARTS NER" is no operator; did you mean STARTS NEAR?`,
		`-tea`:                          "stands alone",
		`dialogue.frase:x`:              `"frase" is no mode; there are words, exact, phrase, fuzzy, prefix, meaning; did you mean phrase?`,
		`Title:x`:                       "did you mean title:?",
		`01:02:03:04`:                   "column 1: a timecode belongs to an asset; write frame:ASSET@01:02:03:04",
		`a[region inside 0,0,0.5]:x`:    "want x,y,w,h",
		`a[region near 0]:x`:            "column 10: want region and one of above, below, inside",
		`a[region insid 0,0,1,1]:x`:     "did you mean inside?",
		`a[region inside 0,0,0,1]:x`:    "w and h above 0",
		`a[confidence>=2]:x`:            "a number from 0 to 1",
		`a[lang=e_n]:x`:                 "want a language",
		`a[n>=2,n=3]:x`:                 "column 8: n is given twice",
		`a[n>=5,n<=3]:x`:                "min is larger than max",
		`a[n>2]:x`:                      "want the name of an attribute",
		`dialogue.words[slop=3]:x`:      "only the mode phrase",
		`"a b"~x`:                       "want a number from 0 to 64 behind ~",
		`dialogue>=2`:                   "dialogue takes no numbers",
		`image[like=b"?"]:x`:            "not base64",
		`look[like=farme:a@1s]:x`:       "column 11: want words in quotation marks, b\"…\", frame:ASSET@PLACE or shot:ASSET@PLACE; did you mean frame?",
		`look[like>="x"]:x`:             "column 10: want = after like",
		`look[unlike="x"^0]:x`:          "weight 0 says nothing",
		`look[like="x" crop 0,0,1,1]:x`: "only a picture and a frame have parts",
		`look[crop 0,0,1,1]:x`:          "only a picture and a frame have parts",
		`frame[crop 0,0,0]:a@1s`:        "want x,y,w,h, as in crop 0,0,0.5,1",
		`frame[crop 1,0,1,1]:a@1s`:      "outside of the picture",
		`shot[crop 0,0,1,1]:a@1s`:       "only a picture and a frame have parts",
		`look[same=true]:x`:             "asks with no picture",
		`frame[same=yes]:a@1s`:          "want same=true",
		`frame[same=true,like="x"]:a@1`: "the same as one picture",
		`look[like=","]:x`:              "nothing to look for",
		`loudness:loud`:                 "want numbers, as in loudness:-20..-10",
		`(coffee title:x)`:              "a filter narrows the whole query",
		"cof\x00fee":                    "control character U+0000",
		"cof\xfffee":                    "not UTF-8",
		`a[:x`:                          "want the name of an attribute",
		`image:b"?"`:                    "not base64",
		strings.Repeat("(", 1000):       "nested more than 16 deep",
		strings.Repeat("NOT ", 999):     "nested more than 16 deep",
		strings.Repeat("a:x ", 33):      "33 things are asked for",
		strings.Repeat("long ", 25_000): "more than the",
		strings.Repeat("long ", 1_000):  "more than the",
	} {
		t.Run(in[:min(len(in), 30)], func(t *testing.T) {
			_, _, err := lang.Parse(in)
			if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want Invalid with %q", err, want)
			}
		})
	}
}

// TestLimitsWhateverIsInTheLine: a line with the beginning of a picture is bounded like every other line.
func TestLimitsWhateverIsInTheLine(t *testing.T) {
	long := strings.Repeat("something ", query.MaxLength/10+1)
	many := strings.Repeat("(", query.MaxTokens+1)
	data := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for name, c := range map[string]struct{ in, says string }{
		"a long line":                      {long, "more than the 16384 bytes allowed, pictures aside"},
		"with a picture's beginning":       {`like_image:b"AAAA" ` + long, "pictures aside"},
		"with it at the end":               {long + ` like_image:b"AAAA"`, "pictures aside"},
		"within quotation marks":           {`":b\"" ` + long, "pictures aside"},
		"a long word":                      {`x:b"" ` + strings.Repeat("a", 1<<20), "pictures aside"},
		"a long quotation":                 {`x:b"AAAA" "` + strings.Repeat("a", 1<<20), "between quotation marks"},
		"spaces":                           {`x:b"AAAA" ` + strings.Repeat(" ", 1<<20), "pictures aside"},
		"many signs":                       {`x:b"AAAA" ` + many, "words and signs"},
		"a large picture":                  {`like_image:b"` + data(query.MaxImageBytes+3) + `"`, "quotation marks"},
		"two pictures, too large together": {`like_image:b"` + data(query.MaxImageBytes/2+3) + `" like_image:b"` + data(query.MaxImageBytes/2) + `"`, "pictures have more"},
		"words of a leaf":                  {`"` + strings.Repeat("a ", query.MaxWords+1) + `"`, "257 words are more than the 256 allowed"},
		"values of a filter":               {"coffee title:" + strings.Repeat("a,", query.MaxFiltered) + "a", "1000 values allowed"},
		"a long value":                     {"coffee title:" + strings.Repeat("a", query.MaxName+1), "257 bytes are more than the 256 allowed"},
		"many attributes":                  {"dialogue[" + strings.Join(attributes(query.MaxAttributes+1), ",") + "]:coffee", "17 are more than the 16 allowed"},
		"many examples":                    {"look[" + strings.Repeat(`like="x",`, query.MaxExamples) + `like="x"]:coffee`, "17 are more than the 16 allowed"},
		"words of examples":                {"look[like=\"" + strings.Repeat("a ", query.MaxWords+1) + "\"]:coffee", "257 words are more than the 256 allowed"},
		"a long list":                      {`dialogue[a=(` + strings.Repeat(`"",`, query.MaxListed) + `"")]:coffee`, "65 texts is longer"},
	} {
		_, _, err := lang.Parse(c.in)
		if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 300 {
			t.Errorf("%s: %.400v, want a short error saying %q", name, err, c.says)
		}
	}
	if _, _, err := lang.Parse(`like_image:b"` + data(query.MaxImageBytes) + `"`); err != nil {
		t.Errorf("the largest picture: %.300v", err)
	}
}

func attributes(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("a%d=1", i))
	}
	return out
}

// TestTreeLimits: a tree from protobuf is bounded as a line is bounded.
func TestTreeLimits(t *testing.T) {
	leaf := func(l *pb.Leaf) *pb.Query { return query.Leaf(l) }
	texts := make([]*pb.Query, 10)
	for i := range texts {
		texts[i] = leaf(&pb.Leaf{Kind: "any", Text: strings.Repeat("a", query.MaxText)})
	}
	half := &pb.Leaf{Kind: "like_image", Image: make([]byte, query.MaxImageBytes/2+1)}
	for name, c := range map[string]struct {
		q    *pb.Query
		says string
	}{
		"texts":    {query.Or(texts...), "all texts together"},
		"pictures": {query.Or(leaf(half), leaf(half)), "all pictures together"},
		"asset":    {leaf(&pb.Leaf{Kind: "like_shot", Asset: strings.Repeat("a", query.MaxName+1)}), "asset and timecode"},
		"examples": {leaf(&pb.Leaf{Kind: "like_image", Image: half.GetImage(), Examples: []*pb.Example{{Image: half.GetImage()}}}), "all pictures together"},
		"a weight": {leaf(&pb.Leaf{Kind: "like_text", Text: "a", Examples: []*pb.Example{{Text: "b", Weight: float32(math.Inf(-1))}}}), "from -1000 to 1000"},
		"nothing":  {leaf(&pb.Leaf{Kind: "like_text", Text: "a", Examples: []*pb.Example{{}}}), "exactly one of text, image and asset"},
		"two":      {leaf(&pb.Leaf{Kind: "like_text", Text: "a", Examples: []*pb.Example{{Text: "b", Image: []byte{1}}}}), "exactly one of text, image and asset"},
		"data":     {leaf(&pb.Leaf{Kind: "any", Text: "a", Attributes: map[string]*pb.Value{"a": {Kind: &pb.Value_Data{Data: make([]byte, query.MaxImagesBytes+1)}}}}), "all data together"},
	} {
		if err := lang.Validate(c.q); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error saying %q", name, err, c.says)
		}
	}
}

func genLeaf(t *rapid.T) *pb.Leaf {
	leaf := &pb.Leaf{Kind: rapid.SampledFrom([]string{"any", "dialogue", "like_text", "label", "face_2", "like_frame", "like_shot", "like_image", "and", "title2", "loudness"}).Draw(t, "kind")}
	if rapid.Bool().Draw(t, "weighted") {
		leaf.Weight = rapid.Float32Range(0.01, 100).Draw(t, "weight")
	}
	genNarrowing(t, leaf)
	genExamples(t, leaf)
	switch leaf.Kind {
	case "loudness":
		leaf.Range = genRange(t)
		return leaf
	case "like_frame", "like_shot":
		leaf.Asset = rapid.StringMatching(`[a-f0-9]{1,32}`).Draw(t, "asset")
		if rapid.Bool().Draw(t, "tc") {
			leaf.Timecode = rapid.StringMatching(`[0-9]{2}:[0-9]{2}:[0-9]{2}[:;][0-9]{2}`).Draw(t, "timecode")
		} else {
			leaf.Time = rapid.Int64Range(0, 1<<50).Draw(t, "time")
		}
		return leaf
	case "like_image":
		leaf.Image = rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "image")
		return leaf
	}
	leaf.Text = rapid.StringN(0, 30, 100).Filter(func(s string) bool { return utf8.ValidString(s) }).Draw(t, "text")
	leaf.Mode = pb.TextMode(rapid.IntRange(0, 5).Draw(t, "mode"))
	if leaf.Mode == pb.TextMode_TEXT_MODE_PHRASE && rapid.Bool().Draw(t, "sloppy") {
		leaf.Slop = rapid.Int32Range(0, query.MaxSlop).Draw(t, "slop")
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z][a-z0-9_]{0,5}`), 0, 3, rapid.ID).Draw(t, "attributes") {
		if leaf.Attributes == nil {
			leaf.Attributes = map[string]*pb.Value{}
		}
		switch rapid.IntRange(0, 5).Draw(t, "type") {
		case 0:
			leaf.Attributes[name] = &pb.Value{Kind: &pb.Value_Text{Text: "q\"\\" + name}}
		case 1:
			leaf.Attributes[name] = &pb.Value{Kind: &pb.Value_Integer{Integer: rapid.Int64().Draw(t, "n")}}
		case 2:
			leaf.Attributes[name] = &pb.Value{Kind: &pb.Value_Number{Number: rapid.Float64().Draw(t, "f")}}
		case 3:
			leaf.Attributes[name] = &pb.Value{Kind: &pb.Value_Flag{Flag: rapid.Bool().Draw(t, "b")}}
		case 4:
			leaf.Attributes[name] = &pb.Value{Kind: &pb.Value_Data{Data: rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "d")}}
		default:
			leaf.Attributes[name] = &pb.Value{Kind: &pb.Value_Texts{Texts: &pb.StringList{Values: []string{"a,b", `"`, ")"}}}}
		}
	}
	return leaf
}

func genRange(t *rapid.T) *pb.NumberRange {
	r := &pb.NumberRange{}
	if rapid.Bool().Draw(t, "from") {
		r.Min = num(rapid.Float64Range(-1e9, 1e9).Draw(t, "min"))
	}
	if r.Min == nil || rapid.Bool().Draw(t, "to") {
		r.Max = num(r.GetMin() + rapid.Float64Range(0, 1e9).Draw(t, "more"))
	}
	return r
}

// genNarrowing gives some leaves the fields that stand in brackets.
func genNarrowing(t *rapid.T, leaf *pb.Leaf) {
	if rapid.IntRange(0, 2).Draw(t, "narrowed") > 0 {
		return
	}
	leaf.MinConfidence = rapid.SampledFrom([]float32{0, 0.25, 0.8, 1}).Draw(t, "confidence")
	leaf.Languages = rapid.SliceOfN(rapid.SampledFrom([]string{"en", "pt-BR", "zh-Hant"}), 0, 3).Draw(t, "languages")
	if len(leaf.Languages) == 0 {
		leaf.Languages = nil
	}
	for range rapid.IntRange(0, 2).Draw(t, "tests") {
		test := &pb.RegionTest{Relation: rapid.SampledFrom([]pb.Relation{1, 5, 6, 7, 8, 9, 10, 11}).Draw(t, "test")}
		share := rapid.Float32Range(0, 1)
		if test.Relation == pb.Relation_RELATION_OVERLAPS || test.Relation == pb.Relation_RELATION_INSIDE {
			test.Region = &pb.Region{X: share.Draw(t, "x"), Y: share.Draw(t, "y"), W: rapid.Float32Range(1e-6, 1).Draw(t, "w"), H: 1}
		} else {
			test.Value = share.Draw(t, "value")
		}
		leaf.Regions = append(leaf.Regions, test)
	}
	if rapid.Bool().Draw(t, "counted") {
		leaf.Ranges = map[string]*pb.NumberRange{"count_of": genRange(t)}
	}
}

// genExamples gives some leaves examples, a part and the same shot.
func genExamples(t *rapid.T, leaf *pb.Leaf) {
	if rapid.IntRange(0, 2).Draw(t, "exemplified") > 0 {
		return
	}
	part := func() *pb.Region {
		if rapid.Bool().Draw(t, "whole") {
			return nil
		}
		return &pb.Region{X: rapid.Float32Range(0, 0.99).Draw(t, "cx"), Y: 0.25, W: rapid.Float32Range(1e-6, 1).Draw(t, "cw"), H: 1}
	}
	if leaf.Kind == "like_frame" || leaf.Kind == "like_image" {
		leaf.Crop = part()
	}
	if leaf.Kind == "like_shot" || leaf.Kind == "like_frame" {
		leaf.Same = rapid.Bool().Draw(t, "same")
	}
	for range rapid.IntRange(0, 3).Draw(t, "examples") {
		x := &pb.Example{Weight: rapid.SampledFrom([]float32{0, 1, 0.3, -1, -2.5}).Draw(t, "of")}
		switch rapid.IntRange(0, 3).Draw(t, "by") {
		case 0:
			x.Text = rapid.StringN(1, 20, 60).Draw(t, "words")
		case 1:
			x.Image, x.Crop = rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "bytes"), part()
		case 2:
			x.Asset, x.Timecode, x.Crop = "4f2a", "01:02:03;04", part()
		default:
			x.Asset, x.Time, x.Shot = "4f2a", rapid.Int64Range(0, 1<<50).Draw(t, "at"), true
		}
		leaf.Examples = append(leaf.Examples, x)
	}
}

func genQuery(t *rapid.T, depth int) *pb.Query {
	list := func() []*pb.Query {
		var qs []*pb.Query
		for range rapid.IntRange(2, 4).Draw(t, "n") {
			q := genQuery(t, depth-1)
			qs = append(qs, q)
		}
		return qs
	}
	gap := rapid.Int64Range(0, 3600*second)
	switch k := rapid.IntRange(0, 9).Draw(t, "node"); {
	case depth == 0 || k <= 1:
		return query.Leaf(genLeaf(t))
	case k == 2:
		return query.Or(list()...)
	case k == 3:
		return query.Within(genQuery(t, depth-1), genQuery(t, depth-1), gap.Draw(t, "gap"))
	case k == 4:
		return query.Then(genQuery(t, depth-1), genQuery(t, depth-1), gap.Draw(t, "gap"))
	case k == 5:
		r, between := pb.Relation(rapid.IntRange(1, 11).Draw(t, "relation")), int64(0)
		if r == pb.Relation_RELATION_STARTS_NEAR || r == pb.Relation_RELATION_ENDS_NEAR {
			between = gap.Draw(t, "gap")
		}
		return query.Related(genQuery(t, depth-1), r, genQuery(t, depth-1), between)
	case k == 6:
		return query.NearCut(genQuery(t, depth-1), gap.Draw(t, "gap"))
	case k == 7:
		qs := list()
		return query.AtLeast(rapid.IntRange(1, len(qs)).Draw(t, "count"), qs...)
	default:
		qs := list()
		for i := range qs {
			if i > 0 && rapid.Bool().Draw(t, "not") {
				qs[i] = query.Not(qs[i])
			}
		}
		return query.And(qs...)
	}
}

func TestParsePrintIsIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genQuery(t, 3)
		if lang.Validate(q) != nil {
			t.Skip("not a query")
		}
		var f *pb.Filter
		if rapid.Bool().Draw(t, "filtered") {
			f = &pb.Filter{
				Titles:     rapid.SliceOfN(rapid.StringMatching(`[A-Za-z0-9 :"\\-]{1,8}`), 0, 3).Draw(t, "titles"),
				Characters: []string{"Proog"}, MinConfidence: rapid.Float32Range(0, 1).Draw(t, "confidence"),
				Start: rapid.Int64Range(0, 1<<40).Draw(t, "start"),
			}
		}
		s := lang.Print(q, f)
		q2, f2, err := lang.Parse(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if d := cmp.Diff(q, q2, protocmp.Transform()) + cmp.Diff(f, f2, protocmp.Transform()); d != "" {
			t.Fatalf("%s: %s", s, d)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`dialogue:"x" AND look:y WITHIN 5s`, `a[b=1]:c^2`, `((a) OR b)`, `frame:a@1:2:3:4`, `b"`, `>=`, `\`,
		`a THEN b WITHIN 1s OVERLAPS c`, `AT LEAST 2 OF (a, b:c, (d, e))`, `x NEAR CUT WITHIN 1s -y -"z" -(u OR v)`, `"a b"~3 c*`, `d~ STARTS NEAR e WITHIN 1ms`, `frame[crop 0,0,1,1,like="x"^2,unlike=shot:"a@1s",same=true]:a@1s`,
		`f[region inside 0,0,1,1,n>=2,n<=3,lang=(en,de),slop=2]:g`, `loudness:-2..1 loudness<=3`, `a <= b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, flt, err := lang.Parse(s)
		if err != nil {
			return
		}
		out := lang.Print(q, flt)
		q2, f2, err := lang.Parse(out)
		if err != nil {
			t.Fatalf("%q printed as %q: %v", s, out, err)
		}
		if d := cmp.Diff(q, q2, protocmp.Transform()) + cmp.Diff(flt, f2, protocmp.Transform()); d != "" {
			t.Fatalf("%q printed as %q: %s", s, out, d)
		}
	})
}

// TestNegativeZero: -0 is no weight, no confidence and no share of the picture, in either form. The one-line form leaves zeros out.
func TestNegativeZero(t *testing.T) {
	for _, line := range []string{"lamp^-0", "label[confidence>=-0]:dog", "dog confidence>=-0", "face[region inside -0,0,1,1]:a", "face[region left of -0]:a"} {
		if q, f, err := lang.Parse(line); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: %v %v, %v, want Invalid", line, q, f, err)
		}
	}
	zero := float32(math.Copysign(0, -1))
	for name, leaf := range map[string]*pb.Leaf{
		"weight": {Weight: zero}, "confidence": {MinConfidence: zero},
		"value":        {Regions: []*pb.RegionTest{{Relation: pb.Relation_RELATION_LEFT_OF, Value: zero}}},
		"unused value": {Regions: []*pb.RegionTest{{Relation: pb.Relation_RELATION_INSIDE, Region: &pb.Region{W: 1, H: 1}, Value: zero}}},
		"place":        {Regions: []*pb.RegionTest{{Relation: pb.Relation_RELATION_INSIDE, Region: &pb.Region{X: zero, W: 1, H: 1}}}},
	} {
		leaf.Kind, leaf.Text = "face", "a"
		if err := lang.Validate(query.Leaf(leaf)); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
}
