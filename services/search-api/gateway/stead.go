package gateway

import "slices"

// stands reports whether some asset that the census counts has a run of an algorithm, and whether every asset with a run of another algorithm has.
func (c *census) stands(algorithm, other string) (some, all bool) {
	all = true
	for l := range c.lineups {
		has, hasOther := false, false
		for _, v := range l.versions {
			has = has || v.algorithm == algorithm
			hasOther = hasOther || v.algorithm == other
		}
		some = some || has
		all = all && (has || !hasOther)
	}
	return some, some && all
}

// inStead leaves out the sources of a leaf that AnswerSpec.instead_of makes needless: the vectors that a better model stands in for wherever they are,
// and the better model where no asset in sight has a run of it.
func inStead(list []weighted, stands func(algorithm, other string) (some, all bool)) []weighted {
	needless := map[string]bool{}
	for _, w := range list {
		for _, other := range w.GetInsteadOf() {
			if !slices.ContainsFunc(list, func(o weighted) bool { return o.Algorithm == other && o.GetSpace() != "" }) {
				continue // asked alone, the model answers for itself
			}
			switch some, all := stands(w.Algorithm, other); {
			case !some:
				needless[w.Algorithm] = true
			case all:
				needless[other] = true
			}
		}
	}
	if len(needless) == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(w weighted) bool { return w.GetSpace() != "" && needless[w.Algorithm] })
}
