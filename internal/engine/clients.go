package engine

import (
	"sync"

	"github.com/gomlx/compute"
)

// clients are the open clients of plugins, by the plugin's path. A process has one of each
// and never closes it: arrays that nobody names any more are freed by Go's collector, in
// its own time and on its own thread, and go-xla 0.4.13 crashes where the client goes
// meanwhile.
var clients = struct {
	sync.Mutex
	open map[string]compute.Backend
}{open: map[string]compute.Backend{}}

// client returns the open client of a plugin, or makes it.
func client(path string) (compute.Backend, error) {
	clients.Lock()
	defer clients.Unlock()
	if b, ok := clients.open[path]; ok && !b.IsFinalized() {
		return b, nil
	}
	b, err := newXLA(path)
	if err == nil {
		clients.open[path] = b
	}
	return b, err
}

// Close ends the use of a backend that [Open] returned, once everything on it is
// finalized. One of XLA stays for the next Open.
func Close(b compute.Backend) {
	clients.Lock()
	defer clients.Unlock()
	for _, shared := range clients.open {
		if b == shared {
			return
		}
	}
	b.Finalize()
}
