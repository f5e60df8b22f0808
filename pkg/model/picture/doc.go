// Package picture computes the positions of frames, stills and words in the space efficientnet-lite2@1, which has 1280 dimensions and is compared by
// cosine. The algorithm pictures stores the vectors of frames, and search-api computes the vectors of queries. The same picture gives the same
// vector, whether the picture is a frame of a film or an uploaded still.
//
// The contract:
//
//   - [Head.Vector] is the vector of a picture: the EfficientNet-Lite2 feature vector minus the mean of all pictures, scaled to length 1.
//   - [Words.Vector] is the vector of a text, in any language of the sentence model.
//   - [Head.Labels] are the classifier's labels, computed from a feature vector by a single multiplication.
//
// Words uses two linear maps, from the sentence vectors of packages e5 (some ninety languages) and minilm (English). The maps are learnt from the
// thousand labels of ImageNet: from the names and the descriptions of each label to the classifier's weights for the label, after DeViSE (Frome et al.,
// NIPS 2013). All texts are placed by e5's map. English texts, and things that CLDR names in English, are placed by MiniLM's map too. The maps cover
// things and the look of things; the maps cover few actions, and no persons.
package picture
