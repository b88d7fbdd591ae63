# The binary, CA certificates and time zones, and nothing else.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/swab ./cmd/swab \
 && mkdir -p -m 0700 /out/state \
 && cp "$(go env GOROOT)/lib/time/zoneinfo.zip" /out/zoneinfo.zip

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# Times without a zone in a line are those of $TZ.
COPY --from=build /out/zoneinfo.zip /zoneinfo.zip
ENV ZONEINFO=/zoneinfo.zip
# A volume that is mounted here for the first time gets its owner and its mode.
COPY --from=build --chown=65532:65532 --chmod=0700 /out/state /var/lib/swab
COPY --from=build /out/swab /usr/local/bin/swab
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/swab"]
