// Package image holds the container image. The package is for tests alone. The tests check the digests of base images,
// and check that the build context holds the source alone.
package image
