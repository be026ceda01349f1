package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Option is one switch of a mixer. Its kind is that of Default: int, float64, bool,
// or string with Choices. Numbers are not negative, and bounded by [largest] and
// [extreme].
type Option struct {
	Name    string
	Doc     string
	Default any
	Choices []string
	Min     int
	With    string // another option that has to be on for this one to do anything
}

const (
	// largest is the largest integer of an option: as a window, a million tokens. It
	// keeps products of sizes within an int64, so that a plan can be believed.
	largest = 1 << 20
	// extreme bounds real options, and their reciprocals, well within float32.
	extreme = 1e30
)

// Mixer is a mixer with every option resolved. Make one with [ParseMixer], so
// that the accessors find what they ask for.
type Mixer struct {
	Name    string
	options map[string]any
}

// SoftmaxMixer returns the mixer of a layer that stays as it was.
func SoftmaxMixer() Mixer { return Mixer{Name: Softmax, options: defaults(mixerRows[Softmax])} }

// Int returns an integer option; it panics when the mixer has none of this name.
func (x Mixer) Int(name string) int { return option[int](x, name) }

// Bool returns a boolean option; it panics when the mixer has none of this name.
func (x Mixer) Bool(name string) bool { return option[bool](x, name) }

// Number returns a real option; it panics when the mixer has none of this name.
func (x Mixer) Number(name string) float64 { return option[float64](x, name) }

// Text returns a choice; it panics when the mixer has none of this name.
func (x Mixer) Text(name string) string { return option[string](x, name) }

// Window is the number of newest keys that the mixer sees by softmax; 0 where it has
// no such branch, and where softmax sees all of them.
func (x Mixer) Window() int {
	w, _ := x.options["window"].(int)
	return w
}

// Excludes reports whether a linear branch sees only the keys that the window of
// softmax does not.
func (x Mixer) Excludes() bool { return mixerRows[x.Name].excludes && x.Window() > 0 }

// Grows reports whether the mixer's state grows with the tokens seen.
func (x Mixer) Grows() bool { return x.Name == Softmax && x.Window() == 0 }

func option[T any](x Mixer, name string) T {
	v, ok := x.options[name].(T)
	if !ok {
		panic(fmt.Sprintf("arch: mixer %s has no option %s of type %T", x.Name, name, v))
	}
	return v
}

// MixerError reports a mixer or an option that does not exist or does not fit.
type MixerError struct {
	Spec    string   // what was asked for
	Problem string   // what is wrong with it
	Choices []string // what there is
}

func (e *MixerError) Error() string { return fmt.Sprintf("mixer %q: %s", e.Spec, e.Problem) }

// Hint lists the choices.
func (e *MixerError) Hint() string {
	if len(e.Choices) == 0 {
		return ""
	}
	return "choose from " + strings.Join(e.Choices, ", ")
}

// ParseMixer reads "name,option=value,...", as --mixer takes it. A bare boolean
// option is set. The error is a [*MixerError].
func ParseMixer(spec string) (Mixer, error) {
	return parseMixer(spec, func(Mixer) {})
}

// ParseMixer reads a mixer for converted layers of the model: as [ParseMixer] does, but
// that what the block does anyway is off unless it is asked for by name. Where it norms
// queries and keys the mixer does not norm them by weights once more (qk_norm=rms), and
// where it gates the output the mixer has no second gate.
func (m *Model) ParseMixer(spec string) (Mixer, error) {
	return parseMixer(spec, func(x Mixer) {
		if m.QKNorm.Width != "" && x.options["qk_norm"] == RMS {
			x.options["qk_norm"] = None
		}
		if _, has := x.options["gate"]; has && m.OutputGate {
			x.options["gate"] = None
		}
	})
}

