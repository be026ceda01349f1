package arch

import "maps"

// Linear returns the mixer without its softmax window, in which every key is the linear
// branch's, and whether it has one to leave out. Its tensors are among the mixer's own.
// Softmax itself has no linear branch.
func (x Mixer) Linear() (Mixer, bool) {
	if x.Name == Softmax || x.Window() == 0 {
		return x, false
	}
	row := mixerRows[x.Name]
	alone := Mixer{Name: x.Name, options: maps.Clone(x.options)}
	alone.options["window"] = 0
	off := true
	for off { // what needs the window, and what needs that in turn
		off = false
		for _, o := range row.options {
			if o.With != "" && !alone.on(o.With) && alone.on(o.Name) && alone.options[o.Name] != o.Default {
				alone.options[o.Name], off = o.Default, true
			}
		}
	}
	return alone, true
}
