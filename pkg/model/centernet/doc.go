// Package centernet runs the detector of things of the package human-models: CenterNet over MobileNetV3, taught on the 80 classes of COCO (Lin et al.
// 2014, arXiv:1405.0312; Zhou et al. 2019, arXiv:1904.07850). The algorithm things uses the package.
//
// A picture is squeezed to a square of 512 points. The middles of things are the cells that are the largest of their neighbours, as published; boxes of
// a class that cover each other are a single thing. Equal pictures give equal results, to the last bit.
package centernet
