// Package blob opens the bytes of media in folders, buckets and on web hosts, and keeps Cinedex's own bytes (thumbnails, text tracks,
// frame tables) in a bucket of its own. The ingestor takes arriving media with the package; the algo-runner and search-api open the bytes of
// assets; algorithms store artefacts. The package guarantees that bytes come from allowed places only, and that the bytes of an asset are
// the bytes that were hashed when the asset arrived. A file whose size, time and version are unchanged counts as unchanged.
//
// The contract:
//
//   - Media come only from the folders, buckets and hosts of [Config]. Links of file systems and redirections of web hosts do not lead
//     outside. A web host's address is checked at the moment of dialling.
//   - [Blobs.OpenAsset] returns an asset's own bytes, or an error that holds an [AssetError]. If the size of a file has changed, OpenAsset
//     refuses the file with kind Conflict. If time or version have changed, OpenAsset hashes the file, and refuses other bytes with kind
//     Conflict.
//   - If a file changes while an [AssetFile] is open, Read fails with kind Unavailable. A caller that reads through AssetFile.Path MUST call
//     AssetFile.Unchanged before publishing results.
//   - An AssetFile of a bucket or a web host is a local copy. The folder of copies stays within Config.CacheBytes, over restarts and with
//     several processes.
//   - [Blobs.Put] writes a whole blob or nothing. The blob is durable when Put returns.
//   - [Blobs.Read] compares an own blob with the sha256 in the blob's name. A name without a sha256 is not compared.
//   - Callers MUST close every Blob and AssetFile. Blobs is safe for concurrent use; Blob and AssetFile are not.
//
// The kinds of errors. A place is a folder, a bucket or a web host:
//
//   - Invalid: a URL, a key or a reference in the wrong form; more bytes than Config.MaxBytes or than the limit of Read ([ErrTooLarge]); an
//     asset without a sha256.
//   - Denied: the configuration does not allow the place, or the place refuses Cinedex.
//   - NotFound: the place has no such blob.
//   - Conflict: the bytes differ from the asset's bytes, or from the sha256 in the name.
//   - Unavailable: the place does not answer, or somebody is writing to the file. A later try may succeed.
//   - Exhausted: the folder of copies is full of files in use.
package blob
