package things

import (
	"slices"
	"strings"
)

const (
	// least is the score from which a thing of a proven class is told, and certain the score from which any other thing is told, and from which a single
	// frame of a longer shot suffices.
	least   = 0.35
	certain = 0.5
	// smallest is the least share of a picture: smaller things are mostly wrong.
	smallest = 0.005
	// same is the share of two boxes of different classes in common from which the surer thing is told alone.
	same = 0.6
	// part is the share of a box inside another box of the class from which both are one thing: a head and the person.
	part = 0.9
)

// animals are the classes that the network takes for each other.
var animals = []string{"cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"}

// proven are the sorts that the table of photographs shows to be right from the lower score on: see the figure things/photographs.
var proven = []string{"person", "cup", "dining table", "cell phone", "animal"}

// sortOf returns the sort of a class, and the score from which a thing of the class is told.
func sortOf(class string) (name string, from float32) {
	name = class
	if slices.Contains(animals, class) {
		name = "animal"
	}
	if slices.Contains(proven, name) {
		return name, least
	}
	return name, certain
}

// plurals are the plurals that have no s, or more than an s.
var plurals = map[string]string{
	"person": "people", "bus": "buses", "bench": "benches", "sheep": "sheep", "skis": "skis", "wine glass": "wine glasses", "knife": "knives",
	"sandwich": "sandwiches", "couch": "couches", "mouse": "mice", "scissors": "scissors", "toothbrush": "toothbrushes",
}

// words returns a number of things in words.
func words(sort string, n int) string {
	plural, ok := plurals[sort]
	if !ok {
		plural = sort + "s"
	}
	switch {
	case n <= 1 && sort == "person":
		return "one person"
	case n <= 1 && plural == sort: // skis, scissors
		return sort
	case n <= 1 && strings.ContainsRune("aeiou", rune(sort[0])):
		return "an " + sort
	case n <= 1:
		return "a " + sort
	case n <= 4:
		return [...]string{"two ", "three ", "four "}[n-2] + plural
	}
	return "many " + plural
}
