// Package profile lets an application shape its queries and its answers by a file.
// The gateway asks [Profiles] for the profile that a request names. A profile narrows the library, weighs the leaves, scores the moments,
// bounds how alike the hits of a page are, and chooses the fields of a hit.
// A profile that was loaded is valid and never changes, so that an answer is shaped by one version of one profile.
//
// # The file
//
// A profile is one YAML file, named after the profile. A key that does not exist is refused. Every key but name and version is optional.
//
//	name: trailer
//	version: 3                    # MUST grow with each change of the file
//	about: For people who cut trailers
//	leaves: {look: 2, dialogue: 1} # the leaves that may be asked, with their weights; without the key, all leaves with weight 1
//	algorithms: [labels, pictures] # the algorithms whose answers count; without the key, all
//	filter: {languages: [en], min_confidence: 0.3}
//	languages: [de, en]            # of the people who ask: a hit is told in the first that its line is said in
//	order: score                   # or time
//	group: title                   # the first hit of each title, and the number of its matches
//	fusion: weighted               # or rank (without the key), or max: how the parts of a query make one score
//	limit: 12
//	max_limit: 50
//	scoring: "score * (duration_ms < 4000.0 ? 1.5 : 1.0)" # quoted, for its colon
//	variety: {per_title: 2, apart: 30s, near_duplicates: true}
//	fields: [title, start_timecode, thumbnail]
//	split: {profile: trailer-b, share: 0.1}
//
// # Scoring
//
// scoring is an expression of CEL (https://cel.dev) that gives the score of one moment as a number. [Inputs] are its names. The language
// is used without macros, so no expression loops. An expression whose cost may exceed [MaxCost] is refused when the file is loaded.
//
// # What holds
//
//   - Load refuses a folder with an invalid file, and names the file and the key.
//   - A file that becomes invalid while [Profiles] follows its folder changes nothing: the earlier version stays, and Ready tells the fault.
//   - Two files of one version and different content are refused: an answer names its profile as name@version.
package profile
