package clip

// Published returns the descriptions of OpenAI's models, the smaller model first. Files are ids of artefacts.
//
// No calibration is declared: the weights cannot be had where Cinedex is tested, and invented numbers look like measured numbers (ADR 111).
// `cinedex calibrate` fits the confidences to a library.
func Published() []Manifest {
	return []Manifest{published("clip-vit-b32", 512), published("clip-vit-l14", 768)}
}

func published(name string, dimension int) Manifest {
	return Manifest{
		Name: name, Version: "1", Dimension: dimension, License: "MIT", Credit: "Radford et al., OpenAI, CLIP (arXiv:2103.00020)",
		Languages: []string{"en"},
		Image: Image{File: name + "-image", Input: "x", Output: "vector", Side: 224, Fit: fitCrop, Filter: Bicubic,
			Mean: [3]float64{0.48145466, 0.4578275, 0.40821073}, Std: [3]float64{0.26862954, 0.26130258, 0.27577711}},
		Text: Text{File: name + "-text", Input: "tokens", Output: "vector", Tokenizer: "clip-vocabulary", Tokens: 77, Template: "a photo of %s"},
	}
}
