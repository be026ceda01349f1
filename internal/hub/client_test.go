package hub

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

func TestEndpoint(t *testing.T) {
	for _, endpoint := range []string{"", "huggingface.co", "ftp://x", "https://user:secret@x", "https://", "http://x\x7f"} {
		_, _, err := Resolve(t.Context(), testRepo, Options{Cache: t.TempDir(), Endpoint: endpoint})
		if err == nil || !strings.Contains(err.Error(), "no address of a web server") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: error is %v", endpoint, err)
		}
	}
}

func TestTokenStays(t *testing.T) {
	h := newFakeHub(t)
	var leaked []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, k := range []string{"Authorization", "Referer", "Cookie"} {
			if v := r.Header.Get(k); v != "" {
				leaked = append(leaked, k+": "+v)
			}
		}
		http.Redirect(w, r, h.hub.URL+"/api/models/"+testRepo+"/revision/main", http.StatusTemporaryRedirect)
	}))
	defer other.Close()
	first := true
	h.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/revision/main") || !first {
			return false
		}
		first = false
		http.Redirect(w, r, other.URL+"/x", http.StatusTemporaryRedirect)
		return true
	})
	o := h.options(t)
	o.Token, o.TokenFile = "", filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(o.TokenFile, []byte(testToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Resolve(t.Context(), testRepo, o); err != nil {
		t.Fatal(err)
	}
	if len(leaked) > 0 {
		t.Errorf("sent to another host: %q", leaked)
	}
	if len(h.seen("/revision/main Bearer "+testToken)) != 2 {
		t.Errorf("requests are %q, want the token in both for the revision", h.seen("/revision/"))
	}
}

func TestNoDowngrade(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.RedirectHandler(plain.URL, http.StatusFound))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is meant
	secure.StartTLS()
	defer secure.Close()
	c, err := newClient(Options{Endpoint: secure.URL, pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	if err != nil {
		t.Fatal(err)
	}
	g, ok := c.http.Transport.(*guard)
	if !ok {
		t.Fatal("the transport is not guarded")
	}
	_, err = c.revision(t.Context(), Ref{Repo: testRepo, Revision: "main"})
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error is %v, want an unknown certificate", err)
	}
	g.next.TLSClientConfig = secure.Client().Transport.(*http.Transport).TLSClientConfig //nolint:forcetypeassert // as httptest makes it
	_, err = c.revision(t.Context(), Ref{Repo: testRepo, Revision: "main"})
	if err == nil || !strings.Contains(err.Error(), "redirected from https to http") {
		t.Errorf("error is %v, want a refused redirect", err)
	}
}

func TestUnreachable(t *testing.T) {
	h := newFakeHub(t)
	o := h.options(t)
	dir, _, err := Resolve(t.Context(), testRepo, o)
	if err != nil {
		t.Fatal(err)
	}
	h.hub.Close()
	if err := os.Remove(filepath.Join(dir, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	if again, _, err := Resolve(t.Context(), testRepo, o); err != nil || again != dir {
		t.Errorf("%s, %v, want what is there", again, err)
	}
	if err := os.Remove(filepath.Join(dir, "config.json")); err != nil {
		t.Fatal(err)
	}
	if _, _, err = Resolve(t.Context(), testRepo, o); err == nil || !strings.Contains(err.Error(), "reach "+strings.TrimPrefix(h.hub.URL, "http://")) {
		t.Errorf("error is %v, want that the hub was not reached", err)
	}
}

func TestWaits(t *testing.T) {
	h := newFakeHub(t)
	o := h.options(t)
	var pauses []time.Duration
	o.pause = func(_ context.Context, d time.Duration) error { pauses = append(pauses, d); return nil }
	n := 0
	h.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/revision/main") || n == 2 {
			return false
		}
		n++
		if n == 1 {
			w.Header().Set("Retry-After", "17")
		} else {
			w.Header().Set("RateLimit", `"api";r=0;t=55`)
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	var told []time.Duration
	o.Waiting = func(_ error, d time.Duration) { told = append(told, d) }
	if _, _, err := Resolve(t.Context(), testRepo, o); err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{17 * time.Second, 55 * time.Second}; !cmp.Equal(pauses, want) || !cmp.Equal(told, want) {
		t.Errorf("pauses are %v, and %v were told; want %v", pauses, told, want)
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	if got := retryAfter(http.Header{"Retry-After": {"Mon, 23 Nov 2026 12:00:30 GMT"}}, now); got != 30*time.Second {
		t.Errorf("a date gives %v, want 30s", got)
	}
}

// TestTooManyRequests: who asked too often is told how long to wait, and that a token
// helps, unless one was sent. Pauses without end are not made.
func TestTooManyRequests(t *testing.T) {
	const token = "; the hub allows more to who sends a token: set HF_TOKEN, or log in with hf auth login"
	for _, tt := range []struct {
		path, after, token string
		pauses             int
		want               string
	}{
		{"/revision/main", "", "", 2, "wait some minutes and run it again, what came so far is kept" + token},
		{"/revision/main", "90", "", 2, "wait 1m30s and run it again, what came so far is kept" + token},
		{"/revision/main", "301", "", 0, "wait 5m1s and run it again, what came so far is kept" + token},
		{"/" + shard, "60", testToken, maxTries - 1, "wait 1m0s and run it again, what came so far is kept"},
	} {
		h := newFakeHub(t)
		o := h.options(t)
		pauses := 0
		o.Token, o.pause = tt.token, func(context.Context, time.Duration) error { pauses++; return nil }
		h.setFault(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, tt.path) {
				return false
			}
			w.Header().Set("Retry-After", tt.after)
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		_, _, err := Resolve(t.Context(), testRepo, o)
		if err == nil || !strings.Contains(err.Error(), "answers 429 Too Many Requests") || advice.Of(err) != tt.want {
			t.Errorf("%+v: got error %v with the hint %q", tt, err, advice.Of(err))
		}
		if pauses != tt.pauses {
			t.Errorf("%+v: got %d pauses", tt, pauses)
		}
	}
}
