package hub

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

// What can be wrong with a model's name, as opposed to the network or the disk.
var (
	ErrNotFound  = errors.New("not on the hub")
	ErrAccess    = errors.New("gated or private")
	ErrNotCached = errors.New("not cached")
)

// networkError is a request that got no answer, or not all of one.
type networkError struct {
	host string
	err  error
}

func (e *networkError) Error() string { return fmt.Sprintf("reach %s: %v", e.host, e.err) }
func (e *networkError) Unwrap() error { return e.err }

func (*networkError) Hint() string {
	return "check the connection and HF_ENDPOINT; what came so far is kept"
}

// statusError is an answer that is a refusal. It holds nothing of the answer's body,
// nor of the address, which may be signed.
type statusError struct {
	status int
	code   string // the hub's own word, as RevisionNotFound
	host   string
	after  time.Duration // when it may be worth another try; 0: not said
	known  bool          // a token was sent
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answers %d %s", e.host, e.status, http.StatusText(e.status))
}

// Hint is for who has asked too often.
func (e *statusError) Hint() string {
	if e.status != http.StatusTooManyRequests {
		return ""
	}
	hint := "wait some minutes"
	if e.after > 0 {
		hint = "wait " + e.after.Round(time.Second).String()
	}
	hint += " and run it again, what came so far is kept"
	if !e.known {
		hint += "; the hub allows more to who sends a token: set HF_TOKEN, or log in with hf auth login"
	}
	return hint
}

// explain says what a refusal means for a request about file, or about the
// repository when file is empty.
func (c *client) explain(err error, ref Ref, file string) error {
	e, ok := errors.AsType[*statusError](err)
	if !ok || e.code == "" && e.host != c.endpoint.Host { // storage behind a redirect has reasons of its own
		return err
	}
	page := c.endpoint.JoinPath(ref.Repo).Redacted()
	access := "set HF_TOKEN, or log in with hf auth login, to a token that may read " + page
	if c.token != "" {
		access = "the token that was sent may not read it: ask for access, or accept its terms, on " + page
	}
	switch {
	case e.code == "RevisionNotFound":
		return advice.On(fmt.Errorf("revision %q is %w", ref.Revision, ErrNotFound), "branches and tags are listed on "+page)
	case e.code == "EntryNotFound" || e.status == http.StatusNotFound && file != "":
		return fmt.Errorf("file %s is %w", file, ErrNotFound)
	case e.code == "RepoNotFound" && ref.bare(): // the hub's own, open to all, if it were there
		return advice.On(fmt.Errorf("repository %s is %w", ref.Repo, ErrNotFound), "most models are named as org/name")
	case e.code == "RepoNotFound" && e.status == http.StatusUnauthorized:
		return advice.On(fmt.Errorf("repository %s is %w, or it is %w", ref.Repo, ErrNotFound, ErrAccess), access)
	case e.code == "RepoNotFound":
		return advice.On(fmt.Errorf("repository %s is %w", ref.Repo, ErrNotFound), "no folder of that name is here either")
	case e.status == http.StatusNotFound:
		return fmt.Errorf("repository %s with revision %q is %w", ref.Repo, ref.Revision, ErrNotFound)
	case e.status == http.StatusUnauthorized || e.status == http.StatusForbidden || e.code == "GatedRepo":
		return advice.On(fmt.Errorf("repository %s is %w: %w", ref.Repo, ErrAccess, err), access)
	}
	return err
}
