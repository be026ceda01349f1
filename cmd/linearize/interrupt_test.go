//go:build unix

package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/testmodel"
)

// tokenize with an open standard input stands for a command at work.
func startTokenize(t *testing.T) (cmd *exec.Cmd, in io.Writer) {
	t.Helper()
	cmd = exec.Command("linearize", "tokenize", testmodel.Llama(t, testmodel.Options{}), "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if _, err := io.WriteString(in, "Once\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil { // it is past its start
		t.Fatal(err)
	}
	return cmd, in
}

func TestFirstInterruptLetsTheCommandReturn(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) { returns(t, sig) })
	}
}

// returns sends a command at work a signal, and sees that it returns by itself.
func returns(t *testing.T, sig os.Signal) {
	t.Helper()
	cmd, in := startTokenize(t)
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	go func() { // each line is a step, one of which notices
		for range 500 {
			if _, err := io.WriteString(in, "upon\n"); err != nil {
				return // it has ended
			}
			time.Sleep(10 * time.Millisecond)
		}
		_ = cmd.Process.Kill()
	}()
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitInterrupted {
		t.Errorf("the command ended with %v, want exit code %d", err, exitInterrupted)
	}
}

func TestSecondInterruptEndsTheProcess(t *testing.T) {
	cmd, _ := startTokenize(t)
	go func() { // no line comes that would let it notice the first one
		for range 100 {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				return // it has ended
			}
			time.Sleep(50 * time.Millisecond)
		}
		_ = cmd.Process.Kill()
	}()
	err := cmd.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("the process ended with %v, want the signal itself", err)
	}
}
