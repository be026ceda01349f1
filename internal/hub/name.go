package hub

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// Ref is a model on the hub.
type Ref struct {
	Repo     string `json:"repo"`             // org/name, or name alone as the first models had it
	Revision string `json:"revision"`         // as it was asked for: a branch, a tag or a commit
	Commit   string `json:"commit,omitempty"` // what that was, 40 hex digits
}

// String is the form that names the same bytes for ever, once the commit is known.
func (r Ref) String() string {
	switch {
	case r.Repo == "":
		return ""
	case r.Commit == "":
		return r.Repo + "@" + r.Revision
	}
	return r.Repo + "@" + r.Commit
}

// bare tells a name without an organisation, which is rather that of a folder.
func (r Ref) bare() bool { return !strings.Contains(r.Repo, "/") }

const defaultRevision = "main"

var (
	repoForm   = regexp.MustCompile(`^(\w([\w.-]{0,94}\w)?/)?\w([\w.-]{0,94}\w)?$`)
	commitForm = regexp.MustCompile(`^[0-9a-f]{40}$`)
	sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Parse reads org/name or org/name@revision, by the hub's rules for names; without a
// revision it is main. The organisation may be missing, as in gpt2.
func Parse(arg string) (Ref, bool) {
	repo, revision, given := strings.Cut(arg, "@")
	if !given {
		revision = defaultRevision
	}
	ok := repoForm.MatchString(repo) && !strings.Contains(repo, "--") && !strings.Contains(repo, "..") &&
		!strings.HasSuffix(repo, ".git") && goodRevision(revision)
	if !ok {
		return Ref{}, false
	}
	return Ref{Repo: repo, Revision: revision}, true
}

// goodRevision keeps to what git allows in the name of a branch, because the name
// becomes a path below refs.
func goodRevision(s string) bool {
	if s == "" || len(s) > 200 || strings.ContainsAny(s, ` ~^:?*[\`) || strings.Contains(s, "@{") {
		return false
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part[0] == '.' || strings.Contains(part, "..") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

// checkFileName refuses names that could lead out of the folder of a snapshot, on this
// system or on another one that will read the cache.
func checkFileName(name string) error {
	if !filepath.IsLocal(name) || strings.ContainsAny(name, "\\:\x00") {
		return fmt.Errorf("file %q: the name leads out of the repository", name)
	}
	return nil
}
