package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testRepo   = "acme/tiny"
	testToken  = "hf_secretsecret"
	testCommit = "0123456789abcdef0123456789abcdef01234567"
)

// fakeHub serves one repository as huggingface.co does, with faults on demand. Files
// in LFS lie on a second host, behind a redirect.
type fakeHub struct {
	hub, cdn *httptest.Server

	mu       sync.Mutex
	files    map[string][]byte
	requests []string                                      // "GET /path range token?"
	fault    func(http.ResponseWriter, *http.Request) bool // handles a request instead
	paths    []string                                      // extra names in the list of files
}

// tinyFiles is a model in two shards, among files that nobody needs.
func tinyFiles() map[string][]byte {
	big := func(seed, n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i*7 + i/251 + seed)
		}
		return b
	}
	return map[string][]byte{
		"config.json":                      []byte(`{"model_type":"llama"}`),
		"generation_config.json":           []byte(`{}`),
		"tokenizer.json":                   []byte(`{"version":"1.0"}`),
		"tokenizer_config.json":            []byte(`{}`),
		"chat_template.jinja":              []byte("{{ messages }}"),
		"added_tokens.json":                {},
		"model.safetensors.index.json":     []byte(`{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}}`),
		"model-00001-of-00002.safetensors": big(1, 300_000),
		"model-00002-of-00002.safetensors": big(2, 200_000),
		"consolidated.safetensors":         big(3, 1000),
		"pytorch_model.bin":                big(4, 1000),
		"model.gguf":                       big(5, 1000),
		"onnx/model.onnx":                  big(6, 1000),
		"README.md":                        []byte("hello"),
	}
}

// tinyWanted are the names that a download brings.
var tinyWanted = []string{
	"added_tokens.json", "chat_template.jinja", "config.json", "generation_config.json",
	"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
	"model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json",
}

func isLFS(name string) bool {
	return strings.HasSuffix(name, ".safetensors") || strings.HasSuffix(name, ".bin")
}

func gitSHA1(data []byte) string {
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(data)), data...))
	return hex.EncodeToString(sum[:])
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func newFakeHub(t *testing.T) *fakeHub {
	t.Helper()
	h := &fakeHub{files: tinyFiles()}
	h.hub = httptest.NewServer(http.HandlerFunc(h.serveHub))
	h.cdn = httptest.NewServer(http.HandlerFunc(h.serveCDN))
	t.Cleanup(h.hub.Close)
	t.Cleanup(h.cdn.Close)
	return h
}

// options are for a fresh cache, without pauses.
func (h *fakeHub) options(t *testing.T) Options {
	t.Helper()
	return Options{
		Cache: t.TempDir(), Endpoint: h.hub.URL, Token: testToken,
		pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

// seen returns the requests that contain s.
func (h *fakeHub) seen(s string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.requests), func(r string) bool { return !strings.Contains(r, s) })
}

// setFault replaces the fault; a nil one ends it.
func (h *fakeHub) setFault(f func(http.ResponseWriter, *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = f
}

func (h *fakeHub) note(w http.ResponseWriter, r *http.Request, host string) (handled bool) {
	h.mu.Lock()
	line := host + " " + r.Method + " " + r.URL.EscapedPath()
	if rng := r.Header.Get("Range"); rng != "" {
		line += " " + rng
	}
	if r.Header.Get("Authorization") != "" {
		line += " " + r.Header.Get("Authorization")
	}
	h.requests = append(h.requests, line)
	fault := h.fault
	h.mu.Unlock()
	return fault != nil && fault(w, r)
}

func (h *fakeHub) serveHub(w http.ResponseWriter, r *http.Request) {
	if h.note(w, r, "hub") {
		return
	}
	path := r.URL.EscapedPath()
	refuse := func(status int, code string) {
		w.Header().Set("X-Error-Code", code)
		w.Header().Set("X-Error-Message", r.Header.Get("Authorization")) // a nasty echo
		w.WriteHeader(status)
	}
	if name, ok := strings.CutPrefix(path, "/"+testRepo+"/resolve/"+testCommit+"/"); ok {
		data, ok := h.files[name]
		w.Header().Set("X-Repo-Commit", testCommit)
		switch {
		case !ok:
			refuse(http.StatusNotFound, "EntryNotFound")
		case isLFS(name):
			w.Header().Set("X-Linked-Etag", strconv.Quote(sha256Hex(data)))
			w.Header().Set("X-Linked-Size", strconv.Itoa(len(data)))
			http.Redirect(w, r, h.cdn.URL+"/"+name+"?signature=verysecret", http.StatusFound)
		default:
			w.Header().Set("ETag", strconv.Quote(gitSHA1(data)))
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(data)))
		}
		return
	}
	rest, ok := strings.CutPrefix(path, "/api/models/"+testRepo)
	switch {
	case !ok:
		refuse(http.StatusUnauthorized, "RepoNotFound")
	case rest == "/revision/main", rest == "/revision/refs%2Fpr%2F1":
		fmt.Fprintf(w, `{"id":%q,"sha":%q,"siblings":[]}`, testRepo, testCommit)
	case rest == "/tree/"+testCommit:
		h.serveTree(w, r)
	default:
		refuse(http.StatusNotFound, "RevisionNotFound")
	}
}

// serveTree lists the files, half of them on a second page.
func (h *fakeHub) serveTree(w http.ResponseWriter, r *http.Request) {
	var page []map[string]any
	names := slices.Clone(h.paths)
	for name := range h.files {
		names = append(names, name)
	}
	slices.Sort(names)
	half := len(names) / 2
	if r.URL.Query().Get("cursor") == "" {
		next := h.hub.URL + r.URL.Path + "?cursor=x"
		w.Header().Set("Link", "<"+next+`>; rel="next"`)
		names = names[:half]
	} else {
		names = names[half:]
	}
	for _, name := range names {
		data := h.files[name]
		f := map[string]any{"type": "file", "path": name, "size": len(data), "oid": gitSHA1(data)}
		if isLFS(name) {
			f["oid"] = gitSHA1([]byte("pointer"))
			f["lfs"] = map[string]any{"oid": sha256Hex(data), "size": len(data), "pointerSize": 134}
		}
		page = append(page, f)
	}
	page = append(page, map[string]any{"type": "directory", "path": "onnx", "oid": testCommit, "size": 0})
	_ = json.NewEncoder(w).Encode(page)
}

func (h *fakeHub) serveCDN(w http.ResponseWriter, r *http.Request) {
	if h.note(w, r, "cdn") {
		return
	}
	w.Header().Set("ETag", `"of-the-storage"`)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(h.files[strings.TrimPrefix(r.URL.Path, "/")])))
}

// dropAfter sends n bytes of what was asked for, promises all and cuts the line.
func dropAfter(t *testing.T, w http.ResponseWriter, data []byte, from, n int) {
	t.Helper()
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close() }()
	if from > 0 {
		fmt.Fprintf(buf, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %d-%d/%d\r\n", from, len(data)-1, len(data))
	} else {
		fmt.Fprint(buf, "HTTP/1.1 200 OK\r\n")
	}
	fmt.Fprintf(buf, "Content-Length: %d\r\n\r\n", len(data)-from)
	_, _ = buf.Write(data[from:min(len(data), from+n)])
	_ = buf.Flush()
}

// rangeStart is where a request wants a file from.
func rangeStart(r *http.Request) int {
	s, _ := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	n, _ := strconv.Atoi(strings.TrimSuffix(s, "-"))
	return n
}
