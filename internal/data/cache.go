package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/edsrzf/mmap-go"

	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// A file of the cache is a corpus's row of marks and then a trailer: magic, four
// totals of 8 bytes, the key, and checksums of the row and of the trailer before it,
// all little endian.
const (
	cacheMagic  = "lintok1\n"
	trailerSize = len(cacheMagic) + 4*8 + sha256.Size + 2*4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CacheDir is the folder for tokens of large corpora: linearize/tokens in
// $XDG_CACHE_HOME or what the system has for it, or "" where it has none. It may be
// removed at any time: what is missing is made again.
func CacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "linearize", "tokens")
}

// CacheError is a failure to keep the tokens of a large corpus.
type CacheError struct {
	Dir  string
	Text int64 // bytes of text
	Err  error
}

func (e *CacheError) Error() string { return fmt.Sprintf("keep tokens in %s: %v", e.Dir, e.Err) }

func (e *CacheError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *CacheError) Hint() string {
	return fmt.Sprintf("set XDG_CACHE_HOME to a folder with more room: a token takes 4 bytes, all together about the %s of the text or twice that", bytesize.Format(e.Text))
}

// loadCached maps the tokens that are in the cache, or makes them first.
func loadCached(enc Encoding, sources []Source, size int64, o Options) (*Corpus, error) {
	key, err := cacheKey(enc, sources)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(o.Cache, hex.EncodeToString(key[:16])+".tokens")
	if c, err := openCache(path, key); err == nil {
		return c, nil
	}
	if o.Notice != nil {
		o.Notice(fmt.Sprintf("encoding %s of %d files into %s: once, until one of them changes", bytesize.Format(size), len(sources), path))
	}
	failed := func(err error) error { return &CacheError{o.Cache, size, err} }
	if err := os.MkdirAll(o.Cache, 0o700); err != nil {
		return nil, failed(err)
	}
	var bad error // of the files, not of the cache
	err = fsx.ReplaceFile(path, 0o600, func(w *fsx.Writer) error {
		sum := crc32.New(castagnoli)
		t, err := encodeAll(enc, sources, io.MultiWriter(w, sum))
		if err == nil {
			_, err = w.Write(trailer(t, key, sum))
		} else if _, ok := errors.AsType[*storeError](err); !ok {
			bad = err
		}
		return err
	})
	if bad != nil {
		return nil, bad
	}
	if err != nil {
		return nil, failed(err)
	}
	c, err := openCache(path, key)
	if err != nil {
		return nil, failed(err)
	}
	return c, nil
}

// cacheKey is the hash of all that the tokens depend on. A file is the same as long
// as its place, size and time of change are.
func cacheKey(enc Encoding, sources []Source) (key [sha256.Size]byte, err error) {
	h := sha256.New()
	put := func(values ...any) { _, _ = fmt.Fprintf(h, "%q\n", values) } // a hash takes all
	put(cacheMagic)
	if info, ok := debug.ReadBuildInfo(); ok { // another version may encode in another way
		put(info.Main.Version)
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" || s.Key == "vcs.modified" {
				put(s.Value)
			}
		}
	}
	encoding, err := enc.Fingerprint()
	if err != nil {
		return key, err
	}
	put(encoding)
	for _, s := range sources {
		path, err := fsx.Resolve(s.Path)
		if err != nil {
			return key, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return key, err
		}
		put(path, s.Separator)
		put(info.Size(), info.ModTime().UnixNano())
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

func trailer(t totals, key [sha256.Size]byte, sum hash.Hash32) []byte {
	b := []byte(cacheMagic)
	for _, n := range []int64{t.tokens, t.counted, t.documents, t.highest} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	b = append(b, key[:]...)
	b = binary.LittleEndian.AppendUint32(b, sum.Sum32())
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// openCache maps a file of the cache, if it is whole and has this key.
func openCache(path string, key [sha256.Size]byte) (*Corpus, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // a mapping outlives its descriptor
	t, want, err := readTrailer(f, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	sum := crc32.New(castagnoli)
	size := t.tokens * markSize
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size)); err != nil {
		return nil, err
	}
	if sum.Sum32() != want {
		return nil, fmt.Errorf("%s: its tokens are not those that were written", path)
	}
	mapping, err := mmap.Map(f, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	return &Corpus{row: mapping[:size:size], mapping: mapping, totals: t}, nil
}

var errNotCache = errors.New("is no token file of these sources")

// readTrailer returns what a cache file says of its row, and the row's checksum.
func readTrailer(f *os.File, key [sha256.Size]byte) (t totals, sum uint32, err error) {
	info, err := f.Stat()
	if err != nil {
		return t, 0, err
	}
	size := info.Size() - int64(trailerSize)
	if size < markSize {
		return t, 0, errNotCache
	}
	b := make([]byte, trailerSize)
	if _, err := f.ReadAt(b, size); err != nil {
		return t, 0, err
	}
	body := b[:trailerSize-4]
	rest, ok := bytes.CutPrefix(b, []byte(cacheMagic))
	if !ok || crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return t, 0, errNotCache
	}
	for _, n := range []*int64{&t.tokens, &t.counted, &t.documents, &t.highest} {
		*n, rest = int64(binary.LittleEndian.Uint64(rest)), rest[8:]
	}
	if t.tokens != size/markSize || size%markSize != 0 || !bytes.Equal(rest[:sha256.Size], key[:]) {
		return t, 0, errNotCache
	}
	return t, binary.LittleEndian.Uint32(rest[sha256.Size:]), nil
}
