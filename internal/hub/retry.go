package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxPause is the longest pause that is made: limits of the hub are for five minutes.
const maxPause = 5 * time.Minute

// wait tells whether a request that failed may be made again, after a pause.
func (c *client) wait(ctx context.Context, err error, tries int) bool {
	if ctx.Err() != nil { // err may be that of the download that failed first
		return false
	}
	pause := time.Second << min(tries, 4)
	if e, ok := errors.AsType[*statusError](err); ok {
		if e.status != http.StatusRequestTimeout && e.status != http.StatusTooManyRequests && e.status < 500 {
			return false
		}
		if e.after > maxPause {
			return false
		}
		if e.after > pause {
			pause = e.after
			c.waiting(err, pause)
		}
	} else if _, ok := errors.AsType[*networkError](err); !ok {
		return false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	return c.pause(ctx, pause) == nil
}

// retryAfter reads when a server wants to be asked again: Retry-After has seconds or a
// date, and RateLimit, which huggingface.co sends, is as "api";r=0;t=55.
func retryAfter(h http.Header, now time.Time) time.Duration {
	after := h.Get("Retry-After")
	for part := range strings.SplitSeq(h.Get("RateLimit"), ";") {
		if t, ok := strings.CutPrefix(strings.TrimSpace(part), "t="); ok && after == "" {
			after = t
		}
	}
	if n, err := strconv.Atoi(after); err == nil {
		return time.Duration(min(max(n, 0), 24*3600)) * time.Second
	}
	if t, err := http.ParseTime(after); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
