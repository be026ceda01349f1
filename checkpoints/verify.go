package checkpoints

import (
	"cmp"
	"context"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"

	"github.com/zeebo/xxh3"
)

// Digests returns a digest of each weight file by base name, as [Folder.Verify] does.
func (f *Folder) Digests() (map[string]string, error) {
	return f.Verify(context.Background(), func(string) bool { return false })
}

// Digest returns the file's digest, as [Folder.Verify] does.
func (f *File) Digest() (string, error) {
	return f.verify(context.Background(), func(string) bool { return false })
}

// Verify reads the weight files from end to end, as many at a time as there are
// processors, and returns a digest of each by base name. The tensors that check picks are
// checked in passing as [Tensor.CheckFinite] does. It ends soon after the first error, and
// after ctx is cancelled.
//
// A digest is "xxh128:" and the 32 hexadecimal digits that xxhsum -H2 prints of the file:
// for telling files apart, not for trust. In the Hub's cache a weight file is a link to
// blobs/SHA256: whoever put it there has named it by its digest, which is "sha256:" and
// that name; what nothing else asks for is then not read.
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

// verify is [Folder.Verify] of one file.
func (f *File) verify(ctx context.Context, check func(tensor string) bool) (digest string, err error) {
	digest, named := blobDigest(f.path)
	r := &verifier{ctx: ctx, file: f}
	if !named {
		r.digest = xxh3.New()
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
		return digest, nil
	}
	if err := r.read(f.size, nil); err != nil {
		return "", err
	}
	sum := r.digest.Sum128().Bytes()
	return "xxh128:" + hex.EncodeToString(sum[:]), nil
}

// verifier reads a file from its beginning on.
type verifier struct {
	ctx    context.Context
	file   *File
	digest *xxh3.Hasher // nil when nobody asks for it
	at     int          // what is behind it is read
}

// read takes the bytes up to end into the digest. See, unless nil, is given each piece
// with its place in the file.
func (r *verifier) read(end int, see func(data []byte, at int) error) error {
	for r.at < end {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		next := min(r.at+releaseEvery, end)
		err := r.file.visit(r.at, next, func(data []byte) error {
			for begin := 0; begin < len(data); begin += verifyEvery {
				piece := data[begin:min(begin+verifyEvery, len(data))]
				if see != nil {
					if err := see(piece, r.at+begin); err != nil {
						return err
					}
				}
				if r.digest != nil {
					_, _ = r.digest.Write(piece)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		r.at = next
	}
	return nil
}

// verifyEvery is how much is looked at at a time, so that the processor has it at hand
// still for the second look.
const verifyEvery = 256 << 10

// inOrder lists the tensors as they lie in the file.
func (f *File) inOrder() []entry {
	return slices.SortedFunc(maps.Values(f.entries), func(a, b entry) int { return cmp.Compare(a.begin, b.begin) })
}

var sha256Form = regexp.MustCompile("^[0-9a-f]{64}$")

// blobDigest returns the digest that the Hub's cache has named a weight file by. Files
// that are not in LFS are named by git's SHA-1, and tell nothing.
func blobDigest(path string) (digest string, ok bool) {
	target, err := os.Readlink(path)
	if err != nil {
		return "", false
	}
	name := filepath.Base(target)
	return "sha256:" + name, filepath.Base(filepath.Dir(target)) == "blobs" && sha256Form.MatchString(name)
}
