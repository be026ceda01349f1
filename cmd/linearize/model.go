package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/hub"
	"github.com/seed-1411d8c0/linearize/internal/ui"
	"github.com/seed-1411d8c0/linearize/recipes"
)

const offlineFlagName = "offline"

// offlineFlag adds --offline to every command.
func offlineFlag(root *cobra.Command) {
	root.PersistentFlags().Bool(offlineFlagName, false, "make no request: models of the hub come from the cache, or not at all")
}

// isOffline reports whether the flag or the environment forbids requests.
func isOffline(cmd *cobra.Command) bool {
	flag := cmd.Flag(offlineFlagName)
	return hub.FromEnv(os.Getenv).Offline || flag != nil && flag.Value.String() == "true"
}

// findModel returns the folder of a model argument: a path, or [org/]name[@revision] of
// the Hugging Face hub, which is downloaded unless it is cached. The Ref of a path is
// zero.
func findModel(cmd *cobra.Command, arg string) (dir string, ref hub.Ref, err error) {
	return find(cmd, arg, "", false)
}

// findTeacher is findModel for the teacher of a recipe, whose paths are from its folder.
func findTeacher(cmd *cobra.Command, r *recipes.Recipe) (dir string, ref hub.Ref, err error) {
	return find(cmd, r.Paths().Teacher, filepath.Dir(r.File), false)
}

// findTokenizer is findModel for who needs no weights.
func findTokenizer(cmd *cobra.Command, arg string) (dir string, err error) {
	dir, _, err = find(cmd, arg, "", true)
	return dir, err
}

func find(cmd *cobra.Command, arg, base string, skipWeights bool) (dir string, ref hub.Ref, err error) {
	stderr := cmd.ErrOrStderr()
	bar := downloadBar{w: stderr, label: "download " + arg + " MB"}
	o := hub.FromEnv(os.Getenv)
	o.Offline, o.Base = isOffline(cmd), base
	o.SkipWeights, o.Progress, o.UserAgent = skipWeights, bar.set, "linearize/"+buildVersion().Version
	o.Waiting = func(why error, pause time.Duration) {
		fmt.Fprintf(stderr, "linearize: note: %v: waiting %s, as it asks\n", why, pause.Round(time.Second))
	}
	dir, ref, err = hub.Resolve(cmd.Context(), arg, o)
	bar.close()
	switch {
	case err == nil:
		if bar.bar != nil {
			fmt.Fprintf(stderr, "linearize: %s is in %s\n", ref, dir)
		}
		return dir, ref, nil
	case errors.Is(err, hub.ErrNotFound), errors.Is(err, hub.ErrAccess), errors.Is(err, hub.ErrNotCached), errors.Is(err, fs.ErrNotExist):
		return "", hub.Ref{}, invalid(err)
	}
	return "", hub.Ref{}, err
}

// downloadBar shows a download, whose size is known only once its index is read: the
// small files have a bar of their own.
type downloadBar struct {
	w     io.Writer
	label string
	total int64
	bar   *ui.Progress
}

func (b *downloadBar) set(done, total int64) {
	if total == 0 {
		return // a download that goes on has the small files already
	}
	if total := megabytes(total); total != b.total {
		b.close()
		b.total, b.bar = total, newProgress(b.w, b.label, total)
	}
	b.bar.Set(megabytes(done), "")
}

func (b *downloadBar) close() {
	if b.bar != nil {
		b.bar.Done()
	}
}
