package fetch

import (
	"context"
	"os"
	"path/filepath"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/convert"
	"github.com/cinedex/cinedex/pkg/model/picture"
	"github.com/cinedex/cinedex/pkg/model/transnet"
)

// prepare computes an artefact from the artefacts of From.
func prepare(ctx context.Context, cache model.Cache, a model.Artefact, progress func(done, total int64)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	progress(0, 1)
	tmp := cache.Path(a) + ".tmp"
	if err := os.MkdirAll(filepath.Dir(tmp), 0o755); err != nil {
		return err
	}
	if err := compute(ctx, cache, a, tmp, progress); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return commit(tmp, cache.Path(a), a.Size, a.SHA256, 0o644)
}

func compute(ctx context.Context, cache model.Cache, a model.Artefact, dst string, progress func(done, total int64)) error {
	inputs := make([]string, len(a.From))
	for i, id := range a.From {
		path, err := cache.Require(id)
		if err != nil {
			return err
		}
		inputs[i] = path
	}
	switch a.ID {
	case "clip-vit-b32-image", "clip-vit-l14-image":
		return convert.ClipImage(inputs[0], dst)
	case "clip-vit-b32-text", "clip-vit-l14-text":
		return convert.ClipText(inputs[0], dst)
	case "transnetv2":
		return convert.TransNet(inputs[0], dst, transnet.Window)
	case "efficientnet-lite2":
		return convert.EfficientNet(inputs[0], dst)
	case "efficientnet-lite2-head":
		return convert.EfficientNetHead(inputs[0], dst)
	case "face-detector":
		return convert.FaceDetector(inputs[0], inputs[1], dst)
	case "face-landmarks":
		return convert.FaceLandmarks(inputs[0], inputs[1], dst)
	case "face-recogniser":
		return convert.FaceRecogniser(inputs[0], inputs[1], dst)
	case "things":
		return convert.CenterNet(inputs[0], inputs[1], dst)
	case "ge2e":
		return convert.GE2E(inputs[0], dst)
	case "whisper-base-encoder":
		return convert.WhisperEncoder(inputs, dst)
	case "whisper-base-decoder":
		return convert.WhisperDecoder(inputs, dst)
	case "words":
		return picture.FitWords(ctx, cache, dst, progress)
	}
	return errkind.New(errkind.Internal, "no function computes the artefact %s", a.ID)
}

// check compares an artefact's file with the pinned digest. If the content differs between machines, check compares the file's own checksum.
func check(cache model.Cache, a model.Artefact) error {
	if err := cache.Check(a); err != nil {
		return err
	}
	if a.ID == "words" {
		return picture.CheckWords(cache.Path(a))
	}
	return nil
}
