package engine

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
)

// machines are the processors that Go and ELF have names of their own for.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// checkLibrary refuses files that are no plugin for this machine, where libraries are
// ELF files. What they need of the system only the loader can tell.
func checkLibrary(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return errors.Unwrap(err) // the caller names the file
	}
	defer func() { _ = file.Close() }() // it was only read
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.New("it is not a file")
	}
	if runtime.GOOS != "linux" {
		return nil
	}
	lib, err := elf.NewFile(file)
	if err != nil {
		return fmt.Errorf("it is not a shared library, or not the whole of one: %w", err)
	}
	if want, ok := machines[runtime.GOARCH]; ok && lib.Machine != want {
		return fmt.Errorf("it is for another processor: got %v, want %v", lib.Machine, want)
	}
	symbols, err := lib.DynamicSymbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return fmt.Errorf("its symbols cannot be read: %w", err)
	}
	if !slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == "GetPjrtApi" && s.Section != elf.SHN_UNDEF }) {
		return errors.New("it exports no GetPjrtApi")
	}
	return nil
}
