package rpcapi_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// GetCatalog tells the leaves, kinds, spaces and algorithms: the same to every caller, and nothing to nobody.
func TestGetCatalog(t *testing.T) {
	s := serve(t)
	conn := dial(t, s)
	var answers []*pb.GetCatalogResponse
	for _, token := range []string{"all", "harbour-only"} {
		got := &pb.GetCatalogResponse{}
		if err := conn.Invoke(as(t.Context(), token), service+"GetCatalog", &pb.GetCatalogRequest{}, got); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, got)
	}
	if !proto.Equal(answers[0], answers[1]) {
		t.Errorf("two callers are told of different catalogues:\n%v\n%v", answers[0], answers[1])
	}
	if err := conn.Invoke(t.Context(), service+"GetCatalog", &pb.GetCatalogRequest{}, &pb.GetCatalogResponse{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a token: %v", err)
	}
	c := answers[0]
	var leaves, lanes, versions []string
	for _, l := range c.GetLeaves() {
		leaves = append(leaves, l.GetName()+":"+l.GetShape())
	}
	for _, k := range c.GetKinds() {
		if k.GetLane() != "" {
			lanes = append(lanes, k.GetLane()+" "+k.GetLabel()+" "+k.GetIcon()+" "+k.GetAlgorithm())
		}
	}
	for _, a := range c.GetAlgorithms() {
		if a.GetName() == "labels" {
			versions = append(versions, a.GetVersion())
			if a.GetCandidate() != (a.GetVersion() == "2") || a.GetWaits() || a.GetSummary() == "" {
				t.Errorf("an algorithm is %v", a)
			}
		}
	}
	for _, check := range []struct {
		what      string
		got, want []string
	}{
		{"leaves", leaves, []string{"any:words", "beat:words", "blank:words", "chapter:words", "credits:words", "description:words", "dialogue:words", "footage:shot", "heard:words", "label:words", "light:words", "like_frame:frame", "like_image:picture", "like_shot:shot", "like_text:words",
			"loudness:words", "marker:words", "motion:words", "on_camera:words", "palette:words", "people:words", "person:words", "portrait:picture", "same_person:shot", "same_voice:shot", "scene:words", "screen_text:words", "silence:words", "sound:words", "speaker:words", "still:picture", "subtitles:words", "tempo:words", "thing:words", "tone:words"}},
		{"lanes", lanes, []string{"chapters Chapter bookmark chapters", "scenes Scene film scenes", "shots Shot shot shots", "dialogue Said speech dialogue", "descriptions Described eye chapters", "labels Label tag labels", "things Things tag things", "markers Marker bookmark chapters", "names Named person person gallery", "people People people persons",
			"persons Person person persons", "screen_text Text on screen text screentext", "palette Colours palette palette", "palette Light sun palette", "motion Camera camera motion", "picture Black square black", "picture Colour bars square black", "picture Credits text credits",
			"beats Beat sound beats", "speakers Cast speech cast", "transcript Heard speech transcript", "sound Loudness sound loudness", "on_camera On camera person oncamera", "sound Silence silence loudness", "sounds Sound sound sounds", "speakers Speaker speech speakers", "subtitle_faults Subtitle faults warning subtitlecheck", "tempo Tempo sound beats", "sound Test tone sound loudness"}},
		{"versions of labels", versions, []string{"1", "2"}},
	} {
		if !slices.Equal(check.got, check.want) {
			t.Errorf("%s: %q, want %q", check.what, check.got, check.want)
		}
	}
	i := slices.IndexFunc(c.GetLeaves(), func(l *pb.CatalogLeaf) bool { return l.GetName() == "like_text" })
	if l := c.GetLeaves()[i]; strings.Join(l.GetAliases(), " ") != "look" || strings.Join(l.GetKinds(), " ") != "shot description label light motion palette people thing" || !l.GetInLanguage() || l.GetAlgorithm() != "pictures" || l.GetLabel() != "Seen" {
		t.Errorf("like_text is told as %v", l)
	}
	if len(c.GetSpaces()) == 0 || c.GetSpaces()[0].GetDimension() == 0 || !strings.Contains(c.GetSpaces()[0].GetId(), "@") {
		t.Errorf("spaces are %v", c.GetSpaces())
	}
}
