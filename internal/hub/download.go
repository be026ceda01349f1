package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/seed-1411d8c0/linearize/internal/advice"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// parallel is how many files are fetched at once.
const parallel = 4

// download is the fetching of one snapshot.
type download struct {
	client *client
	cache  cache
	ref    Ref
	commit string
	files  listing

	mu          sync.Mutex
	pending     map[string]bool // blobs in total that are not in done, by etag
	done, total int64
	progress    func(done, total int64)
}

// fetch brings a snapshot into the cache and returns its commit. Who can do without
// does not insist.
func fetch(ctx context.Context, c cache, ref Ref, o Options, insist bool) (string, error) {
	client, err := newClient(o)
	if err != nil {
		return "", err
	}
	defer client.close()
	if !insist {
		client.tries = 1
	}
	d := &download{client: client, cache: c, ref: ref, commit: ref.Revision, progress: o.Progress, pending: map[string]bool{}}
	if !commitForm.MatchString(ref.Revision) {
		if d.commit, err = client.revision(ctx, ref); err != nil {
			return "", err
		}
	}
	if d.files = c.tree(d.commit); d.files == nil {
		if d.files, err = client.list(ctx, ref, d.commit); err != nil {
			return "", err
		}
	}
	if err := d.files.check(o.SkipWeights); err != nil {
		return "", fmt.Errorf("commit %s: %w", d.commit, err)
	}
	if err := os.MkdirAll(c.snapshot(d.commit), 0o777); err != nil {
		return "", err
	}
	c.tag()
	if err := c.keepRef(ref.Revision, d.commit); err != nil {
		return "", err
	}
	return d.commit, d.all(ctx, o.SkipWeights)
}

// all fetches the weights last: who finds them whole finds everything. The
// config comes just before them, for those who want no weights.
func (d *download) all(ctx context.Context, skipWeights bool) error {
	small := d.files.small(skipWeights)
	last := len(small) - 1
	for _, names := range [][]string{small[:last], small[last:]} {
		if err := d.each(ctx, names); err != nil {
			return err
		}
	}
	if !d.hasTokenizer() {
		if err := d.cache.keepAbsent(d.commit, tokenizers[0]); err != nil {
			return err
		}
	}
	if skipWeights {
		return nil
	}
	weights := []string{singleName}
	if d.files.has(indexName) {
		index, err := os.ReadFile(filepath.Join(d.cache.snapshot(d.commit), indexName))
		if err != nil {
			return err
		}
		if weights, err = shardsOf(index); err != nil {
			return err
		}
	}
	return d.each(ctx, weights)
}

func (d *download) hasTokenizer() bool {
	return slices.ContainsFunc(tokenizers, d.files.has)
}

// each fetches files, several at once; the first failure ends all.
func (d *download) each(ctx context.Context, names []string) error {
	var size, part int64
	for _, name := range names {
		if !d.files.has(name) {
			return fmt.Errorf("commit %s: %s names %s, which the repository has not", d.commit, indexName, name)
		}
		if e := d.files[name]; !d.present(name) && !sized(d.cache.blob(e.etag()), e.Size) && !d.pending[e.etag()] {
			d.pending[e.etag()] = true
			size += e.Size
			part += partSize(d.part(e), e.Size)
		}
	}
	if free, ok := fsx.Free(d.cache.dir); ok && free < size-part {
		return d.diskFull(fmt.Errorf("%w: %d MB to download, %d MB free", errNoSpace, (size-part)/1e6, free/1e6))
	}
	d.more(0, size)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for _, name := range names {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if context.Cause(ctx) != nil {
				return
			}
			if err := d.file(ctx, d.files[name]); err != nil {
				cancel(err) // the first one stays
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (d *download) present(name string) bool {
	return sized(filepath.Join(d.cache.snapshot(d.commit), filepath.FromSlash(name)), d.files[name].Size)
}

func (d *download) part(e entry) string { return d.cache.blob(e.etag()) + ".incomplete" }

// more moves the progress.
func (d *download) more(done, total int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done += done
	d.total += total
	if d.progress != nil {
		d.progress(d.done, d.total)
	}
}

// due tells whether a blob is still to be counted, and takes it off the list.
func (d *download) due(e entry) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer delete(d.pending, e.etag())
	return d.pending[e.etag()]
}

// file brings one file into the snapshot.
func (d *download) file(ctx context.Context, e entry) error {
	if d.present(e.Path) {
		return nil
	}
	blob := d.cache.blob(e.etag())
	if err := os.MkdirAll(filepath.Dir(blob), 0o777); err != nil {
		return err
	}
	unlock, err := lockFile(ctx, d.cache.lock(e.etag()))
	if err != nil {
		return fmt.Errorf("lock %s: %w", e.Path, err)
	}
	defer unlock()
	if !sized(blob, e.Size) {
		if err := d.blob(ctx, e, blob); err != nil {
			return fmt.Errorf("download %s: %w", e.Path, d.diskFull(d.client.explain(err, d.ref, e.Path)))
		}
	} else if d.due(e) { // another process was faster
		d.more(e.Size, 0)
	}
	return d.cache.link(e.etag(), d.commit, e.Path)
}

var errNoSpace = errors.New("not enough space")

// diskFull says what to do about a full disk.
func (d *download) diskFull(err error) error {
	if err == nil || !isDiskFull(err) {
		return err
	}
	return advice.On(
		fmt.Errorf("%s: %w", d.cache.dir, err),
		"free some, or set HF_HUB_CACHE to a folder on another disk; what came so far is kept",
	)
}

// sized tells whether a file is there with all its bytes.
func sized(path string, size int64) bool {
	stat, err := os.Stat(path)
	return err == nil && stat.Mode().IsRegular() && stat.Size() == size
}

// partSize is how much of a file an earlier download left; more than there can be is
// nothing.
func partSize(part string, size int64) int64 {
	stat, err := os.Stat(part)
	if err != nil || stat.Size() > size {
		return 0
	}
	return stat.Size()
}
