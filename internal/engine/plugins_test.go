package engine_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/engine"
)

// library compiles a shared library that is not a plugin of XLA, or not quite.
func library(t *testing.T, path, source string, flags ...string) {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("there is no C compiler here")
	}
	c := filepath.Join(t.TempDir(), "source.c")
	if err := os.WriteFile(c, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, append([]string{"-shared", "-fPIC", "-o", path, c}, flags...)...).CombinedOutput(); err != nil {
		t.Skipf("the C compiler makes no shared library: %v: %s", err, out)
	}
}

// A plugin that does not load is an error with its reason and what to do, never a
// panic or a signal, by its path and by auto.
func TestBrokenPlugins(t *testing.T) {
	if !slices.Contains(engine.Names(), "xla") || runtime.GOOS != "linux" {
		t.Skip("this binary has no engine xla, or libraries here are not ELF files")
	}
	const none = "void *GetPjrtApi(void) { return 0; }"
	for _, tt := range []struct {
		name, want string
		make       func(t *testing.T, path string)
	}{
		{"text", "it is not a shared library", func(t *testing.T, path string) { t.Helper(); write(t, path, []byte("not a library")) }},
		{"empty", "it is not a shared library", func(t *testing.T, path string) { t.Helper(); write(t, path, nil) }},
		{"folder", "it is not a file", func(t *testing.T, path string) {
			t.Helper()
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}},
		{"cut", "or not the whole of one: EOF", func(t *testing.T, path string) {
			t.Helper()
			library(t, path, none+" char fill[1 << 20] = {1};")
			if err := os.Truncate(path, 1<<16); err != nil {
				t.Fatal(err)
			}
		}},
		{"processor", "it is for another processor: got EM_RISCV, want", func(t *testing.T, path string) {
			t.Helper()
			library(t, path, none)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data[18], data[19] = 243, 0 // e_machine
			write(t, path, data)
		}},
		{"symbol", "it exports no GetPjrtApi", func(t *testing.T, path string) { t.Helper(); library(t, path, "int nothing;") }},
		{"library", "libgone.so: cannot open shared object file", func(t *testing.T, path string) {
			t.Helper()
			gone := filepath.Join(filepath.Dir(path), "libgone.so")
			library(t, gone, "int gone(void) { return 1; }")
			library(t, path, none+" int gone(void); int use(void) { return gone(); }", "-L"+filepath.Dir(path), "-lgone")
			if err := os.Remove(gone); err != nil {
				t.Fatal(err)
			}
		}},
		{"interface", "GetPjrtApi gives none", func(t *testing.T, path string) { t.Helper(); library(t, path, none) }},
		{"version", "version 7.1 of PJRT's interface, want 0.x", func(t *testing.T, path string) {
			t.Helper()
			library(t, path, `static struct { unsigned long a; void *b; unsigned long c; void *d; int major, minor; } api = {96, 0, 24, 0, 7, 1};
				void *GetPjrtApi(void) { return &api; }`)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "pjrt_c_api_cpu_plugin.so")
			tt.make(t, path)
			t.Setenv(engine.PluginPathEnv, dir)
			for _, spec := range []string{"auto", "xla", "xla:cpu", "xla:" + path} {
				_, err := engine.Open(spec)
				e, ok := errors.AsType[*engine.Error](err)
				if !ok || !strings.Contains(e.Error(), tt.want) || !strings.Contains(e.Error(), path) || e.Hint() == "" {
					t.Errorf("Open(%q) = %v, want an *Error with %q, the path and a hint", spec, err, tt.want)
				}
				if ok && spec == "auto" && !strings.Contains(e.Hint(), "--engine go") {
					t.Errorf("the hint for auto is %q, want it to name --engine go", e.Hint())
				}
			}
		})
	}
}

func TestPlugins(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, path := range []string{
		filepath.Join(first, "pjrt_c_api_cpu_v0.114.0_plugin.so"),
		filepath.Join(first, "libcpu.so"),
		filepath.Join(second, "pjrt_c_api_cpu_plugin.so"),
		filepath.Join(second, "pjrt-plugin-tpu.so"),
		filepath.Join(second, "xla_cuda_plugin.so"),
	} {
		write(t, path, nil)
	}
	if err := os.Symlink("pjrt_c_api_cpu_v0.114.0_plugin.so", filepath.Join(first, "pjrt_c_api_cpu_plugin.so")); err != nil {
		t.Skip(err)
	}
	t.Setenv(engine.PluginPathEnv, strings.Join([]string{first, "", "/nowhere", second}, string(os.PathListSeparator)))
	want := []engine.Plugin{
		{Name: "cuda", Path: filepath.Join(second, "xla_cuda_plugin.so")},
		{Name: "tpu", Path: filepath.Join(second, "pjrt-plugin-tpu.so")},
		{Name: "cpu", Path: filepath.Join(first, "pjrt_c_api_cpu_plugin.so"), Version: "v0.114.0"},
	}
	if got := engine.Plugins(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if dirs, set := engine.Folders(); !set || !slices.Equal(dirs, []string{first, "/nowhere", second}) {
		t.Errorf("got folders %v, %v", dirs, set)
	}
}

// Auto is xla where a plugin is found, and else what is always there.
func TestAuto(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(engine.PluginPathEnv, dir)
	if got, why := engine.Choose(engine.Auto); got != "go" || why == "" {
		t.Errorf("without a plugin auto is %q because %q, want go", got, why)
	}
	b, err := engine.Open(engine.Auto)
	if err != nil {
		t.Fatal(err)
	}
	engine.Close(b)
	if got, why := engine.Choose("xla:cpu"); got != "xla:cpu" || why != "" {
		t.Errorf("xla:cpu stands for %q because %q, want itself", got, why)
	}
	write(t, filepath.Join(dir, "pjrt_c_api_cpu_plugin.so"), nil)
	want := "go"
	if slices.Contains(engine.Names(), "xla") {
		want = "xla:cpu"
	}
	if got, why := engine.Choose(engine.Auto); got != want || why == "" {
		t.Errorf("with a plugin auto is %q because %q, want %s", got, why, want)
	}
}

// Without a variable the cache is searched before the folders of go-xla's own installer.
func TestFolders(t *testing.T) {
	t.Setenv(engine.PluginPathEnv, "") // so that it is put back
	if err := os.Unsetenv(engine.PluginPathEnv); err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	dirs, set := engine.Folders()
	if set || len(dirs) != 6 || !strings.HasPrefix(dirs[0], cache) || dirs[0] != filepath.Join(engine.CacheDir(), "go-xla") {
		t.Errorf("got %v, %v", dirs, set)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// What a spec stands for is known without a plugin that loads.
func TestKind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(engine.PluginPathEnv, dir)
	for spec, want := range map[string]string{
		"go": "go", "xla": "xla:cpu", "xla:cpu": "xla:cpu", "xla:cuda": "xla:cuda", "auto": "go",
		"xla:/x/pjrt_c_api_rocm_plugin.so": "xla:rocm", "xla:/x/xla_cuda_plugin.so": "xla:cuda", "xla:/x/other.so": "xla:cpu",
	} {
		if got := engine.Kind(spec); got != want {
			t.Errorf("Kind(%q) = %q, want %q", spec, got, want)
		}
	}
	if !slices.Contains(engine.Names(), "xla") {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, "pjrt_c_api_cpu_plugin.so"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := engine.Kind("auto"); got != "xla:cpu" {
		t.Errorf("Kind(auto) = %q beside a plugin", got)
	}
}
