// Package picture is the space efficientnet-lite2@1, in which frames, stills and
// words are compared: 1280 dimensions, by cosine.
//
// A picture's place is its EfficientNet-Lite2 feature vector, less the mean of all
// pictures, brought to length 1 (Head.Vector). What is stored for a frame and what
// is asked with a still are the same function.
//
// A text's place is found by a linear map from the sentence vectors of package e5
// (Words.Vector). The map is learnt from the thousand labels of ImageNet: from what
// each is called and looks like, in words, to the weights with which the classifier
// recognises it, after DeViSE (Frome et al., NIPS 2013). As the sentence vectors of
// all languages share a space, the words may be in any of them. It knows things, and
// the look of things; it knows little of actions and nothing of who is who.
//
// Labels are the classifier's own, computed from a feature vector at the price of a
// multiplication (Head.Labels).
package picture
