// Package clouds lists the drivers of buckets in clouds. A program that opens buckets imports the package for its effect: gocloud.dev registers a
// driver when the driver is linked, and offers no other way. A program that does not import the package has folders and memory only, and refuses
// the URL of any other bucket by its scheme.
//
// s3blob opens buckets of S3's protocol: those of Amazon, and those of MinIO, Ceph, R2 and Google's interoperability. The drivers of Google and of
// Azure, gocloud.dev/blob/gcsblob and azureblob, are one line each, and tens of megabytes of libraries: whoever needs them adds them here.
package clouds

import _ "gocloud.dev/blob/s3blob"
