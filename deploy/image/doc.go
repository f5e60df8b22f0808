// Package image holds the container image. The package is for tests alone. The tests check that base images are pinned by digest
// and that the build context holds the source alone.
package image
