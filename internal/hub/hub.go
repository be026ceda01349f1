// Package hub finds a model for the word that a user gives for it: a folder, or
// the id of a Hugging Face repository, as org/name or org/name@revision. The oldest
// repositories go by names alone too, as gpt2: the hub redirects to where they are now,
// and the cache keeps them by the name that was asked for.
//
// [Resolve] is the one call: it returns a folder that is ready to be opened. A
// repository is looked up in Hugging Face's own cache first, and no request is made
// for what lies there whole; what is missing is downloaded into the cache, in the
// layout that Python's huggingface_hub reads and writes:
//
//	models--org--name/blobs/<etag>               contents, by sha256 (LFS) or git's sha1
//	models--org--name/refs/<revision>            the commit that a branch or tag stood at
//	models--org--name/snapshots/<commit>/<file>  relative links to blobs
//	models--org--name/.no_exist/<commit>/<file>  files known not to be there
//	.locks/models--org--name/<etag>.lock         held while a blob is written
//
// [FromEnv] reads the variables that huggingface_hub reads. Only the files that make
// up a model are fetched (see [Options.SkipWeights]); every one is held against its
// hash before it gets its name. A download that was cut off stays in
// blobs/<etag>.incomplete and goes on from there.
//
// # Limits
//
// Only repositories of models, only files at their top, only weights in safetensors.
// A branch that is cached whole is not asked for again: to follow it, name a commit or
// run hf download. A file above 50 GB is not served over plain HTTP by huggingface.co.
//
// # Compatibility
//
// Both directions are held against huggingface_hub 2.4.0 (tools/golden/hub.py).
// Where a file system has no links the snapshot holds the file itself, as there.
package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

// Options say where models come from. [FromEnv] fills all but the last six.
type Options struct {
	Cache     string // folder of the cache
	Endpoint  string // "https://huggingface.co" or a mirror of it
	Token     string // sent to the endpoint and nowhere else
	TokenFile string // read for a token when Token is empty; it need not exist
	Offline   bool   // make no request at all

	Base        string                  // folder that paths are meant from, for advice about them; empty: the working folder
	SkipWeights bool                    // config, tokenizer and the like are enough
	UserAgent   string                  // how requests introduce themselves
	Progress    func(done, total int64) // bytes of the download; calls do not overlap
	// Waiting is told of pauses that the hub asks for. Calls may overlap.
	Waiting func(why error, pause time.Duration)

	pause func(context.Context, time.Duration) error // instead of sleeping, in tests
}

// Resolve returns the folder of a model and, when it comes from the hub, what it is.
//
// What exists is a path and stays as it is, with a zero Ref. Only a path, too, is what has
// not the form of a repository id, as all that begins with a dot, a slash or a tilde, and
// org/name without revision where a folder org exists here while the cache knows no such
// repository: rather a typing error than a model, and nobody else's business. If it is not
// there the error has the name that may be meant.
func Resolve(ctx context.Context, arg string, o Options) (dir string, ref Ref, err error) {
	if exists(arg) {
		return arg, Ref{}, nil
	}
	ref, ok := Parse(arg)
	if !ok {
		return "", Ref{}, &noFolderError{arg: arg, hint: didYouMean(o.Base, arg)}
	}
	c := cacheOf(o.Cache, ref.Repo)
	revised := strings.Contains(arg, "@")
	if !revised && !ref.bare() && isDir(filepath.Dir(arg)) && !isDir(c.dir) {
		hint := "for the model of that name on the hub write " + ref.Repo + "@" + defaultRevision
		return "", Ref{}, &noFolderError{arg: arg, hint: orElse(didYouMean(o.Base, arg), hint), name: true}
	}
	dir, ref.Commit, err = resolve(ctx, c, ref, o)
	if err == nil {
		return dir, ref, nil
	}
	if !revised {
		err = advice.On(err, orElse(didYouMean(o.Base, arg), advice.Of(err)))
	}
	if !revised || ref.bare() {
		err = fmt.Errorf("there is no such folder; as a model of the hub: %w", err)
	}
	return "", Ref{}, fmt.Errorf("find %s: %w", arg, err)
}

// orElse joins a question and what helps if the answer is no. Either may be empty.
func orElse(question, hint string) string {
	if question == "" || hint == "" {
		return question + hint
	}
	return question + " If not, " + hint
}

func resolve(ctx context.Context, c cache, ref Ref, o Options) (dir, commit string, err error) {
	commit = c.commit(ref.Revision)
	var here state
	if commit != "" {
		if here, err = c.state(commit, o.SkipWeights); err != nil {
			return "", "", err
		}
		if here.complete() {
			return c.snapshot(commit), commit, nil
		}
	}
	if o.Offline {
		return offline(c, ref, commit, here)
	}
	enough := commit != "" && here.usable()
	got, err := fetch(ctx, c, ref, o, !enough)
	if enough && isRefusal(err) {
		return c.snapshot(commit), commit, nil // nothing is known to be missing
	}
	if err != nil {
		return "", "", err
	}
	return c.snapshot(got), got, nil
}

// isRefusal tells errors of the hub, and of the way there, from those on this side.
func isRefusal(err error) bool {
	_, network := errors.AsType[*networkError](err)
	_, status := errors.AsType[*statusError](err)
	return network || status || errors.Is(err, ErrNotFound) || errors.Is(err, ErrAccess)
}

// offline makes do with what the cache has.
func offline(c cache, ref Ref, commit string, here state) (string, string, error) {
	const hint = "run it once without --offline and HF_HUB_OFFLINE, or give a folder"
	switch {
	case commit == "":
		return "", "", advice.On(fmt.Errorf("revision %q is %w in %s", ref.Revision, ErrNotCached, c.dir), hint)
	case !isDir(c.snapshot(commit)):
		return "", "", advice.On(fmt.Errorf("commit %s is %w in %s", commit, ErrNotCached, c.dir), hint)
	case !here.usable():
		return "", "", advice.On(
			fmt.Errorf("%s is %w in %s", strings.Join(here.missing, ", "), ErrNotCached, c.snapshot(commit)), hint,
		)
	}
	return c.snapshot(commit), commit, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func isDir(path string) bool {
	stat, err := os.Stat(path)
	return err == nil && stat.IsDir()
}
