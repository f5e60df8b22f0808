package recommend

import (
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Config is what an operator sets.
type Config struct {
	// Log keeps picks. With false, no pick is kept, every pick of earlier is deleted when the service starts, and nothing is recommended.
	Log bool `mapstructure:"log"`
	// People is how many people, besides the caller, stand behind every recommendation.
	People int `mapstructure:"people"`
	// HalfLife is the time in which a pick loses half of its weight.
	HalfLife time.Duration `mapstructure:"half_life"`
	// Keep is the time after which a pick is deleted.
	Keep time.Duration `mapstructure:"keep"`
	// Most is how many picks are kept, and MostEach how many of each person. The oldest picks go first.
	Most     int `mapstructure:"most"`
	MostEach int `mapstructure:"most_each"`
	// KeyFile is a file with the secret that people are hashed with, at least 32 bytes. All processes of a deployment share the file. Empty
	// keeps a secret in the store. Another secret forgets every person.
	KeyFile string `mapstructure:"key_file"`
}

// Day is the precision of time in a pick.
const Day = 24 * time.Hour

// Default keeps picks for half a year, with five people behind a recommendation.
func Default() Config {
	return Config{Log: true, People: 5, HalfLife: 30 * Day, Keep: 180 * Day, Most: 200_000, MostEach: 1000}
}

// Validate reports the first field that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.People < 2 || c.People > 1_000_000:
		return errkind.New(errkind.Invalid, "people: %d is not from 2 to 1000000: behind a recommendation of a single person, the person can be recognised", c.People)
	case c.HalfLife < Day || c.HalfLife > 3650*Day:
		return errkind.New(errkind.Invalid, "half_life: %s is not from 24h to 87600h", c.HalfLife)
	case c.Keep < Day || c.Keep > 3650*Day:
		return errkind.New(errkind.Invalid, "keep: %s is not from 24h to 87600h", c.Keep)
	case c.Most < 1000 || c.Most > 10_000_000:
		return errkind.New(errkind.Invalid, "most: %d is not from 1000 to 10000000", c.Most)
	case c.MostEach < 10 || c.MostEach > c.Most:
		return errkind.New(errkind.Invalid, "most_each: %d is not from 10 to most", c.MostEach)
	}
	return nil
}

// DayOf is the day of a time as picks give days.
func DayOf(t time.Time) int32 { return int32(t.Unix() / int64(Day/time.Second)) }
