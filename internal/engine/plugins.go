package engine

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// PluginPathEnv is go-xla's variable: folders of plugins; with it, no other is searched.
const PluginPathEnv = "PJRT_PLUGIN_LIBRARY_PATH"

// Plugin is a file that has the name of an XLA plugin. Whether it loads is another matter.
type Plugin struct {
	Name    string `json:"name"` // cpu, cuda
	Path    string `json:"path"`
	Version string `json:"version,omitempty"` // of the file's name, if it has one
}

// CacheDir is where [Install] puts plugins: linearize/xla in $XDG_CACHE_HOME or what
// the system has for it, or "" where it has none.
func CacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "linearize", "xla")
}

// Folders are those in which plugins are looked for, in this order, and whether
// [PluginPathEnv] names them.
func Folders() (dirs []string, set bool) {
	if path, ok := os.LookupEnv(PluginPathEnv); ok {
		return slices.DeleteFunc(filepath.SplitList(path), func(dir string) bool { return dir == "" }), true
	}
	roots := []string{filepath.Join(string(filepath.Separator), "usr", "local", "lib")}
	if home, err := os.UserHomeDir(); err == nil {
		own := filepath.Join(home, ".local", "lib")
		if runtime.GOOS == "darwin" {
			own = filepath.Join(home, "Library", "Application Support")
		}
		roots = slices.Insert(roots, 0, own)
	}
	if dir := CacheDir(); dir != "" {
		roots = slices.Insert(roots, 0, dir)
	}
	for _, root := range roots {
		dirs = append(dirs, foldersBelow(root)...)
	}
	return dirs, false
}

// foldersBelow are where go-xla's installer puts plugins: that for CUDA lies beside
// NVIDIA's libraries.
func foldersBelow(root string) []string {
	return []string{filepath.Join(root, "go-xla"), filepath.Join(root, "go-xla", "nvidia")}
}

// pluginName has the name of the plugin, and its version, in the name of a file. The
// last form is that of jax's packages.
var pluginName = regexp.MustCompile(`^(?:pjrt_c_api_(.+?)(?:_(v[0-9.]+))?_plugin|pjrt[-_]plugin[-_](.+)|xla_(.+)_plugin)\.(?:so|dylib)$`)

// Plugins are the files of [Folders] that have the name of a plugin, the first of each name.
func Plugins() []Plugin {
	dirs, _ := Folders()
	return pluginsIn(dirs)
}

// pluginsIn lists the plugins of some folders, the likeliest to be wanted first.
func pluginsIn(dirs []string) []Plugin {
	found := []Plugin{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // most of them are not there
		}
		for _, e := range entries {
			m := pluginName.FindStringSubmatch(e.Name())
			if m == nil {
				continue
			}
			p := Plugin{Name: cmp.Or(m[1], m[3], m[4]), Path: filepath.Join(dir, e.Name()), Version: m[2]}
			i := slices.IndexFunc(found, func(other Plugin) bool { return other.Name == p.Name })
			switch {
			case i < 0:
				found = append(found, p)
			case found[i].Version == "" && filepath.Dir(found[i].Path) == dir && linksTo(found[i].Path, e.Name()):
				found[i].Version = p.Version // the installer's link without a version
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Plugin) int { return rank(a.Name) - rank(b.Name) })
	return found
}

// linksTo reports whether path is a link to a file beside it.
func linksTo(path, name string) bool {
	target, err := os.Readlink(path)
	return err == nil && target == name
}

// rank orders plugins by what an owner of the machine will want.
func rank(name string) int {
	for i, n := range []string{"cuda", "rocm", "tpu"} {
		if n == name {
			return i
		}
	}
	if name == "cpu" {
		return 4
	}
	return 3
}

// find returns the plugin for what stands behind "xla:", false when nothing does.
func find(name string) (Plugin, bool) {
	for _, p := range Plugins() {
		if p.Name == name || name == "" && present(p.Name) {
			return p, true
		}
	}
	return Plugin{}, false
}

// present reports whether the machine may have the device that a plugin is for.
func present(name string) bool {
	if name != "cuda" {
		return true
	}
	devices, _ := filepath.Glob("/dev/nvidia*") // the pattern is good
	return len(devices) > 0 || runtime.GOOS != "linux"
}

// Choose says what auto stands for on this machine: the engine of the first plugin
// that is found, or go; and why, in words. Every other spec stands for itself.
func Choose(spec string) (chosen, why string) {
	if spec != Auto {
		return spec, ""
	}
	if newXLA == nil {
		return "go", "this binary has no other"
	}
	p, ok := find("")
	if !ok {
		return "go", "no XLA plugin found"
	}
	return "xla:" + p.Name, "found " + p.Path
}

// Known reports whether a word can name an engine, which may not be there.
func Known(spec string) bool {
	name, plugin, cut := strings.Cut(spec, ":")
	return spec == Auto || spec == "go" || name == "xla" && (!cut || plugin != "")
}

// Kind says what a spec stands for on this machine, without loading anything: "go",
// "xla:cpu", "xla:cuda", or xla: and another plugin's name. What says nothing, a file by its
// name or xla alone where no plugin is found, is "xla:cpu".
func Kind(spec string) string {
	chosen, _ := Choose(spec)
	name, plugin, _ := strings.Cut(chosen, ":")
	switch {
	case name != "xla":
		return chosen
	case filepath.IsAbs(plugin):
		if m := pluginName.FindStringSubmatch(filepath.Base(plugin)); m != nil {
			return "xla:" + cmp.Or(m[1], m[3], m[4])
		}
		plugin = "cpu"
	case plugin == "":
		p, _ := find("")
		plugin = p.Name
	}
	return "xla:" + cmp.Or(plugin, "cpu")
}
