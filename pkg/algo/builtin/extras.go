package builtin

import (
	"errors"
	"slices"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/clip"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

// Extra is the group of the extras and of the models of folders. No name stands for all of them.
const Extra = "extra"

// extras are algorithms whose models no package has. Arriving media gets an extra where the configuration names the algorithm.
var extras = []versions{
	clip.Versions,
	clip.LargeVersions,
}

// addExtras adds the extras, and the algorithms of the models that an operator put into the cache.
func (m *Models) addExtras(cache model.Cache) error {
	for _, v := range extras {
		m.all = append(m.all, entry{v(m.shared), Extra, false})
	}
	folders, err := cache.PictureFolders()
	for _, f := range folders {
		a, wrong := clip.Folder(m.shared, f)
		switch {
		case wrong != nil:
			err = errors.Join(err, wrong)
		case slices.Contains(m.names(), a.Spec().GetName()):
			err = errors.Join(err, errkind.New(errkind.Invalid, "%s: another algorithm is called %s; give the manifest another name", f, a.Spec().GetName()))
		default:
			m.all = append(m.all, entry{[]algo.Algorithm{a}, Extra, false})
		}
	}
	return err
}
