package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strconv"
	"time"
)

const maxPause = 2 * time.Minute

// wait tells whether a request that failed may be made again, after a pause.
func (c *client) wait(ctx context.Context, err error, tries int) bool {
	pause := time.Second << min(tries, 4)
	if e, ok := errors.AsType[*statusError](err); ok {
		if e.status != http.StatusRequestTimeout && e.status != http.StatusTooManyRequests && e.status < 500 {
			return false
		}
		pause = max(pause, retryAfter(e.after, time.Now()))
	} else if _, ok := errors.AsType[*networkError](err); !ok {
		return false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	return c.pause(ctx, min(pause, maxPause)) == nil
}

// retryAfter reads seconds or a date.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(s); err == nil {
		return time.Duration(min(max(n, 0), 3600)) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return t.Sub(now)
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
