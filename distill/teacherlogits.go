package distill

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
	"github.com/seed-1411d8c0/linearize/internal/toplogits"
)

// topTeacher is the teacher of a stage with teacher_logits: it reads each window once
// and remembers what matters of it, on disk.
type topTeacher struct {
	stage   Stage
	layout  toplogits.Layout
	windows []int // their first tokens, sorted
	file    *toplogits.File
	reader  *train.Reader

	read, known int // windows that the teacher read, and that were there
}

// topSeed draws the windows of all stages that remember, so that they are the same.
const topSeed = "teacher_logits"

// openTop opens a stage's memory; nil for a stage without.
func (s *session) openTop(stage Stage, draw data.Sampler) (t *topTeacher, err error) {
	if stage.TeacherLogits == nil {
		return nil, nil
	}
	t = &topTeacher{stage: stage, windows: draw.Starts(0, draw.Epoch())}
	slices.Sort(t.windows)
	t.layout = toplogits.Layout{Windows: len(t.windows), Tokens: s.plan.Recipe.Data.SeqLen, K: stage.TeacherLogits.TopK}
	path := s.plan.topPath(stage)
	used := min(t.layout.Windows, stage.Steps*stage.windows())
	if room, known := s.room(s.plan.Dir, fileSize(path)); known && room < t.layout.Bytes(used) {
		return nil, &toplogits.SpaceError{Path: path, Want: t.layout.Bytes(used), Free: room}
	}
	key, err := s.topKey(stage)
	if err != nil {
		return nil, err
	}
	if t.file, err = toplogits.Open(path, t.layout, key); err != nil {
		return nil, err
	}
	if t.reader, err = train.NewReader(s.backend, s.store, *s.teacher); err != nil {
		_ = t.file.Close() // nothing was written
		return nil, err
	}
	fmt.Fprintf(s.env.Out, "the teacher's top %d logits of %d windows: %s in %s\n", t.layout.K, used, bytesize.Format(t.layout.Bytes(used)), path)
	return t, nil
}

// topKey tells teachers and texts apart. A teacher's files are told by size and time:
// reading them all takes too long.
func (s *session) topKey(stage Stage) (key toplogits.Key, err error) {
	entries, err := os.ReadDir(s.plan.Teacher)
	if err != nil {
		return key, fmt.Errorf("teacher: %w", err)
	}
	var b strings.Builder
	fmt.Fprintln(&b, s.plan.Origin, s.on.Engine, describeData(s.corpora[0]), s.plan.Recipe.Data.Packing, s.plan.Recipe.Seed, stage.Loss.Temperature)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return key, fmt.Errorf("teacher: %w", err)
		}
		if name := e.Name(); name == "config.json" || strings.HasSuffix(name, ".safetensors") {
			fmt.Fprintln(&b, name, info.Size(), info.ModTime().UnixNano())
		}
	}
	return sha256.Sum256([]byte(b.String())), nil
}

// batch returns what the teacher gives for windows of text, begun at starts, whose ids
// follow each other. A window that is not remembered is read now.
func (t *topTeacher) batch(starts []int, ids []int32) (*train.Top, error) {
	top := &train.Top{}
	for i, start := range starts {
		at, known := slices.BinarySearch(t.windows, start)
		if !known {
			return nil, fmt.Errorf("teacher logits: no window begins at token %d", start)
		}
		w, ok, err := t.file.Read(at)
		if err != nil {
			return nil, err
		}
		if ok {
			t.known++
		} else {
			t.read++
			n := t.layout.Tokens
			err := t.reader.Read(ids[i*n:(i+1)*n], func(logits []float32) { w.Select(logits, t.layout.K, t.stage.Loss.Temperature) })
			if err != nil {
				return nil, fmt.Errorf("teacher: %w", err)
			}
			if err := t.file.Write(at, w); err != nil {
				return nil, err
			}
		}
		top.IDs, top.Log = append(top.IDs, w.IDs...), append(top.Log, w.Log...)
	}
	return top, nil
}

// report says what remembering was worth.
func (t *topTeacher) report(out io.Writer) {
	if t != nil {
		fmt.Fprintf(out, "the teacher read %d windows; %d times one was there\n", t.read, t.known)
	}
}

func (t *topTeacher) close() error {
	if t == nil {
		return nil
	}
	t.reader.Close()
	return t.file.Close()
}

// topPath is the file that stages with the same top_k and temperature share. It stays
// with the run, for a stage that is given more steps, and may be removed at any time.
func (p *Plan) topPath(s Stage) string {
	return filepath.Join(p.Dir, cacheName, fmt.Sprintf("teacher-top%d-t%g.bin", s.TeacherLogits.TopK, s.Loss.Temperature))
}

// topBytes is what a stage's memory takes at most: where its steps draw a window again
// it is there once.
func (p *Plan) topBytes(s Stage) int64 {
	draws := s.Steps * s.windows()
	return toplogits.Layout{Windows: draws, Tokens: p.Recipe.Data.SeqLen, K: s.TeacherLogits.TopK}.Bytes(draws)
}
