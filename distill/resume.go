package distill

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/data"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// pidName is the file that says who is at work in a run folder. The lock is the
// folder's; the file only names its holder.
const pidName = "run.pid"

// hold locks the run folder until the session is closed or the process ends.
func (s *session) hold() error {
	dir, err := os.Open(s.plan.Dir)
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	_ = dir.Close() // it can be opened, and so be locked
	for range 10 {  // [ReadStatus] holds it for a moment
		release, ok := fsx.Hold(s.plan.Dir)
		if ok {
			s.release = append(s.release, release)
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return &refusal{fmt.Errorf("run folder %s: %s is at work in it", s.plan.Dir, holder(s.plan.Dir))}
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

// holder names the process that has a run folder.
func holder(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, pidName))
	pid, host, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if _, bad := strconv.Atoi(pid); err != nil || bad != nil {
		return "another process"
	}
	if host == "" {
		return "process " + pid
	}
	return "process " + pid + " on " + host
}

// accept compares what a save was made of with what the run has now, and says from
// where it goes on: from the save or, where the last stage is done and has been given
// more steps, from that stage's end.
func (s *session) accept(at place) (place, error) {
	p := s.plan
	for i, key := range dataKeys {
		if i < len(s.corpora) && at.Data[i] != "" && at.Data[i] != describeData(s.corpora[i]) {
			return at, &refusal{fmt.Errorf("%s: its text, or the tokenizer, has changed since run %s began: there were %s, and there are %s",
				key, p.Dir, at.Data[i], describeData(s.corpora[i]))}
		}
	}
	if at.Fingerprint == p.Fingerprint {
		return at, nil
	}
	was, err := recipes.Parse(recipeName, []byte(at.Recipe))
	if err != nil {
		return at, &ChangedError{Run: p.Dir}
	}
	changes, err := recipes.Diff(was, p.Recipe)
	if err != nil {
		return at, err
	}
	next := at
	var refused, told []string
	for _, c := range changes {
		i, more := longer(c)
		switch {
		case !more:
			refused = append(refused, c.String())
		case i == at.Stage:
			told = append(told, s.extension(i, c, at.Step))
		case i > at.Stage:
			told = append(told, s.extension(i, c, 0))
		case i == at.Stage-1 && at.Tail > 0:
			next.Stage, next.Step = i, at.Tail
			told = append(told, s.extension(i, c, at.Tail))
		default:
			refused = append(refused, fmt.Sprintf("%s, and the stage is done", c))
		}
	}
	if len(refused) > 0 {
		return at, &ChangedError{p.Dir, refused}
	}
	for _, line := range told {
		s.notice(line)
	}
	return next, nil
}

// longer reports whether a change gives a stage more steps, and which.
func longer(c recipes.Change) (stage int, ok bool) {
	if n, err := fmt.Sscanf(c.Key, "stages[%d].steps", &stage); n != 1 || err != nil || c.Key != fmt.Sprintf("stages[%d].steps", stage) {
		return 0, false
	}
	was, err1 := strconv.Atoi(c.Was)
	is, err2 := strconv.Atoi(c.Is)
	return stage, err1 == nil && err2 == nil && is > was
}

// extension says what more steps mean for a stage of which so many are done.
func (s *session) extension(i int, c recipes.Change, done int) string {
	stage := s.plan.Stages[i]
	line := fmt.Sprintf("stage %s has %s steps instead of %s", stage.label(), c.Is, c.Was)
	if done > 0 && stage.Schedule != "constant" && stage.Schedule != "plateau" {
		line += fmt.Sprintf("; after step %d its %s schedule is that of the new length", done, stage.Schedule)
	}
	return line
}

// dataKeys are the recipe's texts in the order in which a session reads them.
var dataKeys = [...]string{"data.train", "data.eval"}

// describeData tells one text from another.
func describeData(c *data.Corpus) string {
	return fmt.Sprintf("%d tokens (CRC-32C %08x)", c.Tokens(), c.Checksum())
}
