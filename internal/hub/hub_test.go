package hub

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const shard = "model-00001-of-00002.safetensors"

// names lists a folder without following links.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// wantSnapshot holds what Resolve returned against the fake hub's files.
func wantSnapshot(t *testing.T, h *fakeHub, o Options, dir string, ref Ref) {
	t.Helper()
	if want := (Ref{testRepo, "main", testCommit}); ref != want {
		t.Errorf("ref is %+v, want %+v", ref, want)
	}
	if want := filepath.Join(o.Cache, "models--acme--tiny", "snapshots", testCommit); dir != want {
		t.Fatalf("dir is %s, want %s", dir, want)
	}
	if diff := cmp.Diff(tinyWanted, names(t, dir)); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	for _, name := range tinyWanted {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != string(h.files[name]) {
			t.Errorf("%s: %d bytes differ from the hub's %d (%v)", name, len(got), len(h.files[name]), err)
		}
	}
}

func noLeftovers(t *testing.T, o Options) {
	t.Helper()
	for _, name := range names(t, filepath.Join(o.Cache, "models--acme--tiny", "blobs")) {
		if strings.HasSuffix(name, ".incomplete") {
			t.Errorf("%s was left", name)
		}
	}
}

func TestDownloadThenCache(t *testing.T) {
	h := newFakeHub(t)
	o := h.options(t)
	var done, total int64
	o.Progress = func(d, n int64) { done, total = d, n }
	dir, ref, err := Resolve(t.Context(), testRepo, o)
	if err != nil {
		t.Fatal(err)
	}
	wantSnapshot(t, h, o, dir, ref)
	noLeftovers(t, o)
	var size int64
	seen := map[string]bool{}
	for _, name := range tinyWanted { // files of the same bytes are fetched once
		if data := string(h.files[name]); !seen[data] {
			seen[data] = true
			size += int64(len(data))
		}
	}
	if done != size || total != size {
		t.Errorf("progress ended at %d of %d, want %d", done, total, size)
	}
	for _, r := range h.seen("hub ") {
		if !strings.HasSuffix(r, "Bearer "+testToken) {
			t.Errorf("no token in %s", r)
		}
	}
	for _, r := range h.seen("cdn ") {
		if strings.Contains(r, "Bearer") {
			t.Errorf("token sent to another host: %s", r)
		}
	}
	// From now on no request is needed, by any name and in any mode.
	h.hub.Close()
	h.cdn.Close()
	for _, offline := range []bool{false, true} {
		for _, arg := range []string{testRepo, testRepo + "@main", testRepo + "@" + testCommit} {
			o.Offline = offline
			again, _, err := Resolve(t.Context(), arg, o)
			if err != nil || again != dir {
				t.Errorf("%s, offline %t: %s, %v", arg, offline, again, err)
			}
		}
	}
}

// A name alone is a folder's, or else that of one of the first models, from where the
// hub redirects.
func TestBareName(t *testing.T) {
	t.Chdir(t.TempDir())
	h := newFakeHub(t)
	h.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		for _, prefix := range []string{"/api/models/", "/"} {
			if rest, ok := strings.CutPrefix(r.URL.EscapedPath(), prefix+"tiny/"); ok {
				http.Redirect(w, r, prefix+testRepo+"/"+rest+"?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
				return true
			}
		}
		return false
	})
	o := h.options(t)
	dir, ref, err := Resolve(t.Context(), "tiny", o)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Ref{"tiny", "main", testCommit}); ref != want {
		t.Errorf("ref is %+v, want %+v", ref, want)
	}
	if want := filepath.Join(o.Cache, "models--tiny", "snapshots", testCommit); dir != want {
		t.Errorf("dir is %s, want %s", dir, want)
	}
	if diff := cmp.Diff(tinyWanted, names(t, dir)); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	if list, err := List(o.Cache); err != nil || len(list) != 1 || list[0].Repo != "tiny" {
		t.Errorf("List() = %v, %v", list, err)
	}
	for arg, want := range map[string]string{
		"tinny":    "find tinny: there is no such folder; as a model of the hub: repository tinny is not on the hub",
		"tiny@v17": `as a model of the hub: revision "v17" is not on the hub`,
	} {
		if _, _, err := Resolve(t.Context(), arg, o); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", arg, err, want)
		}
	}
	h.hub.Close()
	o.Offline = true
	if again, _, err := Resolve(t.Context(), "tiny", o); err != nil || again != dir {
		t.Errorf("offline: %s, %v", again, err)
	}
	if _, _, err := Resolve(t.Context(), "tinny", o); !errors.Is(err, ErrNotCached) || !strings.Contains(err.Error(), "there is no such folder; as a model of the hub: revision") {
		t.Errorf("offline: got %v", err)
	}
	if err := os.Mkdir("tiny", 0o777); err != nil {
		t.Fatal(err)
	}
	if got, ref, err := Resolve(t.Context(), "tiny", o); got != "tiny" || ref != (Ref{}) || err != nil {
		t.Errorf("with a folder of that name: %s, %v, %v", got, ref, err)
	}
}

