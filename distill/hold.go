package distill

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/advice"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// pidName is the file that says who is at work in a run folder. The lock is the
// folder's; the file only names its holder.
const pidName = "run.pid"

// hold locks the run folder until the session is closed or the process ends. Where there
// are no locks the run goes on without.
func (s *session) hold() error {
	dir, err := os.Open(s.plan.Dir)
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	_ = dir.Close() // it can be opened, and so be locked
	for range 10 {  // [ReadStatus] holds it for a moment
		release, err := fsx.Hold(s.plan.Dir)
		switch {
		case err == nil:
			s.release = append(s.release, release)
			return nil
		case !errors.Is(err, fsx.ErrHeld):
			s.notice(fmt.Sprintf("run folder %s cannot be locked (%v): nothing keeps a second process out of it", s.plan.Dir, err))
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return &refusal{advice.On(
		fmt.Errorf("run folder %s: %s is at work in it", s.plan.Dir, holderOf(s.plan.Dir)),
		"wait for it, which linearize status --watch shows, or choose another folder with -o")}
}

// sign writes down who holds the run folder.
func (s *session) sign() error {
	host, _ := os.Hostname() // empty where it has none
	path := filepath.Join(s.plan.Dir, pidName)
	if err := fsx.WriteFile(path, fmt.Appendf(nil, "%d %s\n", os.Getpid(), host), 0o644); err != nil {
		return fmt.Errorf("run folder %s: %w", s.plan.Dir, err)
	}
	s.release = append(s.release, func() { _ = os.Remove(path) }) // a stale one says nothing: the lock counts
	return nil
}

// holder is the process that has a run folder, as its file says it: zero where there is no
// such file, as at a run's first moment, or none that makes sense.
type holder struct {
	pid  int
	host string // empty where the machine has no name
}

// holderOf reads who has a run folder.
func holderOf(dir string) holder {
	text, err := os.ReadFile(filepath.Join(dir, pidName))
	word, host, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	pid, bad := strconv.Atoi(word)
	if err != nil || bad != nil {
		return holder{}
	}
	return holder{pid, host}
}

func (h holder) String() string {
	switch {
	case h.pid == 0:
		return "another process"
	case h.host == "":
		return fmt.Sprintf("process %d", h.pid)
	}
	return fmt.Sprintf("process %d on %s", h.pid, h.host)
}
