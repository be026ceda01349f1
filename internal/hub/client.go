package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

// patience is for an answer, and for the next bytes of one.
const patience = 30 * time.Second

// client talks to one endpoint.
type client struct {
	endpoint *url.URL
	token    string
	agent    string
	http     *http.Client
	pause    func(context.Context, time.Duration) error
	waiting  func(why error, pause time.Duration)
	tries    int // requests for a page of the API
}

func newClient(o Options) (*client, error) {
	endpoint, err := url.Parse(o.Endpoint)
	if err != nil || (endpoint.Scheme != "https" && endpoint.Scheme != "http") || endpoint.Host == "" || endpoint.User != nil {
		return nil, advice.On(
			errors.New("the endpoint is no address of a web server"), // it may hold a password
			"HF_ENDPOINT is as https://huggingface.co; a token goes into HF_TOKEN",
		)
	}
	token := o.Token
	if token == "" && o.TokenFile != "" {
		data, err := os.ReadFile(o.TokenFile)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read the token: %w", err)
		}
		token = cleanToken(string(data))
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = t.Clone()
	}
	transport.DisableCompression = true // sizes and ranges are those of the file
	c := &client{
		endpoint: endpoint, token: token,
		agent: cmp.Or(o.UserAgent, "linearize"),
		pause: o.pause, waiting: o.Waiting,
		tries: 3,
	}
	if c.waiting == nil {
		c.waiting = func(error, time.Duration) {}
	}
	if c.pause == nil {
		c.pause = sleep
	}
	c.http = &http.Client{Transport: &guard{c, transport}, CheckRedirect: checkRedirect}
	return c, nil
}

// close gives the connections back.
func (c *client) close() { c.http.CloseIdleConnections() }

// guard adds the token to requests for the endpoint and to no others. It stands
// below the redirects, each of which passes here on its own: net/http's own rule
// would send the token on to subdomains too.
type guard struct {
	c    *client
	next *http.Transport
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Del("Authorization")
	req.Header.Del("Referer")
	if g.c.token != "" && g.c.isEndpoint(req.URL) {
		req.Header.Set("Authorization", "Bearer "+g.c.token)
	}
	return g.next.RoundTrip(req)
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] looks for.
func (g *guard) CloseIdleConnections() { g.next.CloseIdleConnections() }

func (c *client) isEndpoint(u *url.URL) bool {
	return u.Scheme == c.endpoint.Scheme && strings.EqualFold(u.Host, c.endpoint.Host)
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= 10:
		return errors.New("redirected 10 times")
	case via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("redirected from https to %s", req.URL.Scheme)
	}
	return nil
}

// get asks once. The body of the answer fails with a networkError when it stalls.
func (c *client) get(ctx context.Context, u *url.URL, header http.Header) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	watch := time.AfterFunc(patience, func() { cancel(errStalled) })
	stop := func() { watch.Stop(); cancel(nil) }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		stop()
		return nil, err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := c.http.Do(req)
	if err != nil {
		err = networkFailure(ctx, u.Host, err)
		stop()
		return nil, err
	}
	host := resp.Request.URL.Host
	resp.Body = &watchedBody{ReadCloser: resp.Body, ctx: ctx, host: host, watch: watch, stop: stop}
	if resp.StatusCode >= http.StatusMultipleChoices {
		_ = resp.Body.Close()
		return nil, &statusError{
			resp.StatusCode, resp.Header.Get("X-Error-Code"), host, retryAfter(resp.Header, time.Now()), c.token != "",
		}
	}
	return resp, nil
}

var errStalled = fmt.Errorf("no bytes for %s", patience)

// networkFailure keeps what went wrong and drops the address, which may be signed. An
// interruption by the user stays what it is.
func networkFailure(ctx context.Context, host string, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errStalled):
		err = errStalled
	case cause != nil:
		return cause
	}
	return &networkError{host, err}
}

// watchedBody gives up a connection that brings nothing for a while.
type watchedBody struct {
	io.ReadCloser
	ctx   context.Context
	host  string
	watch *time.Timer
	stop  func()
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.watch.Reset(patience)
	if err != nil && !errors.Is(err, io.EOF) {
		err = networkFailure(b.ctx, b.host, err)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	defer b.stop()
	return b.ReadCloser.Close()
}