// TestFaults downloads through one fault each.
func TestFaults(t *testing.T) {
	once := func(path string, f func(http.ResponseWriter, *http.Request)) func(http.ResponseWriter, *http.Request) bool {
		var n atomic.Int32
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, path) || n.Add(1) > 1 {
				return false
			}
			f(w, r)
			return true
		}
	}
	status := func(code int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	data := tinyFiles()[shard]
	wrong := slices.Clone(data)
	wrong[1234] ^= 1
	for name, fault := range map[string]func(*testing.T) func(http.ResponseWriter, *http.Request) bool{
		"list answers 503": func(*testing.T) func(http.ResponseWriter, *http.Request) bool {
			return once("/tree/"+testCommit, status(http.StatusServiceUnavailable))
		},
		"revision answers 429": func(*testing.T) func(http.ResponseWriter, *http.Request) bool {
			return once("/revision/main", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusTooManyRequests)
			})
		},
		"file answers 500": func(*testing.T) func(http.ResponseWriter, *http.Request) bool {
			return once("/tokenizer.json", status(http.StatusInternalServerError))
		},
		"every answer of the storage is cut off": func(t *testing.T) func(http.ResponseWriter, *http.Request) bool {
			t.Helper()
			return func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/"+shard {
					return false
				}
				dropAfter(t, w, data, rangeStart(r), 50_000)
				return true
			}
		},
		"range is ignored": func(t *testing.T) func(http.ResponseWriter, *http.Request) bool {
			t.Helper()
			var n atomic.Int32
			return func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/"+shard {
					return false
				}
				if n.Add(1) == 1 {
					dropAfter(t, w, data, 0, 100_000)
				} else {
					_, _ = w.Write(data)
				}
				return true
			}
		},
		"another range is sent": func(t *testing.T) func(http.ResponseWriter, *http.Request) bool {
			t.Helper()
			var n atomic.Int32
			return func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/"+shard {
					return false
				}
				switch n.Add(1) {
				case 1:
					dropAfter(t, w, data, 0, 100_000)
				case 2:
					dropAfter(t, w, data, 5, len(data))
				default:
					_, _ = w.Write(data)
				}
				return true
			}
		},
		"length is too small": func(*testing.T) func(http.ResponseWriter, *http.Request) bool {
			return once("/"+shard, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000")
				_, _ = w.Write(data[:1000])
			})
		},
		"more bytes than there are": func(*testing.T) func(http.ResponseWriter, *http.Request) bool {
			return once("/"+shard, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(append(data, "and more"...)) })
		},
		"wrong bytes once": func(*testing.T) func(http.ResponseWriter, *http.Request) bool {
			return once("/"+shard, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wrong) })
		},
		"wrong bytes once, small file": func(*testing.T) func(http.ResponseWriter, *http.Request) bool {
			return once("/config.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"model_type":"phony"}`)) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newFakeHub(t)
			h.setFault(fault(t))
			o := h.options(t)
			dir, ref, err := Resolve(t.Context(), testRepo, o)
			if err != nil {
				t.Fatal(err)
			}
			wantSnapshot(t, h, o, dir, ref)
			noLeftovers(t, o)
		})
	}
}

