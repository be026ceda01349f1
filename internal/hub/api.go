package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

const (
	maxPages = 100
	maxPage  = 64 << 20
)

// page reads one answer of the API, and asks again when that fails.
func (c *client) page(ctx context.Context, u *url.URL) (data []byte, next string, err error) {
	for tries := 0; ; tries++ {
		data, next, err = c.pageOnce(ctx, u)
		if err == nil {
			return data, next, nil
		}
		if tries >= c.tries-1 || !c.wait(ctx, err, tries) {
			return nil, "", cmp.Or(context.Cause(ctx), err)
		}
	}
}

func (c *client) pageOnce(ctx context.Context, u *url.URL) (data []byte, next string, err error) {
	resp, err := c.get(ctx, u, nil)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err = io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	switch {
	case err != nil:
		return nil, "", err
	case len(data) > maxPage:
		return nil, "", fmt.Errorf("%s answers more than %d MB", u.Host, maxPage>>20)
	}
	return data, nextLink(resp.Header.Values("Link")), nil
}

// nextLink finds the address of the next page in Link headers.
func nextLink(headers []string) string {
	for _, h := range headers {
		for link := range strings.SplitSeq(h, ",") {
			target, params, ok := strings.Cut(link, ";")
			if ok && strings.Contains(params, `rel="next"`) {
				return strings.Trim(strings.TrimSpace(target), "<>")
			}
		}
	}
	return ""
}

// revision asks which commit a branch or tag is.
func (c *client) revision(ctx context.Context, ref Ref) (string, error) {
	data, _, err := c.page(ctx, c.endpoint.JoinPath("api/models", ref.Repo, "revision", url.PathEscape(ref.Revision)))
	if err != nil {
		return "", c.explain(err, ref, "")
	}
	var doc struct {
		SHA string `json:"sha"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return "", fmt.Errorf("parse what %s says about revision %q: %w", c.endpoint.Host, ref.Revision, err)
	}
	if !commitForm.MatchString(doc.SHA) {
		return "", fmt.Errorf("%s says that revision %q is commit %.80q, want 40 hex digits", c.endpoint.Host, ref.Revision, doc.SHA)
	}
	return doc.SHA, nil
}

// list asks which files a commit has at its top.
func (c *client) list(ctx context.Context, ref Ref, commit string) (listing, error) {
	out := listing{}
	at := c.endpoint.JoinPath("api/models", ref.Repo, "tree", commit)
	for range maxPages {
		data, next, err := c.page(ctx, at)
		if err != nil {
			return nil, c.explain(err, ref, "")
		}
		if err := parseListing(data, out); err != nil {
			return nil, err
		}
		if next == "" {
			return out, nil
		}
		if at, err = at.Parse(next); err != nil || !c.isEndpoint(at) {
			return nil, errors.New("the list of files goes on at another host")
		}
	}
	return nil, fmt.Errorf("the list of files has more than %d pages", maxPages)
}

// file is where a file of a commit lies.
func (c *client) file(ref Ref, commit, name string) *url.URL {
	return c.endpoint.JoinPath(ref.Repo, "resolve", commit, url.PathEscape(name))
}
