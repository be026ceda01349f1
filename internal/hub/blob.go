package hub

import (
	"cmp"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

// maxTries is for requests in a row that bring no new byte.
const maxTries = 5

// blob downloads a file and gives it its name once its bytes are right. They are
// read back from the disk: a hash taken on the way would not tell what a second
// process wrote where locks do not work.
func (d *download) blob(ctx context.Context, e entry, blob string) error {
	part := d.part(e)
	var got string
	for range 2 {
		if err := d.fill(ctx, e, part); err != nil {
			return err
		}
		var err error
		if got, err = hashOf(ctx, part, e); err != nil {
			return err
		}
		if got == e.etag() {
			d.due(e)
			return os.Rename(part, blob)
		}
		if err := os.Remove(part); err != nil {
			return err
		}
		d.more(-e.Size, 0)
	}
	return advice.On(
		fmt.Errorf("wrong bytes twice: their hash is %s, want %s", got, e.etag()),
		"a proxy or mirror may serve a damaged copy; HF_ENDPOINT chooses another",
	)
}

// fill appends to part until it has the file's size. What came stays when it fails.
func (d *download) fill(ctx context.Context, e entry, part string) (err error) {
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, out.Close()) }()
	have := partSize(part, e.Size)
	if err := cut(out, have); err != nil {
		return err
	}
	d.more(have, 0)
	for tries, best := 0, have; have < e.Size; tries++ {
		have, err = d.piece(ctx, e, out, have)
		if have == e.Size {
			break
		}
		if have > best {
			best, tries = have, 0
		}
		if tries == maxTries-1 || !d.client.wait(ctx, err, tries) {
			return cmp.Or(context.Cause(ctx), err)
		}
	}
	return out.Sync()
}

// piece makes one request for what is missing and returns how much is there then.
// There is no If-Range: storage behind a redirect has other etags than the hub. A
// commit's file never changes, and the hash is the judge.
func (d *download) piece(ctx context.Context, e entry, out *os.File, have int64) (int64, error) {
	header := http.Header{}
	if have > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	u := d.client.file(d.ref, d.commit, e.Path)
	resp, err := d.client.get(ctx, u, header)
	if s, ok := errors.AsType[*statusError](err); ok && s.status == http.StatusRequestedRangeNotSatisfiable && have > 0 {
		return d.again(out, have, err)
	}
	if err != nil {
		return have, err
	}
	defer func() { _ = resp.Body.Close() }()
	if enc := resp.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return have, fmt.Errorf("%s answers with Content-Encoding %.40q, want none", resp.Request.URL.Host, enc)
	}
	if have > 0 && !continues(resp, have) {
		if have, err = d.again(out, have, nil); err != nil {
			return have, err
		}
		if resp.StatusCode == http.StatusPartialContent {
			return 0, &networkError{resp.Request.URL.Host, errors.New("answers with another range than was asked for")}
		}
	}
	n, err := io.Copy(&counter{d, io.NewOffsetWriter(out, have)}, io.LimitReader(resp.Body, e.Size-have))
	have += n
	if err == nil && have < e.Size {
		err = &networkError{resp.Request.URL.Host, fmt.Errorf("the answer ends after %d of %d bytes", have, e.Size)}
	}
	return have, err
}

// again throws away what a server will not continue.
func (d *download) again(out *os.File, have int64, err error) (int64, error) {
	d.more(-have, 0)
	if cutErr := cut(out, 0); cutErr != nil {
		return have, cutErr
	}
	if err != nil {
		err = &networkError{d.client.endpoint.Host, err} // worth another try, from the start
	}
	return 0, err
}

// continues tells whether an answer is the rest of a file from byte have on.
func continues(resp *http.Response, have int64) bool {
	var from, to int64
	_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/", &from, &to)
	return resp.StatusCode == http.StatusPartialContent && err == nil && from == have
}

// counter reports what is written.
type counter struct {
	d *download
	w io.Writer
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.d.more(int64(n), 0)
	return n, err
}

// cut shortens a file that is longer than size.
func cut(f *os.File, size int64) error {
	stat, err := f.Stat()
	if err != nil || stat.Size() <= size {
		return err
	}
	return f.Truncate(size)
}

// hashOf computes what the etag of the file's bytes would be.
func hashOf(ctx context.Context, path string, e entry) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	var h hash.Hash
	if e.SHA256 != "" {
		h = sha256.New()
	} else {
		h = sha1.New()
		fmt.Fprintf(h, "blob %d\x00", e.Size)
	}
	for {
		_, err := io.CopyN(h, f, 64<<20)
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err := cmp.Or(err, context.Cause(ctx)); err != nil {
			return "", err
		}
	}
}
