// Package fetch fills the cache that package model describes: it finds packages
// in their registries, downloads them, checks them, takes out the files that
// are wanted and computes the ones that are made from others.
//
// Only commands import it, never a service: nothing is downloaded while serving.
//
// What it guarantees: a file appears under its final name only when its digest is
// the pinned one, and at once; a broken download continues where it stopped; a
// download that turns out wrong is not kept; any number of processes may fetch
// at a time.
package fetch
