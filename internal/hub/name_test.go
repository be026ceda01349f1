package hub

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for arg, want := range map[string]Ref{
		"org/name":               {Repo: "org/name", Revision: "main"},
		"org/name@v1.0":          {Repo: "org/name", Revision: "v1.0"},
		"o/N.a_m-e@refs/pr/1":    {Repo: "o/N.a_m-e", Revision: "refs/pr/1"},
		"HuggingFaceTB/SmolLM2":  {Repo: "HuggingFaceTB/SmolLM2", Revision: "main"},
		"org/name@" + testCommit: {Repo: "org/name", Revision: testCommit},
		"gpt2":                   {Repo: "gpt2", Revision: "main"},
		"distilgpt2@v1":          {Repo: "distilgpt2", Revision: "v1"},
	} {
		if got, ok := Parse(arg); !ok || got != want {
			t.Errorf("Parse(%q) = %+v, %t, want %+v", arg, got, ok, want)
		}
	}
	for _, arg := range []string{
		"", "gpt2/", "-gpt2", "gpt2.", "gpt--2", "gpt2@", "/org/name", "org/", "/name", "a/b/c", "org/na me", "org/-name", "org/name.", "or--g/name",
		"org/n..ame", "org/name.git", "org/näme", "org/name@", "org/name@../x", "org/name@a//b", "org/name@/a", "org/name@a/",
		"org/name@a b", `org/name@a\b`, "org/name@a/.b", "org/name@x.lock", "org/name@a@{1}", "org/name@\x00", "../name", "./name",
	} {
		if got, ok := Parse(arg); ok {
			t.Errorf("Parse(%q) = %+v, want nothing", arg, got)
		}
	}
}

func TestPathsStay(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"acme/here", "acme/name@v1"} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{Cache: t.TempDir(), Endpoint: "http://127.0.0.1:1", Offline: true}
	for _, arg := range []string{"acme/here", "acme/name@v1", "./acme", "acme", "acme/", "acme/../acme"} {
		if dir, ref, err := Resolve(t.Context(), arg, o); dir != arg || ref != (Ref{}) || err != nil {
			t.Errorf("%s: %s, %v, %v, want it as it is", arg, dir, ref, err)
		}
	}
	_, _, err := Resolve(t.Context(), "acme/typo", o)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v, want %v", err, fs.ErrNotExist)
	}
	// Named with a revision it can only be the hub's.
	if _, _, err = Resolve(t.Context(), "acme/typo@main", o); !errors.Is(err, ErrNotCached) {
		t.Errorf("error is %v, want %v", err, ErrNotCached)
	}
}

func TestFromEnv(t *testing.T) {
	for name, x := range map[string]struct {
		env  map[string]string
		want Options
	}{
		"nothing set": {
			want: Options{Cache: "/h/.cache/huggingface/hub", TokenFile: "/h/.cache/huggingface/token"},
		},
		"XDG": {
			env:  map[string]string{"XDG_CACHE_HOME": "/x"},
			want: Options{Cache: "/x/huggingface/hub", TokenFile: "/x/huggingface/token"},
		},
		"home": {
			env:  map[string]string{"HF_HOME": "~/hf", "XDG_CACHE_HOME": "/x"},
			want: Options{Cache: "/h/hf/hub", TokenFile: "/h/hf/token"},
		},
		"home with a variable": {
			env:  map[string]string{"HF_HOME": "$SCRATCH/${USER}/$NONE", "SCRATCH": "/s", "USER": "u"},
			want: Options{Cache: "/s/u/$NONE/hub", TokenFile: "/s/u/$NONE/token"},
		},
		"old name of the cache": {
			env:  map[string]string{"HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/hf"},
			want: Options{Cache: "/old", TokenFile: "/hf/token"},
		},
		"cache": {
			env:  map[string]string{"HF_HUB_CACHE": "/new", "HUGGINGFACE_HUB_CACHE": "/old"},
			want: Options{Cache: "/new", TokenFile: "/h/.cache/huggingface/token"},
		},
		"tokens": {
			env:  map[string]string{"HF_TOKEN": " hf_a\n", "HUGGING_FACE_HUB_TOKEN": "hf_b", "HF_TOKEN_PATH": "/t"},
			want: Options{Cache: "/h/.cache/huggingface/hub", Token: "hf_a", TokenFile: "/t"},
		},
		"old name of the token": {
			env:  map[string]string{"HUGGING_FACE_HUB_TOKEN": "hf_b"},
			want: Options{Cache: "/h/.cache/huggingface/hub", Token: "hf_b", TokenFile: "/h/.cache/huggingface/token"},
		},
		"no implicit token": {
			env:  map[string]string{"HF_TOKEN": "hf_a", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "yes"},
			want: Options{Cache: "/h/.cache/huggingface/hub"},
		},
		"offline": {
			env:  map[string]string{"HF_HUB_OFFLINE": "1"},
			want: Options{Cache: "/h/.cache/huggingface/hub", TokenFile: "/h/.cache/huggingface/token", Offline: true},
		},
		"offline by transformers": {
			env:  map[string]string{"TRANSFORMERS_OFFLINE": "on"},
			want: Options{Cache: "/h/.cache/huggingface/hub", TokenFile: "/h/.cache/huggingface/token", Offline: true},
		},
		"online by the stronger word": {
			env:  map[string]string{"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "1"},
			want: Options{Cache: "/h/.cache/huggingface/hub", TokenFile: "/h/.cache/huggingface/token"},
		},
		"mirror": {
			env:  map[string]string{"HF_ENDPOINT": "https://hub.example/"},
			want: Options{Cache: "/h/.cache/huggingface/hub", TokenFile: "/h/.cache/huggingface/token", Endpoint: "https://hub.example"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("the paths are those of Unix")
			}
			if x.want.Endpoint == "" {
				x.want.Endpoint = "https://huggingface.co"
			}
			env := map[string]string{"HOME": "/h"}
			maps.Copy(env, x.env)
			got := FromEnv(func(k string) string { return env[k] })
			if diff := cmp.Diff(x.want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".pause" }, cmp.Ignore())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
