// Package upload takes films from browsers and programs by the tus 1.0 protocol, and has the ingestor take the event "media arrived" of each film.
// A film is sent in pieces. A client whose connection or process ends, or whose server ends, asks how many bytes the server has, and sends the rest.
//
// service.go has the doors: POST, HEAD, PATCH and DELETE of tus, a list of the caller's uploads, and a retry. store.go writes pieces. deliver.go gives
// a whole film its place and its event. record.go keeps the record of an upload on disk.
//
// Guarantees:
//
//   - An upload needs the role ingest, for a title of the caller. An upload of another caller does not exist for a caller.
//   - The event of a film carries the sha256 of the bytes that were received. The ingestor compares the sum with the bytes on disk. A client that
//     gives a sha256 of its own has the sum compared before the event.
//   - A film lies in its place before the log has the event, and an upload is whole for its client after the log has the event. A crash between the
//     two is repaired by the next request for the upload, or by the next sweep. The event has the same id each time.
//   - An upload over the limits, a picture, a text or an archive in place of a film, and a full disk are refused in words that say what to do. Of a
//     full disk, the bytes that were written are kept.
//   - An upload that nobody continues is deleted after Config.KeepFor.
package upload
