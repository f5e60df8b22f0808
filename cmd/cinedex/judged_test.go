package main

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func TestParseJudged(t *testing.T) {
	asset := func(id string, start string) *pb.Asset {
		return &pb.Asset{Id: id, Video: &pb.VideoTrack{Rate: &pb.FrameRate{Num: 25, Den: 1}, Frames: 1000, StartTimecode: start}}
	}
	titles := []*pb.TitleEntry{
		{Title: &pb.Title{Id: "harbour"}, Assets: []*pb.Asset{asset("a1", "01:00:00:00")}},
		{Title: &pb.Title{Id: "coast"}, Assets: []*pb.Asset{asset("a2", ""), {Id: "sound"}}},
	}
	second := int64(schema.Second)
	for _, c := range []struct {
		name, yaml string
		want       *pb.JudgedQuery
		says       string
	}{
		{name: "timecodes", yaml: `{q: storm, right: [{title: harbour, from: "01:00:02:05", to: "01:00:03:00"}]}`,
			want: &pb.JudgedQuery{Q: "storm", Right: []*pb.JudgedMoment{{Asset: "a1", Start: 2*second + second/5, End: 3 * second}}}},
		{name: "times", yaml: `{q: storm, right: [{asset: a2, from: 1.5s, to: 1m2s}, {asset: sound, from: 3, to: 4.5}]}`,
			want: &pb.JudgedQuery{Q: "storm", Right: []*pb.JudgedMoment{{Asset: "a2", Start: second * 3 / 2, End: 62 * second}, {Asset: "sound", Start: 3 * second, End: second * 9 / 2}}}},
		{name: "not judged", yaml: `{q: 'look:"rain"'}`, want: &pb.JudgedQuery{Q: `look:"rain"`}},
		{name: "no query", yaml: `{right: []}`, says: "queries[0].q"},
		{name: "an unknown key", yaml: `{q: a, unknown: 1}`, says: "unknown"},
		{name: "no such title", yaml: `{q: a, right: [{title: desert, from: 1s, to: 2s}]}`, says: `queries[0].right[0]: there is no title "desert"`},
		{name: "no such asset", yaml: `{q: a, right: [{asset: a9, from: 1s, to: 2s}]}`, says: `there is no asset "a9"`},
		{name: "a title of two assets", yaml: `{q: a, right: [{title: coast, from: 1s, to: 2s}]}`, says: "give asset"},
		{name: "backwards", yaml: `{q: a, right: [{asset: a1, from: 3s, to: 2s}]}`, says: "to: must be after from"},
		{name: "a timecode outside", yaml: `{q: a, right: [{asset: a1, from: "00:00:01:77", to: 2s}]}`, says: "from:"},
		{name: "a timecode of sound", yaml: `{q: a, right: [{asset: sound, from: "00:00:01:00", to: 2s}]}`, says: "no pictures"},
		{name: "no time", yaml: `{q: a, right: [{asset: a1, from: soon, to: 2s}]}`, says: `"soon"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseJudged([]byte("queries:\n  - "+c.yaml+"\n"), titles)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) || exitCode(err) != 2 && exitCode(err) != 3 {
					t.Errorf("got %v, %v, want %q", got, err, c.says)
				}
				return
			}
			if err != nil || len(got) != 1 || !proto.Equal(got[0], c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
	if _, err := parseJudged([]byte("queries: []"), titles); exitCode(err) != 2 {
		t.Errorf("no queries: %v", err)
	}
}
