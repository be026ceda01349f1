package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/engine"
)

func (r *doctorReport) write(w io.Writer) {
	line := func(key, format string, args ...any) {
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-15s %s", key, fmt.Sprintf(format, args...)), " "))
	}
	line("linearize", "%s", strings.TrimSpace(r.Version.Version+" "+r.Version.Revision))
	line("go", "%s %s", r.Version.Go, r.Version.Platform)
	line("simd", "built in: %s; processor: %s", yesNo(r.Version.SIMD), cmp.Or(strings.Join(r.Vector, " "), "none known"))
	line("threads", "%d", r.CPUs)
	memory := "not known"
	if r.Memory > 0 {
		memory = bytesize.Format(r.Memory) + ", " + bytesize.Format(r.Available) + " available"
	}
	line("memory", "%s", memory)
	line("offline", "%s", yesNo(r.Offline))
	line("hub cache", "%s", r.Caches.Hub)
	line("token cache", "%s", cmp.Or(r.Caches.Tokens, "none: set XDG_CACHE_HOME"))
	line("xla cache", "%s", cmp.Or(r.Caches.XLA, "none: set XDG_CACHE_HOME"))
	for _, e := range r.Engines {
		e.write(line)
	}
	why := r.AutoWhy
	for _, p := range r.Plugins.Found {
		why = strings.Replace(why, "found "+p.Path, "the first of the plugins below", 1)
	}
	line("engine auto", "%s: %s", r.Auto, why)
	how := engine.PluginPathEnv
	if !r.Plugins.Set {
		how += " is not set"
	}
	line("plugins", "looked for in %s (%s)", cmp.Or(r.Plugins.Path, "no folder"), how)
	for _, p := range r.Plugins.Found {
		line("", "found %s", strings.TrimSpace(p.Path+" "+p.Version))
	}
	if len(r.Plugins.Found) == 0 {
		line("", "found none there")
	}
}

func (e *engineReport) write(line func(key, format string, args ...any)) {
	if e.Missing {
		line("engine "+e.Name, "no plugin")
		line("", "hint: %s", e.Hint)
		return
	}
	if !e.Usable {
		line("engine "+e.Name, "not usable: %s", e.Problem)
		if e.Hint != "" {
			line("", "hint: %s", e.Hint)
		}
		return
	}
	line("engine "+e.Name, "usable: %s, %s", e.Description, plural(e.Devices, "device"))
	if e.Matmul > 0 {
		line("", "matmul of 1024³ in fp32: %.0f GFLOP/s; training the demo's model: %.0f tokens/s", e.Matmul, e.Step)
	}
}

// describeEngine leaves out of what an engine says of itself what the report has elsewhere:
// the plugin's path, twice, and the number of devices.
func describeEngine(description, plugin string) string {
	if plugin == "" {
		return description
	}
	description = strings.TrimPrefix(description, "xla:"+plugin+" - ")
	if i := strings.LastIndex(description, " ["); i >= 0 && strings.HasSuffix(description, " device(s)]") {
		description = description[:i]
	}
	return strings.Replace(description, " ("+plugin+")", "", 1)
}

// checksum is the SHA-256 of a file, and its size.
func checksum(path string) (sum string, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = file.Close() }() // it was only read
	h := sha256.New()
	if size, err = io.Copy(h, file); err != nil {
		return "", 0, fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
