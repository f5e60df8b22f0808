package bins

import pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"

// FromHit makes a clip of a hit of a query, as an editor adds the clip. The clip has no id.
func FromHit(h *pb.Hit, q string) *pb.Clip {
	ev := Foremost(h)
	return &pb.Clip{Asset: h.GetAsset(), Start: h.GetStart(), End: h.GetEnd(), Q: q, Text: h.GetText(), Language: h.GetLanguage(),
		Run: ev.GetRun(), Algorithm: ev.GetAlgorithm(), Version: ev.GetVersion(), Confidence: h.GetConfidence(),
		Title: h.GetTitle(), TitleName: h.GetTitleName(), StartFrame: h.GetStartFrame(), EndFrame: h.GetEndFrame(),
		StartTimecode: h.GetStartTimecode(), EndTimecode: h.GetEndTimecode(), Thumbnail: h.GetThumbnail()}
}

// Foremost returns the first evidence of a hit, which is the best; nil for a hit without evidence.
func Foremost(h *pb.Hit) *pb.Evidence {
	if len(h.GetEvidence()) == 0 {
		return nil
	}
	return h.GetEvidence()[0]
}
