// Package all is the list of grammars. A new grammar is one line here.
package all

import (
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/dns"
	"github.com/weir-project/weir/proto/ftp"
	"github.com/weir-project/weir/proto/http1"
	"github.com/weir-project/weir/proto/http2"
	"github.com/weir-project/weir/proto/quic"
	"github.com/weir-project/weir/proto/smtp"
	"github.com/weir-project/weir/proto/tls"
)

// Grammars returns one of each grammar for a lane, in the order in which they are tried. Their names differ, and no two
// recognise the same bytes.
func Grammars() []proto.Grammar {
	return []proto.Grammar{tls.New(), http1.New(), http2.New(), dns.New(), quic.New(), smtp.New(), ftp.New()}
}
