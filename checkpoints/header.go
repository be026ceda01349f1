package checkpoints

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/nlpodyssey/safetensors"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

// maxHeader is the longest header that the reference reader takes.
const maxHeader = 100_000_000

// entry is one tensor of a header with the place of its bytes in the file.
type entry struct {
	info       Info
	begin, end int
}

// parseHeader reads the header at the start of a whole file and checks that its
// tensors cover the rest exactly. Nothing behind the header is touched.
func parseHeader(file []byte) (map[string]entry, map[string]string, error) {
	if len(file) < 8 {
		return nil, nil, fmt.Errorf("file of %d bytes, want 8 for the header length alone", len(file))
	}
	n := binary.LittleEndian.Uint64(file)
	if n > maxHeader {
		return nil, nil, fmt.Errorf("header of %d bytes, want at most %d", n, maxHeader)
	}
	if n > uint64(len(file)-8) {
		return nil, nil, fmt.Errorf("header of %d bytes in a file of %d: the file is cut off", n, len(file))
	}
	dataLen := uint64(len(file)) - 8 - n
	end, err := scanHeader(file[8:8+n], dataLen)
	if err != nil {
		return nil, nil, err
	}
	_, meta, err := safetensors.ReadMetadata(file)
	if err != nil && 0 < end && end < dataLen {
		err = fmt.Errorf("%w: %d bytes of data, want %d", err, dataLen, end)
	}
	if err != nil {
		return nil, nil, err
	}
	entries := map[string]entry{}
	for name, t := range meta.Tensors() {
		shape := make([]int, len(t.Shape))
		for i, d := range t.Shape {
			if d > math.MaxInt { // possible beside a 0 only
				return nil, nil, fmt.Errorf("tensor %s: dimension %d, want at most %d", name, d, math.MaxInt)
			}
			shape[i] = int(d)
		}
		entries[name] = entry{
			info:  Info{Name: name, DType: DType(t.DType.String()), Shape: shape},
			begin: 8 + int(n) + int(t.DataOffsets[0]),
			end:   8 + int(n) + int(t.DataOffsets[1]),
		}
	}
	return entries, meta.Metadata(), nil
}

// scanHeader refuses what the library lets pass (duplicate names, invalid UTF-8, a
// header of null) and words what it would say only vaguely: unknown dtypes, sizes that
// contradict a shape, and files shorter than their header says. It returns where the
// data of the tensors that it understands ends.
func scanHeader(header []byte, dataLen uint64) (end uint64, err error) {
	dec := jsontext.NewDecoder(bytes.NewReader(header)) // strict: RFC 7493
	if dec.PeekKind() != jsontext.KindBeginObject {
		return 0, errors.New("header is no JSON object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return 0, headerError(err)
	}
	for dec.PeekKind() != jsontext.KindEndObject {
		name, err := dec.ReadToken()
		if err != nil {
			return 0, headerError(err)
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return 0, headerError(err)
		}
		if key == "__metadata__" {
			continue
		}
		last, err := scanTensor(key, value)
		if err != nil {
			return 0, err
		}
		end = max(end, last)
	}
	if _, err := dec.ReadToken(); err != nil {
		return 0, headerError(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return 0, errors.New("header holds more than one JSON object")
	}
	if end > dataLen {
		return 0, fmt.Errorf("%d bytes of data, want %d: the file is cut off", dataLen, end)
	}
	return end, nil
}

// scanTensor returns the end of one tensor's bytes. What it cannot make sense of it
// leaves to the library, which says what is wrong.
func scanTensor(name string, value jsontext.Value) (end uint64, err error) {
	var t struct {
		DType   *DType   `json:"dtype"`
		Shape   []uint64 `json:"shape"`
		Offsets []uint64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(value, &t); err != nil || t.DType == nil || len(t.Offsets) != 2 || t.Offsets[0] > t.Offsets[1] {
		return 0, nil //nolint:nilerr // see above
	}
	if t.DType.Size() == 0 {
		return 0, unsupportedDType(name, *t.DType)
	}
	want := uint64(t.DType.Size())
	for _, d := range t.Shape {
		high, low := bits.Mul64(want, d)
		if high != 0 {
			return 0, nil
		}
		want = low
	}
	if got := t.Offsets[1] - t.Offsets[0]; got != want {
		return 0, fmt.Errorf("tensor %s: data_offsets %v span %d bytes, want %d for %s%v", name, t.Offsets, got, want, *t.DType, t.Shape)
	}
	return t.Offsets[1], nil
}

func headerError(err error) error { return fmt.Errorf("parse header: %w", err) }

func unsupportedDType(tensor string, got DType) error {
	err := fmt.Errorf("tensor %s: dtype %s, want F64, F32, F16, BF16, an integer or BOOL", tensor, got)
	for _, packed := range []string{"F8", "F6", "F4", "I4", "U4"} {
		if strings.HasPrefix(string(got), packed) {
			return advice.On(err, "quantized weights are not read: get the BF16 or F16 form of the model")
		}
	}
	return err
}

// sortedNames returns the keys in byte order.
func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
