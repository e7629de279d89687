package http_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// sizes are those of the texts: none, one segment, several, more than is looked at at once.
var sizes = []int{0, 100, 5000, 70_000, 400_000}

// TestGo: net/http at both ends, on connections that are used again.
func TestGo(t *testing.T) {
	each(t, func(t *testing.T, n *network) {
		n.serve(t)
		var group sync.WaitGroup
		for c := range 4 {
			group.Go(func() {
				tr := &http.Transport{
					DialContext: func(_ context.Context, network, _ string) (net.Conn, error) {
						return n.Client().Dial(network, n.dial.String())
					},
					DisableCompression: true, MaxConnsPerHost: 1,
				}
				defer tr.CloseIdleConnections()
				n.talk(t, &http.Client{Transport: tr, Timeout: time.Minute}, uint64(1000*c))
			})
		}
		group.Wait()
	})
}

// talk has one client get and send every text in every way.
func (n *network) talk(t *testing.T, c *http.Client, seed uint64) {
	for _, size := range sizes {
		for _, how := range []string{"length", "chunks", "gzip", "close"} {
			seed++
			r, err := c.Get("http://" + n.dial.String() + target(seed, size, how))
			if err != nil {
				t.Errorf("get, %s of %d: %v", how, size, err)
				return
			}
			got, err := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if why := n.differs(got, seed, size); err != nil || why != "" || r.Header.Get("Content-Encoding") != "" {
				t.Errorf("get, %s of %d: %v %s, %v", how, size, err, why, r.Header)
			}
		}
		for _, how := range []string{"length", "chunks", "gzip"} {
			seed++
			b := text(seed, size)
			if how == "gzip" {
				b = zipped(b)
			}
			var body io.Reader = bytes.NewReader(b)
			if how == "chunks" {
				body = struct{ io.Reader }{body}
			}
			q, err := http.NewRequest(http.MethodPost, "http://"+n.dial.String()+target(seed, size, "up"), body)
			if err != nil {
				t.Error(err)
				return
			}
			if how == "gzip" {
				q.Header.Set("Content-Encoding", "gzip")
			}
			r, err := c.Do(q)
			if err != nil {
				t.Errorf("post, %s of %d: %v", how, size, err)
				return
			}
			got, err := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if err != nil || len(got) > 0 {
				t.Errorf("post, %s of %d: %v, server: %s", how, size, err, got)
			}
		}
	}
}

// TestPipelined: one client sends all requests, with bodies and without, before it reads the first response.
func TestPipelined(t *testing.T) {
	each(t, func(t *testing.T, n *network) {
		n.serve(t)
		c, err := n.Client().Dial("tcp", n.dial.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		methods := []string{"GET", "HEAD", "POST", "PUT"}
		sent := make(chan error, 1)
		go func() {
			var b bytes.Buffer
			for i := range 60 {
				m, size := methods[i%4], 100*i
				fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: a.example\r\n", m, target(uint64(i), size, []string{"length", "chunks", "gzip"}[i%3]))
				switch up := text(uint64(i), size); m {
				case "POST":
					fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(up), up)
				case "PUT":
					fmt.Fprintf(&b, "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\n%s\r\n%x\r\n%s\r\n0\r\nX-Sum: none\r\n\r\n", up[:3], len(up)-3, up[3:])
				default:
					b.WriteString("\r\n")
				}
			}
			_, err := c.Write(b.Bytes())
			sent <- err
		}()
		r := bufio.NewReader(c)
		for i := range 60 {
			m := methods[i%4]
			resp, err := http.ReadResponse(r, &http.Request{Method: m})
			if err != nil {
				t.Fatalf("response %d: %v", i, err)
			}
			got, err := io.ReadAll(resp.Body)
			want := []byte{}
			if m == "GET" {
				want = n.edited(uint64(i), 100*i)
			}
			if why := same(got, want); err != nil || why != "" {
				t.Errorf("response %d, to %s: %v %s: %.80q", i, m, err, why, got)
			}
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	})
}

// TestCurl: curl gets and sends, several on a connection, with Expect: 100-continue, as HTTP/1.0 too, and undoes codings itself.
func TestCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED: there is no curl")
	}
	each(t, func(t *testing.T, n *network) {
		n.serve(t)
		dir := t.TempDir()
		for i, how := range [][]string{{"length"}, {"chunks"}, {"gzip", "--compressed"}, {"length", "--http1.0"}, {"close"}} {
			args := []string{"-sS", "--fail", "--max-time", "60"}
			args = append(args, how[1:]...)
			for j, size := range sizes {
				args = append(args, "-o", filepath.Join(dir, fmt.Sprint(j)), "http://"+n.dial.String()+target(uint64(10*i+j), size, how[0]))
			}
			if out, err := n.Client().Command("curl", args...).CombinedOutput(); err != nil {
				t.Errorf("%v: %v: %s", how, err, out)
			}
			for j, size := range sizes {
				got, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(j)))
				want := n.edited(uint64(10*i+j), size)
				if why := same(got, want); err != nil || why != "" {
					t.Errorf("%v, %d bytes: %v %s", how, size, err, why)
				}
			}
		}
		for i, how := range [][]string{{"-T"}, {"-T", "-H", "Transfer-Encoding: chunked"}, {"-T", "-H", "Expect: 100-continue"}, {"--data-binary"}} {
			for j, size := range sizes {
				name, seed := filepath.Join(dir, "up"), uint64(100+10*i+j)
				if err := os.WriteFile(name, text(seed, size), 0o600); err != nil {
					t.Fatal(err)
				}
				file := name
				if how[0] == "--data-binary" {
					file = "@" + name
				}
				args := append([]string{"-sS", "--max-time", "60", how[0], file}, how[1:]...)
				out, err := n.Client().Command("curl", append(args, "http://"+n.dial.String()+target(seed, size, "up"))...).CombinedOutput()
				if err != nil || len(out) > 0 {
					t.Errorf("%v of %d: %v: %s", how, size, err, out)
				}
			}
		}
	})
}

