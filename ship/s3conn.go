package ship

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// refusalWait is how long a failed write waits for the answer to be read. The
// answer lies in the socket by then, so it is a matter of scheduling.
const refusalWait = 250 * time.Millisecond

// httpClient is the SDK's own client, on connections that do not lose early
// answers.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		dial := tr.DialContext
		tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return refusalConn{conn}, nil
		}
	})
}

// refusalConn is a connection to a server that may answer 412 after the headers
// and close, while megabytes of the body are still to be sent: our write then
// meets a reset. net/http gives up at the first of the two, the answer or the
// failed write, and the answer would be lost about every other time. So the
// failed write waits a moment, in which the answer is read.
type refusalConn struct{ net.Conn }

func (c refusalConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		<-time.After(refusalWait)
	}
	return n, err
}
