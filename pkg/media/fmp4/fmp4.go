package fmp4

import (
	"encoding/binary"
)

// The identities of the tracks.
const (
	videoTrack = 1
	soundTrack = 2
)

// Video describes the track of pictures.
type Video struct {
	Width, Height int
	// Timescale is the number of ticks in a second.
	Timescale uint32
	// SPS and PPS are the parameter sets of the stream, without start codes.
	SPS, PPS []byte
}

// Sound describes the track of sound. The timescale is Rate.
type Sound struct {
	Rate, Channels int
	// Config is the AudioSpecificConfig of AAC.
	Config []byte
}

// A Sample is a picture, or a block of sound.
type Sample struct {
	// Duration is in ticks of the track.
	Duration uint32
	Key      bool
	// Data is AVC with lengths, or a raw AAC block.
	Data []byte
}

// Samples are samples of a track in a row.
type Samples struct {
	// Start is the time of the first sample.
	Start uint64
	List  []Sample
}

func u16(v int) []byte    { return binary.BigEndian.AppendUint16(nil, uint16(v)) } //nolint:gosec // sizes of pictures and counts
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// make4 makes a box of a type from parts.
func make4(kind string, parts ...[]byte) []byte {
	n := 8
	for _, p := range parts {
		n += len(p)
	}
	out := append(binary.BigEndian.AppendUint32(make([]byte, 0, n), uint32(n)), kind...) //nolint:gosec // a fragment is some megabytes
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// full makes a box with a version and flags.
func full(kind string, version byte, flags uint32, parts ...[]byte) []byte {
	return make4(kind, append([][]byte{u32(uint32(version)<<24 | flags)}, parts...)...)
}

func zeros(n int) []byte { return make([]byte, n) }

// unity is the matrix that neither turns nor moves the picture.
var unity = join(u32(0x10000), zeros(12), u32(0x10000), zeros(12), u32(0x40000000))

func join(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// Init returns the beginning of a film. sound is nil for a film without sound. duration is in ticks of the pictures.
func Init(v Video, sound *Sound, duration uint64) []byte {
	tracks := [][]byte{track(videoTrack, v.Width, v.Height, media("vide", v.Timescale, full("vmhd", 0, 1, zeros(8)), picture(v)))}
	extends := [][]byte{full("mehd", 1, 0, u64(duration)), extend(videoTrack)}
	next := uint32(videoTrack + 1)
	if sound != nil {
		tracks = append(tracks, track(soundTrack, 0, 0, media("soun", uint32(sound.Rate), full("smhd", 0, 0, zeros(4)), aac(*sound)))) //nolint:gosec // a rate of samples
		extends = append(extends, extend(soundTrack))
		next = soundTrack + 1
	}
	head := full("mvhd", 0, 0, zeros(8), u32(v.Timescale), zeros(4), u32(0x10000), u16(0x100), zeros(10), unity, zeros(24), u32(next))
	moov := make4("moov", join(append(append([][]byte{head}, tracks...), make4("mvex", extends...))...))
	return append(make4("ftyp", []byte("iso6"), u32(0), []byte("iso6mp41avc1")), moov...)
}

func extend(id uint32) []byte { return full("trex", 0, 0, u32(id), u32(1), zeros(12)) }

func track(id uint32, width, height int, mdia []byte) []byte {
	volume := 0
	if width == 0 {
		volume = 0x100
	}
	head := full("tkhd", 0, 3, zeros(8), u32(id), zeros(16), u16(0), u16(0), u16(volume), zeros(2), unity, u16(width), zeros(2), u16(height), zeros(2))
	return make4("trak", head, mdia)
}

func media(handler string, timescale uint32, head, entry []byte) []byte {
	const undetermined = 0x55c4 // the language
	mdhd := full("mdhd", 0, 0, zeros(8), u32(timescale), zeros(4), u16(undetermined), zeros(2))
	hdlr := full("hdlr", 0, 0, zeros(4), []byte(handler), zeros(12), []byte("Cinedex\x00"))
	dinf := make4("dinf", full("dref", 0, 0, u32(1), full("url ", 0, 1)))
	table := make4("stbl", full("stsd", 0, 0, u32(1), entry), full("stts", 0, 0, zeros(4)), full("stsc", 0, 0, zeros(4)), full("stsz", 0, 0, zeros(8)), full("stco", 0, 0, zeros(4)))
	return make4("mdia", mdhd, hdlr, make4("minf", head, dinf, table))
}

// picture is the sample entry of H.264.
func picture(v Video) []byte {
	config := join([]byte{1, v.SPS[1], v.SPS[2], v.SPS[3], 0xff, 0xe1}, u16(len(v.SPS)), v.SPS, []byte{1}, u16(len(v.PPS)), v.PPS)
	if p := v.SPS[1]; p >= 100 && p != 110 && p != 122 && p != 244 { // the high profile tells 4:2:0 of 8 bits
		config = append(config, 0xfd, 0xf8, 0xf8, 0)
	}
	const resolution = 0x480000 // 72 to the inch, which nobody reads
	return make4("avc1", zeros(6), u16(1), zeros(16), u16(v.Width), u16(v.Height), u32(resolution), u32(resolution), zeros(4), u16(1), zeros(32), u16(24), u16(0xffff), make4("avcC", config))
}

// aac is the sample entry of AAC.
func aac(s Sound) []byte {
	descriptor := func(tag byte, parts ...[]byte) []byte {
		body := join(parts...)
		return append([]byte{tag, byte(len(body))}, body...)
	}
	decoder := descriptor(4, []byte{0x40, 0x15}, zeros(3+4+4), descriptor(5, s.Config))
	es := descriptor(3, u16(soundTrack), []byte{0}, decoder, descriptor(6, []byte{2}))
	return make4("mp4a", zeros(6), u16(1), zeros(8), u16(s.Channels), u16(16), zeros(4), u16(s.Rate), zeros(2), full("esds", 0, 0, es))
}

const (
	keySample   = 0x02000000 // depends on no other sample
	otherSample = 0x01010000 // depends on others, and is no key sample
)

// Fragment returns a fragment: the index of the samples, and the samples. number counts the fragments of a film from 1. sound may be empty.
func Fragment(number uint32, video, sound Samples) []byte {
	tracks := []Samples{video, sound}
	size := 0
	for range 2 { // the samples lie behind an index that tells where they lie
		var runs [][]byte
		at := size + 8
		for i, t := range tracks {
			if len(t.List) == 0 {
				continue
			}
			runs = append(runs, fragmentTrack(uint32(i+1), t, at)) //nolint:gosec // two tracks
			at += bytesOf(t)
		}
		moof := make4("moof", append([][]byte{full("mfhd", 0, 0, u32(number))}, runs...)...)
		if size == len(moof) {
			return appendSamples(moof, tracks)
		}
		size = len(moof)
	}
	panic("the size of a fragment's index depends on the place of the samples")
}

func appendSamples(moof []byte, tracks []Samples) []byte {
	n := 8
	for _, t := range tracks {
		n += bytesOf(t)
	}
	out := append(make([]byte, 0, len(moof)+n), moof...)
	out = append(binary.BigEndian.AppendUint32(out, uint32(n)), "mdat"...) //nolint:gosec // some megabytes
	for _, t := range tracks {
		for _, s := range t.List {
			out = append(out, s.Data...)
		}
	}
	return out
}

func bytesOf(t Samples) (n int) {
	for _, s := range t.List {
		n += len(s.Data)
	}
	return n
}

// fragmentTrack is the index of the samples of a track. The samples begin at the byte at of the fragment.
func fragmentTrack(id uint32, t Samples, at int) []byte {
	const fromFragment, dataOffset, durations, sizes, flags = 0x20000, 1, 0x100, 0x200, 0x400
	run := join(u32(uint32(len(t.List))), u32(uint32(at))) //nolint:gosec // some megabytes
	for _, s := range t.List {
		flag := uint32(otherSample)
		if s.Key {
			flag = keySample
		}
		run = append(run, join(u32(s.Duration), u32(uint32(len(s.Data))), u32(flag))...) //nolint:gosec // a sample
	}
	return make4("traf", full("tfhd", 0, fromFragment, u32(id)), full("tfdt", 1, 0, u64(t.Start)), full("trun", 0, dataOffset|durations|sizes|flags, run))
}

// A Reference is a fragment as the index tells it.
type Reference struct {
	Bytes    uint32
	Duration uint32 // in ticks of the pictures
}

// MaxReferences is the greatest number of fragments of an index.
const MaxReferences = 1<<16 - 1

// Index returns the index of a film, which lies between Init and the first fragment. timescale is that of the pictures.
func Index(timescale uint32, list []Reference) []byte {
	body := join(u32(videoTrack), u32(timescale), zeros(16), zeros(2), u16(len(list)))
	for _, r := range list {
		body = append(body, join(u32(r.Bytes), u32(r.Duration), u32(0x90000000))...) // each begins with a key picture
	}
	return full("sidx", 1, 0, body)
}
