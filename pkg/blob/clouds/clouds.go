// Package clouds lists the drivers of buckets in clouds. A program with buckets imports the package for its effect:
// gocloud.dev registers a driver when the driver is linked, and offers no other way. A program without the import has
// folders and memory only, and refuses the URL of any other bucket by the scheme.
//
// s3blob opens buckets of S3's protocol: Amazon, MinIO, Ceph, R2 and Google's interoperability. The drivers of Google
// and of Azure, gocloud.dev/blob/gcsblob and azureblob, are a line each here, and tens of megabytes of libraries.
package clouds

import _ "gocloud.dev/blob/s3blob"
