package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/semaphore"
)

const (
	// aheadMost is how many bytes are computed before they can be written; of a tensor that
	// is larger, all.
	aheadMost = 32 << 20

	// collectEvery is how much tensor data may turn to garbage, beside what it was computed
	// from, before it is collected: the collector alone would let it grow to a multiple of
	// the largest tensor.
	collectEvery = 32 << 20
)

// computed is the bytes of a source that is no copy.
type computed struct {
	data []byte
	err  error // then nothing comes after it
}

// computeAhead computes the sources that are no copies, in their order, on a goroutine of
// its own. Next lends write the bytes of the next one. Stop must be called; it waits until
// nothing is computed any more.
func computeAhead(sources []Source) (next func(write func([]byte) error) error, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	room := semaphore.NewWeighted(aheadMost)
	results, ended := make(chan computed, len(sources)), make(chan struct{})
	go func() {
		defer close(ended)
		var garbage int64
		for _, t := range sources {
			if t.copied() {
				continue
			}
			if room.Acquire(ctx, min(t.Bytes(), aheadMost)) != nil {
				return
			}
			if garbage += t.Bytes(); garbage >= collectEvery {
				runtime.GC()
				garbage = 0
			}
			c := t.compute()
			results <- c
			if c.err != nil {
				return
			}
		}
	}()
	next = func(write func([]byte) error) error {
		c := <-results
		if c.err != nil {
			return c.err
		}
		defer room.Release(min(int64(len(c.data)), aheadMost))
		return write(c.data)
	}
	stop = func() {
		cancel()
		<-ended
	}
	return next, stop
}

func (s Source) compute() computed {
	var data []byte
	err := guarded(func() (err error) {
		data, err = s.Data()
		return err
	})
	switch _, named := errors.AsType[*NotFiniteError](err); {
	case named: // the tensor that was read
	case err != nil:
		err = fmt.Errorf("tensor %s: %w", s.Name, err)
	case int64(len(data)) != s.Bytes():
		err = fmt.Errorf("tensor %s: %d bytes, want %d for %s%v", s.Name, len(data), s.Bytes(), s.DType, s.Shape)
	}
	return computed{data, err}
}

// Memory estimates what a [Write] takes. What is copied takes none.
type Memory struct{ bytes, largest, working, most int64 }

// Compute counts a source whose bytes are computed, and what of memory that takes
// together with them.
func (m *Memory) Compute(bytes, working int64) {
	m.bytes, m.largest = m.bytes+bytes, max(m.largest, bytes)
	m.working, m.most = m.working+working, max(m.most, working)
}

// Peak returns the estimate for the process in bytes: the program and the headers, what
// waits to be written, what is being computed, and what is not collected yet.
func (m *Memory) Peak() int64 {
	const base = 64 << 20
	return base + min(m.bytes, max(m.largest, aheadMost)) + m.most + min(m.working, 2*collectEvery)
}
