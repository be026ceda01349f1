package main

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/bytesize"
)

// patience is for how many seconds more than planned is in use before that is believed:
// what has just been given back counts until it is collected twice.
const patience = 5

// holdHeap holds Go's heap to a planned size. The collector alone lets it grow to twice
// what is in use, which here is buffers that wait to serve again. If more turns
// out to be in use, the limit gives way, and notice is told: a limit below what is in use
// would make the collector run all the time. GOMEMLIMIT goes before. The result ends it.
func holdHeap(planned int64, notice func(line string)) (release func()) {
	was := debug.SetMemoryLimit(-1)
	if planned <= 0 || was != math.MaxInt64 {
		return func() {}
	}
	debug.SetMemoryLimit(planned)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		limit, over := planned, 0
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			used := heapInUse()
			if used < limit {
				over = 0
				continue
			}
			if over++; over < patience {
				continue
			}
			if limit == planned {
				notice(bytesize.Format(used) + " of memory are in use, more than was planned for")
			}
			limit = used / 4 * 5
			debug.SetMemoryLimit(limit)
		}
	}()
	return func() {
		close(done)
		<-ended // it sets the limit, too
		debug.SetMemoryLimit(was)
	}
}

// heapInUse is what the last collection found in use, in bytes.
func heapInUse() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}
