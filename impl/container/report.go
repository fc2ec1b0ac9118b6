package container

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"apus/impl/backend"
	"apus/impl/broker"
	"apus/impl/broker/dbserver"
	"apus/impl/config"
	"apus/impl/web"
)

// Report is the header that tells an account server about a container.
func Report(info *broker.ContainerInfo, agent string) http.Header {
	h := http.Header{}
	h.Set("X-Put-Timestamp", info.PutTimestamp.Internal())
	h.Set("X-Delete-Timestamp", info.DeleteTimestamp.Internal())
	h.Set("X-Object-Count", strconv.FormatInt(info.ObjectCount, 10))
	h.Set("X-Bytes-Used", strconv.FormatInt(info.BytesUsed, 10))
	h.Set("X-Backend-Storage-Policy-Index", strconv.Itoa(info.Policy))
	h.Set("User-Agent", agent)
	return h
}

// tellAccounts reports to the account servers that the request names. The
// result is nil unless the request must be refused: because it names them
// wrongly, or because none of them knows the account.
func (s *Server) tellAccounts(ctx context.Context, req *web.Request, t dbserver.Target, info *broker.ContainerInfo) *web.Response {
	partition := req.Header.Get("X-Account-Partition")
	hosts := config.SplitList(req.Header.Get("X-Account-Host"))
	devices := config.SplitList(req.Header.Get("X-Account-Device"))
	if len(hosts) != len(devices) {
		s.Host.Log.Error("Account update refused: as many hosts as devices are needed", "hosts", hosts, "devices", devices)
		return web.NewResponse(http.StatusBadRequest)
	}
	if partition == "" || len(hosts) == 0 {
		return nil
	}
	h := Report(info, "container-server")
	h.Set("X-Trans-Id", orDash(req.Header.Get("X-Trans-Id")))
	h.Set("Referer", req.Method+" "+web.EscapePath(req.Path))
	if strings.EqualFold(req.Header.Get("X-Account-Override-Deleted"), "yes") {
		h.Set("X-Account-Override-Deleted", "yes")
	}
	statuses := make([]int, len(hosts))
	var wg sync.WaitGroup
	for i := range hosts {
		wg.Go(func() {
			statuses[i] = s.tellAccount(ctx, &backend.Request{
				Method: http.MethodPut, Addr: hosts[i], Header: h,
				Path: "/" + devices[i] + "/" + partition + "/" + t.Account + "/" + t.Container,
			})
		})
	}
	wg.Wait()
	for _, st := range statuses {
		if st != http.StatusNotFound {
			return nil
		}
	}
	return web.NewResponse(http.StatusNotFound)
}

// tellAccount is the status of the answer, 0 if there was none.
func (s *Server) tellAccount(ctx context.Context, r *backend.Request) int {
	resp, err := s.accounts.Do(ctx, r)
	if err != nil {
		s.Host.Log.Error("Account update failed, will be tried again later", "node", r.Addr, "path", r.Path, "error", err.Error())
		return 0
	}
	resp.Discard()
	if !resp.OK() && resp.Status != http.StatusNotFound {
		s.Host.Log.Error("Account update failed, will be tried again later", "node", r.Addr, "path", r.Path, "status", resp.Status)
	}
	return resp.Status
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
