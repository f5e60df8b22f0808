package platform

// Buckets of S3's protocol: Amazon's, and those of MinIO, Ceph, R2 and Google's interoperability. Google's and
// Azure's own drivers are one import each, gocloud.dev/blob/gcsblob and azureblob, and tens of megabytes of
// libraries: whoever needs them adds them here.
import _ "gocloud.dev/blob/s3blob"