const nginxConf = `
daemon off; master_process off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/log;
events { worker_connections 64; }
http {
	access_log off; gzip on; gzip_min_length 0; gzip_types *; default_type application/octet-stream;
	client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	server {
		listen %[2]s; root %[1]s/root; client_max_body_size 10m;
		location /put/ { dav_methods PUT; create_full_put_path on; }
	}
}
`

// TestNginx: curl gets from and puts to nginx, which compresses.
func TestNginx(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("SKIPPED: there is no nginx")
	}
	each(t, func(t *testing.T, n *network) {
		dir := n.nginx(t)
		for i, how := range [][]string{{}, {"--compressed"}, {"--http1.0"}} {
			args := append([]string{"-sS", "--fail", "--max-time", "60"}, how...)
			for j := range sizes {
				args = append(args, "-o", filepath.Join(dir, fmt.Sprint("got", j)), fmt.Sprintf("http://%v/%d", n.dial, j))
			}
			if out, err := n.Client().Command("curl", args...).CombinedOutput(); err != nil {
				t.Errorf("%v: %v: %s", how, err, out)
			}
			for j, size := range sizes {
				got, err := os.ReadFile(filepath.Join(dir, fmt.Sprint("got", j)))
				if why := n.differs(got, uint64(j), size); err != nil || why != "" {
					t.Errorf("%d, %v, %d bytes: %v %s", i, how, size, err, why)
				}
			}
		}
		for j, size := range sizes {
			out, err := n.Client().Command("curl", "-sS", "--fail", "--max-time", "60", "-T", filepath.Join(dir, "root", fmt.Sprint(j)), fmt.Sprintf("http://%v/put/%d", n.dial, j)).CombinedOutput()
			if err != nil {
				t.Errorf("put of %d: %v: %s", size, err, out)
			}
			got, err := os.ReadFile(filepath.Join(dir, "root", "put", fmt.Sprint(j)))
			if why := n.differs(got, uint64(j), size); err != nil || why != "" {
				t.Errorf("put of %d bytes: %v %s", size, err, why)
			}
		}
	})
}

// nginx starts nginx on the server, with the texts to get, and returns where its files are.
func (n *network) nginx(t *testing.T) string {
	t.Helper()
	return n.nginxOf(t, nginxConf, func(j int) []byte { return text(uint64(j), sizes[j]) })
}

// nginxOf is nginx with another configuration and other texts.
func (n *network) nginxOf(t *testing.T, config string, text func(j int) []byte) string {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf")
	err := os.Mkdir(filepath.Join(dir, "root"), 0o755)
	if err == nil {
		err = os.WriteFile(conf, fmt.Appendf(nil, config, dir, n.real), 0o600)
	}
	for j := range sizes {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "root", fmt.Sprint(j)), text(j), 0o644)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	c := n.Server().Command("nginx", "-c", conf, "-e", filepath.Join(dir, "log"))
	c.Stderr = &log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if d, err := n.Server().Dial("tcp", n.real.String()); err == nil {
			_ = d.Close()
			return dir
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nginx does not answer: %s", log.String())
	return ""
}