// parseMixer reads a mixer whose defaults adapt has changed.
func parseMixer(spec string, adapt func(Mixer)) (Mixer, error) {
	name, rest, more := strings.Cut(spec, ",")
	row, ok := mixerRows[name]
	if !ok {
		return Mixer{}, &MixerError{spec, "there is no such mixer", Mixers()}
	}
	x := Mixer{Name: name, options: defaults(row)}
	adapt(x)
	seen := map[string]bool{}
	for part := range strings.SplitSeq(rest, ",") {
		if !more {
			break
		}
		key, value, given := strings.Cut(part, "=")
		i := slices.IndexFunc(row.options, func(o Option) bool { return o.Name == key })
		if i < 0 {
			return Mixer{}, &MixerError{spec, fmt.Sprintf("%s has no option %q", name, key), optionNames(row)}
		}
		if seen[key] {
			return Mixer{}, &MixerError{spec, fmt.Sprintf("option %s is given twice", key), optionNames(row)}
		}
		seen[key] = true
		v, err := row.options[i].parse(value, given)
		if err != nil {
			return Mixer{}, &MixerError{spec, err.Error(), optionNames(row)}
		}
		x.options[key] = v
	}
	for _, o := range row.options {
		// What is off does nothing either way, so that switching it off, too, is no mistake.
		if o.With != "" && x.options[o.Name] != o.Default && x.on(o.Name) && !x.on(o.With) {
			return Mixer{}, &MixerError{spec, fmt.Sprintf("%s does nothing without %s", o.Name, o.With), optionNames(row)}
		}
	}
	return x, nil
}

// on reports whether an option is switched on, whatever its kind.
func (x Mixer) on(name string) bool {
	switch v := x.options[name].(type) {
	case bool:
		return v
	case string:
		return v != None
	case float64:
		return v != 0
	default:
		return v != 0
	}
}

func defaults(row mixerRow) map[string]any {
	all := map[string]any{}
	for _, o := range row.options {
		all[o.Name] = o.Default
	}
	return all
}

func optionNames(row mixerRow) []string {
	if len(row.options) == 0 {
		return []string{"no options"}
	}
	var names []string
	for _, o := range row.options {
		names = append(names, o.Name)
	}
	return names
}

func (o Option) parse(value string, given bool) (any, error) {
	switch o.Default.(type) {
	case bool:
		if !given {
			return true, nil
		}
		v, err := strconv.ParseBool(value)
		if err != nil {
			return nil, fmt.Errorf("%s is %q, want true or false", o.Name, value)
		}
		return v, nil
	case int:
		v, err := strconv.Atoi(value)
		if err != nil || v < o.Min {
			return nil, fmt.Errorf("%s is %q, want an integer >= %d", o.Name, value, o.Min)
		}
		if v > largest {
			return nil, fmt.Errorf("%s is %q, want at most %d", o.Name, value, largest)
		}
		return v, nil
	case float64:
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || !(v >= 0) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%s is %q, want a number >= 0", o.Name, value)
		}
		if v != 0 && (v > extreme || v < 1/extreme) {
			return nil, fmt.Errorf("%s is %q, want 0 or a number from %g to %g", o.Name, value, 1/extreme, extreme)
		}
		return v, nil
	default:
		if !slices.Contains(o.Choices, value) {
			return nil, fmt.Errorf("%s is %q, want %s", o.Name, value, strings.Join(o.Choices, " or "))
		}
		return value, nil
	}
}

// String is the shortest spec that [ParseMixer] reads back: options at their
// defaults are left out.
func (x Mixer) String() string {
	var b strings.Builder
	b.WriteString(x.Name)
	for _, o := range mixerRows[x.Name].options {
		if v := x.options[o.Name]; v != o.Default {
			fmt.Fprintf(&b, ",%s=%v", o.Name, v)
		}
	}
	return b.String()
}

// Equal reports whether two mixers have the same name and options.
func (x Mixer) Equal(y Mixer) bool { return x.Name == y.Name && maps.Equal(x.options, y.options) }

// MarshalJSON writes the name and every option, so that a folder says all that
// it was built with: {"name":"mamba2","conv":2,...}.
func (x Mixer) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `{"name":%q`, x.Name)
	for _, o := range mixerRows[x.Name].options {
		v, err := json.Marshal(x.options[o.Name])
		if err != nil {
			return nil, fmt.Errorf("mixer %s: option %s: %w", x.Name, o.Name, err)
		}
		fmt.Fprintf(&b, `,%q:%s`, o.Name, v)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

// UnmarshalJSON reads what MarshalJSON writes. An option that this version does
// not know is an error: it would change what the layer computes.
func (x *Mixer) UnmarshalJSON(data []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return fmt.Errorf("mixer: %w", err)
	}
	var name string
	if raw["name"] == nil {
		return errors.New("mixer: there is no name")
	}
	if err := json.Unmarshal(raw["name"], &name); err != nil {
		return fmt.Errorf("mixer: name: %w", err)
	}
	delete(raw, "name")
	spec := []string{name}
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		spec = append(spec, key+"="+strings.Trim(string(raw[key]), `"`))
	}
	parsed, err := ParseMixer(strings.Join(spec, ","))
	if err != nil {
		return err
	}
	*x = parsed
	return nil
}
