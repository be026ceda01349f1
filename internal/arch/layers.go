package arch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParseLayers reads numbers of layers and ranges of them, "1,3-5", as the keys of a
// map from layers to mixers have it. The result is sorted; a layer named twice is
// an error.
func ParseLayers(text string) ([]int, error) {
	var layers []int
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, err := layerNumber(low)
		last, err2 := layerNumber(high)
		if err != nil || err2 != nil || last < first {
			return nil, fmt.Errorf("got %q, want the number of a layer, from 0, or a range as 3-5", part)
		}
		for i := first; i <= last; i++ {
			if slices.Contains(layers, i) {
				return nil, fmt.Errorf("layer %d is named twice", i)
			}
			layers = append(layers, i)
		}
	}
	slices.Sort(layers)
	return layers, nil
}

func layerNumber(text string) (int, error) {
	text = strings.TrimSpace(text)
	n, err := strconv.ParseUint(text, 10, 31)
	if err == nil && n >= maxLayers {
		err = strconv.ErrRange
	}
	return int(n), err
}

// FormatLayers is the shortest text that [ParseLayers] reads back: "1,3-5".
func FormatLayers(layers []int) string {
	var parts []string
	for i := 0; i < len(layers); {
		last := i
		for last+1 < len(layers) && layers[last+1] == layers[last]+1 {
			last++
		}
		if last == i {
			parts = append(parts, strconv.Itoa(layers[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", layers[i], layers[last]))
		}
		i = last + 1
	}
	return strings.Join(parts, ",")
}
