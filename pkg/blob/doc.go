// Package blob reads the bytes of media from the places that the configuration allows, and keeps Cinedex's own bytes: thumbnails,
// text tracks, frame tables.
package blob
