package metrics

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// Fields of the messages Event, Summary and Summary.Value of TensorFlow's event.proto
// and summary.proto.
const (
	eventWallTime    = 1
	eventStep        = 2
	eventFileVersion = 3
	eventSummary     = 5
	summaryValue     = 1
	valueTag         = 1
	valueSimple      = 2
)

// tensorBoard is the log as an event file of scalars. All stages are on one axis of
// steps; losses, which mean another thing in each, have a tag per stage.
type tensorBoard struct {
	file    *os.File
	begun   bool // the first record is there
	axis    Axis
	teacher float64 // its loss: drawn again at each of the student's, as a line
	known   bool
}

// TensorBoard makes the event file at path hold these events, and appends to it from
// then on. Equal events are equal bytes, so that a reader that follows the file sees
// a resumed run go on. Path must have "tfevents" in it for TensorBoard to find it.
func TensorBoard(path string, events []Event) (Sink, error) {
	t := &tensorBoard{}
	var all []byte
	for _, e := range events {
		all = append(all, t.encode(e)...)
	}
	err := fsx.WriteFile(path, all, 0o644)
	if err == nil {
		t.file, err = os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("write TensorBoard events: %w", err)
	}
	return t, nil
}

// Write appends an event.
func (t *tensorBoard) Write(e Event) error {
	if _, err := t.file.Write(t.encode(e)); err != nil {
		return fmt.Errorf("write TensorBoard events: %w", err)
	}
	return nil
}

// Close closes the file.
func (t *tensorBoard) Close() error { return t.file.Close() }

// header is the record that says what the file is.
func header(at time.Time) []byte {
	b := protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(seconds(at)))
	b = protowire.AppendTag(b, eventFileVersion, protowire.BytesType)
	b = protowire.AppendString(b, "brain.Event:2")
	return record(b)
}

// encode is an event as a record, or nothing when it has no scalars; the first has
// the file's header before it.
func (t *tensorBoard) encode(e Event) []byte {
	step := t.axis.At(e)
	var summary []byte
	put := func(tag string, x float64) {
		var v []byte
		v = protowire.AppendTag(v, valueTag, protowire.BytesType)
		v = protowire.AppendString(v, tag)
		v = protowire.AppendTag(v, valueSimple, protowire.Fixed32Type)
		v = protowire.AppendFixed32(v, math.Float32bits(float32(x)))
		summary = protowire.AppendTag(summary, summaryValue, protowire.BytesType)
		summary = protowire.AppendBytes(summary, v)
	}
	switch e.Event {
	case "step":
		put("loss/"+e.Stage, e.Loss)
		for _, name := range slices.Sorted(maps.Keys(e.Parts)) {
			put("parts_"+e.Stage+"/"+name, e.Parts[name])
		}
		put("training/grad_norm", e.GradNorm)
		put("training/learning_rate", e.LearningRate)
		if e.TokensPerSec > 0 {
			put("training/tokens_per_second", e.TokensPerSec)
		}
	case "eval":
		if e.Model == "teacher" {
			t.teacher, t.known = e.Nats, true
		} else {
			put("nats_per_token/student", e.Nats)
		}
		if t.known {
			put("nats_per_token/teacher", t.teacher)
		}
	}
	if summary == nil {
		return nil
	}
	var head []byte
	if !t.begun {
		t.begun, head = true, header(e.Time)
	}
	b := protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(seconds(e.Time)))
	b = protowire.AppendTag(b, eventStep, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(step))
	b = protowire.AppendTag(b, eventSummary, protowire.BytesType)
	b = protowire.AppendBytes(b, summary)
	return append(head, record(b)...)
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

// record frames a message as TFRecord does: length, its checksum, message, its checksum.
func record(message []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(message)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	b = append(b, message...)
	return binary.LittleEndian.AppendUint32(b, masked(message))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is CRC-32C as TFRecord stores it: turned and shifted, so that the checksum of
// data that holds checksums is no trivial one.
func masked(b []byte) uint32 {
	sum := crc32.Checksum(b, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}
