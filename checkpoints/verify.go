package checkpoints

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
)

// Digests returns the SHA-256 of each weight file in hexadecimal, by base name, as
// [Folder.Verify] does.
func (f *Folder) Digests() (map[string]string, error) {
	return f.Verify(context.Background(), func(string) bool { return false })
}

// Verify reads the weight files from end to end, as many at a time as there are
// processors, and returns the SHA-256 of each in hexadecimal, by base name. The tensors
// that check picks are checked in passing as [Tensor.CheckFinite] does. It ends soon
// after the first error, and after ctx is cancelled.
//
// In the Hub's cache a weight file is a link to blobs/SHA256: whoever put it there has
// named it by its digest, which is taken from the name. What nothing else asks for is
// then not read.
func (f *Folder) Verify(ctx context.Context, check func(tensor string) bool) (map[string]string, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	names := sortedNames(f.shards)
	sums := make([]string, len(names))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(len(names), runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := range next {
				var err error
				if sums[i], err = f.shards[names[i]].verify(ctx, check); err != nil {
					stop(err)
				}
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	out := make(map[string]string, len(names))
	for i, name := range names {
		out[name] = sums[i]
	}
	return out, nil
}

// verify is [Folder.Verify] of one file. It reads pieces into memory of its own: beside
// a writer of the same tensors, faults of a shared mapping cost more than the copying.
func (f *File) verify(ctx context.Context, check func(tensor string) bool) (sum string, err error) {
	f.mu.RLock()
	size := len(f.mapping)
	f.mu.RUnlock()
	if size == 0 {
		return "", fmt.Errorf("read %s: file is closed", f.path)
	}
	file, err := os.Open(f.path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	h := sha256.New()
	r := &verifier{ctx: ctx, file: file, digest: h}
	sum, named := blobDigest(f.path)
	if named {
		r.digest = io.Discard
	}
	for _, e := range f.inOrder() { // behind the header they cover the file
		look := check(e.info.Name) && !f.knownFinite(e.info.Name)
		switch {
		case named && !look:
			r.at = e.end
			continue
		case named:
			r.at = e.begin
		}
		if err := r.read(e.begin, nil); err != nil {
			return "", err
		}
		if !look {
			continue
		}
		if err := r.read(e.end, func(data []byte, at int) error { return e.info.checkPart(data, at-e.begin) }); err != nil {
			return "", err
		}
		f.noteFinite(e.info.Name)
	}
	if named {
		return sum, nil
	}
	err = r.read(size, nil)
	return hex.EncodeToString(h.Sum(nil)), err
}

// verifier reads a file from its beginning on.
type verifier struct {
	ctx    context.Context
	file   *os.File
	digest io.Writer
	at     int // what is behind it is read
	piece  [verifyEvery]byte
}

// read takes the bytes up to end into the digest. See, unless nil, is given each piece
// with its place in the file.
func (r *verifier) read(end int, see func(data []byte, at int) error) error {
	for r.at < end {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		data := r.piece[:min(verifyEvery, end-r.at)]
		if _, err := r.file.ReadAt(data, int64(r.at)); err != nil {
			return fmt.Errorf("read %s: %w", r.file.Name(), err)
		}
		if see != nil {
			if err := see(data, r.at); err != nil {
				return err
			}
		}
		_, _ = r.digest.Write(data)
		r.at += len(data)
	}
	return nil
}

// verifyEvery is how much is read at a time, so that the processor has it at hand still.
const verifyEvery = 256 << 10

// inOrder lists the tensors as they lie in the file.
func (f *File) inOrder() []entry {
	return slices.SortedFunc(maps.Values(f.entries), func(a, b entry) int { return cmp.Compare(a.begin, b.begin) })
}

var sha256Form = regexp.MustCompile("^[0-9a-f]{64}$")

// blobDigest returns the digest that the Hub's cache has named a weight file by. Files
// that are not in LFS are named by git's SHA-1, and tell nothing.
func blobDigest(path string) (sum string, ok bool) {
	target, err := os.Readlink(path)
	if err != nil {
		return "", false
	}
	sum = filepath.Base(target)
	return sum, filepath.Base(filepath.Dir(target)) == "blobs" && sha256Form.MatchString(sum)
}