// TestRefused tells failures apart by what they say, and looks for secrets in it.
func TestRefused(t *testing.T) {
	other := strings.Repeat("f", 40)
	answer := func(path, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, path) {
				return false
			}
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	refuse := func(path string, status int, code string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, path) {
				return false
			}
			if code != "" {
				w.Header().Set("X-Error-Code", code)
			}
			w.WriteHeader(status)
			return true
		}
	}
	for name, x := range map[string]struct {
		arg    string
		change func(*fakeHub)
		fault  func(http.ResponseWriter, *http.Request) bool
		want   string
		is     error
	}{
		"no repository":      {arg: "acme/none", want: "repository acme/none is not on the hub, or it is gated or private", is: ErrNotFound},
		"no revision":        {arg: testRepo + "@v9", want: `revision "v9" is not on the hub`, is: ErrNotFound},
		"no commit":          {arg: testRepo + "@" + other, want: `is not on the hub`, is: ErrNotFound},
		"no file":            {fault: refuse("/resolve/"+testCommit+"/tokenizer.json", 404, "EntryNotFound"), want: "file tokenizer.json is not on the hub", is: ErrNotFound},
		"no file, no code":   {fault: refuse("/tokenizer.json", 404, ""), want: "file tokenizer.json is not on the hub", is: ErrNotFound},
		"no word why":        {fault: refuse("/revision/main", 404, ""), want: `repository acme/tiny with revision "main" is not on the hub`, is: ErrNotFound},
		"gated":              {fault: refuse("/tokenizer.json", 403, "GatedRepo"), want: "repository acme/tiny is gated or private", is: ErrAccess},
		"private":            {fault: refuse("/revision/main", 401, ""), want: "repository acme/tiny is gated or private", is: ErrAccess},
		"storage refuses":    {fault: refuse("/"+shard, 403, ""), want: "answers 403 Forbidden"},
		"always 500":         {fault: refuse("/"+shard, 500, ""), want: "answers 500 Internal Server Error"},
		"not JSON":           {fault: answer("/revision/main", "<html>log in</html>"), want: `says about revision "main": invalid character`},
		"no commit in it":    {fault: answer("/revision/main", `{"sha":"../../etc"}`), want: `is commit "../../etc", want 40 hex digits`},
		"list is not JSON":   {fault: answer("/tree/"+testCommit, "[{"), want: "parse the list of files"},
		"hash is a path":     {fault: answer("/tree/"+testCommit, `[{"type":"file","path":"config.json","oid":"../x","size":1}]`), want: `oid is "../x"`},
		"LFS without hash":   {fault: answer("/tree/"+testCommit, `[{"type":"file","path":"config.json","oid":"x","size":1,"lfs":{}}]`), want: "in LFS without a hash"},
		"negative size":      {fault: answer("/tree/"+testCommit, `[{"type":"file","path":"config.json","oid":"`+other+`","size":-1}]`), want: "size -1"},
		"name climbs":        {change: func(h *fakeHub) { h.paths = []string{"../../evil.safetensors"} }, want: "leads out of the repository"},
		"name is absolute":   {change: func(h *fakeHub) { h.paths = []string{"/etc/passwd"} }, want: "leads out of the repository"},
		"name has backslash": {change: func(h *fakeHub) { h.paths = []string{`a\..\tokenizer.json`} }, want: "leads out of the repository"},
		"name has a drive":   {change: func(h *fakeHub) { h.paths = []string{`C:tokenizer.json`} }, want: "leads out of the repository"},
		"shard climbs":       {change: func(h *fakeHub) { h.files[indexName] = []byte(`{"weight_map":{"a":"../x.safetensors"}}`) }, want: "want the name of a .safetensors file"},
		"shard is missing":   {change: func(h *fakeHub) { delete(h.files, shard) }, want: "names " + shard + ", which the repository has not"},
		"index is empty":     {change: func(h *fakeHub) { h.files[indexName] = []byte(`{}`) }, want: "weight_map is missing or empty"},
		"only pickles":       {change: func(h *fakeHub) { delete(h.files, indexName) }, want: "pytorch_model.bin: pickled weights are not read"},
		"no config":          {change: func(h *fakeHub) { delete(h.files, configName) }, want: "has no config.json"},
		"always wrong bytes": {fault: answer("/tokenizer.json", `{"version":"6.6"}`), want: "wrong bytes twice"},
		"other storage says it goes on elsewhere": {fault: func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/tree/"+testCommit) {
				return false
			}
			w.Header().Set("Link", `<http://elsewhere.test/>; rel="next"`)
			_, _ = w.Write([]byte("[]"))
			return true
		}, want: "goes on at another host"},
		"runs in circles": {fault: func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
			return true
		}, want: "redirected 10 times"},
		"compressed": {fault: func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/tokenizer.json") {
				return false
			}
			w.Header().Set("Content-Encoding", "br")
			_, _ = w.Write([]byte("x"))
			return true
		}, want: `Content-Encoding "br"`},
	} {
		t.Run(name, func(t *testing.T) {
			h := newFakeHub(t)
			if x.change != nil {
				x.change(h)
			}
			h.setFault(x.fault)
			if x.arg == "" {
				x.arg = testRepo
			}
			o := h.options(t)
			_, _, err := Resolve(t.Context(), x.arg, o)
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Fatalf("error is %v, want %q in it", err, x.want)
			}
			if x.is != nil && !errors.Is(err, x.is) {
				t.Errorf("error %v is not %v", err, x.is)
			}
			text := err.Error()
			if e, ok := errors.AsType[interface {
				error
				Hint() string
			}](err); ok {
				text += e.Hint()
			}
			for _, secret := range []string{testToken, "verysecret", "Bearer"} {
				if strings.Contains(text, secret) {
					t.Errorf("%q tells %q", text, secret)
				}
			}
			for _, r := range h.seen("cdn ") {
				if strings.Contains(r, "Bearer") {
					t.Errorf("token sent to another host: %s", r)
				}
			}
		})
	}
}
